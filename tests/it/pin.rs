//! `pin`: its requests to sources, its changes of the list, and its output.

use std::path::PathBuf;

use bytes::Bytes;
use oci::Digest;
use registry_in_memory::content::{Content, GeneratedManifest};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::{Value, json};

use crate::support::xtask::{Finished, Xtask};

mod file;
mod lies;
mod moved;
mod outcomes;
mod subsets;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A source, and the tool in a directory with a list.
struct Place {
    source: InMemoryRegistry,
    xtask: Xtask,
}

impl Place {
    async fn new() -> Self {
        Self::with(RegistryOptions::default()).await
    }

    async fn with(options: RegistryOptions) -> Self {
        Self { source: InMemoryRegistry::start(options).await.unwrap(), xtask: Xtask::new() }
    }

    /// Puts an image into the source under a tag.
    fn tag(&self, repository: &str, tag: &str, content: &Content) -> Digest {
        crate::support::store(&self.source, repository, tag, content);
        content.top.clone()
    }

    /// Writes the list. `SOURCE` means the address of the source.
    fn write(&self, list: &str) {
        std::fs::write(self.file(), list.replace("SOURCE", self.source.address())).unwrap();
    }

    /// Writes a list of tags, with or without digests.
    fn list(&self, entries: &[(&str, &str, Option<&Digest>)]) {
        let entry = |(repository, tag, digest): &(&str, &str, Option<&Digest>)| {
            let digest = digest.map_or(String::new(), |digest| format!("digest = \"{digest}\"\n"));
            format!("[[image]]\nsource = \"SOURCE/{repository}\"\ntag = \"{tag}\"\n{digest}\n")
        };
        self.write(&entries.iter().map(entry).collect::<String>());
    }

    fn file(&self) -> PathBuf {
        self.xtask.directory().join("images.toml")
    }

    /// The list, with `SOURCE` for the address of the source.
    fn text(&self) -> String {
        self.without_address(&std::fs::read_to_string(self.file()).unwrap())
    }

    /// The values of all lines that begin with `digest = `.
    fn digests(&self) -> Vec<String> {
        let text = self.text();
        let digests = text.lines().filter_map(|line| line.strip_prefix("digest = "));
        digests.map(|digest| digest.trim_matches('"').to_owned()).collect()
    }

    fn without_address(&self, text: &str) -> String {
        text.replace(self.source.address(), "SOURCE")
    }

    /// Runs `pin`. The registry is served meanwhile, so the runtime needs another thread.
    fn pin(&self, arguments: &[&str]) -> Finished {
        let arguments = [&["pin", "--images", "images.toml"], arguments].concat();
        let mut finished = tokio::task::block_in_place(|| self.xtask.run(&arguments, &[]));
        finished.stdout = self.without_address(&finished.stdout);
        finished.stderr = self.without_address(&finished.stderr);
        finished
    }

    fn pin_to_json(&self, arguments: &[&str]) -> Value {
        let finished = self.pin(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{}", finished.stderr))
    }

    /// `HEAD a/manifests/1`, in order of arrival, since the log was cleared.
    fn requests(&self) -> Vec<String> {
        let lines = self.source.requests().into_iter().map(|request| request.line());
        lines.map(|line| line.replacen(" /v2/", " ", 1)).collect()
    }
}

/// An image with this config and one layer of this size in bytes.
fn image(config: &Value, size: usize) -> Content {
    let config = Bytes::from(config.to_string());
    let layer = Bytes::from(vec![7; size]);
    let pointer = |media_type: &str, bytes: &Bytes| json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()});
    let document = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": pointer(CONFIG, &config),
        "layers": [pointer(LAYER, &layer)],
    });
    let blobs = [config, layer].map(|bytes| (Digest::of(&bytes), bytes));
    topped(blobs.to_vec(), Vec::new(), IMAGE, &document)
}

/// An index of images, each with its platform such as `linux/amd64`.
fn index(images: &[(&str, &Content)]) -> Content {
    let entry = |(platform, content): &(&str, &Content)| {
        let (os, architecture) = platform.split_once('/').unwrap();
        let size = content.manifests.last().unwrap().bytes.len();
        json!({
            "mediaType": IMAGE, "digest": content.top, "size": size,
            "platform": {"os": os, "architecture": architecture},
        })
    };
    let entries: Vec<Value> = images.iter().map(entry).collect();
    let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let of_all = images.iter().map(|(_, content)| (*content).clone());
    let (blobs, manifests): (Vec<_>, Vec<_>) =
        of_all.map(|content| (content.blobs, content.manifests)).unzip();
    topped(blobs.concat(), manifests.concat(), INDEX, &document)
}

fn topped(
    blobs: Vec<(Digest, Bytes)>,
    mut manifests: Vec<GeneratedManifest>,
    media_type: &str,
    document: &Value,
) -> Content {
    let bytes = Bytes::from(document.to_string());
    let top = Digest::of(&bytes);
    let media_type = media_type.to_owned();
    manifests.push(GeneratedManifest { media_type, bytes, digest: top.clone() });
    Content { blobs, manifests, top }
}

/// A small image that differs from those with other names.
fn named(name: &str) -> Content {
    let config = json!({"os": "linux", "architecture": "amd64", "config": {"User": name}});
    image(&config, 100)
}
