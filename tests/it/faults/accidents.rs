//! Accidents of one transmission: what is sent or read again, how often, and what is never sent again.

use std::time::Duration;

use chart_mirror::list::Attachments;
use registry::Side;
use registry_in_memory::content::{self, Layer, docker_image, docker_list};
use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use crate::support::requests::{asked, commits, fetches, statuses};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::store;

const SIZE: usize = 200_000;

fn corrupt(at: usize) -> Fault {
    Fault::new(Effect::Corrupt { at }).method("GET")
}

#[tokio::test]
async fn content_that_is_wrong_in_another_way_each_time_is_read_up_to_four_times() {
    for (damages, arrives) in [(3, true), (4, false)] {
        let (stage, layer) = Stage::with_layer(SIZE).await;
        for at in 0..damages {
            stage.source.inject(corrupt(at).path(layer.as_str()));
        }
        let report = stage.mirror().await;
        assert_eq!(report.failures().count() == 0, arrives, "{damages}");
        assert_eq!(fetches(&stage.source, &layer).len(), 4);

        let mut stage = Stage::new().await;
        stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 1000)]));
        for at in 0..damages {
            stage.source.inject(corrupt(at).kind(Kind::Manifest));
        }
        let report = stage.mirror().await;
        assert_eq!(report.failures().count() == 0, arrives, "{damages}");
        assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 4);
    }
}

#[tokio::test]
async fn a_manifest_without_a_digest_that_is_no_document_is_read_again() {
    let without_header = RegistryOptions { digest_header: false, ..RegistryOptions::default() };
    let mut stage = Stage::with(without_header.clone(), without_header).await;
    stage.pinned = false;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 1000)]));
    stage.source.inject(Fault::new(Effect::Shorten(7)).method("GET").kind(Kind::Manifest));
    stage.mirror_all().await;
    assert_eq!(asked(&stage.source, "GET", Kind::Manifest).len(), 2);

    stage.forget_requests();
    stage.destination.inject(Fault::new(Effect::ExtraBytes(7)).method("GET").kind(Kind::Manifest));
    let report = stage.mirror_all().await;
    assert_eq!(report.totals().up_to_date, 1);
    assert_eq!(asked(&stage.destination, "GET", Kind::Manifest).len(), 2);
}

#[tokio::test]
async fn a_blob_that_the_registry_received_damaged_is_sent_again_but_not_forever() {
    let in_one_put = RegistryOptions::default();
    let in_a_stream = RegistryOptions { largest_put: Some(0), ..RegistryOptions::default() };
    for options in [in_one_put, in_a_stream] {
        for (damages, arrives) in [(1, true), (2, true), (usize::MAX, false)] {
            let source = RegistryOptions::default();
            let (stage, layer) = Stage::with_layer_and(source, options.clone(), SIZE).await;
            let method = if options.largest_put.is_some() { "PATCH" } else { "PUT" };
            let damage = Fault::new(Effect::CorruptUpload { at: 9 }).method(method);
            stage
                .destination
                .inject(damage.kind(Kind::Upload).repository(REPOSITORY).times(damages));
            if arrives {
                stage.mirror_all().await;
                continue;
            }
            let error = stage.mirror_fails().await;
            assert_eq!((error.side, error.status()), (Side::Destination, Some(400)), "{error}");
            assert!(words(&error).contains("DIGEST_INVALID"), "{}", words(&error));
            assert!(commits(&stage.destination, &layer).len() <= 4, "{damages}");
        }
    }
}

#[tokio::test]
async fn a_manifest_whose_push_is_answered_with_another_digest_is_read_back() {
    let (stage, _) = Stage::with_layer(1000).await;
    let lie = Fault::new(Effect::LieAboutDigest).method("PUT").kind(Kind::Manifest);
    stage.destination.inject(lie);
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [201]);
    assert_eq!(statuses(&stage.destination, "GET", Kind::Manifest), [200]);
}

#[tokio::test]
async fn a_manifest_that_becomes_visible_after_its_push_is_not_an_error() {
    let silent = RegistryOptions { digest_header: false, ..RegistryOptions::default() };
    let (stage, _) = Stage::with_layer_and(RegistryOptions::default(), silent, 1000).await;
    // The first look is before the push.
    let late = Fault::new(Effect::NotYetVisible).method("HEAD").kind(Kind::Manifest).skip(1);
    stage.destination.inject(late);
    stage.mirror_all().await;
    assert_eq!(statuses(&stage.destination, "PUT", Kind::Manifest), [201]);
}

#[tokio::test]
async fn a_manifest_is_accepted_once_its_content_is_visible() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_list(&[Layer::new("layer", 1000)]));
    let late = Fault::new(Effect::NotYetVisible).method("PUT").kind(Kind::Manifest).times(3);
    stage.destination.inject(late);
    stage.mirror_all().await;
}

#[tokio::test]
async fn a_small_blob_that_comes_in_parts_makes_progress() {
    let (stage, layer) = Stage::with_layer(SIZE).await;
    let breaks = Fault::new(Effect::CloseAfter(SIZE as u64 / 8)).path(layer.as_str());
    stage.source.inject(breaks.times(7));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer).len(), 8);
}

#[tokio::test]
async fn a_source_may_fall_silent_twice_during_a_blob() {
    let (mut stage, layer) = Stage::with_layer(SIZE).await;
    stage.retry.silence = Duration::from_millis(400);
    stage.source.inject(Fault::new(Effect::Stall(5)).path(layer.as_str()).times(2));
    stage.mirror_all().await;
    assert_eq!(fetches(&stage.source, &layer).len(), 3);
}

#[tokio::test]
async fn a_damaged_list_of_referrers_is_read_again_and_a_page_for_people_is_not() {
    for (effect, requests, attachments) in
        [(Effect::Shorten(3), 2, 1), (Effect::HtmlOk, 1, 0), (Effect::ExtraBytes(1), 2, 1)]
    {
        let mut stage = Stage::new().await;
        stage.attachments = Attachments::Copy;
        let image = docker_image(&[Layer::new("layer", 1000)]);
        stage.publish(REPOSITORY, TAG, &image);
        let sbom = content::referrer(image.top_manifest().unwrap(), "application/spdx+json");
        store(&stage.source, REPOSITORY, sbom.top.as_str(), &sbom);
        // Of the image, not of the attachment.
        let fault = Fault::new(effect.clone()).kind(Kind::Referrers).path(image.top.as_str());
        stage.source.inject(fault);
        let report = stage.mirror_all().await;
        let lists = asked(&stage.source, "GET", Kind::Referrers);
        let of_image = lists.iter().filter(|list| list.path.ends_with(image.top.as_str())).count();
        let found = (of_image, report.totals().attachments);
        assert_eq!(found, (requests, attachments), "{effect:?}");
    }
}

#[tokio::test]
async fn an_attachment_that_is_damaged_on_the_way_is_not_called_refused() {
    let mut stage = Stage::new().await;
    stage.attachments = Attachments::Copy;
    let image = docker_image(&[Layer::new("layer", 1000)]);
    stage.publish(REPOSITORY, TAG, &image);
    stage.mirror_all().await;
    let sbom = content::referrer(image.top_manifest().unwrap(), "application/spdx+json");
    store(&stage.source, REPOSITORY, sbom.top.as_str(), &sbom);
    let damage = Fault::new(Effect::CorruptUpload { at: 9 }).kind(Kind::Upload).method("PUT");
    stage.destination.inject(damage.always());
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    assert_eq!((error.side, error.status()), (Side::Destination, Some(400)), "{error}");
    assert_eq!(report.totals().refused, 0);
}
