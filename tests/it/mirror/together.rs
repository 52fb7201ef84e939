//! Concurrency: limits on requests, two runs at once, and one registry as source and destination.

use registry_in_memory::RegistryOptions;
use registry_in_memory::content;

use super::support::failures;
use crate::support::layers;
use crate::support::requests::{fetched_blobs, uploaded_blobs};
use crate::support::stage::{Stage, assert_holds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_limit_the_requests_at_a_time() {
    for jobs in [1, 2, 5] {
        let mut stage = Stage::unpinned(RegistryOptions::default()).await;
        stage.jobs = Some(jobs);
        for number in 0..12 {
            let own = format!("own {number}");
            let image = content::oci_index(&layers(&["base", &own]));
            stage.publish(&format!("team/image-{number}"), "1.0", &image);
        }
        stage.mirror_all().await;
        let most = (stage.source.most_at_once(), stage.destination.most_at_once());
        assert!(most.0 <= jobs && most.1 <= jobs, "{jobs} jobs: {most:?}");
        assert!(jobs == 1 || most.1 > 1, "{jobs} jobs: {most:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_registry_can_be_source_and_destination_with_a_single_job() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    stage.jobs = Some(1);
    let images: Vec<_> = (0..4)
        .map(|number| {
            let own = format!("own {number}");
            (format!("team/image-{number}"), content::oci_index(&layers(&["base", &own])))
        })
        .collect();
    for (repository, image) in &images {
        stage.publish(repository, "1.0", image);
    }
    stage.reached_at = Some(format!("{}/copy", stage.source.address()));
    let report = stage.mirror().await;
    assert_eq!(failures(&report), [""; 0]);
    for (repository, image) in &images {
        assert_holds(&stage.source, &format!("copy/{repository}"), "1.0", image);
    }
    assert_eq!(stage.source.most_at_once(), 1);
}

#[tokio::test]
async fn within_one_registry_blobs_are_mounted_and_not_transferred() {
    for (options, mounts) in [
        (RegistryOptions::default(), true),
        (RegistryOptions { mount_needs_manifest: true, ..RegistryOptions::default() }, true),
        (RegistryOptions { mounts: false, ..RegistryOptions::default() }, false),
    ] {
        let mut stage = Stage::with(options, RegistryOptions::default()).await;
        let image = content::oci_index(&layers(&["base", "own"]));
        stage.publish("team/image", "1.0", &image);
        stage.reached_at = Some(format!("{}/copy", stage.source.address()));
        let report = stage.mirror().await;
        assert_eq!(failures(&report), [""; 0]);
        assert_holds(&stage.source, "copy/team/image", "1.0", &image);
        let blobs = if mounts { 0 } else { image.blobs.len() };
        assert_eq!(fetched_blobs(&stage.source).len(), blobs);
        assert_eq!(uploaded_blobs(&stage.source).len(), blobs);
        assert_eq!(report.totals().mounted.blobs as usize, image.blobs.len() - blobs);
        assert_eq!(stage.source.store().open_uploads(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_both_succeed() {
    let mut stage = Stage::unpinned(RegistryOptions::default()).await;
    for number in 0..8 {
        let own = format!("own {number}");
        let image = content::oci_index(&layers(&["base", &own]));
        stage.publish(&format!("team/image-{number}"), "1.0", &image);
    }
    let (one, other) = tokio::join!(stage.mirror(), stage.mirror());
    assert_eq!((failures(&one), failures(&other)), (vec![], vec![]));
    stage.assert_mirrored();
    assert_eq!(stage.destination.store().open_uploads(), 0);
}
