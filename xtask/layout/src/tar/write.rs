//! The one header that a name and a size have in a bundle.

use super::BLOCK;

/// Two blocks of zeros, and nothing after them.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// The largest size that fits into the 11 octal digits of a header.
const LARGEST_IN_OCTAL: u64 = (1 << 33) - 1;

/// The zeros after content of this size.
pub(crate) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

/// The header of a file: no owner and no time. It depends on nothing but the name and the size, so that a
/// reader can demand exactly these bytes. A name or a size that does not fit is in an extended header in
/// front.
pub(crate) fn header(name: &str, size: u64) -> Vec<u8> {
    let mode = if name.starts_with("bin/") { 0o755 } else { 0o644 };
    let place = split(name);
    let fits = size <= LARGEST_IN_OCTAL;
    let mut bytes = Vec::new();
    if place.is_none() || !fits {
        let mut records = String::new();
        if place.is_none() {
            records.push_str(&record("path", name));
        }
        if !fits {
            records.push_str(&record("size", &size.to_string()));
        }
        let length = records.len() as u64;
        bytes.extend(block(b'x', (b"", b"PaxHeaders/item"), length, 0o644));
        bytes.extend(records.as_bytes());
        bytes.resize(bytes.len() + padding(length) as usize, 0);
    }
    // Tools without extended headers see the beginning of the name.
    let cut = &name.as_bytes()[..name.len().min(100)];
    let place =
        place.map_or((&b""[..], cut), |(prefix, name)| (prefix.as_bytes(), name.as_bytes()));
    bytes.extend(block(b'0', place, if fits { size } else { 0 }, mode));
    bytes
}

/// The prefix and the name of a header, if the path fits into them.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= 100 {
        return Some(("", path));
    }
    let mut slashes = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    slashes.find(|(prefix, name)| prefix.len() <= 155 && name.len() <= 100)
}

/// `LENGTH KEY=VALUE\n`; the length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

fn block(kind: u8, (prefix, name): (&[u8], &[u8]), size: u64, mode: u32) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{mode:07o}").as_bytes());
    // Owner and group.
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    // The time.
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000");
    put(337, b"0000000");
    put(345, prefix);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for length in 1..1100 {
            let record = record("path", &"x".repeat(length));
            let (stated, _) = record.split_once(' ').unwrap();
            assert_eq!(stated.parse::<usize>().unwrap(), record.len());
        }
    }

    #[test]
    fn a_header_is_extended_only_if_the_name_or_the_size_does_not_fit() {
        let hex = "0".repeat(128);
        let table = [
            ("index.json".to_owned(), 1, 512),
            (format!("blobs/sha256/{}", &hex[..64]), LARGEST_IN_OCTAL, 512),
            (format!("blobs/sha256/{}", &hex[..64]), LARGEST_IN_OCTAL + 1, 1536),
            (format!("blobs/sha512/{hex}"), 1, 1536),
            (format!("{}/{}", "a".repeat(150), "b".repeat(99)), 1, 512),
        ];
        for (name, size, length) in table {
            assert_eq!(header(&name, size).len(), length, "{name}");
        }
    }
}
