//! Benchmarks of pure code with inputs that are far larger than those of a chart.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop right there")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chart_mirror::chart::{Rendered, discover};
use chart_mirror::list::ImageList;
use chart_mirror::plan::{Selection, transfers};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use oci::Digest;

const IMAGES: usize = 20_000;
const YAML_BYTES: usize = 20_000_000;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn reading_a_list_of_20_000_images(bencher: Bencher<'_, '_>) {
    let text = list();
    let counted = bencher.counter(BytesCount::of_str(&text));
    counted.bench(|| ImageList::parse("images.toml", black_box(&text)).unwrap());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn planning_20_000_images(bencher: Bencher<'_, '_>) {
    let list = ImageList::parse("images.toml", &list()).unwrap();
    let destination = &list.destinations()["site"];
    let selection = Selection::default();
    assert_eq!(transfers(&list, destination, &selection).unwrap().len(), IMAGES);
    let counted = bencher.counter(ItemsCount::new(IMAGES));
    counted.bench(|| transfers(black_box(&list), destination, &selection).unwrap());
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn references_in_20_mb_of_yaml(bencher: Bencher<'_, '_>) {
    let text = manifests();
    let counted = bencher.counter(BytesCount::of_str(&text));
    let rendering = "default".to_owned();
    let rendered = Rendered { rendering, text, warnings: String::new() };
    let hosts = BTreeSet::from(["quay.io"]);
    counted.bench(|| {
        let found = discover(black_box(&rendered), None, &hosts);
        found.unwrap_or_else(|unreadable| panic!("{unreadable}"))
    });
}

/// The text of images.toml, with one destination.
fn list() -> String {
    let mut text = "[destinations.site]\nregistry = \"registry.example.com\"\n\n".to_owned();
    for number in 0..IMAGES {
        let source = format!("quay.io/team-{}/image-{number}", number % 100);
        let digest = Digest::of(source.as_bytes());
        writeln!(text, "[[image]]\nsource = \"{source}\"\ntag = \"1.{number}\"").unwrap();
        writeln!(text, "digest = \"{digest}\"\n").unwrap();
    }
    text
}

/// Deployments, each with a different image.
fn manifests() -> String {
    let mut text = String::with_capacity(YAML_BYTES + 1000);
    for number in 0.. {
        if text.len() >= YAML_BYTES {
            break;
        }
        write!(
            text,
            "---\n# Source: chart/templates/deployment.yaml\napiVersion: apps/v1\nkind: Deployment\n\
             metadata:\n  name: app-{number}\n  labels:\n    app.kubernetes.io/name: app\n    \
             app.kubernetes.io/instance: release-{number}\nspec:\n  replicas: 2\n  template:\n    spec:\n      \
             containers:\n        - name: main\n          image: \"quay.io/team/image-{number}:1.{number}\"\n          \
             args: [\"--listen\", \":8080\", \"--level=info\"]\n          env:\n            - name: MODE\n              \
             value: production\n          resources:\n            limits:\n              memory: 512Mi\n"
        )
        .unwrap();
    }
    text
}
