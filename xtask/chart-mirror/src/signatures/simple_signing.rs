//! The classic form of cosign's signatures: an image under the tag `sha256-HEX.sig`. Each layer is a payload
//! in the format "simple signing", with the signature in an annotation (cosign, SIGNATURE_SPEC.md).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Invalid, PublicKeys, names};
use oci::Digest;

const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// What a payload must be, so that no other document that was signed with the key passes for one.
const PAYLOAD_TYPE: &str = "cosign container image signature";

/// A signature, and the digest of the payload that it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSignature {
    pub payload: Digest,
    signature: String,
}

#[derive(Deserialize)]
struct SignatureImage {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: SignedImage,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SignedImage {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The signatures in a manifest. Layers of other media types are not signatures.
pub fn signatures(manifest: &[u8]) -> Vec<LayerSignature> {
    let Ok(SignatureImage { layers }) = serde_json::from_slice(manifest) else { return Vec::new() };
    let signature = |layer: Layer| {
        let is_payload = layer.media_type == PAYLOAD_MEDIA_TYPE;
        let signature = layer.annotations?.remove(SIGNATURE_ANNOTATION);
        let payload = layer.digest.parse().ok()?;
        Some(LayerSignature { payload, signature: signature.filter(|_| is_payload)? })
    };
    layers.into_iter().filter_map(signature).collect()
}

impl LayerSignature {
    /// Checks that one of the keys signed the payload, and that the payload is about the image. The reference
    /// in the payload does not count: an image has another one in every registry.
    ///
    /// # Errors
    /// If the signature is not valid for the image.
    pub fn check(&self, payload: &[u8], image: &Digest, keys: &PublicKeys) -> Result<(), Invalid> {
        let signature = STANDARD.decode(self.signature.trim()).map_err(|_| Invalid::NotBase64)?;
        // Before anything in it is believed.
        keys.verify(payload, &signature)?;
        let Payload { critical } =
            serde_json::from_slice(payload).map_err(|why| Invalid::Payload(why.to_string()))?;
        if critical.kind != PAYLOAD_TYPE {
            return Err(Invalid::Payload(format!(
                "its type is `{}`",
                critical.kind.escape_debug()
            )));
        }
        names(image, &[critical.image.digest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signatures::signer::Signer;
    use serde_json::json;

    fn payload(image: &Digest) -> Vec<u8> {
        let critical = json!({
            "identity": { "docker-reference": "another.io/name" },
            "image": { "docker-manifest-digest": image },
            "type": PAYLOAD_TYPE,
        });
        json!({ "critical": critical, "optional": { "creator": "tests" } }).to_string().into_bytes()
    }

    /// The signature in an image that holds it, as cosign would write it.
    fn layer(payload: &[u8], signature: &str) -> LayerSignature {
        let layer = json!({
            "mediaType": PAYLOAD_MEDIA_TYPE,
            "digest": Digest::of(payload),
            "size": payload.len(),
            "annotations": { SIGNATURE_ANNOTATION: signature },
        });
        let manifest = json!({ "schemaVersion": 2, "layers": [layer] }).to_string();
        signatures(manifest.as_bytes()).remove(0)
    }

    #[test]
    fn a_signature_is_valid_for_the_image_and_the_key_that_it_was_made_for() {
        let (image, other) = (Digest::of(b"image"), Digest::of(b"other"));
        for signer in Signer::all() {
            let (payload, keys) = (payload(&image), signer.keys());
            let signature = layer(&payload, &signer.sign_base64(&payload));
            assert_eq!(signature.payload, Digest::of(&payload));
            assert_eq!(signature.check(&payload, &image, &keys), Ok(()));
            let for_other = signature.check(&payload, &other, &keys);
            assert_eq!(for_other, Err(Invalid::OtherImage(image.to_string())));
            let by_other = signature.check(&payload, &image, &Signer::p256().keys());
            assert_eq!(by_other, Err(Invalid::OtherKey("`key.pub`".to_owned())));
        }
    }

    #[test]
    fn every_change_of_a_payload_or_a_signature_makes_it_invalid() {
        let (image, signer) = (Digest::of(b"image"), Signer::p256());
        let payload = payload(&image);
        let signature = signer.sign(&payload);
        for position in 0..payload.len() {
            let mut damaged = payload.clone();
            damaged[position] ^= 1;
            let signature = layer(&payload, &STANDARD.encode(&signature));
            let checked = signature.check(&damaged, &image, &signer.keys());
            assert!(matches!(checked, Err(Invalid::OtherKey(_))), "{position}: {checked:?}");
        }
        for position in 0..signature.len() {
            let mut damaged = signature.clone();
            damaged[position] ^= 1;
            let checked = layer(&payload, &STANDARD.encode(&damaged));
            let checked = checked.check(&payload, &image, &signer.keys());
            assert!(matches!(checked, Err(Invalid::OtherKey(_))), "{position}: {checked:?}");
        }
        for (text, expected) in [("", "key"), ("?", "base64"), ("MEUC", "key")] {
            let checked = layer(&payload, text).check(&payload, &image, &signer.keys());
            assert!(checked.unwrap_err().to_string().contains(expected), "{text}");
        }
    }

    #[test]
    fn another_document_that_was_signed_with_the_key_is_not_a_signature() {
        let (image, signer) = (Digest::of(b"image"), Signer::p256());
        let usual = String::from_utf8(payload(&image)).unwrap();
        let table = [
            ("{}".to_owned(), "missing field `critical`"),
            ("not JSON".to_owned(), "expected ident"),
            (usual.replace(PAYLOAD_TYPE, "receipt"), "its type is `receipt`"),
            (usual.replace("docker-manifest-digest", "digest"), "docker-manifest-digest"),
            (usual.replace(image.as_str(), ""), "it is for"),
        ];
        for (payload, expected) in table {
            let signature = layer(payload.as_bytes(), &signer.sign_base64(payload.as_bytes()));
            let checked = signature.check(payload.as_bytes(), &image, &signer.keys());
            let why = checked.unwrap_err().to_string();
            assert!(why.contains(expected), "{payload}: {why}");
        }
    }

    #[test]
    fn only_layers_with_a_payload_and_a_signature_are_signatures() {
        let digest = Digest::of(b"payload");
        let layer = |media_type: &str, annotations: &str| {
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":7{annotations}}}"#)
        };
        let signed = format!(r#","annotations":{{"{SIGNATURE_ANNOTATION}":"MEUC"}}"#);
        let table = [
            (layer(PAYLOAD_MEDIA_TYPE, &signed), 1),
            (format!("{},{}", layer(PAYLOAD_MEDIA_TYPE, &signed), layer("a/b", &signed)), 1),
            (layer("application/octet-stream", &signed), 0),
            (layer(PAYLOAD_MEDIA_TYPE, ""), 0),
            (layer(PAYLOAD_MEDIA_TYPE, r#","annotations":null"#), 0),
            (layer(PAYLOAD_MEDIA_TYPE, &signed).replace("sha256:", "md5:"), 0),
            (String::new(), 0),
        ];
        for (layers, expected) in table {
            let manifest = format!(r#"{{"schemaVersion":2,"layers":[{layers}]}}"#);
            assert_eq!(signatures(manifest.as_bytes()).len(), expected, "{manifest}");
        }
        assert_eq!(signatures(b"[]"), []);
    }
}
