//! An unfinished archive. A region is reserved for each blob, so that several are written at once.
//!
//! `oci-layout` comes first, then the blobs in the order of their arrival, then all other files.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::sync::{Arc, Mutex};

use super::content::FileContent;
use super::slot::Slot;
use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot, refused};
use crate::files::{bytes_on_disk, read_at, write_at};
use crate::index::OCI_LAYOUT_TEXT;
use crate::name::{ItemName, OCI_LAYOUT};
use crate::parallel::lock;
use crate::reader::{ContentReader, Segment};
use crate::scan::Strictness;
use crate::tar::{Archive, END, TarEntry, header, padding};

pub(crate) struct ArchiveVolume {
    location: LayoutLocation,
    file: Arc<File>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the next header goes.
    end: u64,
    /// By the position of the header.
    regions: BTreeMap<u64, Region>,
}

struct Region {
    name: ItemName,
    size: u64,
    content: RegionContent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RegionContent {
    Complete,
    InProgress,
    Unused,
}

impl Region {
    fn header(&self) -> Vec<u8> {
        header(&self.name.to_string(), self.size)
    }

    /// With header and padding.
    fn length(&self) -> u64 {
        self.header().len() as u64 + self.size + padding(self.size)
    }
}

impl ArchiveVolume {
    pub(crate) fn open(location: &LayoutLocation) -> Result<Self, LayoutError> {
        let path = location.path();
        let failed = |why: io::Error| cannot("create", location, "", &why);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
            return Err(not_ours(location));
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = Arc::new(file.map_err(failed)?);
        let size = file.metadata().map_err(failed)?.len();
        let volume = Self { location: location.clone(), file, state: Mutex::default() };
        let mut beginning = header(OCI_LAYOUT, OCI_LAYOUT_TEXT.len() as u64);
        beginning.extend(OCI_LAYOUT_TEXT.as_bytes());
        beginning.resize(beginning.len() + padding(beginning.len() as u64) as usize, 0);
        let mut there = vec![0; beginning.len().min(size as usize)];
        read_at(&volume.file, 0, &mut there).map_err(failed)?;
        // The run may have been killed before all of it was written.
        let count = there.len();
        if there != beginning[..count] && there.iter().any(|byte| *byte != 0) {
            return Err(not_ours(location));
        }
        let start = beginning.len() as u64;
        let end = if there == beginning { volume.resume(start, size) } else { start };
        volume.file.set_len(end).map_err(failed)?;
        write_at(&volume.file, 0, &beginning).map_err(failed)?;
        lock(&volume.state).end = end;
        Ok(volume)
    }

    /// Finds the blobs that are there. Everything after them is written again.
    fn resume(&self, start: u64, size: u64) -> u64 {
        let (location, file) = (self.location.clone(), self.file.clone());
        let archive = Archive { location, file, size, strictness: Strictness::Bundle };
        let mut at = start;
        let mut state = lock(&self.state);
        let mut names = HashSet::new();
        while let Ok(TarEntry::File { name, size, end, .. }) = archive.next(at) {
            let name = match ItemName::parse(&self.location, &name) {
                Ok(name @ (ItemName::Blob(_) | ItemName::Piece(..))) => name,
                Ok(ItemName::File(_)) | Err(_) => break,
            };
            let content = match names.insert(name.clone()) {
                true => RegionContent::Complete,
                false => RegionContent::Unused,
            };
            state.regions.insert(at, Region { name, size, content });
            at = end;
        }
        at
    }

    pub(crate) fn items(&self) -> Vec<(ItemName, u64)> {
        let state = lock(&self.state);
        let regions = state.regions.values();
        let complete = regions.filter(|region| region.content == RegionContent::Complete);
        complete.map(|region| (region.name.clone(), region.size)).collect()
    }

    pub(crate) fn reader(&self, name: &ItemName) -> Result<ContentReader, LayoutError> {
        let text = name.to_string();
        let state = lock(&self.state);
        let found = state
            .regions
            .iter()
            .find(|(_, region)| region.name == *name && region.content == RegionContent::Complete);
        let Some((start, region)) = found else {
            return Err(refused(&self.location, &text, "it is missing"));
        };
        let start = start + region.header().len() as u64;
        let segment = Segment { file: self.file.clone(), start, size: region.size };
        Ok(ContentReader { location: self.location.clone(), name: text, segments: vec![segment] })
    }

    pub(crate) fn discard(&self, name: &ItemName) {
        for region in lock(&self.state).regions.values_mut() {
            if region.name == *name {
                region.content = RegionContent::Unused;
            }
        }
    }

    /// How many bytes of the places that these contents will take are on the disk already, at least.
    pub(crate) fn bytes_begun(
        &self,
        mut contents: HashSet<(ItemName, u64)>,
    ) -> Result<u64, LayoutError> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|why| cannot("read", &self.location, "", &why))?;
        let (mut begun, mut others) = (0, 0);
        for region in lock(&self.state).regions.values() {
            let is_begun = region.content == RegionContent::Unused
                && contents.remove(&(region.name.clone(), region.size));
            *(if is_begun { &mut begun } else { &mut others }) += region.length();
        }
        Ok(bytes_on_disk(&metadata).saturating_sub(others).min(begun))
    }

    pub(crate) fn begin(&self, name: &ItemName, size: u64) -> Result<Slot, LayoutError> {
        let failed = |why: io::Error| cannot("reserve", &self.location, &name.to_string(), &why);
        let mut state = lock(&self.state);
        let slot = |start: u64| {
            let file = self.file.clone();
            Slot { name: name.clone(), file, start, size }
        };
        let unused = state.regions.iter_mut().find(|(_, region)| {
            let Region { name: other, size: there, content } = region;
            *content == RegionContent::Unused && other == name && *there == size
        });
        if let Some((start, region)) = unused {
            region.content = RegionContent::InProgress;
            return Ok(slot(start + region.header().len() as u64));
        }
        let (start, content) = (state.end, RegionContent::InProgress);
        let region = Region { name: name.clone(), size, content };
        let (header, end) = (region.header(), start + region.length());
        // The file grows first: what is not written yet is zeros, also the padding.
        self.file.set_len(end).map_err(failed)?;
        write_at(&self.file, start, &header).map_err(failed)?;
        state.end = end;
        state.regions.insert(start, region);
        Ok(slot(start + header.len() as u64))
    }

    pub(crate) fn commit(&self, slot: &Slot) {
        self.set(slot, RegionContent::Complete);
    }

    pub(crate) fn abandon(&self, slot: &Slot) {
        self.set(slot, RegionContent::Unused);
    }

    fn set(&self, slot: &Slot, content: RegionContent) {
        let mut state = lock(&self.state);
        if let Some((_, region)) = state.regions.range_mut(..slot.start).next_back() {
            region.content = content;
        }
    }

    /// Moves regions to the front until there are no unused ones between them.
    pub(crate) fn compact(&self) -> Result<(), LayoutError> {
        let mut state = lock(&self.state);
        let Some(first) = state.regions.keys().next().copied() else { return Ok(()) };
        let mut end = first;
        let mut moved = BTreeMap::new();
        for (start, region) in std::mem::take(&mut state.regions) {
            if region.content != RegionContent::Complete {
                continue;
            }
            let failed =
                |why: io::Error| cannot("move", &self.location, &region.name.to_string(), &why);
            let length = region.length();
            if start != end {
                self.copy_down(start, end, length).map_err(failed)?;
            }
            moved.insert(end, region);
            end += length;
        }
        state.regions = moved;
        state.end = end;
        // Nothing of what was moved stays behind the end.
        self.file.set_len(end).map_err(|why| cannot("shorten", &self.location, "", &why))
    }

    fn copy_down(&self, from: u64, to: u64, length: u64) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 20];
        let mut done = 0;
        while done < length {
            let count = (length - done).min(buffer.len() as u64) as usize;
            if read_at(&self.file, from + done, &mut buffer[..count])? < count {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            write_at(&self.file, to + done, &buffer[..count])?;
            done += count as u64;
        }
        Ok(())
    }

    pub(crate) fn add(&self, name: &str, content: &FileContent) -> Result<String, LayoutError> {
        let failed = |why: io::Error| cannot("write", &self.location, name, &why);
        let size = content.size()?;
        let mut state = lock(&self.state);
        let header = header(name, size);
        let start = state.end + header.len() as u64;
        self.file.set_len(start + size + padding(size)).map_err(failed)?;
        write_at(&self.file, state.end, &header).map_err(failed)?;
        let write = |at, piece: &[u8]| write_at(&self.file, start + at, piece).map_err(failed);
        let hex = content.copy(size, write)?.hex().to_owned();
        state.end = start + size + padding(size);
        Ok(hex)
    }

    pub(crate) fn end(&self) -> Result<(), LayoutError> {
        let end = lock(&self.state).end;
        write_at(&self.file, end, &END)
            .and_then(|()| self.file.sync_all())
            .map_err(|why| cannot("write", &self.location, "", &why))
    }
}

fn not_ours(location: &LayoutLocation) -> LayoutError {
    let path = location.path().display().to_string();
    refused(location, &path, "it exists, and is not an unfinished archive of this program")
        .with_hint(format!("move `{path}` away or choose another name"))
}
