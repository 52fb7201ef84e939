//! `Digest`, the immutable name of content, and a hasher that computes one from a stream.
//!
//! Only validated text becomes a `Digest`, so it is safe in a URL and in a file name
//! (image-spec `descriptor.md`, section "Digests").

use std::str::FromStr;

use sha2::Digest as _;

use crate::invalid_reference::{InvalidReference, invalid};
use crate::text::text_only;

/// `algorithm:hex`, with a registered algorithm (`sha256`, `sha512`) and lowercase hex of its length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// The sha256 digest of bytes in memory.
    pub fn of(content: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&sha2::Sha256::digest(content))))
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
        if self.0.starts_with("sha512:") {
            Hasher::Sha512(sha2::Sha512::new())
        } else {
            Hasher::Sha256(sha2::Sha256::new())
        }
    }

    /// The digest of bytes in memory, with the algorithm of this one.
    pub fn of_same_kind(&self, content: &[u8]) -> Self {
        let mut hasher = self.hasher();
        hasher.update(content);
        hasher.finish()
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
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let expected = match text.split_once(':') {
            Some(("sha256", _)) => 64,
            Some(("sha512", _)) => 128,
            Some(_) => return Err(invalid("the algorithm of a digest is `sha256` or `sha512`")),
            None => return Err(invalid("a digest has the form `sha256:<64 hex digits>`")),
        };
        let hex = &text["sha256:".len()..];
        if hex.len() != expected || !hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(invalid(&format!(
                "the digest needs {expected} lowercase hex digits after the colon"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

text_only!(Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_a_registered_algorithm_with_lowercase_hex_of_its_length() {
        let hex = "0123456789abcdef".repeat(4);
        let table = [
            (format!("sha256:{hex}"), ""),
            (format!("sha512:{hex}{hex}"), ""),
            (hex.clone(), "has the form `sha256:"),
            (format!("md5:{hex}"), "the algorithm of a digest is"),
            (format!("sha256:{}", &hex[1..]), "needs 64 lowercase"),
            (format!("sha256:{}", hex.to_uppercase()), "needs 64 lowercase"),
            (format!("sha512:{hex}"), "needs 128 lowercase"),
            ("sha256:../../x".to_owned(), "needs 64 lowercase"),
        ];
        for (text, expected) in table {
            let error =
                text.parse::<Digest>().map_or_else(|why| why.to_string(), |_| String::new());
            assert_eq!(error.is_empty(), expected.is_empty(), "{text}: {error}");
            assert!(error.contains(expected), "{text}: {error}");
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
