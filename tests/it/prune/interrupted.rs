//! `prune --apply` that is interrupted: it deletes nothing more, and reports what it has deleted.

use std::time::{Duration, Instant};

use registry_in_memory::{Deletes, Effect, Fault, Kind, RegistryOptions};

use super::applied::deleting;
use super::{APP, Site, image};
use crate::support::assert_says;
use crate::support::requests::{asked, statuses};
use crate::support::script;
use crate::support::xtask::{Finished, ended};

/// Interrupts `prune --apply` while the registry does not respond to the first request that a fault affects.
async fn interrupted_at(
    site: &Site,
    method: &str,
    slow: Fault,
    format: &str,
    signal: &str,
) -> Finished {
    let before = slow.skip;
    site.registry.forget_requests();
    site.registry.inject(slow.method(method).kind(Kind::Manifest).always());
    let running = site.xtask.start(&["prune", "--apply", "--format", format], &[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while asked(&site.registry, method, Kind::Manifest).len() <= before {
        assert!(Instant::now() < deadline, "{method} is not reached");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    script::kill(signal, running.pids()[0]);
    let finished = tokio::task::block_in_place(|| ended(&running));
    site.registry.clear_faults();
    finished
}

fn hour() -> Fault {
    Fault::new(Effect::Delay(Duration::from_secs(3600)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_deletes_nothing_more_and_names_what_it_has_deleted() {
    for (signal, code, format) in [("-INT", 130, "human"), ("-TERM", 143, "json")] {
        let site = Site::with_tags(RegistryOptions::default(), &["1", "2", "3", "4"]).await;
        site.store("mirror/team/other", "1", &image("other"));
        let finished = interrupted_at(&site, "DELETE", hour().skip(1), format, signal).await;
        assert_eq!(finished.exit_code, code, "{finished:?}");
        let report = if format == "human" { &finished.stdout } else { &finished.stderr };
        let words = [
            "  deleted mirror/team/app:4\n",
            "  unknown mirror/team/app:3: its deletion was requested, and not confirmed\n",
            "1 tag deleted before the interruption",
        ];
        assert_says(report, &words);
        assert_says(&finished.stderr, &["error: interrupted", "hint: run the same command again"]);
        assert_eq!(format == "json", finished.stdout.is_empty(), "{}", finished.stdout);
        assert_eq!(statuses(&site.registry, "DELETE", Kind::Manifest), [202, 0]);
        assert_eq!(site.registry.store().tags(APP), ["1", "2", "3"]);

        let again = site.run(&["--apply"]);
        assert_eq!(again.exit_code, 0, "{again:?}");
        assert_eq!(site.registry.store().tags(APP), ["2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_names_the_referrer_whose_deletion_is_not_confirmed() {
    let site = Site::with_tags(deleting(Deletes::Digests), &["1", "2"]).await;
    let kinds = ["application/a", "application/b"];
    let mut attached = kinds.map(|kind| site.attach(&image("1"), kind).top);
    attached.sort();
    // The DELETE of the tag is refused, then the image and one referrer go.
    let finished = interrupted_at(&site, "DELETE", hour().skip(3), "human", "-INT").await;
    assert_eq!(finished.exit_code, 130, "{finished:?}");
    let words = [
        "  deleted mirror/team/app:1\n",
        &format!("  unknown mirror/team/app@{}: its deletion was requested", attached[1]),
        "1 tag and 1 referrer deleted before the interruption",
    ];
    assert_says(&finished.stdout, &words);
    assert_eq!(statuses(&site.registry, "DELETE", Kind::Manifest), [405, 202, 202, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_interrupted_before_its_first_deletion_reports_that_it_deleted_nothing() {
    let site = Site::with_tags(RegistryOptions::default(), &["1", "2"]).await;
    let finished = interrupted_at(&site, "GET", hour(), "human", "-INT").await;
    assert_eq!(finished.exit_code, 130, "{finished:?}");
    assert_eq!(finished.stdout, "0 tags deleted before the interruption\n");
    assert_eq!(statuses(&site.registry, "DELETE", Kind::Manifest), [0; 0]);
}
