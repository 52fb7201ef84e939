//! `inventory`: what a destination has.

use chart_mirror::bundle::destination_inventory::DestinationInventory;
use oci::Digest;
use registry_in_memory::content::docker_image;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::support::wide_index::index_of;
use crate::support::xtask::Xtask;
use crate::support::{assert_says, layers, store, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inventory_has_every_manifest_and_blob_of_the_images_that_are_there() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let address = registry.address();
    store(&registry, "team/acme/a", "1", &docker_image(&layers(&["base", "a"])));
    let xtask = Xtask::new();
    let list = "[destinations.prod]\nregistry = \"ADDRESS/team\"\n\
                [[image]]\nsource = \"quay.io/acme/a\"\ntag = \"1\"\n\
                [[image]]\nsource = \"quay.io/acme/absent\"\ntag = \"1\"\n";
    write(&xtask, "images.toml", list.replace("ADDRESS", address));
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| xtask.run_in("", arguments, &[]));

    let printed = run(&["inventory"]);
    assert_eq!(printed.exit_code, 0, "{printed:?}");
    let inventory = DestinationInventory::parse(&printed.stdout).unwrap();
    assert_eq!(inventory.destination, "prod");
    assert_eq!(inventory.address, format!("{address}/team"));
    let path = "team/acme/a".parse().unwrap();
    assert_eq!(inventory.repositories.keys().collect::<Vec<_>>(), [&path]);
    let held = &inventory.repositories[&path];
    let blobs: Vec<Digest> = held.blobs.keys().cloned().collect();
    assert_eq!(blobs, registry.store().blobs("team/acme/a"));
    let manifests: Vec<Digest> = held.manifests.iter().cloned().collect();
    assert_eq!(manifests, registry.store().manifests("team/acme/a"));
    for (digest, size) in &held.blobs {
        let blob = registry.store().blob("team/acme/a", digest).unwrap();
        assert_eq!(*size, blob.len() as u64);
    }

    registry.forget_requests();
    let two =
        format!("{}[destinations.dev]\nregistry = \"r.io\"\n", list.replace("ADDRESS", address));
    write(&xtask, "two/images.toml", two);
    let refused = run(&["--images", "two/images.toml", "inventory"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["several destinations", "of one destination", "`-d dev`"]);
    assert!(!refused.stderr.contains("--all-destinations"), "{}", refused.stderr);
    assert_eq!(registry.requests().len(), 0);

    let written = run(&["inventory", "-d", "prod", "-o", "prod.json"]);
    assert_eq!(written.exit_code, 0, "{written:?}");
    assert_says(&written.stdout, &["prod.json", "1 image", "3 blobs"]);
    let methods: Vec<String> =
        registry.requests().iter().map(|request| request.method.to_string()).collect();
    assert!(methods.iter().all(|method| method == "GET"), "nothing is changed: {methods:?}");
    let file = std::fs::read_to_string(xtask.directory().join("prod.json")).unwrap();
    assert_eq!(file, printed.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deep_inventory_leaves_out_what_the_registry_has_lost() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let address = registry.address();
    store(&registry, "acme/a", "1", &docker_image(&layers(&["base", "a"])));
    store(&registry, "acme/a", "2", &docker_image(&layers(&["base", "b"])));
    let xtask = Xtask::new();
    let image = |tag: &str| format!("[[image]]\nsource = \"quay.io/acme/a\"\ntag = \"{tag}\"\n");
    write(&xtask, "images.toml", image("1") + &image("2"));
    let run = |more: &[&str]| {
        let arguments = [&["inventory", "-d", address], more].concat();
        tokio::task::block_in_place(|| xtask.run(&arguments, &[]))
    };
    let blobs = |text: &str| {
        let inventory = DestinationInventory::parse(text).unwrap();
        let (_, held) = inventory.repositories.into_iter().next().unwrap();
        held.blobs.into_keys().collect::<Vec<_>>()
    };
    registry.forget_requests();
    let whole = run(&["--deep"]);
    assert_eq!(whole.exit_code, 0, "{whole:?}");
    assert_eq!(whole.stdout, run(&[]).stdout);
    let heads = registry.requests().into_iter().filter(|request| request.method == "HEAD");
    assert_eq!(heads.count(), blobs(&whole.stdout).len(), "one for each blob");

    let base = Digest::of(&layers(&["base"])[0].bytes());
    assert!(registry.store().delete_blob("acme/a", &base));
    assert!(blobs(&run(&[]).stdout).contains(&base));
    let found = run(&["--deep"]);
    assert_eq!(found.exit_code, 1, "{found:?}");
    assert_says(&found.stderr, &["1 blob", base.as_str(), "--repair"]);
    assert!(!blobs(&found.stdout).contains(&base), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_child_of_an_index_above_the_limit_is_requested() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    store(&registry, "acme/a", "1", &index_of(5001));
    let xtask = Xtask::new();
    write(&xtask, "images.toml", "[[image]]\nsource = \"quay.io/acme/a\"\ntag = \"1\"\n");
    registry.forget_requests();
    let arguments = ["inventory", "-d", registry.address()];
    let found = tokio::task::block_in_place(|| xtask.run(&arguments, &[]));
    assert_eq!(found.exit_code, 2, "{found:?}");
    assert_says(&found.stderr, &["more than 5000 manifests"]);
    assert_eq!(registry.requests().len(), 1);
}
