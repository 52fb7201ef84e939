//! `Chart`: the Helm chart that uses the images, and what it is rendered with.

use super::SetValue;

/// The chart that uses the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub name: String,
    pub repository: Option<String>,
    pub version: Option<String>,
    /// Never empty: by default, one rendering named `default` that sets nothing.
    pub renderings: Vec<Rendering>,
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
}
