//! Every kind of registry as a destination, imitated by the registry in memory: a fresh run, a run with nothing to
//! do, a changed image, and an interrupted run that is repeated.

use std::collections::BTreeMap;

use oci::Digest;
use registry::known::kind::{Mounts, Profile, RegistryKind};
use registry_in_memory::content::{Content, Layer, docker_image, docker_list};
use registry_in_memory::{
    InMemoryRegistry, Kind, LoggedRequest, RegistryOptions, dead_from_nth_request,
};

use crate::support::requests::asked;
use crate::support::stage::{Stage, report_text};

/// Above the smallest limit of any kind for one request, in bytes.
const LARGE: usize = 21_000_000;

/// A kind of destination, and its lines in the list.
struct Case {
    profile: Profile,
    lines: String,
}

fn all() -> Vec<Case> {
    let mut all: Vec<_> = RegistryKind::ALL
        .into_iter()
        .map(|kind| Case { profile: Profile::of(kind), lines: format!("kind = {:?}", kind.name()) })
        .collect();
    // No kind never mounts, but a list may declare it.
    let never = Profile { mounts: Some(Mounts::No), ..Profile::of(RegistryKind::Nexus) };
    all.push(Case { profile: never, lines: "kind = \"nexus\"\nmounts = \"no\"".to_owned() });
    all
}

fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|name| Layer::new(*name, 20_000)).collect()
}

/// Images that share a base layer: one is an index, and one has a large layer if the kind limits sizes.
fn images(profile: &Profile) -> Vec<(&'static str, Content)> {
    let mut large = layers(&["base", "b"]);
    if profile.largest_request.is_some() {
        large.push(Layer::new("large", LARGE));
    }
    vec![
        ("team/list", docker_list(&layers(&["base"]))),
        ("team/a", docker_image(&layers(&["base", "a"]))),
        ("team/b", docker_image(&large)),
    ]
}

async fn stage(case: &Case) -> Stage {
    let options = RegistryOptions::imitating(&case.profile);
    let mut stage = Stage::with(RegistryOptions::default(), options).await;
    for (repository, image) in images(&case.profile) {
        stage.publish(repository, "1", &image);
        if !case.profile.creates_repositories {
            stage.destination.store().create_repository(repository);
        }
    }
    stage.tables = format!("[registries.\"{}\"]\n{}\n\n", stage.destination.address(), case.lines);
    stage
}

/// The error responses, except 404 for a HEAD.
fn refusals(registry: &InMemoryRegistry) -> Vec<String> {
    let mut requests = registry.requests();
    requests.retain(|request| request.status.is_none_or(|status| status >= 400));
    requests.retain(|request| (request.method.as_str(), request.status) != ("HEAD", Some(404)));
    requests.iter().map(|request| format!("{} {:?}", request.line(), request.status)).collect()
}

/// How often the bytes of each blob were committed to each repository.
fn commits(requests: &[LoggedRequest]) -> BTreeMap<(String, String), usize> {
    let mut commits = BTreeMap::new();
    for request in requests {
        let is_commit = request.method == "PUT" && request.kind == Kind::Upload;
        if is_commit && request.status == Some(201) {
            let repository = request.repository.clone().unwrap();
            *commits.entry((repository, request.query.clone())).or_default() += 1;
        }
    }
    commits
}

#[tokio::test]
async fn every_kind_is_mirrored_to_without_a_refusal_and_a_second_run_sends_one_request_per_image()
{
    for case in all() {
        let stage = stage(&case).await;
        let kind = case.lines.clone();
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().copied, 3, "{kind}: {}", report_text(&report));
        assert_eq!(refusals(&stage.destination), [""; 0], "{kind}: the profile avoids refusals");
        assert_eq!(stage.destination.store().open_uploads(), 0, "{kind}");
        let can_mount = case.profile.mounts != Some(Mounts::No);
        assert_eq!(
            report.totals().mounted.blobs > 0,
            can_mount,
            "{kind}: {}",
            report_text(&report)
        );

        stage.destination.forget_requests();
        stage.source.forget_requests();
        let again = stage.mirror_all().await;
        assert_eq!(again.totals().up_to_date, 3, "{kind}");
        assert_eq!(stage.destination.requests().len(), 3, "{kind}");
        assert_eq!(stage.source.requests().len(), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_changed_image_sends_only_new_content_to_every_kind() {
    for case in all() {
        let mut stage = stage(&case).await;
        let kind = case.lines.clone();
        stage.mirror_all().await;
        stage.destination.forget_requests();
        let new = docker_image(&layers(&["base", "a", "new"]));
        stage.publish("team/a", "1", &new);
        let report = stage.mirror_all().await;
        assert_eq!((report.totals().copied, report.totals().up_to_date), (1, 2), "{kind}");
        // The new layer and the config that names it.
        assert_eq!(report.totals().moved.blobs, 2, "{kind}: {}", report_text(&report));
        assert_eq!(refusals(&stage.destination), [""; 0], "{kind}");
    }
}

#[tokio::test]
async fn the_run_after_an_interrupted_one_sends_no_blob_twice_to_any_kind() {
    for case in all() {
        let kind = case.lines.clone();
        let mut whole = stage(&case).await;
        // One request at a time, so that all runs have the same order.
        whole.jobs = Some(1);
        whole.mirror_all().await;
        let requests = whole.destination.requests().len();
        for part in 1..4 {
            let mut stage = stage(&case).await;
            stage.jobs = Some(1);
            let retries = std::mem::take(&mut stage.retry.retries);
            stage.destination.inject(dead_from_nth_request(requests * part / 4));
            let interrupted = stage.mirror().await;
            assert!(interrupted.totals().failed > 0, "{kind}: it was not interrupted");
            assert_eq!(stage.destination.store().incomplete_tags(), [""; 0], "{kind}");

            stage.destination.clear_faults();
            stage.retry.retries = retries;
            stage.mirror_all().await;
            let twice: Vec<_> = commits(&stage.destination.requests())
                .into_iter()
                .filter(|(_, times)| *times > 1)
                .collect();
            assert_eq!(twice, [], "{kind}, interrupted after {part}/4");
        }
    }
}

#[tokio::test]
async fn a_blob_above_the_limit_for_one_request_is_streamed_at_once() {
    let acr = Case { profile: Profile::of(RegistryKind::Acr), lines: "kind = \"acr\"".to_owned() };
    let stage = stage(&acr).await;
    stage.mirror_all().await;
    let digest = Digest::of(&Layer::new("large", LARGE).bytes());
    let patches = asked(&stage.destination, "PATCH", Kind::Upload);
    assert_eq!(patches.iter().map(|patch| patch.bytes_in).collect::<Vec<_>>(), [LARGE as u64]);
    let fetched = crate::support::requests::fetches(&stage.source, &digest);
    assert_eq!(fetched, [None], "read once");
}

#[tokio::test]
async fn a_path_that_is_too_deep_for_its_registry_is_reported_before_any_request() {
    let hub = Case {
        profile: Profile::of(RegistryKind::DockerHub),
        lines: "kind = \"docker-hub\"".to_owned(),
    };
    let mut stage = stage(&hub).await;
    stage.publish("team/deep/er", "1", &docker_image(&layers(&["base"])));
    let error = stage.try_mirror().await.unwrap_err().to_string();
    assert!(error.contains("at most 2 parts") && error.contains("`team/deep/er`"), "{error}");
    assert!(error.contains("hint: ") && !error.contains("team/a"), "{error}");
    assert_eq!(stage.destination.requests().len(), 0);
}
