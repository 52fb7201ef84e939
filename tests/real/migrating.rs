//! The configurations of docs/migrating.md: skopeo and the list beside each of them copy the same images.

use chart_mirror::list::ImageList;
use registry_in_memory::content::{Layer, oci_index};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_yaml::Value;

use crate::docs::documented;
use crate::formats::contents;
use crate::programs::skopeo::run;
use crate::support::pages::{blocks, page};
use crate::support::xtask::Xtask;

const PAGE: &str = "docs/migrating.md";

/// The block in a language that begins with this line or key.
fn block(language: &str, start: &str) -> String {
    let mut blocks = blocks(&page(PAGE), language).into_iter();
    blocks.find(|block| block.starts_with(start)).unwrap_or_else(|| panic!("{PAGE} lacks {start}"))
}

/// The list below a heading.
fn list_below(heading: &str) -> String {
    let text = page(PAGE);
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    blocks(section, "toml").swap_remove(0)
}

/// Sources and targets, as `mirror -t` prints them.
fn copies(list: &str) -> Vec<(String, String)> {
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
    let run = xtask.run(&["mirror", "-t"], &[]);
    assert_eq!(run.exit_code, 0, "{}", run.stderr);
    let pair = |line: &str| {
        let line = line.strip_prefix("Copying ")?.strip_suffix(" (dry-run)")?;
        let (source, target) = line.split_once(" to ")?;
        Some((source.to_owned(), target.to_owned()))
    };
    run.stdout.lines().filter_map(pair).collect()
}

#[test]
fn the_list_copies_what_regsync_copies() {
    let regsync: Value = serde_yaml::from_str(&block("yaml", "# regsync.yml")).unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = regsync["sync"].as_sequence().unwrap();
    assert!(entries.iter().all(|entry| entry["type"] == "image"));
    let expected: Vec<_> =
        entries.iter().map(|entry| (text(entry, "source"), text(entry, "target"))).collect();
    assert_eq!(copies(&list_below("From regsync")), expected);
    let list = ImageList::parse("images.toml", &list_below("From regsync")).unwrap();
    let login = text(&regsync["creds"][0], "registry");
    assert!(list.registries().keys().any(|name| name.as_str() == login), "{login:?}");
}

#[test]
fn the_list_copies_the_images_that_hauler_collects() {
    let hauler: Value = serde_yaml::from_str(&block("yaml", "# hauler.yaml")).unwrap();
    assert_eq!(hauler["kind"], "Images");
    let entries = hauler["spec"]["images"].as_sequence().unwrap();
    let expected: Vec<_> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let copies = copies(&list_below("From hauler"));
    let sources: Vec<_> = copies.iter().map(|(source, _)| source.as_str()).collect();
    assert_eq!(sources, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_copies_what_skopeo_copies() {
    let start = || InMemoryRegistry::start(RegistryOptions::default());
    let source = start().await.unwrap();
    let (by_skopeo, by_list) = (start().await.unwrap(), start().await.unwrap());
    let configuration = block("yaml", "# sync.yml");
    let images =
        serde_yaml::from_str::<Value>(&configuration).unwrap()["quay.io"]["images"].clone();
    for (repository, tags) in images.as_mapping().unwrap() {
        for tag in tags.as_sequence().unwrap() {
            let content = oci_index(&[Layer::new(format!("{repository:?}"), 100)]);
            source.store().publish(repository.as_str().unwrap(), tag.as_str().unwrap(), &content);
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let host = format!("\"{}\":\n  tls-verify: false", source.address());
    let file = folder.path().join("sync.yml");
    std::fs::write(&file, configuration.replace("quay.io:", &host)).unwrap();
    let command = documented(
        PAGE,
        "skopeo sync --all --preserve-digests --src yaml --dest docker sync.yml registry.example.com/mirror",
    );
    let command = command.replace("sync.yml", file.to_str().unwrap());
    let command = command.replace("registry.example.com", by_skopeo.address());
    let mut arguments: Vec<_> = command.split(' ').skip(1).map(str::to_owned).collect();
    arguments.insert(1, "--dest-tls-verify=false".to_owned());
    tokio::task::block_in_place(|| run(&arguments)).unwrap();

    let list = list_below("From skopeo sync").replace("quay.io", source.address());
    let xtask = Xtask::new();
    std::fs::write(
        xtask.directory().join("images.toml"),
        list.replace("registry.example.com", by_list.address()),
    )
    .unwrap();
    let run = tokio::task::block_in_place(|| xtask.run(&["mirror"], &[]));
    assert_eq!(run.exit_code, 0, "{}{}", run.stdout, run.stderr);

    assert_eq!(contents(&by_list), contents(&by_skopeo));
    assert_eq!(contents(&by_list).len(), 2);
}
