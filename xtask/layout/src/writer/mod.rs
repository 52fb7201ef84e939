//! `LayoutWriter`: writes a layout, or continues an interrupted one. It gets its name when it is complete.

mod blob;
mod finish;
mod shared;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use oci::Digest;

use crate::failure::{LayoutError, refused};
use crate::lock::RunLock;
use crate::name::{INDEX, ItemName, OCI_LAYOUT, PARTS, SUMS, check_path};
use crate::open::Layout;
use crate::parallel::lock;
use crate::parts::PartPlan;
use crate::reader::ContentReader;
use crate::scan::Strictness;
use crate::volume::{FileContent, Volume};
use crate::{LayoutEntry, LayoutLocation, index};
pub use blob::BlobWriter;
use shared::{BlobState, Shared, State};

/// What to do if the layout is complete already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfComplete {
    Refuse,
    /// Add to it. Only a directory that this program wrote can be extended.
    Extend,
}

/// Can be shared between threads. If it is dropped before it is finished, what was written stays, and the
/// next writer of the same location continues.
pub struct LayoutWriter {
    shared: Arc<Shared>,
}

impl LayoutWriter {
    /// Creates a layout, or continues an interrupted one. What is there is hashed before it is trusted,
    /// with several threads; `on_bytes` gets the number of bytes that are done.
    ///
    /// # Errors
    /// If something else has the name, another run writes it, or it cannot be written.
    pub fn open(
        location: &LayoutLocation,
        if_complete: IfComplete,
        threads: NonZeroUsize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, LayoutError> {
        let run_lock = RunLock::take(location)?;
        let base = complete(location, if_complete)?;
        Self::of(location, vec![location.clone()], run_lock, base, None, threads, on_bytes)
    }

    /// Refuses a location that something complete has, before there is anything to write.
    ///
    /// # Errors
    /// If something has the name.
    pub fn check_new(location: &LayoutLocation) -> Result<(), LayoutError> {
        complete(location, IfComplete::Refuse).map(drop)
    }

    /// Like [`LayoutWriter::open`], for a layout in parts. Their names follow from the location of the
    /// whole: `OUT.tar` gives `OUT-1.tar`, `OUT-2.tar` and so on. Content that the plan does not list is
    /// written to every part.
    ///
    /// # Errors
    /// As for [`LayoutWriter::open`].
    pub fn open_parts(
        location: &LayoutLocation,
        plan: PartPlan,
        threads: NonZeroUsize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, LayoutError> {
        let run_lock = RunLock::take(location)?;
        let parts = plan.locations(location);
        for part in &parts {
            complete(part, IfComplete::Refuse)?;
        }
        Self::of(location, parts, run_lock, None, Some(plan), threads, on_bytes)
    }

    fn of(
        location: &LayoutLocation,
        parts: Vec<LayoutLocation>,
        run_lock: RunLock,
        base: Option<Layout>,
        plan: Option<PartPlan>,
        threads: NonZeroUsize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, LayoutError> {
        let volumes = parts.iter().map(Volume::open).collect::<Result<_, _>>()?;
        let shared = Shared {
            location: location.clone(),
            parts,
            volumes,
            plan,
            base,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            _run_lock: run_lock,
        };
        shared.resume(threads, on_bytes)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    pub fn location(&self) -> &LayoutLocation {
        &self.shared.location
    }

    /// The entries of the complete layout that is extended.
    pub fn entries(&self) -> &[LayoutEntry] {
        self.shared.base.as_ref().map_or(&[], Layout::entries)
    }

    /// The size of a blob or manifest that is completely there.
    pub fn size_of(&self, digest: &Digest) -> Option<u64> {
        self.shared.size_of(digest)
    }

    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        self.size_of(digest) == Some(size)
    }

    /// Opens a blob or manifest that is completely there. `None` if it is not.
    ///
    /// # Errors
    /// If its file cannot be opened.
    pub fn reader(&self, digest: &Digest) -> Result<Option<ContentReader>, LayoutError> {
        self.shared.reader(digest)
    }

    /// The content of a manifest. `None` if it is not there.
    ///
    /// # Errors
    /// If it is too large to be a manifest, or cannot be read.
    pub fn read_manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LayoutError> {
        self.shared.read_manifest(digest)
    }

    /// How many bytes of these contents are on the disk already without being complete, at least. They are
    /// written over, and take no more space.
    ///
    /// # Errors
    /// If the disk does not report it.
    pub fn bytes_begun<'a>(
        &self,
        contents: impl Iterator<Item = (&'a Digest, u64)>,
    ) -> Result<u64, LayoutError> {
        let mut in_each = vec![HashSet::new(); self.shared.volumes.len()];
        for (digest, size) in contents {
            for (at, name, size) in self.shared.places(digest, size) {
                in_each[at].insert((name, size));
            }
        }
        let volumes = self.shared.volumes.iter().zip(in_each);
        volumes.map(|(volume, contents)| volume.bytes_begun(contents)).sum()
    }

    /// Begins a blob or manifest. `None` if it is there. If another thread is writing it, this waits until
    /// that one is done: so each blob is written once.
    ///
    /// # Errors
    /// If it is there with another size, or space for it cannot be reserved.
    pub fn begin_blob(
        &self,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<BlobWriter>, LayoutError> {
        BlobWriter::begin(&self.shared, digest, size)
    }

    /// Writes a small blob or a manifest, unless it is there.
    ///
    /// # Errors
    /// If the content has another digest, or cannot be written.
    pub fn put_blob(&self, digest: &Digest, content: &[u8]) -> Result<(), LayoutError> {
        match self.begin_blob(digest, content.len() as u64)? {
            Some(mut blob) => {
                blob.write(content)?;
                blob.finish()
            }
            None => Ok(()),
        }
    }

    /// The text of `index.json` with these entries.
    pub fn index_text(entries: &[LayoutEntry]) -> String {
        index::render(entries)
    }

    /// Adds a file, which replaces an earlier one of the same name. It is written by
    /// [`LayoutWriter::finish`]. Files below `bin/` can be executed.
    ///
    /// # Errors
    /// If the name is not clean or not free, or the file cannot be read.
    pub fn add_file(&self, name: &str, content: FileContent) -> Result<(), LayoutError> {
        let location = &self.shared.location;
        check_path(location, name)?;
        let is_own = [OCI_LAYOUT, INDEX, SUMS, PARTS].contains(&name);
        if is_own || !matches!(ItemName::parse(location, name)?, ItemName::File(_)) {
            return Err(refused(location, name, "the layout itself uses this name"));
        }
        content.size()?;
        lock(&self.shared.state).files.insert(name.to_owned(), content);
        Ok(())
    }

    /// Writes the index and the files, waits until all is on the disk, and gives the layout its name.
    /// Blobs that no entry needs are left out: an interrupted run may have left them.
    ///
    /// # Errors
    /// If an entry names a manifest that is not there, a blob is still being written, or something cannot
    /// be written. The unfinished layout stays, and can be continued by another writer.
    pub fn finish(&self, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
        finish::finish(&self.shared, entries)
    }
}

/// The complete layout that is to be extended, if there is one.
fn complete(
    location: &LayoutLocation,
    if_complete: IfComplete,
) -> Result<Option<Layout>, LayoutError> {
    let path = location.path();
    let Ok(there) = path.symlink_metadata() else { return Ok(None) };
    let is_empty =
        |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if there.is_dir() && matches!(location, LayoutLocation::Directory(_)) {
        if is_empty(path) {
            return Ok(None);
        }
        if if_complete == IfComplete::Extend && path.join(SUMS).is_file() {
            // Not as a bundle: a run may have been killed while it moved new files into it.
            return Layout::open(location, Strictness::Foreign).map(Some);
        }
    }
    let path = path.display();
    let message = match if_complete {
        IfComplete::Extend => {
            format!("{location}: `{path}` exists, and is not a directory that this program extends")
        }
        IfComplete::Refuse => format!("{location}: `{path}` exists; it is not overwritten"),
    };
    Err(LayoutError::new(message).with_hint("choose another name, or move it away"))
}

impl Shared {
    /// Hashes what an interrupted run left, and keeps what is right.
    fn resume(
        &self,
        threads: NonZeroUsize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<(), LayoutError> {
        // By digest: the content may be in several parts.
        let mut found: HashMap<Digest, Vec<(usize, ItemName, u64)>> = HashMap::new();
        for (at, volume) in self.volumes.iter().enumerate() {
            for (name, size) in volume.items() {
                if let ItemName::Blob(digest) | ItemName::Piece(digest, _) = &name {
                    found.entry(digest.clone()).or_default().push((at, name, size));
                }
            }
        }
        let found: Vec<_> = found.into_iter().collect();
        let results = crate::parallel::map(threads, &found, |(digest, items)| {
            self.resume_blob(digest, items, on_bytes)
        });
        results.into_iter().collect()
    }

    fn resume_blob(
        &self,
        digest: &Digest,
        items: &[(usize, ItemName, u64)],
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<(), LayoutError> {
        let size = items.iter().find_map(|(_, name, size)| name.digest().and(Some(*size)));
        let size = size.or(self
            .plan
            .as_ref()
            .and_then(|plan| plan.blobs().get(digest))
            .map(|blob| blob.size));
        let places = size.map(|size| self.places(digest, size)).unwrap_or_default();
        let is_complete = !places.is_empty()
            && places.len() == items.len()
            && places.iter().all(|place| items.contains(place));
        if is_complete && self.hashes_right(digest, &places, on_bytes)? {
            let size = size.unwrap_or_default();
            let mut state = lock(&self.state);
            state.blobs.insert(digest.clone(), BlobState::Complete(size));
            return Ok(());
        }
        items.iter().try_for_each(|(at, name, _)| self.volumes[*at].discard(name))
    }
}
