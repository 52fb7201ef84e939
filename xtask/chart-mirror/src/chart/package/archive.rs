//! Writes the archive of a chart: a tar in gzip, whose bytes depend on nothing but names and contents. Pure.
//!
//! The content is stored, not compressed. The output of a compressor changes from release to release, and
//! the same chart would get another digest.

use messages::Advice;

/// POSIX ustar has room for this many bytes of the last part of a name, and of the folders above it.
const NAME: usize = 100;
const PREFIX: usize = 155;
const BLOCK: usize = 512;
/// The most bytes of a stored block of deflate (RFC 1951, section 3.2.4).
const STORED: usize = 65535;
/// The largest size that 11 octal digits can express.
const LARGEST: usize = 0o777_7777_7777;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchivedFile {
    /// With `/` between its names.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// The archive of files, sorted by their paths.
///
/// # Errors
/// If a path is too long for the format.
pub(super) fn archive(mut files: Vec<ArchivedFile>) -> Result<Vec<u8>, Advice> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tar = Vec::new();
    for file in &files {
        tar.extend(header(file)?);
        tar.extend_from_slice(&file.content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(gzip(&tar))
}

/// A header of POSIX ustar: mode 644, owner 0, time 0.
fn header(file: &ArchivedFile) -> Result<[u8; BLOCK], Advice> {
    let refused = |why: &str| Advice::new(format!("`{}` {why}", file.path));
    let (prefix, name) = split(&file.path).ok_or_else(|| {
        refused("has a path that is too long for an archive").with_hint("shorten its names")
    })?;
    if file.content.len() > LARGEST {
        return Err(refused("is too large for a chart"));
    }
    let size = format!("{:011o}", file.content.len());
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &size);
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    put(329, "0000000");
    put(337, "0000000");
    put(345, prefix);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// The two parts of a path in a header. `None` if it does not fit.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME {
        return Some(("", path));
    }
    let slashes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    let mut parts = slashes.filter(|(prefix, name)| prefix.len() <= PREFIX && name.len() <= NAME);
    parts.next()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    // No name, no time, and an unknown system (RFC 1952).
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut pieces = content.chunks(STORED).peekable();
    while let Some(piece) = pieces.next() {
        gzip.push(u8::from(pieces.peek().is_none()));
        let length = piece.len() as u16;
        gzip.extend(length.to_le_bytes());
        gzip.extend((!length).to_le_bytes());
        gzip.extend_from_slice(piece);
    }
    gzip.extend(crc32(content).to_le_bytes());
    gzip.extend((content.len() as u32).to_le_bytes());
    gzip
}

/// The checksum of gzip (RFC 1952, section 8).
fn crc32(content: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => (crc >> 1) ^ 0xedb8_8320,
        })
    });
    !content.iter().fold(u32::MAX, |crc, byte| table[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str) -> ArchivedFile {
        ArchivedFile { path: path.to_owned(), content: content.as_bytes().to_vec() }
    }

    #[test]
    fn the_checksum_is_that_of_gzip() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn an_archive_does_not_depend_on_the_order_of_its_files() {
        let (a, b) = (file("c/a", "1"), file("c/b", "2"));
        let one = archive(vec![a.clone(), b.clone()]).unwrap();
        assert_eq!(one, archive(vec![b, a]).unwrap());
        assert_ne!(one, archive(vec![file("c/a", "2"), file("c/b", "2")]).unwrap());
        // Two headers, two contents and the end, in one stored block.
        assert_eq!(one.len(), 10 + 5 + 6 * BLOCK + 8);
        assert_eq!(oci::Digest::of(&one).as_str(), KNOWN, "the format must not change");
    }

    /// The digest of this archive in every version of the program.
    const KNOWN: &str = "sha256:37fb7677e77b4284b330443f184bb7f8c178efb777bd14ae92f8736b654a3184";

    #[test]
    fn a_long_path_is_split_at_a_folder_or_refused() {
        let name = "n".repeat(90);
        let path = format!("{}/{name}", "p".repeat(150));
        assert_eq!(split(&path), Some(("p".repeat(150).as_str(), name.as_str())));
        assert_eq!(split(&name), Some(("", name.as_str())));
        let error = archive(vec![file(&"n".repeat(101), "")]).unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
    }

    #[test]
    fn a_large_file_takes_several_blocks() {
        let size = 200_000_usize;
        let gzip = archive(vec![file("c/a", &"x".repeat(size))]).unwrap();
        let tar = BLOCK + size.next_multiple_of(BLOCK) + 2 * BLOCK;
        assert_eq!(gzip.len(), 10 + tar + 5 * tar.div_ceil(STORED) + 8);
    }
}
