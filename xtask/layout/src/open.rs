//! `Layout`: a layout, or several parts of one, that is open for reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use oci::Digest;

use crate::failure::{LayoutError, foreign, refused};
use crate::index::OCI_LAYOUT_TEXT;
use crate::name::{INDEX, ItemName, OCI_LAYOUT, PARTS, SUMS};
use crate::parts::PartPlan;
use crate::reader::ContentReader;
use crate::scan::{Strictness, Table, scan};
use crate::sums::Sums;
use crate::volume::BundledFile;
use crate::{LayoutEntry, LayoutLocation, index};

/// For `index.json`, `SHA256SUMS` and `parts.json`, which are read as a whole.
const LARGEST_LIST: u64 = 128 << 20;

/// A layout whose files have the right names and sizes. Only [`Layout::verify`] hashes contents.
#[derive(Debug)]
pub struct Layout {
    pub(crate) parts: Vec<OpenPart>,
    entries: Vec<LayoutEntry>,
    contents: HashMap<Digest, Content>,
    plan: Option<PartPlan>,
}

/// A layout that is not divided has one.
#[derive(Debug)]
pub(crate) struct OpenPart {
    pub(crate) table: Table,
    /// Only of a bundle.
    pub(crate) sums: Option<Sums>,
    number: u32,
}

#[derive(Debug)]
struct Content {
    size: u64,
    /// Each with the index of its part.
    items: Vec<(usize, ItemName)>,
}

impl Layout {
    /// Reads `oci-layout`, `index.json` and the names and sizes of all files. One part of a bundle can also
    /// be opened alone.
    ///
    /// # Errors
    /// If a file does not belong there, is missing, or has another size than the index declares.
    pub fn open(location: &LayoutLocation, strictness: Strictness) -> Result<Self, LayoutError> {
        let table = scan(location, strictness)?;
        let sums = match strictness {
            Strictness::Bundle => Some(listed(&table)?),
            Strictness::Foreign => None,
        };
        let text = table.file(OCI_LAYOUT, 4 << 10)?;
        match strictness {
            Strictness::Bundle if text != OCI_LAYOUT_TEXT.as_bytes() => {
                let why = format!("expected `{OCI_LAYOUT_TEXT}`");
                return Err(refused(location, OCI_LAYOUT, why));
            }
            _ => index::check_version(location, &text)?,
        }
        let text = table.file(INDEX, LARGEST_LIST)?;
        check_hash(location, sums.as_ref(), INDEX, &text)?;
        let entries = index::parse(location, &text)?;
        let plan = if table.has_file(PARTS) && strictness == Strictness::Bundle {
            let text = table.file(PARTS, LARGEST_LIST)?;
            check_hash(location, sums.as_ref(), PARTS, &text)?;
            Some(PartPlan::parse(location, &text)?)
        } else {
            None
        };
        let number = plan.as_ref().map_or(1, |(_, number)| *number);
        let plan = plan.map(|(plan, _)| plan);
        Self::of_parts(vec![OpenPart { table, sums, number }], entries, plan)
    }

    /// Opens some or all parts of a bundle, in any order.
    ///
    /// # Errors
    /// If one of them cannot be opened, is there twice or belongs to another bundle.
    pub fn open_parts(locations: &[LayoutLocation]) -> Result<Self, LayoutError> {
        let mut parts: BTreeMap<u32, OpenPart> = BTreeMap::new();
        let mut first: Option<(LayoutLocation, Vec<LayoutEntry>, Option<PartPlan>)> = None;
        for location in locations {
            let Self { parts: opened, entries, plan, .. } =
                Self::open(location, Strictness::Bundle)?;
            match &first {
                Some((other, same_entries, same_plan)) => {
                    if plan.is_none() || *same_entries != entries || *same_plan != plan {
                        let why = format!("it is not a part of the same bundle as {other}");
                        return Err(LayoutError::new(format!("{location}: {why}"))
                            .with_hint("name only the parts of one bundle"));
                    }
                }
                None => first = Some((location.clone(), entries, plan)),
            }
            for part in opened {
                let number = part.number;
                if let Some(other) = parts.insert(number, part) {
                    let other = other.table.location;
                    let message = format!("{location}: part {number} is there twice, also {other}");
                    return Err(LayoutError::new(message).with_hint("name each part once"));
                }
            }
        }
        let Some((_, entries, plan)) = first else {
            return Err(LayoutError::new("no part of a bundle is named"));
        };
        Self::of_parts(parts.into_values().collect(), entries, plan)
    }

    fn of_parts(
        parts: Vec<OpenPart>,
        entries: Vec<LayoutEntry>,
        plan: Option<PartPlan>,
    ) -> Result<Self, LayoutError> {
        let mut contents = HashMap::new();
        for (at, part) in parts.iter().enumerate() {
            for (name, stored) in &part.table.items {
                let location = &part.table.location;
                let size = stored.size;
                match name {
                    ItemName::Blob(digest) => {
                        let items = vec![(at, name.clone())];
                        let content = contents
                            .entry(digest.clone())
                            .or_insert_with(|| Content { size, items });
                        if content.size != size {
                            let why = format!("it has {size} bytes, elsewhere {}", content.size);
                            return Err(refused(location, &name.to_string(), why));
                        }
                    }
                    ItemName::Piece(digest, _) => {
                        let items = plan.as_ref().and_then(|plan| plan.items(digest));
                        let expected = (part.number, name.clone(), size);
                        if !items.is_some_and(|items| items.contains(&expected)) {
                            let why = "it is not a piece that `parts.json` lists";
                            return Err(refused(location, &name.to_string(), why));
                        }
                    }
                    ItemName::File(_) => {}
                }
            }
        }
        let mut layout = Self { parts, entries, contents, plan };
        layout.join_pieces();
        layout.check_entries()?;
        Ok(layout)
    }

    /// Adds the cut blobs of which all pieces are there.
    fn join_pieces(&mut self) {
        let Some(plan) = &self.plan else { return };
        for (digest, blob) in plan.blobs() {
            if blob.pieces.len() < 2 {
                continue;
            }
            let items = plan.items(digest).into_iter().flatten().map(|(number, name, _)| {
                let at = self.parts.iter().position(|part| part.number == number)?;
                self.parts[at].table.items.contains_key(&name).then_some((at, name))
            });
            if let Some(items) = items.collect::<Option<Vec<_>>>() {
                let content = Content { size: blob.size, items };
                self.contents.insert(digest.clone(), content);
            }
        }
    }

    fn check_entries(&self) -> Result<(), LayoutError> {
        for LayoutEntry { descriptor, .. } in &self.entries {
            let name = ItemName::Blob(descriptor.digest.clone()).to_string();
            let size = descriptor.size;
            let why = match self.size_of(&descriptor.digest) {
                Some(found) if found == size => continue,
                Some(found) => format!("`index.json` declares {size} bytes, it has {found}"),
                None => format!("`index.json` names it, but it is missing ({size} bytes)"),
            };
            return Err(refused(self.location(), &name, why));
        }
        Ok(())
    }

    /// The location of the layout, or of the first open part.
    pub fn location(&self) -> &LayoutLocation {
        &self.parts[0].table.location
    }

    pub fn entries(&self) -> &[LayoutEntry] {
        &self.entries
    }

    /// The size of a blob or manifest that is there.
    pub fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.contents.get(digest).map(|content| content.size)
    }

    /// All blobs and manifests that are there, with their sizes, in no order.
    pub fn blobs(&self) -> impl Iterator<Item = (&Digest, u64)> {
        self.contents.iter().map(|(digest, content)| (digest, content.size))
    }

    /// Opens a blob or manifest. `None` if it is not there.
    ///
    /// # Errors
    /// If its file cannot be opened.
    pub fn reader(&self, digest: &Digest) -> Result<Option<ContentReader>, LayoutError> {
        let Some(content) = self.contents.get(digest) else { return Ok(None) };
        let mut whole: Option<ContentReader> = None;
        for (part, name) in &content.items {
            let reader = self.parts[*part].table.reader(name)?;
            match &mut whole {
                Some(whole) => whole.segments.extend(reader.segments),
                None => whole = Some(reader),
            }
        }
        Ok(whole)
    }

    /// The content of a small blob or of a manifest, hashed. `None` if it is not there.
    ///
    /// # Errors
    /// If it is larger than the limit, cannot be read, or has another digest.
    pub fn blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let Some(reader) = self.reader(digest)? else { return Ok(None) };
        let content = reader.read_all(limit)?;
        let found = digest.of_same_kind(&content);
        if found == *digest {
            Ok(Some(content))
        } else {
            let why = format!("it is damaged: its digest is {found}");
            Err(refused(&reader.location, &reader.name, why))
        }
    }

    /// The names of the files that are not blobs, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.parts[0].table.items.keys().filter_map(|name| match name {
            ItemName::File(name) => Some(name.as_str()),
            ItemName::Blob(_) | ItemName::Piece(..) => None,
        })
    }

    /// The content of a file that is not a blob; in a bundle, it is hashed. `None` if it is not there.
    ///
    /// # Errors
    /// If it is larger than the limit, cannot be read, or is damaged.
    pub fn file(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let OpenPart { table, sums, .. } = &self.parts[0];
        if !table.has_file(name) {
            return Ok(None);
        }
        let content = table.file(name, limit)?;
        check_hash(&table.location, sums.as_ref(), name, &content)?;
        Ok(Some(content))
    }

    /// Opens a file that is not a blob. `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn file_reader(&self, name: &str) -> Result<Option<ContentReader>, LayoutError> {
        let table = &self.parts[0].table;
        if !table.has_file(name) {
            return Ok(None);
        }
        table.reader(&ItemName::File(name.to_owned())).map(Some)
    }

    /// The files of a bundle that are not blobs, of each open part, with the sha256 that the bundle declares:
    /// reading and [`Layout::verify`] compare it with the content.
    pub fn declared_files(&self) -> impl Iterator<Item = (&LayoutLocation, &str, &str)> {
        self.parts.iter().flat_map(|part| {
            let sums = part.sums.iter().flat_map(|sums| &sums.0);
            let files = sums.filter(|(name, _)| {
                part.table.items.contains_key(&ItemName::File((*name).clone()))
            });
            files.map(|(name, hex)| (&part.table.location, name.as_str(), hex.as_str()))
        })
    }

    /// A file of a bundle that is not a blob, to be copied into another bundle. `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn bundled_file(&self, name: &str) -> Result<Option<BundledFile>, LayoutError> {
        let OpenPart { table, sums, .. } = &self.parts[0];
        let Some(hex) = sums.as_ref().and_then(|sums| sums.0.get(name)) else { return Ok(None) };
        let reader = table.reader(&ItemName::File(name.to_owned()))?;
        Ok(Some(BundledFile { reader, hex: hex.clone() }))
    }

    /// How the bundle is divided, if it is.
    pub fn part_plan(&self) -> Option<&PartPlan> {
        self.plan.as_ref()
    }

    /// The numbers of the parts that are not open.
    pub fn missing_parts(&self) -> Vec<u32> {
        let Some(plan) = &self.plan else { return vec![] };
        let open: BTreeSet<_> = self.parts.iter().map(|part| part.number).collect();
        (1..=plan.count()).filter(|number| !open.contains(number)).collect()
    }
}

/// `SHA256SUMS`, after comparing its names with those in the table.
fn listed(table: &Table) -> Result<Sums, LayoutError> {
    let location = &table.location;
    if !table.has_file(SUMS) {
        return Err(foreign(location, format!("it has no `{SUMS}`, so it is not a bundle")));
    }
    let sums = Sums::parse(location, &table.file(SUMS, LARGEST_LIST)?)?;
    let there: BTreeSet<String> = table.items.keys().map(ToString::to_string).collect();
    for name in sums.0.keys() {
        if !there.contains(name) || name == SUMS {
            return Err(refused(location, name, format!("`{SUMS}` lists it, but it is missing")));
        }
    }
    for name in &there {
        if !sums.0.contains_key(name) && name != SUMS && !is_signature(name, &sums) {
            let why = format!("`{SUMS}` does not list it");
            return Err(refused(location, name, why));
        }
    }
    Ok(sums)
}

/// A file is signed when the bundle is complete: its signature beside it is not listed.
fn is_signature(name: &str, sums: &Sums) -> bool {
    let signed = name.strip_suffix(".sig").filter(|signed| !signed.contains('/'));
    signed.is_some_and(|signed| sums.0.contains_key(signed))
}

fn check_hash(
    location: &LayoutLocation,
    sums: Option<&Sums>,
    name: &str,
    content: &[u8],
) -> Result<(), LayoutError> {
    // `SHA256SUMS` does not list itself.
    let Some(expected) = sums.and_then(|sums| sums.0.get(name)) else { return Ok(()) };
    let found = Digest::of(content);
    if found.hex() == expected {
        return Ok(());
    }
    let why = format!("it is damaged: expected sha256:{expected}, found {found}");
    Err(refused(location, name, why))
}
