//! Compares the inventory of a bundle with what else is in it.

use std::collections::{BTreeMap, BTreeSet};

use layout::{Layout, LayoutError, LayoutLocation};
use messages::Advice;
use messages::printable::printable;
use oci::Digest;

use crate::bundle::bundle_inventory::{
    BundleInventory, BundledChart, BundledList, FILE, INDEX, ROOT, UNLISTED_FILES,
};

pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}", digest.as_str().replacen(':', "/", 1))
}

pub(super) fn at(layout: &Layout, name: &str, why: &Advice) -> LayoutError {
    let message = format!("{}: entry `{}`: {}", layout.location(), printable(name), why.message);
    let hint = why.hint.clone();
    LayoutError::damaged(
        Advice::new(message)
            .with_hint(hint.unwrap_or_else(|| "export it again; nothing was used".into())),
    )
}

/// Compares the inventory with the other files, with the names in the index, and with the sizes of blobs.
pub(super) fn check_inventory(
    layout: &Layout,
    inventory: &BundleInventory,
) -> Result<(), LayoutError> {
    check_files(layout, inventory)?;
    check_names(layout, inventory)?;
    let refuse = |why: String| Err(at(layout, FILE, &Advice::new(why)));
    for (digest, size) in &inventory.blobs {
        if let Some(found) = layout.size_of(digest).filter(|found| found != size) {
            let why = format!("it has {found} bytes, and `{FILE}` declares {size}");
            return Err(at(layout, &blob_name(digest), &Advice::new(why)));
        }
    }
    let lists: BTreeSet<&str> = inventory.lists.iter().map(|list| list.name.as_str()).collect();
    if lists.len() != inventory.lists.len() {
        return refuse("it names a list twice".to_owned());
    }
    let owners = inventory.images.iter().map(|image| &image.list);
    match owners
        .chain(inventory.charts.iter().map(|chart| &chart.list))
        .find(|list| !lists.contains(list.as_str()))
    {
        Some(list) => refuse(format!("it names no list `{list}`, but has something of it")),
        None => Ok(()),
    }
}

/// Compares the images and charts with the names in the index.
fn check_names(layout: &Layout, inventory: &BundleInventory) -> Result<(), LayoutError> {
    let refuse = |why: String| Err(at(layout, FILE, &Advice::new(why)));
    let entries = layout.entries().iter();
    let names: BTreeMap<&str, &Digest> =
        entries.filter_map(|entry| Some((entry.name()?, &entry.descriptor.digest))).collect();
    let images = inventory.images.iter().map(|image| (image.source.to_string(), &image.digest));
    let charts = inventory.charts.iter().map(|chart| (chart.name.clone(), &chart.digest));
    for (name, digest) in images.chain(charts) {
        match names.get(name.as_str()) {
            Some(found) if *found == digest => {}
            Some(found) => {
                return refuse(format!("`{name}` is {digest}, but {found} in `index.json`"));
            }
            None => return refuse(format!("it names `{name}`, which is not in `index.json`")),
        }
    }
    Ok(())
}

/// Compares the files of each part with their digests in the inventory. Their contents are compared with
/// `SHA256SUMS` when they are read.
fn check_files(layout: &Layout, inventory: &BundleInventory) -> Result<(), LayoutError> {
    let refuse = |place: &LayoutLocation, name: &str, why: String| {
        let hint = "copy the bundle again, or export it again; nothing was used";
        let name = printable(name);
        let advice = Advice::new(format!("{place}: entry `{name}`: {why}"));
        Err(LayoutError::damaged(advice.with_hint(hint)))
    };
    let mut there: BTreeSet<(&LayoutLocation, &str)> = BTreeSet::new();
    for (place, name, hex) in layout.declared_files() {
        there.insert((place, name));
        match inventory.files.get(name) {
            _ if UNLISTED_FILES.contains(&name) => {}
            Some(digest) if digest.as_str() == format!("sha256:{hex}") => {}
            Some(digest) => {
                return refuse(place, name, format!("`{FILE}` has {digest}, found sha256:{hex}"));
            }
            None => return refuse(place, name, format!("`{FILE}` does not list it")),
        }
    }
    let places: BTreeSet<&LayoutLocation> = there.iter().map(|(place, _)| *place).collect();
    for place in places {
        if let Some(name) = inventory.files.keys().find(|name| !there.contains(&(place, name))) {
            return refuse(place, name, format!("`{FILE}` lists it, but it is missing"));
        }
    }
    let lists = inventory.lists.iter().map(|list| &list.file);
    let required = lists.chain(inventory.charts.iter().map(|chart| &chart.archive));
    let place = layout.location();
    if let Some(name) = required.into_iter().find(|name| !inventory.files.contains_key(*name)) {
        return refuse(place, name, format!("`{FILE}` names it, but it is missing"));
    }
    match inventory.files.keys().find(|name| !has_purpose(inventory, name)) {
        Some(name) => refuse(place, name, "nothing in a bundle has this name".to_owned()),
        None => Ok(()),
    }
}

/// Whether a file is one of those that an export writes.
fn has_purpose(inventory: &BundleInventory, name: &str) -> bool {
    let is_of_list = |list: &BundledList| {
        let folder = list.file.strip_suffix(ROOT).unwrap_or_default();
        name == list.file
            || name.strip_prefix(folder).is_some_and(|rest| rest.starts_with("values/"))
    };
    let is_of_chart = |chart: &BundledChart| {
        name.strip_prefix(&chart.archive).is_some_and(|end| matches!(end, "" | ".prov"))
    };
    [INDEX, ROOT].contains(&name)
        || name.starts_with("bin/")
        || inventory.lists.iter().any(is_of_list)
        || inventory.charts.iter().any(is_of_chart)
}
