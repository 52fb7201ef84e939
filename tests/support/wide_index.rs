//! Indexes with many images, to test the limits for them.

use bytes::Bytes;
use oci::Digest;
use registry_in_memory::content::{Content, GeneratedManifest, docker_image};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn generated(media_type: &str, text: String) -> GeneratedManifest {
    let bytes = Bytes::from(text);
    GeneratedManifest { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
}

/// An index of images that differ only in an annotation.
pub(crate) fn index_of(count: usize) -> Content {
    let mut content = docker_image(&[]);
    let image = content.manifests.pop().unwrap();
    let text = String::from_utf8(image.bytes.to_vec()).unwrap();
    let mut entries = Vec::new();
    for number in 0..count {
        let annotated = format!(r#"{{"annotations":{{"number":"{number}"}},"#);
        let child = generated(&image.media_type, text.replacen('{', &annotated, 1));
        let (media_type, digest, size) = (&child.media_type, &child.digest, child.bytes.len());
        entries
            .push(format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#));
        content.manifests.push(child);
    }
    let entries = entries.join(",");
    let text = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entries}]}}"#);
    let top = generated(INDEX, text);
    content.top = top.digest.clone();
    content.manifests.push(top);
    content
}
