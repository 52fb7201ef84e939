//! Tests of the generated content: every document is what it claims to be.

use std::collections::BTreeMap;

use oci_distribution::manifest::OciManifest;

use super::*;
use crate::Store;

fn layers() -> Vec<Layer> {
    vec![Layer::new("base", 100), Layer::new("own", 33)]
}

fn every_kind() -> Vec<(&'static str, Content)> {
    let image = oci_image(&layers());
    let subject = image.top_manifest().unwrap();
    let attached = referrer(subject, "application/spdx+json");
    vec![
        ("docker image", docker_image(&layers())),
        ("oci image", image.clone()),
        ("docker list", docker_list(&layers())),
        ("oci index", oci_index(&layers())),
        ("unknown platforms", index_with_unknown_platforms(&layers())),
        ("artifact", artifact("application/x-test", "payload")),
        ("signature", signature(&image.top)),
        ("referrers index", referrers_index(std::slice::from_ref(&attached))),
        ("referrer", attached),
        ("oddly written", oddly_written_image(&layers())),
        ("schema 1", schema1_image("a", "1", &layers())),
        ("listed", for_list("stackstate/wait", "1.0.6")),
    ]
}

fn document(manifest: &GeneratedManifest) -> Value {
    serde_json::from_slice(&manifest.bytes).unwrap()
}

#[test]
fn all_content_is_complete_and_named_by_its_digests() {
    for (name, content) in every_kind() {
        let store = Store::default();
        for (digest, bytes) in &content.blobs {
            assert_eq!(store.put_blob("a", bytes.clone()), *digest, "{name}");
        }
        for manifest in &content.manifests {
            let reference =
                if manifest.digest == content.top { "top" } else { manifest.digest.as_str() };
            let missing = crate::store::children(&manifest.bytes).unwrap();
            assert_eq!(store.missing_child("a", &missing), None, "{name}: children come first");
            let stored =
                store.put_manifest("a", reference, &manifest.media_type, manifest.bytes.clone());
            assert_eq!(stored, manifest.digest, "{name}");
        }
        assert_eq!(store.incomplete_tags(), [""; 0], "{name}");
        assert_eq!(store.tags("a"), ["top"], "{name}");
    }
}

#[test]
fn every_manifest_but_the_first_schema_is_read_by_the_client_library() {
    for (name, content) in every_kind().into_iter().filter(|(name, _)| *name != "schema 1") {
        for manifest in &content.manifests {
            let parsed = serde_json::from_slice::<OciManifest>(&manifest.bytes);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
            assert_eq!(document(manifest)["mediaType"], manifest.media_type.as_str(), "{name}");
        }
    }
}

#[test]
fn sizes_in_descriptors_are_the_sizes_of_what_they_point_to() {
    for (name, content) in every_kind() {
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        sizes.extend(content.blobs.iter().map(|(digest, b)| (digest.to_string(), b.len())));
        sizes.extend(content.manifests.iter().map(|m| (m.digest.to_string(), m.bytes.len())));
        for manifest in &content.manifests {
            let document = document(manifest);
            let lists =
                ["layers", "manifests"].iter().filter_map(|list| document[*list].as_array());
            for descriptor in lists.flatten().chain(document.get("config")) {
                let digest = descriptor["digest"].as_str().unwrap();
                assert_eq!(descriptor["size"], sizes[digest], "{name}: {digest}");
            }
        }
    }
}

#[test]
fn the_same_name_gives_the_same_bytes_and_layers_are_shared_by_name_and_size() {
    let tops = || every_kind().into_iter().map(|(_, content)| content.top).collect::<Vec<_>>();
    assert_eq!(tops(), tops());
    assert_eq!(Layer::new("a", 9).bytes(), Layer::new("a", 9).bytes());
    assert_ne!(Layer::new("a", 9).bytes(), Layer::new("b", 9).bytes());
    assert_eq!(Layer::new("a", 9).bytes().len(), 9);
    // Pinned: a change here changes every digest that a document may show.
    assert_eq!(Digest::of(&Layer::new("base", 100).bytes()).short(), "sha256:55ec0e100362");
}

#[test]
fn an_index_attests_each_of_its_images() {
    let content = oci_index(&layers());
    let index = document(content.top_manifest().unwrap());
    let platforms: Vec<String> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let part = |name: &str| entry["platform"][name].as_str().unwrap().to_owned();
            part("os") + "/" + &part("architecture")
        })
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"]);
    let about = |n: usize| &index["manifests"][n]["annotations"]["vnd.docker.reference.digest"];
    assert_eq!(about(2), &index["manifests"][0]["digest"]);
    assert_eq!(about(3), &index["manifests"][1]["digest"]);
}

#[test]
fn an_oddly_written_manifest_does_not_survive_being_written_again() {
    let content = oddly_written_image(&layers());
    let manifest = content.top_manifest().unwrap();
    let document = document(manifest);
    assert_ne!(document.to_string().as_bytes(), &manifest.bytes[..]);
    assert_ne!(serde_json::to_vec_pretty(&document).unwrap(), &manifest.bytes[..]);
}

#[test]
fn a_list_of_names_becomes_a_mix_of_kinds_that_shares_layers_and_stays_small() {
    let names = [
        ("container-tools", "1.1.3"),
        ("elasticsearch-exporter", "v1.2.1"),
        ("elasticsearch", "7.6.2-sts.20220316.0825"),
        ("envoy-alpine", "v1.19.1-sts.20211207.0748"),
        ("hadoop", "2.10.1-java11-4"),
        ("hbase-master", "4.2.19"),
        ("hbase-regionserver", "4.2.19"),
        ("jmx-exporter", "0.15.0-focal-20220316-r138.20220405.1513"),
        ("kafka", "2.3.1-focal-20220316-r41.1"),
        ("kafka", "2.8.0-focal-20220316-r108.20220405.1511"),
        ("minio", "2021.2.19-focal-20220316-r5.20220405.1533"),
        ("nginx-prometheus-exporter", "0.9.0"),
        ("spotlight", "4.5.6"),
        ("stackgraph-console", "4.2.19"),
        ("stackstate-correlate-stable", "4.5.6"),
        ("stackstate-kafka-to-es-stable", "4.5.6"),
        ("stackstate-receiver-stable", "4.5.6"),
        ("stackstate-server-stable", "4.5.6"),
        ("stackstate-ui-stable", "4.5.6"),
        ("tephra-server", "4.2.19"),
        ("wait", "1.0.6"),
        ("zookeeper", "3.6.3-focal-20220316-r302.20220411.1232"),
    ];
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut distinct: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut whole = 0;
    for (name, tag) in names {
        let content = for_list(&format!("stackstate/{name}"), tag);
        *kinds.entry(content.top_manifest().unwrap().media_type.clone()).or_default() += 1;
        distinct.extend(content.blobs.iter().map(|(digest, b)| (digest.clone(), b.len())));
        whole += content.size();
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    assert!(kinds.values().all(|count| *count >= 3), "{kinds:?}");
    let once: usize = distinct.values().sum();
    assert!(once < whole * 2 / 3, "{once} of {whole} bytes are distinct");
    assert!((1_000_000..8_000_000).contains(&once), "{once} bytes");
}
