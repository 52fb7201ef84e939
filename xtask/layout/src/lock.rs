//! `RunLock`: only one run at a time writes a layout.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use fs4::{FileExt, TryLockError};

use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot};
use regular_file::is_same_file;

/// A locked file beside the layout. It is removed when the run ends; the system releases the lock of a
/// killed run.
pub(crate) struct RunLock {
    file: File,
    path: PathBuf,
}

impl RunLock {
    pub(crate) fn take(location: &LayoutLocation) -> Result<Self, LayoutError> {
        let path = location.with_suffix(".partial.lock");
        let failed = |why: &std::io::Error| cannot("lock", location, "", why);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|why| failed(&why))?;
        }
        loop {
            let mut options = OpenOptions::new();
            let opened = options.create(true).truncate(false).write(true).open(&path);
            let file = opened.map_err(|why| failed(&why))?;
            // By its path: newer versions of Rust have methods of the same names.
            match FileExt::try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let message = format!("{location}: another run is writing it");
                    return Err(
                        LayoutError::new(message).with_hint("wait until the other run ends")
                    );
                }
                Err(TryLockError::Error(why)) => return Err(failed(&why)),
            }
            // The run that had the lock before may have removed the file since it was opened here.
            let mine = file.metadata().map_err(|why| failed(&why))?;
            if path.metadata().is_ok_and(|there| is_same_file(&mine, &there)) {
                return Ok(Self { file, path });
            }
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // A file that stays does no harm.
        drop(std::fs::remove_file(&self.path));
        drop(FileExt::unlock(&self.file));
    }
}
