//! `Chart`: the Helm chart that uses the images, and what it is rendered with.

use super::{IgnoreRule, PlaceRule, SetValue};

/// The chart that uses the images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    pub name: String,
    pub repository: Option<String>,
    pub version: Option<String>,
    /// Never empty: by default, one rendering named `default` that sets nothing.
    pub renderings: Vec<Rendering>,
    /// Places and texts that hold no image to mirror.
    pub ignore: Vec<IgnoreRule>,
    /// Places that hold an image, which the search does not recognise.
    pub places: Vec<PlaceRule>,
}

/// The settings of one `helm template` run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendering {
    /// Unique in its chart.
    pub name: String,
    pub set: Vec<(String, SetValue)>,
    pub set_string: Vec<(String, String)>,
    /// Files with Helm values.
    pub values: Vec<String>,
    pub kube_version: Option<String>,
    pub api_versions: Vec<String>,
    /// The name of the release. `release` by default.
    pub release: Option<String>,
    pub namespace: Option<String>,
    /// Renders as for an upgrade of an installed release.
    pub is_upgrade: bool,
    /// Leaves out the hooks of `helm test`.
    pub skip_tests: bool,
    /// Leaves out the CustomResourceDefinitions, which are rendered by default.
    pub omit_crds: bool,
}
