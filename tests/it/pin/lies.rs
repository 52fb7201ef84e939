//! Registries that report no digest, or a digest that does not match the content.

use registry_in_memory::{Effect, Fault, Kind, RegistryOptions};

use super::{Place, named};
use crate::support::assert_says;
use crate::support::requests::asked;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_reported_digest_the_manifest_is_fetched() {
    let place =
        Place::with(RegistryOptions { digest_header: false, ..RegistryOptions::default() }).await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.list(&[("team/a", "1", None)]);
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.digests(), [digest.as_str()]);

    place.source.forget_requests();
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert_eq!(place.requests(), ["HEAD team/a/manifests/1", "GET team/a/manifests/1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_content_decides_if_the_header_lies() {
    let place = Place::new().await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.source.inject(Fault::new(Effect::LieAboutDigest).always());
    place.list(&[("team/a", "1", None)]);
    let finished = place.pin(&[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert_eq!(place.digests(), [digest.as_str()]);
    let warning = "\n  warning: the registry reports the digest sha256:";
    assert!(finished.stdout.contains(warning), "{}", finished.stdout);
    assert_says(&finished.stdout, &[&format!(", but the content has the digest {digest}\n")]);

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
        let words = "the registry does not serve it by that digest\n  hint: ";
        assert!(finished.stdout.contains(words), "{}", finished.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_was_altered_in_transit_is_not_pinned() {
    let place = Place::new().await;
    place.tag("team/a", "1", &named("a"));
    place.source.inject(Fault::new(Effect::Corrupt { at: 5 }).method("GET").always());
    place.list(&[("team/a", "1", None)]);
    let before = place.text();
    assert_eq!((place.pin(&[]).exit_code, place.text()), (1, before));
    assert!(!asked(&place.source, "GET", Kind::Manifest).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_with_another_digest_algorithm_is_kept_while_the_content_is_the_same() {
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
    assert!(finished.stdout.starts_with("unchanged  SOURCE/team/a:1\n1 image: "), "{finished:?}");
}
