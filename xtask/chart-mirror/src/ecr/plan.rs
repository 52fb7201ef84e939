//! `RepositoryPlan`: the repositories that a run needs in ECR, and the settings of new ones. Pure.

use std::collections::HashSet;

use crate::list::{Creation, Destination, Encryption, RepositoryOptions};
use crate::plan::Transfer;
use oci::{Registry, RepositoryPath};
use registry::known::cloud::{CloudHost, EcrHost};

/// The repositories of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPlan {
    pub registry: Registry,
    pub service: Service,
    /// Without duplicates, in the order of the images.
    pub repositories: Vec<RepositoryPath>,
    pub creation: Creation,
    pub options: RepositoryOptions,
}

/// Amazon's two registry services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    Private(EcrHost),
    Public,
}

impl RepositoryPlan {
    /// The repositories of transfers; `None` if their destination is not in ECR.
    pub fn of(destination: &Destination, transfers: &[Transfer]) -> Option<Self> {
        let service = match CloudHost::of(destination.address.registry.as_str())? {
            CloudHost::Ecr(host) => Service::Private(host),
            CloudHost::EcrPublic => Service::Public,
            CloudHost::Acr { .. } | CloudHost::Google => return None,
        };
        let mut seen = HashSet::new();
        let paths = transfers.iter().map(|transfer| transfer.target.path());
        let repositories = paths.filter(|path| seen.insert(*path)).cloned().collect();
        Some(Self {
            registry: destination.address.registry.clone(),
            service,
            repositories,
            creation: destination.ecr.creation,
            options: destination.ecr.options.clone(),
        })
    }
}

/// The settings of new repositories as short phrases, without those that are left to Amazon.
pub fn describe(options: &RepositoryOptions) -> Vec<String> {
    let mut parts = Vec::new();
    if !options.tags.is_empty() {
        let tags: Vec<_> =
            options.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        parts.push(format!("tags {}", tags.join(", ")));
    }
    if let Some(scan) = options.scan_on_push {
        parts.push(if scan { "scan on push" } else { "no scan on push" }.to_owned());
    }
    if let Some(immutable) = options.immutable_tags {
        parts.push(if immutable { "immutable tags" } else { "mutable tags" }.to_owned());
    }
    match &options.encryption {
        Some(Encryption::Kms { key: Some(key) }) => parts.push(format!("KMS with {key}")),
        Some(encryption) => parts.push(encryption.name().to_owned()),
        None => {}
    }
    if let Some(file) = &options.lifecycle_policy_file {
        parts.push(format!("lifecycle policy {}", file.display()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;
    use crate::plan::{Selection, transfers};

    fn plan(destination: &str) -> Option<RepositoryPlan> {
        let text = format!(
            "[destinations.d]\n{destination}\n\
             [[image]]\nsource = \"q.io/b\"\ntag = \"1\"\n\
             [[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n\
             [[image]]\nsource = \"q.io/b\"\ntag = \"2\"\n"
        );
        let list = ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"));
        let destination = &list.destinations()["d"];
        let transfers = transfers(&list, destination, &Selection::default());
        RepositoryPlan::of(destination, &transfers.unwrap_or_else(|why| panic!("{why}")))
    }

    #[test]
    fn each_repository_is_planned_once_and_only_in_ecr() {
        let found = plan(
            "registry = \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/team\"\n\
             ecr = { create-repositories = false, scan-on-push = true }",
        );
        let found = found.unwrap();
        let paths: Vec<_> = found.repositories.iter().map(RepositoryPath::as_str).collect();
        assert_eq!(paths, ["team/b", "team/a"]);
        assert_eq!((found.creation, found.options.scan_on_push), (Creation::Leave, Some(true)));
        assert!(matches!(found.service, Service::Private(_)));
        let public = plan("registry = \"public.ecr.aws/alias\"").unwrap();
        assert_eq!((public.service, public.creation), (Service::Public, Creation::Create));
        for other in ["mine.azurecr.io", "gcr.io/project", "harbor.example.com"] {
            assert_eq!(plan(&format!("registry = \"{other}\"")), None, "{other}");
        }
    }
}
