//! The image list, `images.toml`: which images to mirror, for which chart, and where to.
//!
//! ```text
//! text ── document ──▶ TOML ── fields, raw ──▶ RawList ── read ──▶ ImageList
//!             └──────────────── Problems ◀────────────────┘
//! ```
//!
//! An `ImageList` is valid as a whole: whoever has one need not check it again. Pure.

use std::collections::BTreeMap;
use std::fmt;

use crate::list::code::{Code, Severity};
use oci::{Digest, Platforms, Reference, Registry, Repository, RepositoryPath, Tag};

mod choice;
pub mod code;
mod destination;
mod document;
mod ecr;
pub mod edit;
mod fields;
mod place;
mod problems;
mod raw;
mod read;
#[cfg(test)]
mod schema;
mod target;
mod template;
mod value_path;

pub use destination::{Attachments, Destination, TargetError};
pub use ecr::{Creation, EcrSettings, Encryption, RepositoryOptions};
pub use messages::secret::{holds_userinfo, sounds_like_a_secret};
pub use place::Place;
pub use problems::{Problem, Problems};
pub use registry::known::address::{Address, InvalidAddress};
pub use registry::known::kind::{Mounts, RegistryKind};
use registry::known::settings::RegistrySettings;
pub use target::{InvalidTarget, TargetTemplate};
pub use template::{InvalidTemplate, Placeholder, Placeholders, Template, ValueTemplate};
pub use value_path::{InvalidValuePath, Key, ValuePath};

/// What `images.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageList {
    /// In the order of the file; at least one. No two have the same source and tag, or the same
    /// target and tag at one of the destinations.
    pub images: Vec<Image>,
    /// Helm values that relocate many images at once; only `{registry}` occurs in them. In the order
    /// of the file.
    pub values: Vec<(ValuePath, ValueTemplate)>,
    /// By `host[:port]`.
    pub registries: BTreeMap<Registry, RegistrySettings>,
    pub destinations: BTreeMap<String, Destination>,
    pub chart: Option<Chart>,
    pub policy: Policy,
    /// Where each value of `values` and of the images is said.
    pub value_places: BTreeMap<ValuePath, Place>,
}

/// What the images have to fulfil, and how bad it is if something does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Sources have to be in one of these, if there are any: registries, or paths in one.
    pub allowed_registries: Vec<String>,
    /// Whether an image without a digest is an error.
    pub require_pins: bool,
    /// Every image has to be for all of these.
    pub require_platforms: Option<Platforms>,
    /// What findings are instead of what they usually are.
    pub severities: BTreeMap<Code, Severity>,
}

/// An image to mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub source: Repository,
    pub tag: Tag,
    /// What the tag must name, if the image is pinned.
    pub digest: Option<Digest>,
    /// What recorded parts of the pinned index have for a digest, by their platforms.
    pub subsets: BTreeMap<Platforms, Digest>,
    /// The repository below the address of any destination; without it, the destination says.
    pub target: Option<RepositoryPath>,
    /// Helm values for this image alone, as `ImageList::values`.
    pub values: Vec<(ValuePath, ValueTemplate)>,
    pub place: Place,
}

/// The chart that the images are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub name: String,
    pub repository: Option<String>,
    pub version: Option<String>,
    /// At least one: without any in the list, one named `default` that sets nothing.
    pub renderings: Vec<Rendering>,
}

/// What to render the chart with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendering {
    /// Unique in its chart.
    pub name: String,
    pub set: Vec<(String, SetValue)>,
    pub set_string: Vec<(String, String)>,
    /// Files.
    pub values: Vec<String>,
    pub kube_version: Option<String>,
    pub api_versions: Vec<String>,
}

/// A Helm value of the kind that was written: `true` is not `"true"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue {
    String(String),
    Boolean(bool),
    Integer(i64),
}

impl ImageList {
    /// What is said, wherever it stands: two texts with the same of it mean the same.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for image in &mut self.images {
            image.place = Place::NOWHERE;
        }
        self.value_places.clear();
        self
    }

    /// Reads the text of an image list. The file name is for messages.
    ///
    /// # Errors
    /// All problems of the text at once.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Problems> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (readable, mut problems) = document::readable(text);
        let is_whole = problems.is_empty();
        let document = document::parse(&readable, &mut problems);
        let (list, found) = read::read(text, document, is_whole);
        problems.extend(found);
        match list {
            Some(list) if problems.is_empty() => Ok(list),
            _ => Err(Problems::new(file_name, text, problems)),
        }
    }
}

impl Image {
    /// What identifies the image: no two images of a list have the same.
    pub fn reference(&self) -> Reference {
        self.source.tagged(&self.tag)
    }

    /// The repository at a destination that says nothing of its own.
    pub fn path(&self) -> &RepositoryPath {
        self.target.as_ref().unwrap_or_else(|| self.source.path())
    }
}

impl fmt::Display for SetValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
        }
    }
}
