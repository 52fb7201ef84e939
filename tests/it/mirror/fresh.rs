//! The images of this repository's list, mirrored to an empty registry and again with the fewest
//! requests.

use std::collections::BTreeSet;

use chart_mirror::list::ImageList;
use registry_in_memory::RegistryOptions;
use registry_in_memory::content;

use super::support::outcomes;
use crate::support::layers;
use crate::support::requests::{counted, request_counts};
use crate::support::stage::Stage;

/// Generated content for the images of the list, with the numbers that determine the requests.
struct Release {
    stage: Stage,
    images: usize,
    manifests: usize,
    blobs: usize,
    blobs_in_repositories: usize,
}

#[derive(PartialEq, Eq)]
enum Pins {
    None,
    All,
}

async fn release(pins: Pins) -> Release {
    let text = include_str!("../../../images.toml");
    let list = ImageList::parse("images.toml", text).unwrap();
    let mut stage = Stage::new().await;
    stage.pinned = pins == Pins::All;
    let (mut manifests, mut blobs, mut in_repositories) = (0, BTreeSet::new(), BTreeSet::new());
    for image in list.images() {
        let (repository, tag) = (image.source.path().as_str(), image.tag.as_str());
        let content = content::for_list(repository, tag);
        manifests += content.manifests.len();
        for (digest, _) in &content.blobs {
            blobs.insert(digest.clone());
            in_repositories.insert((repository.to_owned(), digest.clone()));
        }
        stage.publish(repository, tag, &content);
    }
    Release {
        stage,
        images: list.images().len(),
        manifests,
        blobs: blobs.len(),
        blobs_in_repositories: in_repositories.len(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_run_sends_the_fewest_possible_requests() {
    let release = release(Pins::None).await;
    let report = release.stage.mirror_all().await;
    let Release { images, manifests, blobs, blobs_in_repositories, stage } = release;
    assert!(images >= 20 && blobs_in_repositories > blobs, "the list is too small for this test");

    let source = [("GET blob", blobs), ("GET manifest", manifests)];
    assert_eq!(request_counts(&stage.source), counted(&source));
    let destination = [
        ("HEAD manifest", images),
        ("POST mount", blobs_in_repositories - blobs),
        ("POST upload", blobs),
        ("PUT manifest", manifests),
        ("PUT upload", blobs),
    ];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
    assert_eq!(stage.destination.store().open_uploads(), 0);

    let totals = report.totals();
    assert_eq!((totals.copied, totals.unpinned), (images, images));
    assert_eq!(totals.moved.blobs as usize, blobs);
    assert_eq!(totals.mounted.blobs as usize, blobs_in_repositories - blobs);
    assert_eq!(report.requests.unwrap().source as usize, stage.source.requests().len());
    assert_eq!(report.requests.unwrap().destination as usize, stage.destination.requests().len());
}

#[tokio::test]
async fn a_second_run_sends_one_request_per_pinned_image_and_none_to_the_source() {
    let Release { stage, images, .. } = release(Pins::All).await;
    stage.mirror_all().await;
    stage.forget_requests();
    let report = stage.mirror_all().await;
    assert_eq!(request_counts(&stage.source), "");
    assert_eq!(request_counts(&stage.destination), counted(&[("HEAD manifest", images)]));
    assert_eq!(outcomes(&report), vec!["up to date"; images]);
}

#[tokio::test]
async fn a_second_run_sends_one_request_to_each_side_per_unpinned_image() {
    let Release { stage, images, .. } = release(Pins::None).await;
    stage.mirror_all().await;
    stage.forget_requests();
    let report = stage.mirror_all().await;
    assert_eq!(request_counts(&stage.source), counted(&[("HEAD manifest", images)]));
    assert_eq!(request_counts(&stage.destination), counted(&[("HEAD manifest", images)]));
    assert_eq!(outcomes(&report), vec!["up to date"; images]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_requests_of_two_hundred_images_grow_with_their_distinct_content() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    for number in 0..200 {
        let own = format!("own {number}");
        let image = content::oci_image(&layers(&["base", "runtime", &own]));
        stage.publish(&format!("team/image-{number}"), "1.0", &image);
    }
    stage.mirror_all().await;
    // The config and own layer of each image, and the two shared layers.
    assert_eq!(request_counts(&stage.source), counted(&[("GET blob", 402), ("GET manifest", 200)]));
    let destination = [
        ("HEAD manifest", 200),
        ("POST mount", 398),
        ("POST upload", 402),
        ("PUT manifest", 200),
        ("PUT upload", 402),
    ];
    assert_eq!(request_counts(&stage.destination), counted(&destination));
    assert!(stage.destination.most_at_once() <= 64, "{}", stage.destination.most_at_once());
}
