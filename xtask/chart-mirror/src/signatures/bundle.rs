//! The newer form of cosign's signatures: a Sigstore bundle, attached as a referrer (cosign, BUNDLE_SPEC.md).
//! It holds a DSSE envelope with an in-toto statement about the image, or a signature of the manifest itself.
//!
//! Certificates, timestamps and entries of a transparency log are not read: the keys are given.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;

use super::{Invalid, PublicKeys, names};
use oci::Digest;

/// The artifact type of the current version.
pub const ARTIFACT_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// What all versions begin with.
const ANY_VERSION: &str = "application/vnd.dev.sigstore.bundle";
const STATEMENT_MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPES: [&str; 2] =
    ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// The predicate of a signature. Attestations are signed with the same keys, but are about something else.
const SIGNATURE_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// The signed part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigstoreBundle {
    /// A statement that names the image.
    Statement(Envelope),
    /// A signature of the bytes themselves.
    Message { signature: Vec<u8> },
    /// An attestation, such as a provenance or an SBOM.
    Attestation,
}

/// A DSSE envelope with its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What was signed.
    message: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    dsse_envelope: Option<DsseEnvelope>,
    message_signature: Option<MessageSignature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<DsseSignature>,
}

#[derive(Deserialize)]
struct DsseSignature {
    sig: String,
}

#[derive(Deserialize)]
struct MessageSignature {
    signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(default)]
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Whether this is the type of a bundle.
pub fn is_bundle(artifact_type: &str) -> bool {
    artifact_type.starts_with(ANY_VERSION)
}

impl SigstoreBundle {
    /// Parses a bundle. Nothing in it is verified yet.
    ///
    /// # Errors
    /// If it is not a bundle, or its content cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        let Document { dsse_envelope, message_signature } =
            serde_json::from_slice(bytes).map_err(|why| Invalid::Payload(why.to_string()))?;
        match (dsse_envelope, message_signature) {
            (Some(envelope), None) => parse_envelope(envelope),
            (None, Some(message)) => Ok(Self::Message { signature: decode(&message.signature)? }),
            _ => {
                let why = "a bundle has one `dsseEnvelope` or one `messageSignature`";
                Err(Invalid::Payload(why.to_owned()))
            }
        }
    }
}

impl Envelope {
    /// Checks that one of the keys signed the statement, and that it is about the image.
    ///
    /// # Errors
    /// If the signature is not valid for the image.
    pub fn check(&self, image: &Digest, keys: &PublicKeys) -> Result<(), Invalid> {
        let by_key = |signature: &Vec<u8>| keys.verify(&self.message, signature).is_ok();
        if !self.signatures.iter().any(by_key) {
            return Err(Invalid::OtherKey(keys.files()));
        }
        names(image, &self.digests)
    }
}

fn parse_envelope(envelope: DsseEnvelope) -> Result<SigstoreBundle, Invalid> {
    let DsseEnvelope { payload, payload_type, signatures } = envelope;
    if payload_type != STATEMENT_MEDIA_TYPE {
        return Ok(SigstoreBundle::Attestation);
    }
    let payload = decode(&payload)?;
    let Statement { kind, subject, predicate_type } =
        serde_json::from_slice(&payload).map_err(|why| Invalid::Payload(why.to_string()))?;
    if predicate_type != SIGNATURE_PREDICATE {
        return Ok(SigstoreBundle::Attestation);
    }
    if !STATEMENT_TYPES.contains(&kind.as_str()) {
        return Err(Invalid::Payload(format!("its type is `{}`", kind.escape_debug())));
    }
    let digests = subject.into_iter().flat_map(|subject| subject.digest);
    let signatures = signatures.iter().map(|signature| decode(&signature.sig));
    Ok(SigstoreBundle::Statement(Envelope {
        message: pre_authentication_encoding(&payload_type, &payload),
        signatures: signatures.collect::<Result<_, _>>()?,
        digests: digests.map(|(algorithm, hex)| format!("{algorithm}:{hex}")).collect(),
    }))
}

/// What a DSSE signature signs (DSSE, "Signature Definition").
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Writers of protobuf's JSON use the standard alphabet; readers must also accept the other one.
fn decode(text: &str) -> Result<Vec<u8>, Invalid> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).map_err(|_| Invalid::NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signatures::signer::Signer;
    use serde_json::{Value, json};

    fn statement(image: &Digest) -> Value {
        let hex = image.as_str().split_once(':').unwrap().1;
        json!({
            "_type": STATEMENT_TYPES[0],
            "subject": [{ "digest": { "sha256": hex } }],
            "predicateType": SIGNATURE_PREDICATE,
            "predicate": {},
        })
    }

    /// A bundle as cosign writes it, with what is not read.
    fn bundle(content: &Value) -> Vec<u8> {
        let mut bundle = json!({
            "mediaType": ARTIFACT_TYPE,
            "verificationMaterial": { "publicKey": { "hint": "x" }, "tlogEntries": [{ "logIndex": "1" }] },
        });
        bundle.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        bundle.to_string().into_bytes()
    }

    fn envelope(statement: &Value, signers: &[&Signer]) -> Vec<u8> {
        let payload = statement.to_string();
        let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
        let sign = |signer: &&Signer| json!({ "keyid": "", "sig": signer.sign_base64((head.clone() + &payload).as_bytes()) });
        let signatures: Vec<_> = signers.iter().map(sign).collect();
        bundle(&json!({ "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": STATEMENT_MEDIA_TYPE,
            "signatures": signatures,
        }}))
    }

    fn check(bundle: &[u8], image: &Digest, keys: &PublicKeys) -> Result<(), Invalid> {
        match SigstoreBundle::parse(bundle)? {
            SigstoreBundle::Statement(envelope) => envelope.check(image, keys),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_statement_is_valid_if_a_key_signed_it_and_it_is_about_the_image() {
        let (image, other) = (Digest::of(b"image"), Digest::of(b"other"));
        for signer in Signer::all() {
            let signed = envelope(&statement(&image), &[&Signer::p256(), &signer]);
            assert_eq!(check(&signed, &image, &signer.keys()), Ok(()));
            let for_other = check(&signed, &other, &signer.keys());
            assert_eq!(for_other, Err(Invalid::OtherImage(image.to_string())));
            let by_other = check(&signed, &image, &Signer::p256().keys());
            assert!(matches!(by_other, Err(Invalid::OtherKey(_))), "{by_other:?}");
        }
        let without_signature = envelope(&statement(&image), &[]);
        assert!(check(&without_signature, &image, &Signer::p256().keys()).is_err());
    }

    #[test]
    fn a_statement_about_something_else_is_an_attestation_even_with_the_right_key() {
        let (image, signer) = (Digest::of(b"image"), Signer::p256());
        let mut provenance = statement(&image);
        provenance["predicateType"] = json!("https://slsa.dev/provenance/v1");
        let attestation = envelope(&provenance, &[&signer]);
        assert_eq!(SigstoreBundle::parse(&attestation), Ok(SigstoreBundle::Attestation));
        let text = json!({ "payload": "", "payloadType": "text/plain", "signatures": [] });
        let text = bundle(&json!({ "dsseEnvelope": text }));
        assert_eq!(SigstoreBundle::parse(&text), Ok(SigstoreBundle::Attestation));
    }

    #[test]
    fn a_message_signature_signs_the_manifest_itself() {
        let signer = Signer::p256();
        let signature = signer.sign(b"manifest");
        for text in [STANDARD.encode(&signature), URL_SAFE.encode(&signature)] {
            let bundle = bundle(&json!({ "messageSignature": { "signature": text } }));
            let SigstoreBundle::Message { signature } = SigstoreBundle::parse(&bundle).unwrap()
            else {
                panic!("not a message signature");
            };
            assert_eq!(signer.keys().verify(b"manifest", &signature), Ok(()));
            assert!(signer.keys().verify(b"other", &signature).is_err());
        }
    }

    #[test]
    fn what_is_not_a_bundle_is_refused() {
        let image = Digest::of(b"image");
        let mut other_type = statement(&image);
        other_type["_type"] = json!("https://example.com/Statement");
        let table = [
            (b"<html>".to_vec(), "expected value"),
            (bundle(&json!({})), "one `dsseEnvelope` or one `messageSignature`"),
            (bundle(&json!({ "messageSignature": { "signature": "?" } })), "not base64"),
            (envelope(&other_type, &[]), "its type is `https://example.com/Statement`"),
            (envelope(&json!({ "predicateType": 1 }), &[]), "form that cosign writes"),
        ];
        for (bundle, expected) in table {
            let why = SigstoreBundle::parse(&bundle).unwrap_err().to_string();
            assert!(why.contains(expected), "{why}");
        }
        assert!(is_bundle(ARTIFACT_TYPE) && !is_bundle("application/spdx+json"));
    }
}
