//! An unfinished layout in a directory. Content that is not complete has another name.

use regular_file::Links;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::content::FileContent;
use super::slot::Slot;
use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot, refused};
use crate::files::{create_new, sync_folder, write_at};
use crate::index::OCI_LAYOUT_TEXT;
use crate::name::{INDEX, ItemName, OCI_LAYOUT, SUMS};
use crate::parallel::lock;
use crate::reader::{ContentReader, Segment};

const INCOMPLETE: &str = "incomplete";

pub(crate) struct FolderVolume {
    location: LayoutLocation,
    items: Mutex<BTreeMap<ItemName, u64>>,
    files: Mutex<Vec<String>>,
}

impl FolderVolume {
    pub(crate) fn open(location: &LayoutLocation) -> Result<Self, LayoutError> {
        let root = location.path();
        let failed = |why: io::Error| cannot("create", location, "", &why);
        std::fs::create_dir_all(root).map_err(failed)?;
        if !root.symlink_metadata().map_err(failed)?.is_dir() {
            return Err(not_ours(location));
        }
        let volume =
            Self { location: location.clone(), items: Mutex::default(), files: Mutex::default() };
        let marker = root.join(OCI_LAYOUT);
        let is_empty = std::fs::read_dir(root).map_err(failed)?.next().is_none();
        if !is_empty && !marker.symlink_metadata().is_ok_and(|marker| marker.is_file()) {
            return Err(not_ours(location));
        }
        volume.resume(root)?;
        let content = FileContent::Bytes(OCI_LAYOUT_TEXT.into());
        volume.add(OCI_LAYOUT, &content)?;
        Ok(volume)
    }

    /// Keeps complete blobs and removes everything else.
    fn resume(&self, root: &Path) -> Result<(), LayoutError> {
        let mut folders = vec![(root.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            let failed = |why: io::Error| cannot("read", &self.location, &prefix, &why);
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let metadata = entry.metadata().map_err(failed)?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if metadata.is_dir() {
                    folders.push((entry.path(), format!("{name}/")));
                    continue;
                }
                match ItemName::parse(&self.location, &name) {
                    Ok(item @ (ItemName::Blob(_) | ItemName::Piece(..))) if metadata.is_file() => {
                        lock(&self.items).insert(item, metadata.len());
                    }
                    // The marker of an unfinished layout is replaced later.
                    _ if name == OCI_LAYOUT => {}
                    _ => std::fs::remove_file(entry.path()).map_err(failed)?,
                }
            }
        }
        Ok(())
    }

    pub(crate) fn items(&self) -> Vec<(ItemName, u64)> {
        lock(&self.items).iter().map(|(name, size)| (name.clone(), *size)).collect()
    }

    pub(crate) fn reader(&self, name: &ItemName) -> Result<ContentReader, LayoutError> {
        let text = name.to_string();
        let (file, metadata) = regular_file::open(&self.path(&text), Links::Refuse)
            .map_err(|why| cannot("open", &self.location, &text, &why))?;
        let segment = Segment { file: Arc::new(file), start: 0, size: metadata.len() };
        Ok(ContentReader { location: self.location.clone(), name: text, segments: vec![segment] })
    }

    pub(crate) fn discard(&self, name: &ItemName) -> Result<(), LayoutError> {
        lock(&self.items).remove(name);
        let text = name.to_string();
        std::fs::remove_file(self.path(&text))
            .map_err(|why| cannot("remove", &self.location, &text, &why))
    }

    pub(crate) fn begin(&self, name: &ItemName, size: u64) -> Result<Slot, LayoutError> {
        let file = create_new(&self.incomplete(name))
            .map_err(|why| cannot("create", &self.location, &name.to_string(), &why))?;
        Ok(Slot { name: name.clone(), file: Arc::new(file), start: 0, size })
    }

    pub(crate) fn commit(&self, slot: &Slot) -> Result<(), LayoutError> {
        let text = slot.name.to_string();
        std::fs::rename(self.incomplete(&slot.name), self.path(&text))
            .map_err(|why| cannot("rename", &self.location, &text, &why))?;
        lock(&self.items).insert(slot.name.clone(), slot.size);
        Ok(())
    }

    pub(crate) fn abandon(&self, slot: &Slot) {
        // A leftover is removed by the next run.
        drop(std::fs::remove_file(self.incomplete(&slot.name)));
    }

    pub(crate) fn add(&self, name: &str, content: &FileContent) -> Result<String, LayoutError> {
        let failed = |why: io::Error| cannot("write", &self.location, name, &why);
        let path = self.path(name);
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path).map_err(failed)?;
        }
        let file = create_new(&path).map_err(failed)?;
        let size = content.size()?;
        let digest = content.copy(size, |at, piece| write_at(&file, at, piece).map_err(failed))?;
        make_executable(name, &file).map_err(failed)?;
        lock(&self.files).push(name.to_owned());
        Ok(digest.hex().to_owned())
    }

    pub(crate) fn end(&self) -> Result<(), LayoutError> {
        let items: Vec<_> = lock(&self.items).keys().map(ToString::to_string).collect();
        let files = lock(&self.files).clone();
        for name in items.into_iter().chain(files) {
            let failed = |why: io::Error| cannot("write", &self.location, &name, &why);
            // Windows needs write access for this.
            let file = std::fs::OpenOptions::new().write(true).open(self.path(&name));
            file.and_then(|file| file.sync_all()).map_err(failed)?;
        }
        self.sync_folders(self.location.path())
    }

    /// Also removes folders that stayed empty.
    fn sync_folders(&self, folder: &Path) -> Result<(), LayoutError> {
        let name = folder.display().to_string();
        let failed = |why: io::Error| cannot("write", &self.location, &name, &why);
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir()
                && std::fs::remove_dir(entry.path()).is_err()
            {
                self.sync_folders(&entry.path())?;
            }
        }
        sync_folder(folder).map_err(failed)
    }

    pub(crate) fn merge_into(&self, root: &Path) -> Result<(), LayoutError> {
        let blobs = lock(&self.items).keys().map(ToString::to_string).collect::<Vec<_>>();
        let mut files = lock(&self.files).clone();
        files.sort_by_key(|name| (name == INDEX, name == SUMS));
        for name in blobs.into_iter().chain(files) {
            let failed = |why: io::Error| cannot("write", &self.location, &name, &why);
            let path = root.join(&name);
            let folder = path.parent().unwrap_or(root);
            std::fs::create_dir_all(folder).map_err(failed)?;
            std::fs::rename(self.path(&name), &path).map_err(failed)?;
            sync_folder(folder).map_err(failed)?;
        }
        let rest = self.location.path();
        std::fs::remove_dir_all(rest).map_err(|why| cannot("remove", &self.location, "", &why))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.location.path().join(name)
    }

    fn incomplete(&self, name: &ItemName) -> PathBuf {
        self.path(&name.to_string()).with_extension(OsStr::new(INCOMPLETE))
    }
}

fn not_ours(location: &LayoutLocation) -> LayoutError {
    let path = location.path().display().to_string();
    refused(location, &path, "it exists, and is not an unfinished layout of this program")
        .with_hint(format!("move `{path}` away or choose another name"))
}

/// Like the header in an archive.
#[cfg(unix)]
fn make_executable(name: &str, file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if name.starts_with("bin/") {
        file.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_executable(_: &str, _: &std::fs::File) -> io::Result<()> {
    Ok(())
}
