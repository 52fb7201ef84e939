//! `ListFormat`: the formats of other tools.

use crate::list::named;

/// A format in which another tool lists images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// regsync.yml.
    Regsync,
    /// The YAML of `skopeo sync --src yaml`.
    Skopeo,
    /// `Images` and `Charts` of `content.hauler.cattle.io/v1`.
    Hauler,
    /// A zarf.yaml.
    Zarf,
    /// One reference per line.
    Plain,
    /// Images.lock of the Distribution Tooling for Helm.
    Dt,
    /// The transformer `images` of kustomize.
    Kustomize,
}

named!(
    ListFormat,
    Regsync = "regsync",
    Skopeo = "skopeo",
    Hauler = "hauler",
    Zarf = "zarf",
    Plain = "plain",
    Dt = "dt",
    Kustomize = "kustomize"
);

impl ListFormat {
    /// Whether a file can be written only for destinations.
    pub fn needs_destination(self) -> bool {
        matches!(self, Self::Regsync | Self::Kustomize)
    }

    /// Whether a file has the name and the version of the chart.
    pub fn names_chart(self) -> bool {
        matches!(self, Self::Zarf | Self::Dt | Self::Hauler)
    }

    /// Whether a file can have the images of several lists.
    pub fn joins_lists(self) -> bool {
        !matches!(self, Self::Dt | Self::Kustomize)
    }
}
