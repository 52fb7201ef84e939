//! Long lists and large indexes: what is in progress at once is bounded, and so is what one index may cost.

use std::collections::BTreeSet;
use std::time::Duration;

use chart_mirror::copy::ExistingContent;
use registry_in_memory::{Kind, RegistryOptions};

use crate::support::requests::{asked, request_counts};
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::wide_index::index_of;

/// More than the engine copies at once.
const MANY: usize = 300;
const AT_ONCE: usize = 256;

#[tokio::test]
async fn images_end_before_all_of_them_have_begun() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.publish_many(MANY);
    stage.mirror_all().await;
    let mut in_progress = BTreeSet::new();
    let mut most = 0;
    for request in stage.destination.requests().iter().filter(|it| it.kind == Kind::Manifest) {
        let repository = request.repository.clone().unwrap();
        match request.method.as_str() {
            "HEAD" => drop(in_progress.insert(repository)),
            _ => drop(in_progress.remove(&repository)),
        }
        most = most.max(in_progress.len());
    }
    assert!(most <= AT_ONCE, "{most}");
    let expected = format!(
        "{MANY} HEAD manifest, {} POST upload, {MANY} PUT manifest, {} PUT upload",
        2 * MANY,
        2 * MANY
    );
    assert_eq!(request_counts(&stage.destination), expected);
    assert_eq!(
        request_counts(&stage.source),
        format!("{} GET blob, {MANY} GET manifest", 2 * MANY)
    );
}

#[tokio::test]
async fn an_index_with_a_thousand_platforms_is_copied() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &index_of(1100));
    stage.mirror_all().await;
}

#[tokio::test]
async fn no_child_of_an_index_above_the_limit_is_requested() {
    for existing in [ExistingContent::Trusted, ExistingContent::Checked] {
        let mut stage = Stage::new().await;
        stage.existing = existing;
        stage.publish(REPOSITORY, TAG, &index_of(5001));
        let error = stage.mirror_fails().await;
        assert!(words(&error).contains("more than 5000 manifests"), "{}", words(&error));
        assert_eq!(request_counts(&stage.source), "1 GET manifest");
        assert_eq!(request_counts(&stage.destination), "1 HEAD manifest");
    }
}

#[tokio::test]
async fn a_repair_looks_at_no_child_of_an_index_above_the_limit() {
    let mut stage = Stage::new().await;
    let index = index_of(5001);
    stage.publish(REPOSITORY, TAG, &index);
    let top = index.top_manifest().unwrap();
    let store = stage.destination.store();
    store.put_manifest(REPOSITORY, TAG, &top.media_type, top.bytes.clone());
    stage.existing = ExistingContent::Checked;
    let report = stage.mirror().await;
    let (_, error) = report.failures().next().unwrap();
    assert!(words(error).contains("more than 5000 manifests"), "{}", words(error));
    assert_eq!(request_counts(&stage.destination), "1 GET manifest, 1 HEAD manifest");
}

#[tokio::test]
async fn the_children_of_an_index_are_checked_side_by_side() {
    let latency = Duration::from_millis(20);
    let destination = RegistryOptions { latency, ..RegistryOptions::default() };
    let mut stage = Stage::with(RegistryOptions::default(), destination).await;
    stage.publish(REPOSITORY, TAG, &index_of(24));
    stage.mirror_all().await;
    stage.forget_requests();
    stage.existing = ExistingContent::Checked;
    stage.mirror_all().await;
    assert_eq!(asked(&stage.destination, "GET", Kind::Manifest).len(), 25);
    let most = stage.destination.most_at_once();
    assert!(most >= 8, "{most}");
}
