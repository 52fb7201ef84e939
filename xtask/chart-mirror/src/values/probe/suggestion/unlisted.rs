//! `Unlisted`: an image of the chart for which images.toml has no entry, or several.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::ImageReference;
use crate::list::ValuePath;
use crate::values::probe::contribution::Section;
use crate::values::probe::result::{ProbeResult, ProbedPlace};
use crate::values::probe::targets::Targets;
use messages::Advice;
use messages::program::command;
use oci::Tag;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    pub reason: UnlistedReason,
    /// The values of the chart that hold its version.
    version_keys: BTreeSet<ValuePath>,
    reference: ImageReference,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnlistedReason {
    NoEntry,
    /// The chart names no version of it, so no entry can be made from it.
    NoVersion,
    /// The chart names no version of it, and the list has these.
    Several(Vec<Tag>),
}

/// The images of places that no single entry stands for.
pub(in crate::values::probe) fn unlisted(
    targets: &Targets<'_>,
    probed: &ProbeResult,
) -> BTreeMap<String, Unlisted> {
    let mut found: BTreeMap<String, Unlisted> = BTreeMap::new();
    for place in &probed.places {
        if targets.image_at(place).is_some() {
            continue;
        }
        let tags: Vec<Tag> = targets.tags_at(place).into_iter().cloned().collect();
        let reason = match tags.is_empty() {
            _ if place.reference.names_version() => UnlistedReason::NoEntry,
            true => UnlistedReason::NoVersion,
            false => UnlistedReason::Several(tags),
        };
        let new = || Unlisted {
            reason,
            version_keys: BTreeSet::new(),
            reference: place.reference.clone(),
        };
        found.entry(place.image()).or_insert_with(new).version_keys.extend(version_keys(place));
    }
    found
}

fn version_keys(place: &ProbedPlace) -> impl Iterator<Item = ValuePath> + '_ {
    let keys = place.keys.iter().filter(|key| key.contribution.last >= Section::Tag);
    keys.map(|key| key.path.clone())
}

impl Unlisted {
    pub fn advice(&self) -> Advice {
        let (image, source) = (self.reference.normalised(), &self.reference.repository);
        match &self.reason {
            UnlistedReason::NoEntry => Advice::new(format!("images.toml does not list `{image}`"))
                .with_hint(format!("{} adds the images of the chart", command("images --write"))),
            UnlistedReason::NoVersion => {
                let message = format!(
                    "not settled: `{image}` names no version, and images.toml does not list one"
                );
                let keys = match self.keys() {
                    keys if keys.is_empty() => String::new(),
                    keys => format!("; the chart takes its version from {keys}"),
                };
                Advice::new(message).with_hint(format!(
                    "add `source = \"{source}\"` with the `tag` that you mean to images.toml, and probe again{keys}"
                ))
            }
            UnlistedReason::Several(tags) => {
                let tags: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
                let message = format!(
                    "not settled: `{image}` names no version, and images.toml lists {}",
                    tags.join(", ")
                );
                let key = self.version_keys.first().map(|key| format!(", `{key}`"));
                Advice::new(message).with_hint(format!(
                    "set the tag{} in a `[[chart.rendering]]`, or add an entry of its own for the intended version",
                    key.unwrap_or_default()
                ))
            }
        }
    }

    fn keys(&self) -> String {
        let keys: Vec<String> = self.version_keys.iter().map(|path| format!("`{path}`")).collect();
        keys.join(", ")
    }
}
