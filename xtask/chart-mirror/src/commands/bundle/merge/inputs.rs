//! The bundles that are merged, open for reading. Parts are joined.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use layout::{Layout, LayoutLocation, Strictness};
use messages::Advice;
use oci::Digest;

use super::choice::{MergedBundle, MergedList};
use crate::bundle::bundle_inventory::ROOT;
use crate::commands::bundle::open_bundle::OpenBundle;
use crate::signatures::PublicKeys;

pub(super) struct Input {
    pub(super) open: OpenBundle,
    pub(super) bundle: MergedBundle,
}

/// Opens bundles in the order in which they are named.
///
/// # Errors
/// If one of them cannot be used, is not complete, or would be changed by writing `output`.
pub(super) fn open(
    locations: &[LayoutLocation],
    output: &LayoutLocation,
    required: Option<&PublicKeys>,
) -> anyhow::Result<Vec<Input>> {
    for location in locations {
        check_apart(location, output)?;
    }
    joined(locations)?.iter().map(|parts| input(parts, required)).collect()
}

/// The locations of each bundle: several if it is divided.
fn joined(locations: &[LayoutLocation]) -> Result<Vec<Vec<LayoutLocation>>, Advice> {
    let mut bundles: Vec<(Layout, Vec<LayoutLocation>)> = Vec::new();
    for location in locations {
        let layout = Layout::open(location, Strictness::Bundle)?;
        let is_same = |other: &Layout| {
            layout.part_plan().is_some()
                && other.part_plan() == layout.part_plan()
                && other.entries() == layout.entries()
        };
        match bundles.iter_mut().find(|(other, _)| is_same(other)) {
            Some((_, parts)) => parts.push(location.clone()),
            None => bundles.push((layout, vec![location.clone()])),
        }
    }
    Ok(bundles.into_iter().map(|(_, parts)| parts).collect())
}

fn input(parts: &[LayoutLocation], required: Option<&PublicKeys>) -> anyhow::Result<Input> {
    let open = OpenBundle::open_at(parts, required)?;
    let place = open.layout.location().to_string();
    let missing: Vec<String> = open.layout.missing_parts().iter().map(u32::to_string).collect();
    if !missing.is_empty() {
        let parts = open.inventory.parts;
        let message =
            format!("{place}: of {parts} parts, these are not named: {}", missing.join(", "));
        anyhow::bail!(Advice::new(message).with_hint("name all parts of the bundle"));
    }
    let mut bundle = MergedBundle {
        place,
        inventory: open.inventory.clone(),
        lists: BTreeMap::new(),
        root: Digest::of(open.text(ROOT)?.as_bytes()),
    };
    for (listed, (_, list)) in open.inventory.lists.iter().zip(open.lists(&[])?) {
        let text = Digest::of(open.text(&listed.file)?.as_bytes());
        bundle.lists.insert(listed.name.clone(), MergedList { text, list });
    }
    Ok(Input { open, bundle })
}

/// Refuses to write into a bundle that is read.
fn check_apart(input: &LayoutLocation, output: &LayoutLocation) -> Result<(), Advice> {
    let absolute = |path: &Path| -> PathBuf {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // The bundle that is written need not exist yet.
        let existing = absolute.ancestors().find_map(|it| Some((it, it.canonicalize().ok()?)));
        match existing {
            Some((existing, real)) => match absolute.strip_prefix(existing) {
                Ok(rest) if rest.as_os_str().is_empty() => real,
                Ok(rest) => real.join(rest),
                Err(_) => absolute,
            },
            None => absolute,
        }
    };
    let read = absolute(input.path());
    let written = [output.clone(), output.unfinished()];
    match written.iter().any(|place| absolute(place.path()).starts_with(&read)) {
        false => Ok(()),
        true => {
            Err(Advice::new(format!("{output} would be written into {input}, which is merged"))
                .with_hint("write it to another place"))
        }
    }
}
