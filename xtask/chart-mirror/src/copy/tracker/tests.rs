//! The order of uploads and mounts, as a table of steps.

use registry::{Cause, Phase};

use super::*;

fn path(text: &str) -> RepositoryPath {
    text.parse().unwrap()
}

fn layer() -> Digest {
    Digest::of(b"layer")
}

fn describe(step: &NextStep<'_>) -> String {
    match step {
        NextStep::Done => "done".to_owned(),
        NextStep::Wait(_) => "wait".to_owned(),
        NextStep::Mount { from, .. } => format!("mount from {from}"),
        NextStep::Upload(_) => "upload".to_owned(),
    }
}

/// The next step if all repositories have the same login.
fn next<'t>(tracker: &'t BlobTracker, blob: &Digest, path: &str, ticket: Ticket) -> NextStep<'t> {
    tracker.next_step(blob, &path.parse().unwrap(), ticket, &|_| Some(MountAccess::SameLogin))
}

/// The same for the layer, in words.
fn step(tracker: &BlobTracker, path: &str, ticket: Ticket) -> String {
    describe(&next(tracker, &layer(), path, ticket))
}

fn upload<'t>(tracker: &'t BlobTracker, path: &str, ticket: Ticket) -> UploadGuard<'t> {
    match next(tracker, &layer(), path, ticket) {
        NextStep::Upload(guard) => guard,
        other => panic!("{path}: {}", describe(&other)),
    }
}

fn wait(tracker: &BlobTracker, path: &str, ticket: Ticket) -> watch::Receiver<()> {
    match next(tracker, &layer(), path, ticket) {
        NextStep::Wait(changed) => changed,
        other => panic!("{path}: {}", describe(&other)),
    }
}

/// The ticket of a manifest with this one blob.
fn ticket(tracker: &BlobTracker, blob: &Digest, repository: &str) -> Ticket {
    tracker.take_ticket([blob].into_iter(), &path(repository))
}

/// Two manifests in the repositories `a` and `b` that share the layer.
fn two_manifests(mountable: Mountable) -> (BlobTracker, Ticket, Ticket) {
    let tracker = BlobTracker::new(mountable);
    let [first, second] = ["a", "b"].map(|path| ticket(&tracker, &layer(), path));
    (tracker, first, second)
}

#[test]
fn the_first_repository_uploads_and_the_others_wait_and_mount() {
    let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
    assert_eq!(step(&tracker, "b", second), "wait");
    let guard = upload(&tracker, "a", first);
    assert_eq!(step(&tracker, "a", second), "wait");
    let changed = wait(&tracker, "b", second);
    assert!(!changed.has_changed().unwrap());
    guard.complete();
    assert!(changed.has_changed().unwrap());
    assert_eq!(step(&tracker, "a", second), "done");
    assert_eq!(step(&tracker, "b", second), "mount from a");
}

#[test]
fn a_failed_upload_is_taken_over_by_the_next_repository() {
    let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
    let guard = upload(&tracker, "a", first);
    let changed = wait(&tracker, "b", second);
    drop(guard);
    assert!(changed.has_changed().unwrap());
    assert_eq!(step(&tracker, "b", second), "upload");
}

#[test]
fn a_failure_that_spent_its_retries_holds_for_all_who_would_repeat_it() {
    let [here, there] = ["a.example", "b.example"].map(|name| name.parse::<Registry>().unwrap());
    let cause = |status| match status {
        404 => Cause::Internal("gone".to_owned()),
        _ => Cause::Network { phase: Phase::Response, detail: String::new() },
    };
    let table = [
        (Side::Destination, 500, [true, true]),
        (Side::Source, 500, [true, false]),
        (Side::Source, 404, [false, false]),
    ];
    for (side, status, expected) in table {
        let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
        upload(&tracker, "a", first).fail(&here, &Error::new(side, "push", cause(status)));
        let guard = upload(&tracker, "b", second);
        let found = [&here, &there].map(|source| guard.earlier_failure(source).is_some());
        assert_eq!(found, expected, "{side} {status}");
    }
}

#[test]
fn an_abandoned_ticket_frees_its_reservations() {
    let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
    assert_eq!(step(&tracker, "b", second), "wait");
    tracker.abandon(first, [&layer()].into_iter());
    assert_eq!(step(&tracker, "b", second), "upload");
}

#[test]
fn where_a_mount_needs_the_manifest_later_tickets_wait_for_it_and_earlier_ones_do_not() {
    let tracker = BlobTracker::new(Mountable::AfterManifest);
    let early = ticket(&tracker, &Digest::of(b"other"), "a");
    let [uploader, late] = ["b", "c"].map(|path| ticket(&tracker, &layer(), path));
    upload(&tracker, "b", uploader).complete();
    assert_eq!(step(&tracker, "c", late), "wait");
    assert_eq!(step(&tracker, "a", early), "upload");
    tracker.mark_committed([&layer()].into_iter(), &path("b"));
    assert_eq!(step(&tracker, "c", late), "mount from b");
}

#[test]
fn manifests_that_share_several_blobs_leave_all_of_them_to_the_first() {
    let tracker = BlobTracker::new(Mountable::AfterManifest);
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let first = tracker.take_ticket([&one, &two].into_iter(), &path("a"));
    let second = tracker.take_ticket([&two, &one].into_iter(), &path("b"));
    for blob in [&two, &one] {
        assert_eq!(describe(&next(&tracker, blob, "b", second)), "wait");
        assert_eq!(describe(&next(&tracker, blob, "a", first)), "upload");
    }
}

#[test]
fn a_failed_manifest_is_not_waited_for() {
    let (tracker, first, second) = two_manifests(Mountable::AfterManifest);
    upload(&tracker, "a", first).complete();
    let changed = wait(&tracker, "b", second);
    tracker.abandon(first, [&layer()].into_iter());
    assert!(changed.has_changed().unwrap());
    assert_eq!(step(&tracker, "b", second), "upload");
}

#[test]
fn a_blob_that_the_registry_reports_missing_is_uploaded_again() {
    let tracker = BlobTracker::new(Mountable::AfterUpload);
    tracker.mark_committed([&layer()].into_iter(), &path("a"));
    let ticket = ticket(&tracker, &layer(), "a");
    assert_eq!(step(&tracker, "a", ticket), "done");
    tracker.mark_missing(&layer(), &path("a"));
    assert_eq!(step(&tracker, "a", ticket), "upload");
}

#[test]
fn a_failed_upload_does_not_undo_what_a_manifest_proved() {
    let tracker = BlobTracker::new(Mountable::AfterUpload);
    let ticket = ticket(&tracker, &layer(), "a");
    let guard = upload(&tracker, "a", ticket);
    tracker.mark_committed([&layer()].into_iter(), &path("a"));
    drop(guard);
    assert_eq!(step(&tracker, "a", ticket), "done");
}

#[test]
fn a_repository_with_the_same_login_is_preferred_and_one_that_refuses_mounts_is_not_tried() {
    let tracker = BlobTracker::new(Mountable::AfterUpload);
    let [theirs, ours, late] = ["a/1", "b/1", "b/2"].map(|path| ticket(&tracker, &layer(), path));
    let access = |from: &RepositoryPath| match from.as_str().starts_with("b/") {
        true => Some(MountAccess::SameLogin),
        false => Some(MountAccess::OtherLogin),
    };
    let ask = |ticket, at: &str| tracker.next_step(&layer(), &path(at), ticket, &access);
    let NextStep::Upload(guard) = ask(theirs, "a/1") else { panic!("the first one uploads") };
    assert_eq!(describe(&ask(ours, "b/1")), "wait");
    let same_login =
        |from: &RepositoryPath| access(from).filter(|it| *it == MountAccess::SameLogin);
    let alone = tracker.next_step(&layer(), &path("b/1"), ours, &same_login);
    assert_eq!(describe(&alone), "upload");
    drop(alone);
    guard.complete();
    let NextStep::Mount { access: MountAccess::OtherLogin, guard, .. } = ask(ours, "b/1") else {
        panic!("only the other login has the blob")
    };
    assert_eq!(describe(&ask(late, "b/2")), "wait");
    guard.complete();
    assert_eq!(describe(&ask(late, "b/2")), "mount from b/1");
}
