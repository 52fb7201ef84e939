//! A bundle that was written by hand: all checksums are right, whatever its content is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use oci::Digest;
use serde_json::{Value, json};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The parts of a bundle that a test may change before it is written.
pub(super) struct ForgedBundle {
    /// Everything but the blobs, the inventory and the checksums.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) blobs: Vec<Vec<u8>>,
    pub(super) inventory: Value,
    /// Changes files after the inventory has their digests.
    pub(super) unlisted: BTreeMap<String, Vec<u8>>,
}

impl ForgedBundle {
    /// A bundle with one image of one layer.
    pub(super) fn new() -> Self {
        let mut bundle = Self {
            files: BTreeMap::new(),
            blobs: Vec::new(),
            inventory: json!({
                "version": 1, "kind": "bundle", "parts": 1, "platforms": null, "attachments": false,
                "lists": [{"name": ".", "file": "images.toml"}], "images": [], "charts": [], "files": {},
                "blobs": {}, "against": null,
            }),
            unlisted: BTreeMap::new(),
        };
        bundle.files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        bundle.files.insert("images.toml".into(), Vec::new());
        let image = bundle.image("layer");
        bundle.name("docker.io/team/app:1", &image);
        bundle
    }

    /// Adds an image of one layer. Returns its descriptor.
    pub(super) fn image(&mut self, layer: &str) -> Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", layer.as_bytes());
        self.manifest(&json!({
            "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer],
        }))
    }

    /// Adds an index of one manifest.
    pub(super) fn index_of(&mut self, child: &Value) -> Value {
        self.manifest(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]}))
    }

    pub(super) fn manifest(&mut self, manifest: &Value) -> Value {
        let content = manifest.to_string().into_bytes();
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let descriptor = described(&media_type, &content);
        self.blobs.push(content);
        descriptor
    }

    fn blob(&mut self, media_type: &str, content: &[u8]) -> Value {
        let descriptor = described(media_type, content);
        self.inventory["blobs"][descriptor["digest"].as_str().unwrap()] = json!(content.len());
        self.blobs.push(content.to_vec());
        descriptor
    }

    /// Lists an image under a reference.
    pub(super) fn name(&mut self, reference: &str, image: &Value) {
        let (source, tag) = reference.rsplit_once(':').unwrap();
        let digest = image["digest"].clone();
        let entry = json!({
            "list": ".", "source": reference, "digest": digest, "made-from": null, "target": null,
        });
        self.inventory["images"].as_array_mut().unwrap().push(entry);
        let listed = format!("[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n");
        self.files.get_mut("images.toml").unwrap().extend(listed.into_bytes());
        let mut named = image.clone();
        named["annotations"] = json!({"org.opencontainers.image.ref.name": reference});
        let index = self.files.entry("index.json".into()).or_insert_with(|| {
            let empty = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
            empty.to_string().into_bytes()
        });
        let mut changed: Value = serde_json::from_slice(index).unwrap();
        changed["manifests"].as_array_mut().unwrap().push(named);
        *index = changed.to_string().into_bytes();
    }

    /// Writes it as a folder.
    pub(super) fn write(mut self, folder: &Path) {
        for (name, content) in &self.files {
            if name != "oci-layout" {
                self.inventory["files"][name] = json!(Digest::of(content));
            }
        }
        let mut all = self.files;
        all.insert("inventory.json".into(), self.inventory.to_string().into_bytes());
        for blob in self.blobs {
            all.insert(format!("blobs/sha256/{}", Digest::of(&blob).hex()), blob);
        }
        all.extend(self.unlisted);
        let sums: String = all
            .iter()
            .map(|(name, content)| format!("{}  {name}\n", Digest::of(content).hex()))
            .collect();
        all.insert("SHA256SUMS".into(), sums.into_bytes());
        for (name, content) in all {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
}

fn described(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(content), "size": content.len()})
}
