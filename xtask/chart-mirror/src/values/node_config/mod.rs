//! Configuration for nodes and clusters that redirects pulls to a destination, for sites that cannot set the
//! values of a chart. `redirects` decides what goes where, `access` how the destination is reached, and there
//! is one file for each format. Pure.

mod access;
mod containerd;
mod file;
mod kyverno;
mod openshift;
mod redirects;
mod registries_conf;
mod registries_yaml;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use crate::list::{Destination, ImageList};
use access::Access;
pub use file::{NodeFile, NotRedirected};
use messages::Advice;
use oci::Reference;
use redirects::Redirects;

/// What reads the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFormat {
    /// `hosts.toml`, one for each host.
    Containerd,
    /// A file for `registries.conf.d`.
    RegistriesConf,
    /// `registries.yaml` of K3s and RKE2.
    RegistriesYaml,
    /// `ImageDigestMirrorSet` and `ImageTagMirrorSet`.
    OpenShift,
    /// A `ClusterPolicy`.
    Kyverno,
}

/// The configuration for one destination.
pub struct NodeConfig {
    pub files: Vec<NodeFile>,
    /// The images that it does not redirect, in the order of the list.
    pub left_out: Vec<NotRedirected>,
}

impl NodeFormat {
    pub const ALL: [Self; 5] = [
        Self::Containerd,
        Self::RegistriesConf,
        Self::RegistriesYaml,
        Self::OpenShift,
        Self::Kyverno,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::RegistriesConf => "registries-conf",
            Self::RegistriesYaml => "registries-yaml",
            Self::OpenShift => "openshift",
            Self::Kyverno => "kyverno",
        }
    }

    /// The folder that only this format writes to, if its files have no fixed names.
    pub fn own_folder(self) -> Option<&'static str> {
        match self {
            Self::Containerd => Some(containerd::FOLDER),
            Self::RegistriesConf => Some(registries_conf::FOLDER),
            Self::RegistriesYaml | Self::OpenShift | Self::Kyverno => None,
        }
    }
}

impl fmt::Display for NodeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl NodeConfig {
    /// Derives the configuration for a destination. `name` is what `-d` accepts for it.
    ///
    /// # Errors
    /// If two images have the same target, or a path is too long.
    pub fn of(
        list: &ImageList,
        destination: &Destination,
        name: &str,
        format: NodeFormat,
    ) -> Result<Self, Advice> {
        let redirects = Redirects::of(list, destination)?;
        let registries = list.registries();
        let mirror = Access::new(registries, &destination.pull_address().registry);
        let object = object_name(list, name);
        let (files, mut left_out) = match format {
            NodeFormat::Containerd => containerd::files(&redirects, &mirror, registries),
            NodeFormat::RegistriesConf => {
                registries_conf::files(&redirects, &mirror, registries, &object)
            }
            NodeFormat::RegistriesYaml => registries_yaml::files(&redirects, &mirror),
            NodeFormat::OpenShift => openshift::files(&redirects, &mirror, &object),
            NodeFormat::Kyverno => kyverno::files(&redirects, &object),
        };
        let positions = redirects.positions();
        left_out.sort_by_key(|left_out| positions.get(&left_out.image).copied());
        Ok(Self { files, left_out })
    }
}

/// The images whose digests in the list are not those of the destination, because it has only some of their
/// platforms. A pod that names such a digest cannot be pulled from there.
pub fn with_other_digests(list: &ImageList, destination: &Destination) -> Vec<Reference> {
    let has_other = |image: &&crate::list::Image| {
        let is_pinned = destination.platforms.is_some() && image.digest.is_some();
        is_pinned && destination.digest(image) != image.digest.as_ref()
    };
    list.images().iter().filter(has_other).map(crate::list::Image::reference).collect()
}

/// The name of an object in a cluster, and of a file that lies beside those of other lists (RFC 1123, as
/// Kubernetes restricts names).
fn object_name(list: &ImageList, destination: &str) -> String {
    let chart = list.chart().map_or("images", |chart| chart.name.as_str());
    let chart = chart.rsplit('/').next().unwrap_or(chart);
    kubernetes_name(&format!("{chart}-{destination}"))
}

/// Words as a name that Kubernetes accepts (RFC 1123).
pub fn kubernetes_name(words: &str) -> String {
    const LONGEST: usize = 63;
    let words = words.to_lowercase();
    let words = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-");
    name.truncate(LONGEST);
    name.trim_end_matches('-').to_owned()
}
