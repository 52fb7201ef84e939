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
    /// Why it counts as an image.
    pub evidence: Evidence,
    #[serde(flatten)]
    pub place: ManifestLocation,
}

/// Why a text counts as an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The `image` of a container.
    Container,
    /// A field named like an image: `imageName`.
    Field,
    /// Several keys that form a reference: `repository` and `tag`.
    Parts,
    /// A word of an argument or command.
    Argument,
    /// A variable.
    Variable,
    /// A value of a ConfigMap or Secret.
    Data,
    /// The whole text has the shape of a reference with a registry and a version.
    Shape,
    /// A default value in a CustomResourceDefinition.
    Default,
    /// A `[[chart.place]]` of images.toml.
    Rule,
}

impl Evidence {
    /// Whether a text without a field of its own names the image.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Argument | Self::Variable | Self::Data | Self::Shape)
    }

    /// In the words of messages.
    pub fn description(self) -> &'static str {
        match self {
            Self::Container => "the `image` of a container",
            Self::Field => "its field is named like an image",
            Self::Parts => "several keys form the reference",
            Self::Argument => "a word of an argument",
            Self::Variable => "the value of a variable",
            Self::Data => "a value of a ConfigMap or Secret",
            Self::Shape => "the whole text has the shape of a reference",
            Self::Default => "a default value of a custom resource",
            Self::Rule => "a `[[chart.place]]` of images.toml",
        }
    }
}

/// The `image` of a container that is not a valid reference: `quay.io//wait:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedReference {
    pub written: String,
    pub reason: String,
    pub place: ManifestLocation,
}

/// A text that is not an image but names one, or a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The reference, or the word that contains the host. Of a Secret, never more than that.
    pub written: String,
    /// The reference, unless only a host is mentioned.
    pub reference: Option<ImageReference>,
    pub kind: MentionKind,
    pub place: ManifestLocation,
}

/// How a text mentions an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MentionKind {
    /// In a longer text.
    Text,
    /// In the description of a custom resource, which nothing runs.
    Documentation,
    /// A whole value names a registry or a repository: a program may add the version.
    Repository,
    /// A variable stands for a part of a reference.
    Variable,
    /// The image of another place, without its registry.
    Copy,
}

impl MentionKind {
    /// In the words of messages.
    pub fn description(self) -> &'static str {
        match self {
            Self::Text => "a mention in a longer text",
            Self::Documentation => "a mention in a description",
            Self::Repository => "a registry or repository without a version",
            Self::Variable => "a reference with a variable in it",
            Self::Copy => "the image of another place, without its registry",
        }
    }
}

/// A text that a rule of images.toml excludes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredText {
    pub written: String,
    /// From the rule.
    pub reason: String,
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
