//! The commands of the AWS CLI, as arguments and as a line that a user can type. Pure.

use serde_json::json;

use super::plan::{RepositoryPlan, Service};
use crate::list::{Encryption, RepositoryOptions};
use messages::shell::command_line;
use oci::{RepositoryPath, Tag};
use registry::known::cloud::EcrHost;

/// The arguments of `aws`, without the output format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AwsCommand(Vec<String>);

impl AwsCommand {
    /// Describes these repositories. Fails if one of them does not exist.
    pub(super) fn describe(plan: &RepositoryPlan, repositories: &[RepositoryPath]) -> Self {
        let mut command = Self::of(plan, "describe-repositories");
        command.0.push("--repository-names".to_owned());
        command.0.extend(repositories.iter().map(|repository| name(plan, repository)));
        command
    }

    /// Describes every repository of the registry.
    pub(super) fn describe_all(plan: &RepositoryPlan) -> Self {
        Self::of(plan, "describe-repositories")
    }

    pub(super) fn create(plan: &RepositoryPlan, repository: &RepositoryPath) -> Self {
        let RepositoryOptions { tags, scan_on_push, immutable_tags, encryption, .. } =
            &plan.options;
        let mut command = Self::of(plan, "create-repository");
        command.option("--repository-name", name(plan, repository));
        if !tags.is_empty() {
            let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
            // The CLI's shorthand syntax cannot express commas and quotes.
            command.option("--tags", json!(tags.collect::<Vec<_>>()).to_string());
        }
        if let Some(scan) = scan_on_push {
            command.option("--image-scanning-configuration", format!("scanOnPush={scan}"));
        }
        if let Some(immutable) = immutable_tags {
            let word = if *immutable { "IMMUTABLE" } else { "MUTABLE" };
            command.option("--image-tag-mutability", word);
        }
        if let Some(encryption) = encryption {
            let mut value = format!("encryptionType={}", encryption.name());
            if let Encryption::Kms { key: Some(key) } = encryption {
                value += &format!(",kmsKey={key}");
            }
            command.option("--encryption-configuration", value);
        }
        command
    }

    /// Deletes tags of a repository. An image goes with its last tag.
    pub(super) fn delete_images(
        plan: &RepositoryPlan,
        repository: &RepositoryPath,
        tags: &[Tag],
    ) -> Self {
        let mut command = Self::of(plan, "batch-delete-image");
        command.option("--repository-name", name(plan, repository));
        command.0.push("--image-ids".to_owned());
        command.0.extend(tags.iter().map(|tag| format!("imageTag={tag}")));
        command
    }

    /// Describes all images of a repository.
    pub(super) fn describe_images(plan: &RepositoryPlan, repository: &RepositoryPath) -> Self {
        let mut command = Self::of(plan, "describe-images");
        command.option("--repository-name", name(plan, repository));
        command
    }

    /// Sets the lifecycle policy of a repository; `None` if the list names none.
    pub(super) fn put_lifecycle_policy(
        plan: &RepositoryPlan,
        repository: &RepositoryPath,
    ) -> Option<Self> {
        let file = plan.options.lifecycle_policy_file.as_deref()?;
        let mut command = Self::of(plan, "put-lifecycle-policy");
        command.option("--repository-name", name(plan, repository));
        command.option("--lifecycle-policy-text", format!("file://{}", file.display()));
        Some(command)
    }

    /// The arguments, with the output format, which overrides the user's configuration.
    pub(super) fn arguments(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).chain(["--output", "json"]).collect()
    }

    /// The command as a user would type it.
    pub(super) fn line(&self) -> String {
        command_line("aws", &self.0)
    }

    fn of(plan: &RepositoryPlan, operation: &str) -> Self {
        let words = match &plan.service {
            Service::Private(EcrHost { account, region, .. }) => {
                vec!["ecr", operation, "--region", region, "--registry-id", account]
            }
            Service::Public => vec!["ecr-public", operation, "--region", EcrHost::OF_PUBLIC],
        };
        Self(words.into_iter().map(str::to_owned).collect())
    }

    fn option(&mut self, name: &str, value: impl Into<String>) {
        self.0.extend([name.to_owned(), value.into()]);
    }
}

/// The command line that creates a repository with the settings of the plan.
pub(super) fn line_to_create(plan: &RepositoryPlan, repository: &RepositoryPath) -> String {
    let create = AwsCommand::create(plan, repository).line();
    match AwsCommand::put_lifecycle_policy(plan, repository) {
        Some(put) => format!("{create} && {}", put.line()),
        None => create,
    }
}

/// Amazon's name of a repository. In the public registry, the path starts with an alias of the account.
pub(super) fn name(plan: &RepositoryPlan, repository: &RepositoryPath) -> String {
    let path = repository.as_str();
    let name = match plan.service {
        Service::Private(_) => path,
        Service::Public => path.split_once('/').map_or(path, |(_, name)| name),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Destination, ImageList};

    fn plan(registry: &str, options: &str) -> RepositoryPlan {
        let text = format!(
            "[destinations.d]\nregistry = \"{registry}\"\n[destinations.d.ecr]\n{options}\n\
             [[image]]\nsource = \"q.io/b\"\ntag = \"1\"\n"
        );
        let list = ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"));
        let destination: &Destination = &list.destinations()["d"];
        RepositoryPlan::of(destination, &[]).unwrap_or_else(|| panic!("{registry}"))
    }

    #[test]
    fn the_create_command_has_the_settings_of_the_list() {
        let private = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let create = "aws ecr create-repository --region eu-west-1 --registry-id 123456789012 \
                      --repository-name team/wait";
        let put = "aws ecr put-lifecycle-policy --region eu-west-1 --registry-id 123456789012 \
                   --repository-name team/wait --lifecycle-policy-text";
        let table = [
            (private, "", create.to_owned()),
            (
                private,
                "tags = { team = \"a b\", own = \"x\" }\nscan-on-push = true",
                format!(
                    "{create} --tags '[{{\"Key\":\"own\",\"Value\":\"x\"}},{{\"Key\":\"team\",\"Value\":\"a b\"}}]' \
                     --image-scanning-configuration scanOnPush=true"
                ),
            ),
            (
                private,
                "immutable-tags = true\nencryption = \"KMS\"\nkms-key = \"alias/x\"",
                format!(
                    "{create} --image-tag-mutability IMMUTABLE \
                     --encryption-configuration encryptionType=KMS,kmsKey=alias/x"
                ),
            ),
            (
                private,
                "immutable-tags = false\nencryption = \"AES256\"",
                format!(
                    "{create} --image-tag-mutability MUTABLE \
                     --encryption-configuration encryptionType=AES256"
                ),
            ),
            (
                private,
                "lifecycle-policy-file = \"it's.json\"",
                format!("{create} && {put} 'file://it'\\''s.json'"),
            ),
            (
                "public.ecr.aws/alias",
                "",
                "aws ecr-public create-repository --region us-east-1 --repository-name wait"
                    .to_owned(),
            ),
        ];
        for (registry, options, expected) in table {
            let repository: RepositoryPath = "team/wait".parse().unwrap();
            assert_eq!(line_to_create(&plan(registry, options), &repository), expected);
        }
    }

    #[test]
    fn repositories_are_described_by_name_and_in_json() {
        let plan = plan("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "");
        let names = ["a", "b/c"].map(|name| name.parse().unwrap());
        let command = AwsCommand::describe(&plan, &names);
        let expected = "ecr describe-repositories --region eu-west-1 --registry-id 123456789012 \
                        --repository-names a b/c --output json";
        assert_eq!(command.arguments().join(" "), expected);
        let tags = ["1", "2"].map(|tag| tag.parse().unwrap());
        assert_eq!(
            AwsCommand::delete_images(&plan, &names[1], &tags).line(),
            "aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name b/c \
             --image-ids imageTag=1 imageTag=2"
        );
        assert!(!AwsCommand::describe_all(&plan).arguments().contains(&"--repository-names"));
    }
}
