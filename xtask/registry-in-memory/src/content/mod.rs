//! Generated images and artifacts: the same name always gives the same bytes.
//!
//! Manifests and configs are valid documents. Layers are bytes that do not compress; nothing unpacks
//! them.

use std::collections::BTreeSet;

use bytes::Bytes;
use oci_distribution::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_LAYER_GZIP_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde_json::{Value, json};

use oci::Digest;

const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
const IN_TOTO_MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SCHEMA1_MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.v1+json";

/// Everything under one reference.
#[derive(Debug, Clone)]
pub struct Content {
    pub blobs: Vec<(Digest, Bytes)>,
    /// Children first; the last one is the top.
    pub manifests: Vec<GeneratedManifest>,
    /// The manifest that the tag refers to.
    pub top: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedManifest {
    pub media_type: String,
    pub bytes: Bytes,
    pub digest: Digest,
}

/// A layer. Layers of one name and size are one blob in every image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    name: String,
    size: usize,
}

impl Layer {
    pub fn new(name: impl Into<String>, size: usize) -> Self {
        Self { name: name.into(), size }
    }

    pub fn bytes(&self) -> Bytes {
        noise(&format!("{} {}", self.name, self.size), self.size)
    }

    fn for_platform(&self, platform: &str) -> Self {
        Self::new(format!("{} {platform}", self.name), self.size)
    }
}

impl Content {
    pub fn top_manifest(&self) -> Option<&GeneratedManifest> {
        self.manifests.iter().find(|manifest| manifest.digest == self.top)
    }

    /// The bytes of its blobs and manifests.
    pub fn size(&self) -> usize {
        let blobs = self.blobs.iter().map(|(_, bytes)| bytes.len());
        blobs.chain(self.manifests.iter().map(|manifest| manifest.bytes.len())).sum()
    }
}

pub fn docker_image(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    assembly.image(&DOCKER, "amd64", layers);
    assembly.finish()
}

pub fn oci_image(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    assembly.image(&OCI, "amd64", layers);
    assembly.finish()
}

/// A Docker manifest list of images for linux/amd64 and linux/arm64.
pub fn docker_list(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    let images = assembly.images(&DOCKER, layers);
    assembly.index(IMAGE_MANIFEST_LIST_MEDIA_TYPE, images);
    assembly.finish()
}

/// An OCI index of images for linux/amd64 and linux/arm64, each with an in-toto attestation.
pub fn oci_index(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    let mut entries = assembly.images(&OCI, layers);
    let attestations: Vec<Value> =
        entries.iter().map(|image| assembly.attestation(image)).collect();
    entries.extend(attestations);
    assembly.index(OCI_IMAGE_INDEX_MEDIA_TYPE, entries);
    assembly.finish()
}

/// An OCI index with an image for an unknown platform, and one without a platform.
pub fn index_with_unknown_platforms(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    let mut entries = assembly.images(&OCI, layers);
    let mut unknown = assembly.image(&OCI, "vax", layers);
    unknown["platform"] = json!({"os": "plan9", "architecture": "vax", "variant": "v780"});
    let missing = assembly.image(&OCI, "unsaid", layers);
    entries.extend([unknown, missing]);
    assembly.index(OCI_IMAGE_INDEX_MEDIA_TYPE, entries);
    assembly.finish()
}

/// An artifact that is not an image: with an artifact type, the empty config and one payload.
pub fn artifact(artifact_type: &str, payload: impl Into<Bytes>) -> Content {
    let mut assembly = Assembly::default();
    let document = assembly.artifact_document(artifact_type, payload.into());
    assembly.manifest(OCI_IMAGE_MEDIA_TYPE, &document);
    assembly.finish()
}

/// An artifact attached to a manifest by its `subject`.
pub fn referrer(subject: &GeneratedManifest, artifact_type: &str) -> Content {
    let mut assembly = Assembly::default();
    let payload = json!({"about": subject.digest}).to_string();
    let mut document = assembly.artifact_document(artifact_type, payload.into());
    document["subject"] = subject.descriptor();
    document["annotations"] = json!({"org.opencontainers.image.created": CREATED});
    assembly.manifest(OCI_IMAGE_MEDIA_TYPE, &document);
    assembly.finish()
}

/// The index that lists referrers in a registry without the referrers API. Its tag is
/// [`Digest::as_tag`] of the subject.
pub fn referrers_index(referrers: &[Content]) -> Content {
    let mut assembly = Assembly::default();
    let mut entries = Vec::new();
    for referrer in referrers {
        assembly.blobs.extend(referrer.blobs.iter().cloned());
        assembly.manifests.extend(referrer.manifests.iter().cloned());
        if let Some(top) = referrer.top_manifest() {
            let document: Value = serde_json::from_slice(&top.bytes).unwrap_or_default();
            let mut entry = top.descriptor();
            for name in ["artifactType", "annotations"] {
                entry[name] = document[name].clone();
            }
            entries.push(entry);
        }
    }
    assembly.index(OCI_IMAGE_INDEX_MEDIA_TYPE, entries);
    assembly.finish()
}

/// A signature in the format of cosign, for the tag [`signature_tag`]. It does not verify.
pub fn signature(signed: &Digest) -> Content {
    let mut assembly = Assembly::default();
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": ""},
            "image": {"docker-manifest-digest": signed},
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    let mut layer = assembly.blob(SIGNATURE_MEDIA_TYPE, payload.to_string());
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signed.hex()});
    assembly.image_of(&OCI, "", &[layer]);
    assembly.finish()
}

/// The tag where cosign looks for the signature of a digest.
pub fn signature_tag(signed: &Digest) -> String {
    signed.as_tag() + ".sig"
}

/// An image of schema 1, which mirroring refuses: its digest does not cover all of its bytes.
pub fn schema1_image(name: &str, tag: &str, layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    let sums: Vec<Value> = layers
        .iter()
        .map(|layer| json!({"blobSum": assembly.blob("", layer.bytes())["digest"]}))
        .collect();
    let history = layers.iter().map(|layer| {
        let id = Digest::of(layer.name.as_bytes());
        json!({"v1Compatibility": json!({"id": id.hex(), "os": "linux"}).to_string()})
    });
    let history: Vec<Value> = history.collect();
    let document = json!({
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": sums,
        "history": history,
    });
    assembly.manifest(SCHEMA1_MEDIA_TYPE, &document);
    assembly.finish()
}

/// An OCI image whose manifest changes when a serialiser rewrites it, and its digest with it.
pub fn oddly_written_image(layers: &[Layer]) -> Content {
    let mut assembly = Assembly::default();
    let layers = assembly.layers(&OCI, layers);
    let config = assembly.config(&OCI, "amd64", &layers);
    let written = format!(
        "\n{{\t\"layers\" :{} ,\r\n \"x-\\u0075nknown\": 1.0e0,\n\n\"config\":{config},\
         \"mediaType\":\"{OCI_IMAGE_MEDIA_TYPE}\", \"schemaVersion\":   2 }}\n\n",
        Value::from(layers)
    );
    assembly.manifest_as_written(OCI_IMAGE_MEDIA_TYPE, written);
    assembly.finish()
}

/// The content of a listed image. Its name decides its kind and its layers, so that a list of names
/// gives a mix of kinds that share a few base layers.
pub fn for_list(repository: &str, tag: &str) -> Content {
    const KIB: usize = 1024;
    let name = format!("{repository}:{tag}");
    let dice = Digest::of(name.as_bytes());
    let mut dice = dice.hex().bytes().map(usize::from);
    let mut roll = |sides: usize| dice.next().unwrap_or(0) % sides;
    let kinds = [docker_image, oci_image, docker_list, oci_index];
    let kind = kinds[roll(kinds.len())];

    let base = roll(3);
    let mut layers = vec![
        Layer::new(format!("base {base}"), (96 + 64 * base) * KIB),
        Layer::new("certificates", 24 * KIB),
    ];
    if roll(2) == 0 {
        layers.push(Layer::new(format!("runtime {base}"), 160 * KIB));
    }
    let own = 1 + roll(2);
    layers.extend((0..own).map(|n| Layer::new(format!("{name} {n}"), (16 + 8 * roll(8)) * KIB)));
    kind(&layers)
}

/// A fixed time, so that digests are reproducible.
const CREATED: &str = "2024-01-01T00:00:00Z";

/// The media types of a family of formats.
struct Family {
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

const DOCKER: Family = Family {
    manifest: IMAGE_MANIFEST_MEDIA_TYPE,
    config: IMAGE_DOCKER_CONFIG_MEDIA_TYPE,
    layer: IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
};
const OCI: Family = Family {
    manifest: OCI_IMAGE_MEDIA_TYPE,
    config: IMAGE_CONFIG_MEDIA_TYPE,
    layer: IMAGE_LAYER_GZIP_MEDIA_TYPE,
};

/// Content under construction. Each method returns the descriptor of what it added.
#[derive(Default)]
struct Assembly {
    blobs: Vec<(Digest, Bytes)>,
    manifests: Vec<GeneratedManifest>,
}

impl Assembly {
    /// The content, with the manifest added last at the top.
    fn finish(mut self) -> Content {
        let top = self.manifests.last().map_or_else(|| Digest::of(b""), |top| top.digest.clone());
        let mut known = BTreeSet::new();
        self.blobs.retain(|(digest, _)| known.insert(digest.clone()));
        self.manifests.retain(|manifest| known.insert(manifest.digest.clone()));
        Content { blobs: self.blobs, manifests: self.manifests, top }
    }

    fn blob(&mut self, media_type: &str, bytes: impl Into<Bytes>) -> Value {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        self.blobs.push((digest, bytes));
        descriptor
    }

    fn manifest(&mut self, media_type: &str, document: &Value) -> Value {
        self.manifest_as_written(media_type, document.to_string())
    }

    fn manifest_as_written(&mut self, media_type: &str, written: String) -> Value {
        let bytes = Bytes::from(written);
        let digest = Digest::of(&bytes);
        let manifest = GeneratedManifest { media_type: media_type.to_owned(), bytes, digest };
        let descriptor = manifest.descriptor();
        self.manifests.push(manifest);
        descriptor
    }

    fn layers(&mut self, family: &Family, layers: &[Layer]) -> Vec<Value> {
        layers.iter().map(|layer| self.blob(family.layer, layer.bytes())).collect()
    }

    fn image(&mut self, family: &Family, architecture: &str, layers: &[Layer]) -> Value {
        let layers = self.layers(family, layers);
        self.image_of(family, architecture, &layers)
    }

    /// An image of layers that have been added already.
    fn image_of(&mut self, family: &Family, architecture: &str, layers: &[Value]) -> Value {
        let config = self.config(family, architecture, layers);
        self.manifest(family.manifest, &image_document(family.manifest, &config, layers))
    }

    /// The images of an index, for two platforms.
    fn images(&mut self, family: &Family, layers: &[Layer]) -> Vec<Value> {
        let mut image = |architecture: &str| {
            let layers: Vec<Layer> =
                layers.iter().map(|layer| layer.for_platform(architecture)).collect();
            let mut image = self.image(family, architecture, &layers);
            image["platform"] = json!({"os": "linux", "architecture": architecture});
            image
        };
        vec![image("amd64"), image("arm64")]
    }

    fn config(&mut self, family: &Family, architecture: &str, layers: &[Value]) -> Value {
        // The digest of the layer's bytes replaces that of its unpacked form.
        let unpacked: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({
            "architecture": architecture,
            "os": if architecture.is_empty() { "" } else { "linux" },
            "created": CREATED,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": unpacked},
        });
        self.blob(family.config, config.to_string())
    }

    fn attestation(&mut self, image: &Value) -> Value {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{"name": "image", "digest": image["digest"]}],
            "predicate": {},
        });
        let mut layer = self.blob(IN_TOTO_MEDIA_TYPE, statement.to_string());
        layer["annotations"] =
            json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
        let mut entry = self.image_of(&OCI, "unknown", &[layer]);
        entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        entry["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image["digest"],
        });
        entry
    }

    fn index(&mut self, media_type: &str, entries: Vec<Value>) -> Value {
        let document =
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": Value::from(entries)});
        self.manifest(media_type, &document)
    }

    fn artifact_document(&mut self, artifact_type: &str, payload: Bytes) -> Value {
        let config = self.blob(EMPTY_MEDIA_TYPE, "{}");
        let layer = self.blob(artifact_type, payload);
        let mut document = image_document(OCI_IMAGE_MEDIA_TYPE, &config, &[layer]);
        document["artifactType"] = artifact_type.into();
        document
    }
}

impl GeneratedManifest {
    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

fn image_document(media_type: &str, config: &Value, layers: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers})
}

/// Pseudo-random bytes that depend only on the seed (xorshift64*).
fn noise(seed: &str, size: usize) -> Bytes {
    let seed = Digest::of(seed.as_bytes());
    let mut state = u64::from_str_radix(&seed.hex()[..16], 16).unwrap_or(0) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

#[cfg(test)]
mod tests;
