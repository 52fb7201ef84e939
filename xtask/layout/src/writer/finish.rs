//! The end of writing: the index, the files, the checksums, and the final name.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use oci::Digest;

use super::shared::{BlobState, Shared};
use crate::closure::closure;
use crate::failure::{LayoutError, broken, cannot, refused};
use crate::files::sync_folder;
use crate::index::OCI_LAYOUT_TEXT;
use crate::name::{INDEX, ItemName, OCI_LAYOUT, PARTS, SUMS};
use crate::open::Layout;
use crate::parallel::lock;
use crate::sums::Sums;
use crate::volume::FileContent;
use crate::{LayoutEntry, LayoutLocation, index};

pub(super) fn finish(shared: &Shared, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
    {
        let mut state = lock(&shared.state);
        let is_busy = state.blobs.values().any(|blob| *blob == BlobState::InProgress);
        if is_busy || state.is_finished {
            let why = if is_busy { "a blob is still being written" } else { "it is finished" };
            return Err(broken(&shared.location, why));
        }
        state.is_finished = true;
    }
    check_entries(shared, entries)?;
    if shared.base.is_none() {
        leave_out_unneeded(shared, entries)?;
    }
    for at in 0..shared.volumes.len() {
        write_part(shared, at, entries)?;
    }
    for (at, part) in shared.parts.iter().enumerate() {
        publish(shared, at, part)?;
    }
    Ok(())
}

fn check_entries(shared: &Shared, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
    // The same rules as for a reader.
    index::parse(&shared.location, index::render(entries).as_bytes())?;
    for LayoutEntry { descriptor, .. } in entries {
        let there = shared.size_of(&descriptor.digest);
        if there != Some(descriptor.size) {
            let name = ItemName::Blob(descriptor.digest.clone()).to_string();
            let why = match there {
                Some(there) => {
                    format!("an entry declares {} bytes, it has {there}", descriptor.size)
                }
                None => "an entry names it, but it was not written".to_owned(),
            };
            return Err(refused(&shared.location, &name, why));
        }
    }
    Ok(())
}

/// Discards blobs that no entry needs. What a manifest of an unknown kind needs is not known: then all
/// stay.
fn leave_out_unneeded(shared: &Shared, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
    let closure = closure(entries, &|digest| shared.read_manifest(digest))?;
    if let Some((digest, why)) = closure.too_large.first() {
        let name = ItemName::Blob(digest.clone()).to_string();
        return Err(refused(&shared.location, &name, why));
    }
    if !closure.unreadable.is_empty() {
        return Ok(());
    }
    for volume in &shared.volumes {
        for (name, _) in volume.items() {
            if let ItemName::Blob(digest) | ItemName::Piece(digest, _) = &name
                && !closure.needed.contains_key(digest)
            {
                volume.discard(&name)?;
            }
        }
    }
    Ok(())
}

fn write_part(shared: &Shared, at: usize, entries: &[LayoutEntry]) -> Result<(), LayoutError> {
    let volume = &shared.volumes[at];
    volume.compact()?;
    let mut sums = shared.base.as_ref().map_or_else(|| Ok(Sums::default()), sums_of)?;
    for (name, _) in volume.items() {
        let text = name.to_string();
        let known = lock(&shared.state).sums.get(&(at, name.clone())).cloned();
        // Otherwise the name has it.
        let hex = known.or_else(|| name.digest().map(|digest| digest.hex().to_owned()));
        sums.0.extend(hex.map(|hex| (text, hex)));
    }
    let mut files = lock(&shared.state).files.clone();
    files.insert(INDEX.to_owned(), FileContent::Bytes(index::render(entries).into_bytes()));
    if let Some(plan) = &shared.plan {
        let text = plan.render(at as u32 + 1);
        files.insert(PARTS.to_owned(), FileContent::Bytes(text.into_bytes()));
    }
    for (name, content) in &files {
        sums.0.insert(name.clone(), volume.add(name, content)?);
    }
    // The volume begins with this file.
    let hex = Digest::of(OCI_LAYOUT_TEXT.as_bytes()).hex().to_owned();
    sums.0.insert(OCI_LAYOUT.to_owned(), hex);
    volume.add(SUMS, &FileContent::Bytes(sums.render().into_bytes()))?;
    volume.end()
}

/// The checksums of a complete layout. Only files that its `SHA256SUMS` does not list are hashed.
fn sums_of(base: &Layout) -> Result<Sums, LayoutError> {
    let mut sums = BTreeMap::new();
    for part in &base.parts {
        let table = &part.table;
        let text = table.file(SUMS, 128 << 20)?;
        let listed = Sums::parse(&table.location, &text)?;
        for name in table.items.keys() {
            let text = name.to_string();
            let in_name = name.digest().filter(|digest| digest.as_str().starts_with("sha256:"));
            let hex = match (listed.0.get(&text), in_name) {
                _ if text == SUMS => continue,
                (Some(hex), _) => hex.clone(),
                (None, Some(digest)) => digest.hex().to_owned(),
                (None, None) => {
                    let mut hasher = Digest::of(b"").hasher();
                    table.reader(name)?.for_each(|piece| {
                        hasher.update(piece);
                        Ok(())
                    })?;
                    hasher.finish().hex().to_owned()
                }
            };
            sums.insert(text, hex);
        }
    }
    Ok(Sums(sums))
}

fn publish(shared: &Shared, at: usize, part: &LayoutLocation) -> Result<(), LayoutError> {
    let path = part.path();
    let failed = |why: io::Error| cannot("rename", part, "", &why);
    if shared.base.is_some() {
        return shared.volumes[at].merge_into(path);
    }
    // Something may have taken the name in the meantime. An empty directory may be replaced.
    if path.symlink_metadata().is_ok_and(|there| !there.is_dir())
        || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    if cfg!(windows) && path.is_dir() {
        std::fs::remove_dir(path).map_err(failed)?;
    }
    std::fs::rename(part.unfinished().path(), path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new("."))).map_err(failed)
}
