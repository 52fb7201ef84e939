//! Every kind of content arrives with the same bytes and media type.

use registry_in_memory::RegistryOptions;
use registry_in_memory::content;
use registry_in_memory::content::{Content, Layer};

use super::support::{failures, outcomes};
use crate::support::stage::Stage;
use crate::support::{layers, store};

#[tokio::test]
async fn every_kind_of_content_arrives_byte_for_byte_with_its_media_type() {
    let layers = layers(&["base", "own"]);
    let kinds: [(&str, Content); 8] = [
        ("docker", content::docker_image(&layers)),
        ("oci", content::oci_image(&layers)),
        ("list", content::docker_list(&layers)),
        ("index", content::oci_index(&layers)),
        ("strange", content::index_with_unknown_platforms(&layers)),
        ("artifact", content::artifact("application/x-test", "payload")),
        ("odd", content::oddly_written_image(&layers)),
        ("empty", content::oci_image(&[Layer::new("nothing", 0), Layer::new("base", 3000)])),
    ];
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    for (tag, content) in &kinds {
        stage.publish(&format!("alone/{tag}"), tag, content);
        stage.publish("together", tag, content);
    }
    let report = stage.mirror_all().await;
    assert_eq!(outcomes(&report), ["copied"; 16]);
}

#[tokio::test]
async fn an_image_of_schema_1_fails_and_the_others_are_copied() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let old = content::schema1_image("team/old", "1.0", &layers(&["base"]));
    stage.publish("team/new", "1.0", &content::docker_image(&layers(&["base"])));
    store(&stage.source, "team/old", "1.0", &old);
    stage.list_missing(None, "team/old", "1.0");
    let report = stage.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "failed"]);
    let failures = failures(&report);
    assert!(failures[0].contains("schema 1"), "{failures:?}");
    assert_eq!(stage.destination.store().repositories(), ["team/new"]);
    stage.assert_mirrored();
}

#[tokio::test]
async fn foreign_layers_are_not_copied_but_counted() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    let image = content::docker_image(&layers(&["base"]));
    let manifest = image.top_manifest().unwrap();
    let foreign = serde_json::json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": oci::Digest::of(b"elsewhere"), "size": 9, "urls": ["https://example.com/x"],
    });
    let mut document: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
    document["layers"].as_array_mut().unwrap().push(foreign);
    let bytes = document.to_string();
    stage.source.store().put_blob("team/a", image.blobs[0].1.clone());
    stage.source.store().put_blob("team/a", image.blobs[1].1.clone());
    stage.source.store().put_manifest("team/a", "1.0", &manifest.media_type, bytes);
    stage.list_missing(None, "team/a", "1.0");
    let report = stage.mirror_all().await;
    let text = chart_mirror::report::mirror::image(&report.images[0]);
    assert!(text.contains("1 foreign layer"), "{text}");
    assert_eq!(stage.destination.store().tags("team/a"), ["1.0"]);
}
