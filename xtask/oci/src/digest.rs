//! `Digest`, the immutable name of content, and a hasher that computes one from a stream.
//!
//! Only validated text becomes a `Digest`, so it is safe in a URL and in a file name
//! (image-spec `descriptor.md`, section "Digests").

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// `algorithm:hex`, with a registered algorithm (`sha256`, `sha512`) and lowercase hex of its length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

/// Why a text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// There is no `:` between an algorithm and its hex.
    #[error("a digest has the form `sha256:<64 hex digits>`")]
    NoAlgorithm,
    /// The algorithm is neither `sha256` nor `sha512`.
    #[error("the algorithm of a digest is `sha256` or `sha512`")]
    UnknownAlgorithm,
    /// The hex part is not lowercase hex of the algorithm's length.
    #[error("the digest needs {expected} lowercase hex digits after the colon")]
    BadHex { expected: usize },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Digest {
    /// The sha256 digest of bytes in memory.
    pub fn of(content: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&sha2::Sha256::digest(content))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// `sha256:0123456789ab`, for people: enough to distinguish two digests.
    pub fn short(&self) -> &str {
        let end = self.0.find(':').map_or(0, |colon| colon + 13);
        self.0.get(..end).unwrap_or(&self.0)
    }

    /// The digest as a tag, for the referrers tag schema of the distribution specification and for the
    /// signatures of cosign.
    pub fn as_tag(&self) -> String {
        self.0.replacen(':', "-", 1)
    }

    /// Hashes content with the algorithm of this digest.
    pub fn hasher(&self) -> Hasher {
        match self.algorithm() {
            Algorithm::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        }
    }

    /// The digest of bytes in memory, with the algorithm of this one.
    pub fn of_same_kind(&self, content: &[u8]) -> Self {
        let mut hasher = self.hasher();
        hasher.update(content);
        hasher.finish()
    }

    fn algorithm(&self) -> Algorithm {
        if self.0.starts_with("sha512:") { Algorithm::Sha512 } else { Algorithm::Sha256 }
    }
}

/// Computes a digest piece by piece.
#[derive(Clone)]
pub enum Hasher {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(piece),
            Self::Sha512(state) => state.update(piece),
        }
    }

    pub fn finish(self) -> Digest {
        Digest(match self {
            Self::Sha256(state) => format!("sha256:{}", hex(&state.finalize())),
            Self::Sha512(state) => format!("sha512:{}", hex(&state.finalize())),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let (algorithm, hex) = text.split_once(':').ok_or(InvalidDigest::NoAlgorithm)?;
        let algorithm = match algorithm {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(InvalidDigest::UnknownAlgorithm),
        };
        let expected = algorithm.hex_length();
        if hex.len() != expected || !hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidDigest::BadHex { expected });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_a_registered_algorithm_with_lowercase_hex_of_its_length() {
        let hex = "0123456789abcdef".repeat(4);
        let table = [
            (format!("sha256:{hex}"), Ok(())),
            (format!("sha512:{hex}{hex}"), Ok(())),
            (hex.clone(), Err(InvalidDigest::NoAlgorithm)),
            (format!("md5:{hex}"), Err(InvalidDigest::UnknownAlgorithm)),
            (format!("sha256:{}", &hex[1..]), Err(InvalidDigest::BadHex { expected: 64 })),
            (format!("sha256:{}", hex.to_uppercase()), Err(InvalidDigest::BadHex { expected: 64 })),
            ("sha256:../../x".to_owned(), Err(InvalidDigest::BadHex { expected: 64 })),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Digest>().map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn a_digest_computed_in_pieces_equals_the_digest_of_the_whole() {
        let whole = Digest::of(b"hello world");
        let mut hasher = whole.hasher();
        hasher.update(b"hello ");
        hasher.update(b"world");
        assert_eq!(hasher.finish(), whole);
        assert_eq!(whole.short(), "sha256:b94d27b9934d");
        assert_eq!(whole.as_tag(), whole.to_string().replace(':', "-"));
    }
}
