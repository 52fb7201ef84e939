//! What is found in rendered manifests, and where.

use std::fmt;

use super::image_reference::ImageReference;
use messages::printable::printable;

/// An image that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FoundImage {
    #[serde(skip)]
    pub reference: ImageReference,
    /// As written in the manifest. Parts in separate keys are joined with `/`, `:` and `@`.
    pub written: String,
    #[serde(flatten)]
    pub place: ManifestLocation,
}

/// The `image` of a container that is not a valid reference: `quay.io//wait:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedReference {
    pub written: String,
    pub reason: String,
    pub place: ManifestLocation,
}

/// A text that is not an image but names a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The word that contains the host.
    pub written: String,
    pub host: String,
    pub place: ManifestLocation,
}

/// A place in a rendering.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ManifestLocation {
    pub rendering: String,
    /// The file of the chart, from helm's comment `# Source:`.
    pub template: Option<String>,
    /// The kind of the object; empty if it has none.
    pub kind: String,
    /// The name of the object; empty if it has none. Some charts generate a new one in each rendering.
    pub name: String,
    /// `spec.containers[0].image`; for YAML in a text `data["config.yaml"] > spec.image`, and for a
    /// text that is not YAML `data["run.sh"] > line 7`.
    pub path: String,
}

impl fmt::Display for ManifestLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind.is_empty() { "document" } else { &self.kind };
        f.write_str(&printable(kind))?;
        if !self.name.is_empty() {
            write!(f, "/{}", printable(&self.name))?;
        }
        write!(f, " {}", printable(&self.path))?;
        if let Some(template) = &self.template {
            write!(f, " ({})", printable(template))?;
        }
        Ok(())
    }
}
