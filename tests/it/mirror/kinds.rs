//! Every kind of content arrives as the bytes it was, under the media type it had.

use registry_in_memory::content;
use registry_in_memory::content::{Content, Layer};

use super::support::{Bench, failures, layers, outcomes};

#[tokio::test]
async fn every_kind_of_content_arrives_byte_by_byte_under_its_own_media_type() {
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
    let mut bench = Bench::new().await;
    for (tag, content) in &kinds {
        bench.list(&format!("of-its-own/{tag}"), tag, content);
        bench.list("together", tag, content);
    }
    let report = bench.mirror_all().await;
    assert_eq!(outcomes(&report), ["copied"; 16]);
}

#[tokio::test]
async fn an_image_of_the_first_schema_is_refused_and_the_others_are_copied() {
    let mut bench = Bench::new().await;
    let old = content::schema1_image("team/old", "1.0", &layers(&["base"]));
    bench.list("team/new", "1.0", &content::docker_image(&layers(&["base"])));
    super::support::store(&bench.source, "team/old", "1.0", &old);
    let source = bench.source.address().to_owned();
    bench.list_absent(&source, "team/old", "1.0");
    let report = bench.mirror().await;
    assert_eq!(outcomes(&report), ["copied", "failed"]);
    let failures = failures(&report);
    assert!(failures[0].contains("schema 1"), "{failures:?}");
    assert_eq!(bench.destination.store().repositories(), ["team/new"]);
    bench.assert_mirrored();
}

#[tokio::test]
async fn layers_that_live_elsewhere_are_left_there_and_counted() {
    let mut bench = Bench::new().await;
    let image = content::docker_image(&layers(&["base"]));
    let manifest = image.top_manifest().unwrap();
    let foreign = serde_json::json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": oci::Digest::of(b"elsewhere"), "size": 9, "urls": ["https://example.com/x"],
    });
    let mut document: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
    document["layers"].as_array_mut().unwrap().push(foreign);
    let bytes = document.to_string();
    bench.source.store().put_blob("team/a", image.blobs[0].1.clone());
    bench.source.store().put_blob("team/a", image.blobs[1].1.clone());
    bench.source.store().put_manifest("team/a", "1.0", &manifest.media_type, bytes);
    let source = bench.source.address().to_owned();
    bench.list_absent(&source, "team/a", "1.0");
    let report = bench.mirror_all().await;
    let text = chart_mirror::report::human::image(&report.images[0]);
    assert!(text.contains("1 foreign layer left where they are"), "{text}");
    assert_eq!(bench.destination.store().tags("team/a"), ["1.0"]);
}
