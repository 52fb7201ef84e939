//! The list of the first release, mirrored to an empty registry and again: the fewest requests.

use std::collections::BTreeSet;

use chart_mirror::list::ImageList;
use registry_in_memory::content;

use super::support::{Bench, done, layers, outcomes, tell};

/// The listed images, generated, and the numbers that bound the work on them.
struct Release {
    bench: Bench,
    images: usize,
    manifests: usize,
    blobs: usize,
    blobs_in_repositories: usize,
}

async fn release(pinned: bool) -> Release {
    let text = include_str!("../../../images.toml");
    let list = ImageList::parse("images.toml", text).unwrap();
    let mut bench = Bench::new().await;
    let (mut manifests, mut blobs, mut in_repositories) = (0, BTreeSet::new(), BTreeSet::new());
    for image in list.images() {
        let (repository, tag) = (image.source.path().as_str(), image.tag.as_str());
        let content = content::for_list(repository, tag);
        manifests += content.manifests.len();
        for (digest, _) in &content.blobs {
            blobs.insert(digest.clone());
            in_repositories.insert((repository.to_owned(), digest.clone()));
        }
        if pinned {
            bench.pin(repository, tag, &content);
        } else {
            bench.list(repository, tag, &content);
        }
    }
    Release {
        bench,
        images: list.images().len(),
        manifests,
        blobs: blobs.len(),
        blobs_in_repositories: in_repositories.len(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_mirror_takes_exactly_the_least_requests() {
    let release = release(false).await;
    let report = release.bench.mirror_all().await;
    let Release { images, manifests, blobs, blobs_in_repositories, bench } = release;
    assert!(images >= 20 && blobs_in_repositories > blobs, "this list would prove little");

    let source = [("GET blob", blobs), ("GET manifest", manifests)];
    assert_eq!(done(&bench.source), tell(&source));
    let destination = [
        ("HEAD manifest", images),
        ("POST mount", blobs_in_repositories - blobs),
        ("POST upload", blobs),
        ("PUT manifest", manifests),
        ("PUT upload", blobs),
    ];
    assert_eq!(done(&bench.destination), tell(&destination));
    assert_eq!(bench.destination.store().open_uploads(), 0);

    let totals = report.totals();
    assert_eq!((totals.copied, totals.unpinned), (images, images));
    assert_eq!(totals.moved.blobs as usize, blobs);
    assert_eq!(totals.mounted.blobs as usize, blobs_in_repositories - blobs);
    assert_eq!(report.requests.source as usize, bench.source.requests().len());
    assert_eq!(report.requests.destination as usize, bench.destination.requests().len());
}

#[tokio::test]
async fn a_second_mirror_of_pinned_images_asks_the_destination_once_each_and_the_source_nothing() {
    let Release { bench, images, .. } = release(true).await;
    bench.mirror_all().await;
    bench.forget_requests();
    let report = bench.mirror_all().await;
    assert_eq!(done(&bench.source), "");
    assert_eq!(done(&bench.destination), tell(&[("HEAD manifest", images)]));
    assert_eq!(outcomes(&report), vec!["up to date"; images]);
}

#[tokio::test]
async fn a_second_mirror_of_unpinned_images_asks_each_side_once_each() {
    let Release { bench, images, .. } = release(false).await;
    bench.mirror_all().await;
    bench.forget_requests();
    let report = bench.mirror_all().await;
    assert_eq!(done(&bench.source), tell(&[("HEAD manifest", images)]));
    assert_eq!(done(&bench.destination), tell(&[("HEAD manifest", images)]));
    assert_eq!(outcomes(&report), vec!["up to date"; images]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_images_take_no_more_requests_than_their_parts() {
    let mut bench = Bench::new().await;
    for number in 0..200 {
        let own = format!("own {number}");
        let image = content::oci_image(&layers(&["base", "runtime", &own]));
        bench.list(&format!("team/image-{number}"), "1.0", &image);
    }
    bench.mirror_all().await;
    // Config and own layer of each, and the two shared ones.
    assert_eq!(done(&bench.source), tell(&[("GET blob", 402), ("GET manifest", 200)]));
    let destination = [
        ("HEAD manifest", 200),
        ("POST mount", 398),
        ("POST upload", 402),
        ("PUT manifest", 200),
        ("PUT upload", 402),
    ];
    assert_eq!(done(&bench.destination), tell(&destination));
    assert!(bench.destination.most_at_once() <= 64, "{}", bench.destination.most_at_once());
}
