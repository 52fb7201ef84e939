//! What a merged bundle consists of: the entries of its index, and the manifests and blobs that they need.

use std::collections::{BTreeMap, BTreeSet};

use layout::LayoutEntry;
use messages::Advice;
use oci::{Descriptor, Digest, Manifest};

use super::choice::Choice;
use super::inputs::Input;
use crate::bundle::bundle_inventory::CountedOn;
use crate::bundle::difference::LeftOut;

/// Registries accept no larger manifest.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// What is written, by digest.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<LayoutEntry>,
    pub(super) manifests: BTreeMap<Digest, Source>,
    pub(super) blobs: BTreeMap<Digest, Source>,
    /// The blobs that no bundle has: the destination has to have them.
    pub(super) against: Option<CountedOn>,
}

/// Where content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) size: u64,
    /// The position of the bundle.
    pub(super) bundle: usize,
}

/// Follows the manifests of what was chosen, and adds what is attached to them.
///
/// # Errors
/// If a manifest is damaged, or a blob is nowhere.
pub(super) fn contents(inputs: &[Input], choice: &Choice) -> Result<Contents, Advice> {
    let mut collector =
        Collector { inputs, contents: Contents::default(), needed: BTreeMap::new() };
    let images = choice.images.iter().map(|(at, image)| (*at, image.source.to_string()));
    let charts = choice.charts.iter().map(|(at, chart)| (*at, chart.name.clone()));
    for (at, name) in images.chain(charts) {
        let mut entries = inputs[at].open.layout.entries().iter();
        if let Some(entry) = entries.find(|entry| entry.name() == Some(&name)) {
            collector.add(at, entry)?;
        }
    }
    collector.add_attachments()?;
    collector.find_blobs()?;
    Ok(collector.contents)
}

struct Collector<'a> {
    inputs: &'a [Input],
    contents: Contents,
    /// The blobs with the bundle whose manifest needs them.
    needed: BTreeMap<Digest, Source>,
}

impl Collector<'_> {
    /// Adds an entry, unless another one has its name.
    fn add(&mut self, at: usize, entry: &LayoutEntry) -> Result<(), Advice> {
        let is_taken = |known: &LayoutEntry| match entry.name() {
            Some(name) => known.name() == Some(name),
            None => known == entry,
        };
        if self.contents.entries.iter().any(is_taken) {
            return Ok(());
        }
        self.contents.entries.push(entry.clone());
        let mut manifests = vec![entry.descriptor.clone()];
        while let Some(descriptor) = manifests.pop() {
            if self.contents.manifests.contains_key(&descriptor.digest) {
                continue;
            }
            let manifest = self.manifest(at, &descriptor)?;
            let source = Source { size: manifest.bytes.len() as u64, bundle: at };
            self.contents.manifests.insert(descriptor.digest, source);
            for blob in manifest.blobs {
                let source = Source { size: blob.size, bundle: at };
                let known = *self.needed.entry(blob.digest.clone()).or_insert(source);
                if known.size != blob.size {
                    let why = format!("manifests declare {} and {} bytes", known.size, blob.size);
                    return Err(self.refused(at, &blob.digest, &why));
                }
            }
            manifests.extend(manifest.manifests);
        }
        Ok(())
    }

    fn manifest(&self, at: usize, descriptor: &Descriptor) -> Result<Manifest, Advice> {
        let digest = &descriptor.digest;
        let Some(bytes) = self.inputs[at].open.layout.blob(digest, LARGEST_MANIFEST)? else {
            return Err(self.refused(at, digest, "it is missing"));
        };
        Manifest::parse(bytes.into(), digest.clone(), Some(&descriptor.media_type))
            .map_err(|why| self.refused(at, digest, &why.to_string()))
    }

    /// Adds signatures, SBOMs and the like of what is there, the newest first.
    fn add_attachments(&mut self) -> Result<(), Advice> {
        let mut others = Vec::new();
        for (at, input) in self.inputs.iter().enumerate().rev() {
            let inventory = &input.bundle.inventory;
            let images = inventory.images.iter().map(|image| image.source.to_string());
            let charts = inventory.charts.iter().map(|chart| chart.name.clone());
            let listed: BTreeSet<String> = images.chain(charts).collect();
            for entry in input.open.layout.entries() {
                if entry.name().is_some_and(|name| listed.contains(name)) {
                    continue;
                }
                let named = entry.name().and_then(tagged_digest);
                let subject = self.manifest(at, &entry.descriptor)?.subject;
                let subjects = named.into_iter().chain(subject.map(|it| it.digest));
                others.push((at, entry, subjects.collect::<Vec<_>>()));
            }
        }
        // An attachment may have attachments.
        loop {
            let before = others.len();
            let mut rest = Vec::new();
            for (at, entry, subjects) in others {
                let is_there = subjects.iter().any(|it| self.contents.manifests.contains_key(it));
                match is_there {
                    true => self.add(at, entry)?,
                    false => rest.push((at, entry, subjects)),
                }
            }
            if rest.len() == before {
                return Ok(());
            }
            others = rest;
        }
    }

    /// Finds each blob in a bundle, or among those that the bundles count on.
    fn find_blobs(&mut self) -> Result<(), Advice> {
        let mut missing = BTreeSet::new();
        for (digest, needed) in &self.needed {
            let Source { size, bundle } = *needed;
            let has = |at: &usize| self.inputs[*at].open.layout.size_of(digest) == Some(size);
            // The bundle that needs it is the most likely one.
            match [bundle].into_iter().chain(0..self.inputs.len()).find(has) {
                Some(bundle) => {
                    self.contents.blobs.insert(digest.clone(), Source { size, bundle });
                }
                None => {
                    let mut counted_on =
                        self.inputs.iter().flat_map(|input| input.bundle.inventory.left_out());
                    if !counted_on.any(|blob| blob.digest == *digest) {
                        return Err(self.refused(bundle, digest, "it is missing"));
                    }
                    missing.insert(digest);
                }
            }
        }
        self.contents.against = self.counted_on(&missing)?;
        Ok(())
    }

    /// What the destination still has to have.
    fn counted_on(&self, missing: &BTreeSet<&Digest>) -> Result<Option<CountedOn>, Advice> {
        let mut found: Option<(CountedOn, &str)> = None;
        for Input { bundle, .. } in self.inputs {
            let Some(against) = &bundle.inventory.against else { continue };
            let left_out = against.left_out.iter().filter(|blob| missing.contains(&blob.digest));
            let left_out: Vec<LeftOut> = left_out.cloned().collect();
            match &mut found {
                _ if left_out.is_empty() => {}
                None => {
                    let destination = against.destination.clone();
                    found = Some((CountedOn { destination, left_out }, &bundle.place));
                }
                Some((known, _)) if known.destination == against.destination => {
                    known.left_out.extend(left_out);
                }
                Some((known, place)) => {
                    let message = format!(
                        "{place} counts on blobs that `{}` has, and {} on blobs of `{}`",
                        known.destination, bundle.place, against.destination
                    );
                    return Err(Advice::new(message)
                        .with_hint("merge each with the bundle that it follows"));
                }
            }
        }
        Ok(found.map(|(mut counted_on, _)| {
            counted_on.left_out.sort();
            counted_on.left_out.dedup();
            counted_on
        }))
    }

    fn refused(&self, at: usize, digest: &Digest, why: &str) -> Advice {
        let place = &self.inputs[at].bundle.place;
        let name = digest.as_str().replacen(':', "/", 1);
        Advice::new(format!("{place}: entry `blobs/{name}`: {why}; nothing was written"))
            .with_hint("copy the bundle again, or export it again")
    }
}

/// What a name such as `docker.io/library/app:sha256-HEX.sig` is about.
fn tagged_digest(name: &str) -> Option<Digest> {
    let (_, tag) = name.rsplit_once(':')?;
    let (digest, _) = tag.split_once('.').unwrap_or((tag, ""));
    digest.replacen('-', ":", 1).parse().ok()
}
