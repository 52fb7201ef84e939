//! Keys that sign, for the tests of this module.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};

use super::{PublicKey, PublicKeys};

pub(super) enum Signer {
    Ecdsa(EcdsaKeyPair, &'static [u8]),
    Ed25519(Ed25519KeyPair),
}

/// What comes before the key in a `SubjectPublicKeyInfo`.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\0";
const P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\0\x22\x03\x62\0";
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0";

impl Signer {
    pub(super) fn p256() -> Self {
        Self::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, P256)
    }

    /// One of each kind that `ring` can make.
    pub(super) fn all() -> [Self; 3] {
        let p384 = Self::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, P384);
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let ed25519 = Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap());
        [Self::p256(), p384, ed25519]
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, head: &'static [u8]) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap(), head)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(pair, _) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(super) fn sign_base64(&self, message: &[u8]) -> String {
        STANDARD.encode(self.sign(message))
    }

    pub(super) fn pem(&self) -> String {
        let encoded = match self {
            Self::Ecdsa(pair, head) => [head, pair.public_key().as_ref()].concat(),
            Self::Ed25519(pair) => [ED25519, pair.public_key().as_ref()].concat(),
        };
        let encoded = STANDARD.encode(encoded);
        format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
    }

    pub(super) fn keys(&self) -> PublicKeys {
        PublicKeys::new(vec![PublicKey::parse("key.pub", self.pem().as_bytes()).unwrap()])
    }
}
