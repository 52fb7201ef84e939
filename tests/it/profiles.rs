//! Every kind of registry as a destination, played by the embedded one: a fresh run, one with nothing to
//! do, one changed image, and one that was cut off and goes on.

use std::collections::BTreeMap;

use oci::Digest;
use registry::known::kind::{Mounts, RegistryKind};
use registry::known::profile::Profile;
use registry_in_memory::content::{Content, Layer, docker_image, docker_list};
use registry_in_memory::{
    InMemoryRegistry, Kind, LoggedRequest, RegistryOptions, dead_from_nth_request,
};

use crate::support::requests::asked;
use crate::support::stage::{Stage, report_text};

/// Beyond what the smallest limit on one request lets through.
const LARGE: usize = 21_000_000;

/// A destination that is one of the kinds, and what its list says of it.
struct Played {
    profile: Profile,
    lines: String,
}

fn all() -> Vec<Played> {
    let mut all: Vec<_> = RegistryKind::ALL
        .into_iter()
        .map(|kind| Played {
            profile: Profile::of(kind),
            lines: format!("kind = {:?}", kind.name()),
        })
        .collect();
    // No kind is known never to mount; a list may say so of any.
    let never = Profile { mounts: Some(Mounts::No), ..Profile::of(RegistryKind::Nexus) };
    all.push(Played { profile: never, lines: "kind = \"nexus\"\nmounts = \"no\"".to_owned() });
    all
}

fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|name| Layer::new(*name, 20_000)).collect()
}

/// Images that share a base, one of them a list of platforms, one with a layer that is large where
/// size matters.
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

async fn stage(played: &Played) -> Stage {
    let options = RegistryOptions::playing(&played.profile);
    let mut stage = Stage::with(RegistryOptions::default(), options).await;
    for (repository, image) in images(&played.profile) {
        stage.publish(repository, "1", &image);
        if !played.profile.creates_repositories {
            stage.destination.store().create_repository(repository);
        }
    }
    stage.tables =
        format!("[registries.\"{}\"]\n{}\n\n", stage.destination.address(), played.lines);
    stage
}

/// The answers that say no, but for "not there" to who only looks.
fn refusals(registry: &InMemoryRegistry) -> Vec<String> {
    let mut requests = registry.requests();
    requests.retain(|request| request.status.is_none_or(|status| status >= 400));
    requests.retain(|request| (request.method.as_str(), request.status) != ("HEAD", Some(404)));
    requests.iter().map(|request| format!("{} {:?}", request.line(), request.status)).collect()
}

/// How often each blob was committed to each repository with bytes of its own.
fn commits(requests: &[LoggedRequest]) -> BTreeMap<(String, String), usize> {
    let mut commits = BTreeMap::new();
    for request in requests {
        let is_commit = request.method == "PUT" && request.kind() == Kind::Upload;
        if is_commit && request.status == Some(201) {
            let repository = request.repository.clone().unwrap();
            *commits.entry((repository, request.query.clone())).or_default() += 1;
        }
    }
    commits
}

#[tokio::test]
async fn every_kind_is_mirrored_to_without_a_refusal_and_a_second_run_asks_one_question_per_image()
{
    for played in all() {
        let stage = stage(&played).await;
        let kind = played.lines.clone();
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().copied, 3, "{kind}: {}", report_text(&report));
        assert_eq!(refusals(&stage.destination), [""; 0], "{kind}: the profile knew better");
        assert_eq!(stage.destination.store().open_uploads(), 0, "{kind}");
        let is_mounting = played.profile.mounts != Some(Mounts::No);
        assert_eq!(
            report.totals().mounted.blobs > 0,
            is_mounting,
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
async fn a_changed_image_sends_every_kind_what_is_new_and_nothing_else() {
    for played in all() {
        let mut stage = stage(&played).await;
        let kind = played.lines.clone();
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
async fn a_run_that_was_cut_off_goes_on_at_every_kind_and_sends_no_blob_twice() {
    for played in all() {
        let kind = played.lines.clone();
        let mut whole = stage(&played).await;
        // One after the other, so that what was cut off was in the same order.
        whole.jobs = Some(1);
        whole.mirror_all().await;
        let requests = whole.destination.requests().len();
        for part in 1..4 {
            let mut stage = stage(&played).await;
            stage.jobs = Some(1);
            let retries = std::mem::take(&mut stage.retry.retries);
            stage.destination.inject(dead_from_nth_request(requests * part / 4));
            let cut_off = stage.mirror().await;
            assert!(cut_off.totals().failed > 0, "{kind}: it was not cut off");
            assert_eq!(stage.destination.store().incomplete_tags(), [""; 0], "{kind}");

            stage.destination.clear_faults();
            stage.retry.retries = retries;
            stage.mirror_all().await;
            let twice: Vec<_> = commits(&stage.destination.requests())
                .into_iter()
                .filter(|(_, times)| *times > 1)
                .collect();
            assert_eq!(twice, [], "{kind}, cut off after {part}/4");
        }
    }
}

#[tokio::test]
async fn a_blob_above_the_limit_of_one_request_is_never_tried_in_one() {
    let acr =
        Played { profile: Profile::of(RegistryKind::Acr), lines: "kind = \"acr\"".to_owned() };
    let stage = stage(&acr).await;
    stage.mirror_all().await;
    let digest = Digest::of(&Layer::new("large", LARGE).bytes());
    let patches = asked(&stage.destination, "PATCH", Kind::Upload);
    assert_eq!(patches.iter().map(|patch| patch.bytes_in).collect::<Vec<_>>(), [LARGE as u64]);
    let fetched = crate::support::requests::fetches(&stage.source, &digest);
    assert_eq!(fetched, [None], "read once");
}

#[tokio::test]
async fn a_path_that_is_too_deep_for_its_registry_is_told_before_any_request() {
    let hub = Played {
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
