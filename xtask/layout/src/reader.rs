//! `ContentReader`: the content of one blob or file, wherever its bytes are.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::LayoutLocation;
use crate::failure::{LayoutError, cannot, refused};
use crate::files;

/// Reads one blob or file at any position. It stays open for as long as the reader lives.
#[derive(Debug, Clone)]
pub struct ContentReader {
    pub(crate) location: LayoutLocation,
    pub(crate) name: String,
    pub(crate) segments: Vec<Segment>,
}

/// Bytes in a row in one file.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) start: u64,
    pub(crate) size: u64,
}

impl ContentReader {
    /// In bytes.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Reads at a position until the buffer is full or the content ends. Returns the number of bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or became shorter.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, LayoutError> {
        let mut filled = 0;
        let mut start = 0;
        for segment in &self.segments {
            let position = offset + filled as u64;
            if position < start + segment.size && filled < buffer.len() {
                let inner = position - start;
                let left = (buffer.len() - filled) as u64;
                let count = left.min(segment.size - inner) as usize;
                let piece = &mut buffer[filled..filled + count];
                let read = files::read_at(&segment.file, segment.start + inner, piece);
                let read = read.map_err(|why| self.failed(&why))?;
                if read < count {
                    return Err(self.failed(&io::ErrorKind::UnexpectedEof.into()));
                }
                filled += count;
            }
            start += segment.size;
        }
        Ok(filled)
    }

    /// The whole content, if it is not larger than a limit.
    ///
    /// # Errors
    /// If it is larger, or cannot be read.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>, LayoutError> {
        let size = self.size();
        if size > limit {
            let why = format!("it has {size} bytes; at most {limit} are accepted");
            return Err(refused(&self.location, &self.name, why));
        }
        let mut content = vec![0; size as usize];
        self.read_at(0, &mut content)?;
        Ok(content)
    }

    /// Calls `with` for the content, piece by piece.
    pub(crate) fn for_each(
        &self,
        mut with: impl FnMut(&[u8]) -> Result<(), LayoutError>,
    ) -> Result<(), LayoutError> {
        let mut buffer = vec![0; 256 << 10];
        let mut offset = 0;
        loop {
            let count = self.read_at(offset, &mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            with(&buffer[..count])?;
            offset += count as u64;
        }
    }

    fn failed(&self, why: &io::Error) -> LayoutError {
        cannot("read", &self.location, &self.name, why)
    }
}
