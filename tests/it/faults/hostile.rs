//! Hostile and absurd registries: their responses are limited in size and never trusted.

use bytes::Bytes;
use oci::Digest;
use registry_in_memory::content::{Content, GeneratedManifest, docker_image};
use registry_in_memory::{Fault, Kind};

use crate::support::requests::{asked, fetches};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn manifest(media_type: &str, text: String) -> GeneratedManifest {
    let bytes = Bytes::from(text);
    GeneratedManifest { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
}

#[tokio::test]
async fn a_child_that_an_index_lists_many_times_is_fetched_once() {
    let mut content: Content = docker_image(&[]);
    for _ in 0..6 {
        let child = content.manifests.last().unwrap();
        let (media_type, digest, size) = (&child.media_type, &child.digest, child.bytes.len());
        let entry = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#);
        let entries = vec![entry; 20].join(",");
        let text =
            format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entries}]}}"#);
        content.manifests.push(manifest(INDEX, text));
    }
    content.top = content.manifests.last().unwrap().digest.clone();
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &content);
    stage.mirror_all().await;
    assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 7);
    assert_eq!(asked(&stage.destination, "PUT", Kind::Manifest).len(), 7);
}

#[tokio::test]
async fn an_empty_blob_with_the_digest_of_something_else_is_refused() {
    let hello = Digest::of(b"hello");
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{hello}","size":0}},"layers":[]}}"#
    );
    let top = manifest(media_type, text);
    let content = Content { blobs: Vec::new(), top: top.digest.clone(), manifests: vec![top] };
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &content);
    let error = stage.mirror_fails().await;
    assert!(words(&error).contains("size 0 and the digest of something else"), "{}", words(&error));
    assert!(asked(&stage.destination, "PUT", Kind::Upload).is_empty());
}

#[tokio::test]
async fn an_upload_that_is_accepted_before_it_was_sent_is_sent_again() {
    let (stage, layer) = Stage::with_layer(8 << 20).await;
    let digest = layer.as_str().replace(':', "%3A");
    stage.destination.inject(Fault::status(201).method("PUT").path(&digest));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer).len(), 2, "it is sent again, completely");
}
