//! Reads the headers of an archive, one after the other.

use std::fs::File;
use std::sync::Arc;

use super::{BLOCK, header, padding};
use crate::failure::{LayoutError, broken, cannot, foreign, refused};
use crate::scan::Strictness;
use crate::{LayoutLocation, files};

/// Extended headers of other tools hold times and long names.
const LONGEST_EXTENSION: u64 = 64 << 10;

/// An archive that is open.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) location: LayoutLocation,
    pub(crate) file: Arc<File>,
    pub(crate) size: u64,
    pub(crate) strictness: Strictness,
}

/// What is at a position of an archive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TarEntry {
    File {
        name: String,
        /// The position of its content.
        content: u64,
        size: u64,
        /// The position of the next header.
        end: u64,
    },
    Folder {
        name: String,
        end: u64,
    },
    /// The archive ends with zeros from here.
    End,
}

/// What extended headers declare for the file after them.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    size: Option<u64>,
}

impl Archive {
    /// Reads the header at a position, with the extended headers before it.
    ///
    /// # Errors
    /// If it is not a header, or that of something else than a file or a folder, or if the content is cut
    /// off.
    pub(crate) fn next(&self, start: u64) -> Result<TarEntry, LayoutError> {
        let mut extension = Extension::default();
        let mut at = start;
        loop {
            let block: [u8; 512] = self.read(at, 512)?.try_into().unwrap_or([0; 512]);
            if block == [0; 512] && at == start {
                self.check_end(at)?;
                return Ok(TarEntry::End);
            }
            self.check_sum(at, &block)?;
            let name = extension.path.clone().map_or_else(|| self.name(at, &block), Ok)?;
            let size = match extension.size {
                Some(size) => size,
                None => number(&block[124..136])
                    .ok_or_else(|| refused(&self.location, &name, "its size is not a number"))?,
            };
            let content = at + BLOCK;
            let left = self.size.saturating_sub(content);
            if size > left {
                let why = format!("it is cut off: {size} bytes are declared, {left} are left");
                return Err(refused(&self.location, &name, why));
            }
            let end = content + size + padding(size);
            match block[156] {
                kind @ (b'x' | b'g' | b'L') => {
                    if size > LONGEST_EXTENSION {
                        return Err(refused(&self.location, &name, "its header is too long"));
                    }
                    self.extend(&mut extension, kind, &self.read(content, size as usize)?)?;
                    at = end;
                }
                b'0' | 0 if !name.ends_with('/') => {
                    let file = TarEntry::File { name: name.clone(), content, size, end };
                    return self.checked(&name, start, size, file);
                }
                b'5' | b'0' | 0 if self.strictness == Strictness::Foreign && size == 0 => {
                    return Ok(TarEntry::Folder { name, end });
                }
                kind => return Err(refused(&self.location, &name, unwanted(kind))),
            }
        }
    }

    /// In a bundle, a header and the padding are exactly what the writer writes.
    fn checked(
        &self,
        name: &str,
        start: u64,
        size: u64,
        found: TarEntry,
    ) -> Result<TarEntry, LayoutError> {
        let TarEntry::File { content, end, .. } = found else { return Ok(found) };
        if self.strictness == Strictness::Foreign {
            return Ok(found);
        }
        let expected = header(name, size);
        let length = content - start;
        if expected.len() as u64 != length || self.read(start, length as usize)? != expected {
            let why = "its header is not the one that this program writes";
            return Err(refused(&self.location, name, why));
        }
        let padding = self.read(content + size, (end - content - size) as usize)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(refused(&self.location, name, "it is followed by bytes that are not zero"));
        }
        Ok(found)
    }

    fn extend(
        &self,
        extension: &mut Extension,
        kind: u8,
        content: &[u8],
    ) -> Result<(), LayoutError> {
        let text = String::from_utf8(content.to_vec())
            .map_err(|why| refused(&self.location, "extended header", why))?;
        match kind {
            // Nothing that holds for the whole archive matters here.
            b'g' => return Ok(()),
            b'L' => extension.path = Some(text.trim_end_matches('\0').to_owned()),
            _ => {
                let mut rest = text.as_str();
                while !rest.is_empty() {
                    let record = record(&mut rest).ok_or_else(|| {
                        refused(&self.location, "extended header", "it is malformed")
                    })?;
                    match record {
                        ("path", path) => extension.path = Some(path.to_owned()),
                        ("size", size) => {
                            let bad = |_| refused(&self.location, "extended header", "bad size");
                            extension.size = Some(size.parse().map_err(bad)?);
                        }
                        (key, _) if key.starts_with("GNU.sparse") => {
                            let name = extension.path.as_deref().unwrap_or("extended header");
                            return Err(refused(&self.location, name, unwanted(b'S')));
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// After the last entry there are at least two blocks of zeros, and nothing else. A bundle has exactly
    /// two.
    fn check_end(&self, at: u64) -> Result<(), LayoutError> {
        let left = self.size - at;
        if left < 2 * BLOCK {
            return Err(broken(&self.location, "the archive is cut off: its end is missing"));
        }
        if self.strictness == Strictness::Bundle && left != 2 * BLOCK {
            let why = format!("{} bytes follow the end of the archive", left - 2 * BLOCK);
            return Err(broken(&self.location, why));
        }
        let mut at = at;
        while at < self.size {
            let count = (self.size - at).min(64 << 10);
            if self.read(at, count as usize)?.iter().any(|byte| *byte != 0) {
                return Err(broken(&self.location, "content follows the end of the archive"));
            }
            at += count;
        }
        Ok(())
    }

    fn check_sum(&self, at: u64, block: &[u8; 512]) -> Result<(), LayoutError> {
        let sum = |byte: (usize, &u8)| match byte.0 {
            148..156 => u64::from(b' '),
            _ => u64::from(*byte.1),
        };
        let expected: u64 = block.iter().enumerate().map(sum).sum();
        if number(&block[148..156]) == Some(expected) {
            return Ok(());
        }
        if at == 0 && block.starts_with(&[0x1f, 0x8b]) || block.starts_with(b"\x28\xb5\x2f\xfd") {
            return Err(foreign(&self.location, "the archive is compressed")
                .with_hint("decompress it first, for example with `gzip -d` or `zstd -d`"));
        }
        let why = format!("byte {at} does not begin a header of a tar archive");
        Err(if at == 0 { foreign(&self.location, why) } else { broken(&self.location, why) })
    }

    fn name(&self, at: u64, block: &[u8; 512]) -> Result<String, LayoutError> {
        let until_zero = |field: &[u8]| {
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            field[..end].to_vec()
        };
        let mut name = until_zero(&block[..100]);
        if block[257..262] == *b"ustar" && block[262] == 0 && block[345] != 0 {
            let mut prefix = until_zero(&block[345..500]);
            prefix.push(b'/');
            name.splice(0..0, prefix);
        }
        String::from_utf8(name).map_err(|why| {
            let name = String::from_utf8_lossy(why.as_bytes()).into_owned();
            refused(&self.location, &name, format!("its name, at byte {at}, is not UTF-8"))
        })
    }

    fn read(&self, at: u64, count: usize) -> Result<Vec<u8>, LayoutError> {
        let mut bytes = vec![0; count];
        let read = files::read_at(&self.file, at, &mut bytes)
            .map_err(|why| cannot("read", &self.location, "", &why))?;
        if read < count {
            let why = format!("the archive is cut off at byte {}", at + read as u64);
            let has_header = self.size >= BLOCK;
            let error = if has_header { broken } else { foreign };
            return Err(error(&self.location, why));
        }
        Ok(bytes)
    }
}

/// The next record of an extended header.
fn record<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    let (length, _) = rest.split_once(' ')?;
    let start = length.len() + 1;
    let length: usize = length.parse().ok()?;
    let record = rest.get(start..length)?.strip_suffix('\n')?;
    *rest = rest.get(length..)?;
    record.split_once('=')
}

/// An octal number, or a binary one as GNU tar writes it.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        let bytes = field[1..].iter();
        return bytes.skip_while(|byte| **byte == 0).try_fold(0u64, |number, byte| {
            number.checked_mul(256).map(|number| number + u64::from(*byte))
        });
    }
    let text = str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn unwanted(kind: u8) -> String {
    let what = match kind {
        b'1' => "a hard link",
        b'2' | b'K' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'5' => "a folder",
        b'6' => "a FIFO",
        b'S' => "a sparse file",
        b'0' | 0 => "a folder with content",
        _ => "of an unknown type",
    };
    format!("it is {what}; a layout has only regular files")
}
