//! Signs images as cosign does, with keys that each test makes: an image under a tag, or a bundle as a referrer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use oci::Digest;
use registry_in_memory::content::{Content, GeneratedManifest, artifact};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// What comes before the point in the public key (RFC 5480).
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\0";

pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap())
    }

    pub(crate) fn public_key(&self) -> String {
        let key = STANDARD.encode([P256, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n")
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.0.sign(&SystemRandom::new(), message).unwrap().as_ref())
    }

    /// A layer of a signature in the classic form.
    pub(crate) fn layer(&self, image: &Digest) -> (Vec<u8>, String) {
        let payload = payload(image);
        let signature = self.sign(&payload);
        (payload, signature)
    }

    /// A bundle with a statement about the image.
    pub(crate) fn bundle(&self, image: &Digest, predicate_type: &str) -> String {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": image.hex() } }],
            "predicateType": predicate_type,
            "predicate": {},
        });
        let payload = statement.to_string();
        let kind = "application/vnd.in-toto+json";
        let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        bundle(
            "dsseEnvelope",
            &json!({
                "payload": STANDARD.encode(&payload),
                "payloadType": kind,
                "signatures": [{ "sig": self.sign(message.as_bytes()) }],
            }),
        )
    }

    /// A bundle with a signature of the manifest itself.
    pub(crate) fn message_bundle(&self, manifest: &[u8]) -> String {
        bundle("messageSignature", &json!({ "signature": self.sign(manifest) }))
    }
}

pub(crate) fn payload(image: &Digest) -> Vec<u8> {
    let critical = json!({
        "identity": { "docker-reference": "signed.example.com/name" },
        "image": { "docker-manifest-digest": image },
        "type": "cosign container image signature",
    });
    json!({ "critical": critical, "optional": null }).to_string().into_bytes()
}

fn bundle(key: &str, content: &Value) -> String {
    let material = json!({ "publicKey": { "hint": "" } });
    json!({ "mediaType": BUNDLE, "verificationMaterial": material, key: content }).to_string()
}

/// The image that holds signatures in the classic form.
pub(crate) fn signature_image(layers: &[(Vec<u8>, String)]) -> Content {
    signature_image_of(SIMPLE_SIGNING, layers)
}

/// [`signature_image`], with another media type of its layers.
pub(crate) fn signature_image_of(media_type: &str, layers: &[(Vec<u8>, String)]) -> Content {
    let config = Bytes::from_static(b"{}");
    let mut blobs = vec![(Digest::of(&config), config)];
    let mut described = Vec::new();
    for (payload, signature) in layers {
        let digest = Digest::of(payload);
        described.push(json!({
            "mediaType": media_type,
            "digest": digest,
            "size": payload.len(),
            "annotations": { "dev.cosignproject.cosign/signature": signature },
        }));
        if !blobs.iter().any(|(known, _)| *known == digest) {
            blobs.push((digest, Bytes::from(payload.clone())));
        }
    }
    let document = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": blobs[0].0,
            "size": 2,
        },
        "layers": described,
    });
    content(blobs, &document)
}

/// A referrer of an image that holds a bundle.
pub(crate) fn bundle_referrer(subject: &GeneratedManifest, bundle: &str) -> Content {
    let mut content = artifact(BUNDLE, bundle.to_owned());
    let top = content.manifests.pop().unwrap();
    let mut document: Value = serde_json::from_slice(&top.bytes).unwrap();
    document["layers"][0]["mediaType"] = json!(BUNDLE);
    document["subject"] = json!({
        "mediaType": subject.media_type,
        "digest": subject.digest,
        "size": subject.bytes.len(),
    });
    self::content(content.blobs, &document)
}

fn content(blobs: Vec<(Digest, Bytes)>, document: &Value) -> Content {
    let bytes = Bytes::from(document.to_string());
    let digest = Digest::of(&bytes);
    let media_type = document["mediaType"].as_str().unwrap().to_owned();
    let manifest = GeneratedManifest { media_type, bytes, digest: digest.clone() };
    Content { blobs, manifests: vec![manifest], top: digest }
}
