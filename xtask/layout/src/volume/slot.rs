//! `Slot`: the reserved place of content that is being written.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::files;
use crate::name::ItemName;

pub(crate) struct Slot {
    pub(crate) name: ItemName,
    pub(crate) file: Arc<File>,
    /// The position of the first byte in the file.
    pub(crate) start: u64,
    pub(crate) size: u64,
}

impl Slot {
    pub(crate) fn write_at(&self, offset: u64, content: &[u8]) -> io::Result<()> {
        files::write_at(&self.file, self.start + offset, content)
    }
}
