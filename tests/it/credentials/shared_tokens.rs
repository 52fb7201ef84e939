//! Tokens that repositories share: how few there are, what they grant, and what happens at token servers that
//! grant less.

use std::time::Duration;

use chart_mirror::list::ImageList;
use registry_in_memory::content::{self, Layer, docker_image};
use registry_in_memory::{
    Authentication, Effect, Fault, Grants, InMemoryRegistry, Kind, TokenKey, TokenStyle,
};

use super::requiring;
use crate::support::requests::{asked, request_counts};
use crate::support::stage::{Stage, TAG};
use crate::support::write;
use crate::support::xtask::Xtask;

/// Tokens for everybody.
fn anonymous() -> Authentication {
    Authentication::Bearer {
        credentials: None,
        lifetime: Duration::from_secs(300),
        style: TokenStyle::Get,
        key: TokenKey::Token,
        expires_in: true,
    }
}

/// Both registries issue tokens to everybody. The first request takes a while, and so does each token.
async fn anonymous_stage() -> Stage {
    let stage = Stage::with(requiring(anonymous()), requiring(anonymous())).await;
    for registry in [&stage.source, &stage.destination] {
        let slow = |kind| Fault::new(Effect::Delay(Duration::from_millis(30))).kind(kind);
        registry.inject(slow(Kind::Manifest).times(1));
        registry.inject(slow(Kind::Token).always());
    }
    stage
}

/// The images of this repository's list, which have layers in common.
async fn release() -> Stage {
    let list = ImageList::parse("images.toml", include_str!("../../../images.toml")).unwrap();
    let mut stage = anonymous_stage().await;
    for image in list.images() {
        let (repository, tag) = (image.source.path().as_str(), image.tag.as_str());
        stage.publish(repository, tag, &content::for_list(repository, tag));
    }
    stage
}

/// Images that have a layer in common.
fn publish_related(stage: &mut Stage, count: usize) {
    for number in 0..count {
        let layers = [Layer::new("base", 5000), Layer::new(format!("own {number}"), 1000)];
        stage.publish(&format!("stackstate/i{number:02}"), TAG, &docker_image(&layers));
    }
}

fn tokens(registry: &InMemoryRegistry) -> usize {
    asked(registry, "GET", Kind::Token).len()
}

fn refused(registry: &InMemoryRegistry) -> usize {
    registry.requests().iter().filter(|request| request.status == Some(401)).count()
}

#[tokio::test]
async fn a_release_takes_one_token_on_each_side_and_one_request_without() {
    let stage = release().await;
    let report = stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        assert_eq!((tokens(registry), refused(registry)), (1, 1), "{}", request_counts(registry));
    }
    assert_eq!(report.requests.unwrap().tokens, 2);
    assert_eq!(report.requests.unwrap().destination as usize, stage.destination.requests().len());

    stage.forget_requests();
    let report = stage.mirror_all().await;
    assert_eq!((tokens(&stage.destination), refused(&stage.destination)), (1, 1));
    assert_eq!(request_counts(&stage.destination).split(", ").count(), 2);
    assert_eq!((report.requests.unwrap().source, report.requests.unwrap().tokens), (0, 1));
}

#[tokio::test]
async fn no_request_waits_at_a_registry_that_requires_no_token() {
    let mut stage = Stage::new().await;
    stage.publish_many(5);
    stage.mirror_all().await;
    assert_eq!((refused(&stage.source), refused(&stage.destination)), (0, 0));
}

#[tokio::test]
async fn fifty_repositories_share_a_few_tokens_also_for_mounts() {
    let mut stage = anonymous_stage().await;
    publish_related(&mut stage, 50);
    stage.mirror_all().await;
    assert_eq!(tokens(&stage.source), 3);
    let at_destination = asked(&stage.destination, "GET", Kind::Token);
    assert!(at_destination.len() <= 12, "{at_destination:#?}");
    for registry in [&stage.source, &stage.destination] {
        for request in asked(registry, "GET", Kind::Token) {
            assert!(request.query.matches("scope=").count() <= 25, "{}", request.query);
        }
        assert_eq!(refused(registry), 1);
    }
}

#[tokio::test]
async fn a_token_server_that_grants_less_is_asked_for_less() {
    // Most tokens for 10 images at the source, and at the destination.
    let table = [
        (Grants::Everything, 1, 1),
        (Grants::EverythingSigned { bytes_per_scope: 0 }, 1, 1),
        // Each image, the refused requests, and at the destination the mounts.
        (Grants::FirstSigned, 11, 40),
        (Grants::First, 11, 40),
        (Grants::OnlyOne, 11, 40),
    ];
    for (grants, at_source, at_destination) in table {
        let mut stage = anonymous_stage().await;
        publish_related(&mut stage, 10);
        for registry in [&stage.source, &stage.destination] {
            registry.set_grants(grants);
        }
        stage.mirror_all().await;
        let counts = (tokens(&stage.source), tokens(&stage.destination));
        assert!(counts.0 <= at_source && counts.1 <= at_destination, "{grants:?}: {counts:?}");
    }
}

#[tokio::test]
async fn no_token_exceeds_the_limits_of_headers() {
    let mut stage = anonymous_stage().await;
    publish_related(&mut stage, 20);
    for registry in [&stage.source, &stage.destination] {
        registry.set_grants(Grants::EverythingSigned { bytes_per_scope: 1000 });
    }
    stage.mirror_all().await;
    for registry in [&stage.source, &stage.destination] {
        let all = registry.requests();
        let longest =
            all.iter().filter_map(|request| request.header("authorization")).map(str::len);
        assert!((5000..=6 << 10).contains(&longest.max().unwrap()));
    }
    assert!(tokens(&stage.source) <= 6, "{}", tokens(&stage.source));
}

#[tokio::test]
async fn a_run_with_nothing_to_do_needs_no_permission_to_push() {
    for grants in [Grants::PullSigned, Grants::OnlyPull] {
        let mut stage = anonymous_stage().await;
        publish_related(&mut stage, 10);
        stage.mirror_all().await;
        stage.forget_requests();
        stage.destination.set_grants(grants);
        let report = stage.mirror_all().await;
        assert_eq!(report.totals().up_to_date, 10);
        assert!(tokens(&stage.destination) <= 2, "{grants:?}");
        assert_eq!(refused(&stage.destination), 1, "{grants:?}");

        // Something to do: the permission is asked for again, and the failure is reported.
        stage.publish_many(1);
        let report = stage.mirror().await;
        let failures: Vec<_> = report.failures().map(|(_, error)| error.to_string()).collect();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].contains(": 40"), "{failures:?}");
    }
}

#[tokio::test]
async fn shared_tokens_are_renewed_together() {
    let mut stage = anonymous_stage().await;
    publish_related(&mut stage, 10);
    let slow = Effect::Trickle { pieces: 4, pause: Duration::from_millis(200) };
    stage.source.inject(Fault::new(slow).kind(Kind::Blob).authorized().always());
    let revoke = async {
        while asked(&stage.source, "GET", Kind::Blob).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.destination.expire_tokens();
    };
    tokio::join!(stage.mirror_all(), revoke);
    assert!(tokens(&stage.destination) <= 4, "{}", tokens(&stage.destination));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_only_read_ask_for_no_permission_to_push() {
    let mut stage = anonymous_stage().await;
    publish_related(&mut stage, 3);
    stage.mirror_all().await;
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let destination = stage.destination.address().to_owned();
    let commands: [&[&str]; 4] = [
        &["verify", "--images", &images, "-d", &destination],
        &["verify", "--deep", "--images", &images, "-d", &destination],
        &["pin", "--images", &images],
        &["doctor", "--images", &images, "-d", &destination],
    ];
    for command in commands {
        stage.forget_requests();
        let finished = tokio::task::block_in_place(|| xtask.run(command, &[]));
        assert!(finished.exit_code <= 1, "{command:?}: {} {}", finished.stdout, finished.stderr);
        let mut all = asked(&stage.source, "GET", Kind::Token);
        all.extend(asked(&stage.destination, "GET", Kind::Token));
        assert!(!all.is_empty(), "{command:?}");
        assert!(all.iter().all(|request| !request.query.contains("push")), "{all:#?}");
    }
}
