//! Verifies signatures of images and files with public keys, as cosign and openssl make them. Pure: the
//! caller fetches manifests and payloads, and reads keys.
//!
//! `key` parses public keys, `simple_signing` and `bundle` check the two forms of an image's signature, and
//! `detached` a file's signature. No form needs a transparency log: its entries are not read.

pub mod bundle;
mod der;
pub mod detached;
mod key;
#[cfg(test)]
mod signer;
pub mod simple_signing;

use oci::Digest;

pub use key::{PublicKey, PublicKeys};

/// The most bytes of a payload or a bundle. cosign's have a few hundred, and some ten thousand with entries
/// of a transparency log.
pub const LARGEST_PAYLOAD: u64 = 1 << 20;

/// Why a signature is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("none of these keys made it: {0}")]
    OtherKey(String),
    #[error("it is for {0}")]
    OtherImage(String),
    #[error("its signature is not base64")]
    NotBase64,
    #[error("its payload is not of the form that cosign writes: {0}")]
    Payload(String),
    #[error("its payload has {0} bytes, more than {LARGEST_PAYLOAD}")]
    TooLarge(u64),
}

/// Whether any of the digests is that of the image.
fn names(image: &Digest, digests: &[String]) -> Result<(), Invalid> {
    match digests.iter().any(|digest| digest == image.as_str()) {
        true => Ok(()),
        false => Err(Invalid::OtherImage(match digests {
            [] => "no image".to_owned(),
            digests => digests.join(", "),
        })),
    }
}
