//! The command `bundle merge`: joins bundles into one. What the newest one lists decides; each blob is hashed while
//! it is copied, and written once.

use std::collections::BTreeMap;
use std::time::Instant;

use layout::{FileContent, LayoutLocation, LayoutWriter, PartPlan};
use messages::Advice;
use oci::Digest;

use super::locations;
use super::open_bundle::location;
use super::totals::BundleTotals;
use crate::bundle::bundle_inventory::{BundleInventory, BundledList, FILE, INDEX, ROOT};
use crate::signatures::PublicKeys;
use choice::Choice;
use contents::Contents;
use inputs::Input;
use result::{MergeReport, TakenList};

mod choice;
mod contents;
mod inputs;
pub mod result;
mod write;

/// What is merged, and where the result is written.
pub struct MergeOptions {
    pub output: LayoutLocation,
    /// From the oldest to the newest; parts in any order.
    pub bundles: Vec<String>,
    /// The most bytes of a part, if it is to be divided.
    pub split: Option<u64>,
    /// One of these must have signed the inventory of each bundle.
    pub required: Option<PublicKeys>,
}

/// Merges bundles. Blocks while it copies.
///
/// # Errors
/// If a bundle cannot be used or is damaged, bundles contradict each other, there is not enough space, or the result
/// cannot be written. What was written stays under its unfinished name, and the next run continues.
pub fn run(options: &MergeOptions) -> anyhow::Result<MergeReport> {
    let began = Instant::now();
    let output = &options.output;
    LayoutWriter::check_new(output)?;
    let named = options.bundles.iter().map(|argument| location(argument));
    let inputs =
        inputs::open(&named.collect::<Result<Vec<_>, _>>()?, output, options.required.as_ref())?;
    let bundles: Vec<_> = inputs.iter().map(|input| &input.bundle).collect();
    let choice = choice::choose(&bundles)?;
    let contents = contents::contents(&inputs, &choice)?;
    let mut inventory = inventory(&inputs, &choice, &contents);
    let mut files = files(&inputs, &choice, &contents, &mut inventory)?;
    check_lists(&inputs, &choice)?;
    let divided = write::divided(options.split, &contents, &files, &inventory)?;
    inventory.parts = divided.as_ref().map_or(1, PartPlan::count);
    files.insert(FILE.to_owned(), FileContent::Bytes(inventory.text().into_bytes()));
    let locations = locations(output, divided.as_ref());
    write::write(output, divided, &inputs, &contents, files)?;
    let taken = choice.lists.iter().zip(&inventory.lists).map(|((name, at), listed)| TakenList {
        name: name.clone(),
        file: listed.file.clone(),
        bundle: inputs[*at].bundle.place.clone(),
    });
    Ok(MergeReport {
        output: output.clone(),
        locations,
        bundles: bundles.iter().map(|bundle| bundle.place.clone()).collect(),
        lists: taken.collect(),
        left_behind: choice.left_behind,
        totals: BundleTotals::of(&inventory),
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn inventory(inputs: &[Input], choice: &Choice, contents: &Contents) -> BundleInventory {
    let mut inventory = BundleInventory::new();
    for Input { bundle, .. } in inputs {
        inventory.platforms = bundle.inventory.platforms.clone();
        inventory.attachments |= bundle.inventory.attachments;
    }
    inventory.lists =
        choice.lists.iter().filter_map(|(name, at)| listed(inputs, *at, name)).collect();
    inventory.images = choice.images.iter().map(|(_, image)| image.clone()).collect();
    inventory.charts = choice.charts.iter().map(|(_, chart)| chart.clone()).collect();
    let blobs = contents.blobs.iter();
    inventory.blobs = blobs.map(|(digest, source)| (digest.clone(), source.size)).collect();
    inventory.against = contents.against.clone();
    inventory
}

/// A list in the inventory of its bundle.
fn listed(inputs: &[Input], at: usize, name: &str) -> Option<BundledList> {
    let mut lists = inputs[at].bundle.inventory.lists.iter();
    lists.find(|listed| listed.name == name).cloned()
}

/// Refuses lists that the newest images.toml contradicts.
fn check_lists(inputs: &[Input], choice: &Choice) -> anyhow::Result<()> {
    let Some(newest) = inputs.last() else { return Ok(()) };
    let root = newest.open.root()?;
    for (name, at) in &choice.lists {
        match listed(inputs, *at, name) {
            Some(listed) if listed.file != ROOT => {
                inputs[*at].open.member(&root, &listed.file)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Everything that is no blob, by name, except for the inventory, which gets the digests.
fn files(
    inputs: &[Input],
    choice: &Choice,
    contents: &Contents,
    inventory: &mut BundleInventory,
) -> Result<BTreeMap<String, FileContent>, Advice> {
    let mut names = Vec::new();
    for (at, Input { open, .. }) in inputs.iter().enumerate() {
        let programs = open.layout.files().filter(|name| name.starts_with("bin/"));
        names.extend(programs.map(|name| (at, name.to_owned())));
    }
    for ((_, at), listed) in choice.lists.iter().zip(&inventory.lists) {
        let folder = listed.file.strip_suffix(ROOT).unwrap_or_default();
        let values = format!("{folder}values/");
        let values = inputs[*at].open.layout.files().filter(|name| name.starts_with(&values));
        names.extend(values.map(|name| (*at, name.to_owned())));
        names.push((*at, listed.file.clone()));
    }
    for (at, chart) in &choice.charts {
        names.push((*at, chart.archive.clone()));
        names.push((*at, format!("{}.prov", chart.archive)));
    }
    names.push((inputs.len() - 1, ROOT.to_owned()));
    let mut files = BTreeMap::new();
    // Of several programs of one name, the newest one stays.
    for (at, name) in names {
        if let Some(file) = inputs[at].open.layout.bundled_file(&name)? {
            files.insert(name, FileContent::Bundled(file));
        }
    }
    let index = LayoutWriter::index_text(&contents.entries);
    inventory.files.insert(INDEX.to_owned(), Digest::of(index.as_bytes()));
    for (name, content) in &files {
        inventory.files.insert(name.clone(), content.digest()?);
    }
    Ok(files)
}
