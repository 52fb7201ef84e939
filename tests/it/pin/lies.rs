//! Registries that state no digest, or another one than that of what they send.

use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use super::{Place, named};
use crate::support::requests::asked;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_states_no_digest_is_asked_for_the_manifest() {
    let place =
        Place::with(RegistryOptions { digest_header: false, ..RegistryOptions::default() }).await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.list(&[("team/a", "1", None)]);
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.digests(), [digest.as_str()]);

    place.source.forget_requests();
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.asked(), ["HEAD team/a/manifests/1", "GET team/a/manifests/1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_decides_where_the_header_lies() {
    let place = Place::new().await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.source.inject(Fault::new(Effect::LieAboutDigest).always());
    place.list(&[("team/a", "1", None)]);
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert_eq!(place.digests(), [digest.as_str()]);
    let warning = "\n  warning: the registry states the digest sha256:";
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    assert!(finished.stdout.ends_with(&format!(", and sends content with {digest}\n")));

    let before = place.text();
    let again = place.pin(&["--update"]);
    assert_eq!((again.exit_code, place.text()), (0, before));
    assert!(
        again.stdout.starts_with("unchanged  SOURCE/team/a:1\n  warning: "),
        "{}",
        again.stdout
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_nothing_can_be_fetched_by_is_not_written() {
    for lie in [Effect::LieAboutDigest, Effect::Delay(std::time::Duration::ZERO)] {
        let place = Place::new().await;
        place.tag("team/a", "1", &named("a"));
        let by_digest = Fault::status(404).method("GET").path("/manifests/sha256:");
        place.source.inject(by_digest.always());
        place.source.inject(Fault::new(lie).always());
        place.list(&[("team/a", "1", None)]);
        let before = place.text();
        let finished = place.pin(&[]);
        assert_eq!((finished.exit_code, place.text()), (1, before));
        let words = "by which the registry does not have it\n  hint: ";
        assert!(finished.stdout.contains(words), "{}", finished.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_was_altered_on_its_way_is_not_pinned() {
    let place = Place::new().await;
    place.tag("team/a", "1", &named("a"));
    place.source.inject(Fault::new(Effect::Corrupt { at: 5 }).method("GET").always());
    place.list(&[("team/a", "1", None)]);
    let before = place.text();
    assert_eq!((place.pin(&[]).exit_code, place.text()), (1, before));
    assert!(!asked(&place.source, "GET", Kind::Manifest).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_of_another_kind_of_digest_stays_while_its_content_does() {
    let place = Place::new().await;
    let content = named("a");
    place.tag("team/a", "1", &content);
    let bytes = &content.manifests[0].bytes;
    let sha512 = format!("sha512:{}", "0".repeat(128)).parse::<oci::Digest>().unwrap();
    let pin = sha512.of_same_kind(bytes);
    place.list(&[("team/a", "1", Some(&pin))]);
    let before = place.text();
    let finished = place.pin(&["--update"]);
    assert_eq!((finished.exit_code, place.text()), (0, before), "{}", finished.stdout);
    assert_eq!(finished.stdout, "unchanged  SOURCE/team/a:1\n");
}
