//! `BlobWriter`: writes one blob, which counts when its size and digest are right.

use std::sync::Arc;

use oci::{Digest, Hasher};

use super::shared::{BlobState, Shared, sum_hasher};
use crate::failure::{LayoutError, cannot, refused};
use crate::name::ItemName;
use crate::parallel::lock;
use crate::reader::ContentReader;
use crate::verify::Damage;
use crate::volume::Slot;

/// Dropped before it is finished, it leaves nothing that a reader would trust, and another writer can
/// begin the same blob.
pub struct BlobWriter {
    shared: Arc<Shared>,
    digest: Digest,
    size: u64,
    written: u64,
    hasher: Hasher,
    sinks: Vec<Sink>,
    is_complete: bool,
}

/// A place of the content, or of a piece of it.
struct Sink {
    volume: usize,
    slot: Slot,
    /// The position of the piece in the content.
    start: u64,
    /// For `SHA256SUMS`, unless the digest is the checksum.
    hasher: Option<Hasher>,
}

impl BlobWriter {
    pub(super) fn begin(
        shared: &Arc<Shared>,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Self>, LayoutError> {
        let name = ItemName::Blob(digest.clone()).to_string();
        let same_size = |there: u64| {
            let why = format!("it is there with {there} bytes, and {size} bytes are declared");
            if there == size { Ok(None) } else { Err(refused(&shared.location, &name, why)) }
        };
        if let Some(there) = shared.base.as_ref().and_then(|base| base.size_of(digest)) {
            return same_size(there);
        }
        let mut state = lock(&shared.state);
        loop {
            if state.is_finished {
                return Err(refused(&shared.location, &name, "the layout is finished already"));
            }
            match state.blobs.get(digest) {
                Some(BlobState::Complete(there)) => return same_size(*there),
                Some(BlobState::InProgress) => {
                    let waited = shared.changed.wait(state);
                    state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
                }
                None => break,
            }
        }
        let planned = shared.plan.as_ref().and_then(|plan| plan.blobs().get(digest));
        if let Some(planned) = planned.filter(|planned| planned.size != size) {
            let why = format!("{} bytes are planned, and {size} are declared", planned.size);
            return Err(refused(&shared.location, &name, why));
        }
        state.blobs.insert(digest.clone(), BlobState::InProgress);
        drop(state);
        // From here, dropping it undoes what was begun.
        let mut writer = Self {
            shared: shared.clone(),
            digest: digest.clone(),
            size,
            written: 0,
            hasher: digest.hasher(),
            sinks: Vec::new(),
            is_complete: false,
        };
        let mut start = 0;
        for (volume, name, size) in shared.places(digest, size) {
            let slot = shared.volumes[volume].begin(&name, size)?;
            let is_piece = matches!(name, ItemName::Piece(..));
            writer.sinks.push(Sink { volume, slot, start, hasher: sum_hasher(&name) });
            start += if is_piece { size } else { 0 };
        }
        Ok(Some(writer))
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// If there are more than declared, or they cannot be written.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), LayoutError> {
        let end = self.written + piece.len() as u64;
        if end > self.size {
            return Err(self.wrong(format!("more than {} bytes arrived", self.size)));
        }
        self.hasher.update(piece);
        for Sink { slot, start, hasher, .. } in &mut self.sinks {
            // The part of the piece that belongs to this sink.
            let from = self.written.clamp(*start, *start + slot.size);
            let to = end.clamp(*start, *start + slot.size);
            if from == to {
                continue;
            }
            let part = &piece[(from - self.written) as usize..(to - self.written) as usize];
            slot.write_at(from - *start, part).map_err(|why| {
                cannot("write", &self.shared.location, &slot.name.to_string(), &why)
            })?;
            if let Some(hasher) = hasher {
                hasher.update(part);
            }
        }
        self.written = end;
        Ok(())
    }

    /// Checks the size and the digest. Only then the blob counts.
    ///
    /// # Errors
    /// If one of them is not the expected one.
    pub fn finish(self) -> Result<(), LayoutError> {
        match self.difference() {
            None => self.commit(),
            Some((expected, found)) => {
                Err(self.wrong(format!("expected {expected}, found {found}")))
            }
        }
    }

    /// Writes the content of another layout, and finishes. Returns the damage if it is not the expected content:
    /// then nothing counts.
    ///
    /// # Errors
    /// If the content cannot be read or written.
    pub fn copy(mut self, reader: &ContentReader) -> Result<Option<Damage>, LayoutError> {
        reader.for_each(|piece| self.write(piece))?;
        let Some((expected, found)) = self.difference() else {
            return self.commit().map(|()| None);
        };
        let (location, name) = (reader.location.clone(), reader.name.clone());
        Ok(Some(Damage { location, name, expected, found }))
    }

    /// The expected and the found size or digest, if they differ.
    fn difference(&self) -> Option<(String, String)> {
        if self.written != self.size {
            return Some((format!("{} bytes", self.size), format!("{} bytes", self.written)));
        }
        let found = self.hasher.clone().finish();
        (found != self.digest).then(|| (self.digest.to_string(), found.to_string()))
    }

    fn commit(mut self) -> Result<(), LayoutError> {
        for Sink { volume, slot, .. } in &self.sinks {
            self.shared.volumes[*volume].commit(slot)?;
        }
        self.is_complete = true;
        let mut state = lock(&self.shared.state);
        for sink in &mut self.sinks {
            if let Some(hasher) = sink.hasher.take() {
                let hex = hasher.finish().hex().to_owned();
                state.sums.insert((sink.volume, sink.slot.name.clone()), hex);
            }
        }
        state.blobs.insert(self.digest.clone(), BlobState::Complete(self.size));
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn wrong(&self, why: String) -> LayoutError {
        let name = ItemName::Blob(self.digest.clone()).to_string();
        refused(&self.shared.location, &name, why)
            .with_hint("the content that arrived is damaged: run the command again")
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        for Sink { volume, slot, .. } in &self.sinks {
            self.shared.volumes[*volume].abandon(slot);
        }
        lock(&self.shared.state).blobs.remove(&self.digest);
        self.shared.changed.notify_all();
    }
}
