//! Many things at once: limits that hold, runs side by side, one registry as both ends.

use registry_in_memory::Options;
use registry_in_memory::content;

use super::support::{Bench, assert_holds, committed, failures, fetched_blobs, layers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_requests_are_under_way_than_jobs_allow() {
    for jobs in [1, 2, 5] {
        let mut bench = Bench::new().await;
        bench.jobs = Some(jobs);
        for number in 0..12 {
            let own = format!("own {number}");
            let image = content::oci_index(&layers(&["base", &own]));
            bench.list(&format!("team/image-{number}"), "1.0", &image);
        }
        bench.mirror_all().await;
        let most = (bench.source.most_at_once(), bench.destination.most_at_once());
        assert!(most.0 <= jobs && most.1 <= jobs, "{jobs} jobs: {most:?}");
        assert!(jobs == 1 || most.1 > 1, "{jobs} jobs: {most:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_registry_is_source_and_destination_with_a_single_job() {
    let mut bench = Bench::new().await;
    bench.jobs = Some(1);
    let images: Vec<_> = (0..4)
        .map(|number| {
            let own = format!("own {number}");
            (format!("team/image-{number}"), content::oci_index(&layers(&["base", &own])))
        })
        .collect();
    for (repository, image) in &images {
        bench.list(repository, "1.0", image);
    }
    let report = bench.mirror_below(bench.source.address(), "/copy").await;
    assert_eq!(failures(&report), [""; 0]);
    for (repository, image) in &images {
        assert_holds(&bench.source, &format!("copy/{repository}"), "1.0", image);
    }
    assert_eq!(bench.source.most_at_once(), 1);
}

#[tokio::test]
async fn within_one_registry_every_blob_is_mounted_and_no_byte_of_one_travels() {
    for (options, mounts) in [
        (Options::default(), true),
        (Options { mount_needs_manifest: true, ..Options::default() }, true),
        (Options { mounts: false, ..Options::default() }, false),
    ] {
        let mut bench = Bench::with(options, Options::default()).await;
        let image = content::oci_index(&layers(&["base", "own"]));
        bench.list("team/image", "1.0", &image);
        let report = bench.mirror_below(bench.source.address(), "/copy").await;
        assert_eq!(failures(&report), [""; 0]);
        assert_holds(&bench.source, "copy/team/image", "1.0", &image);
        let blobs = if mounts { 0 } else { image.blobs.len() };
        assert_eq!(fetched_blobs(&bench.source).len(), blobs);
        assert_eq!(committed(&bench.source).len(), blobs);
        assert_eq!(report.totals().mounted.blobs as usize, image.blobs.len() - blobs);
        assert_eq!(bench.source.store().open_uploads(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_of_one_list_at_once_both_succeed() {
    let mut bench = Bench::new().await;
    for number in 0..8 {
        let own = format!("own {number}");
        let image = content::oci_index(&layers(&["base", &own]));
        bench.list(&format!("team/image-{number}"), "1.0", &image);
    }
    let (one, other) = tokio::join!(bench.mirror(), bench.mirror());
    assert_eq!((failures(&one), failures(&other)), (vec![], vec![]));
    bench.assert_mirrored();
    assert_eq!(bench.destination.store().open_uploads(), 0);
}
