//! `Table`: the files of a layout, and where their bytes are.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::LayoutLocation;
use crate::failure::{LayoutError, broken, cannot, refused};
use crate::name::ItemName;
use crate::reader::{ContentReader, Segment};
use regular_file::Links;

/// More entries would take too much memory, and no chart has so many blobs.
const MOST_ENTRIES: usize = 250_000;

/// What a layout must be like to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What this program wrote: `SHA256SUMS` lists every file, and the headers of an archive are exactly
    /// those that it writes.
    Bundle,
    /// What any tool wrote.
    Foreign,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) location: LayoutLocation,
    pub(crate) items: BTreeMap<ItemName, Stored>,
}

#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) size: u64,
    pub(crate) position: Position,
}

#[derive(Debug)]
pub(crate) enum Position {
    File(PathBuf),
    /// A position in an archive.
    Region(Arc<File>, u64),
}

impl Table {
    pub(crate) fn new(location: &LayoutLocation) -> Self {
        Self { location: location.clone(), items: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, name: ItemName, stored: Stored) -> Result<(), LayoutError> {
        if self.items.len() >= MOST_ENTRIES {
            return Err(broken(&self.location, format!("it has more than {MOST_ENTRIES} files")));
        }
        match self.items.insert(name.clone(), stored) {
            None => Ok(()),
            Some(_) => Err(refused(&self.location, &name.to_string(), "it is there twice")),
        }
    }

    /// Opens a file that is in the table.
    pub(crate) fn reader(&self, name: &ItemName) -> Result<ContentReader, LayoutError> {
        let text = name.to_string();
        let Some(stored) = self.items.get(name) else {
            return Err(refused(&self.location, &text, "it is missing"));
        };
        let segment = match &stored.position {
            Position::Region(file, start) => {
                Segment { file: file.clone(), start: *start, size: stored.size }
            }
            Position::File(path) => {
                let (file, metadata) = regular_file::open(path, Links::Refuse)
                    .map_err(|why| cannot("open", &self.location, &text, &why))?;
                if metadata.len() != stored.size {
                    let why = format!("its size changed to {} bytes", metadata.len());
                    return Err(refused(&self.location, &text, why));
                }
                Segment { file: Arc::new(file), start: 0, size: stored.size }
            }
        };
        Ok(ContentReader { location: self.location.clone(), name: text, segments: vec![segment] })
    }

    pub(crate) fn file(&self, name: &str, limit: u64) -> Result<Vec<u8>, LayoutError> {
        self.reader(&ItemName::File(name.to_owned()))?.read_all(limit)
    }

    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.items.contains_key(&ItemName::File(name.to_owned()))
    }
}
