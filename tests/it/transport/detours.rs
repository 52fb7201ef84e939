//! Sources that are read through a proxy cache, and registries at IPv6 addresses.

use registry::Side;
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Authentication, Effect, Fault, InMemoryRegistry, Kind, RegistryOptions};

use crate::support::stage::{REPOSITORY, Stage, TAG, report_text};
use crate::support::tls::table;
use crate::support::xtask::Xtask;
use crate::support::{assert_says, write};

/// A stage whose source is a proxy cache: its images are listed under a registry that cannot be reached.
async fn cached(registry: &str, below: &str, authentication: Authentication) -> Stage {
    let mut stage = Stage::with(
        RegistryOptions { authentication, ..RegistryOptions::default() },
        RegistryOptions::default(),
    )
    .await;
    let content = docker_image(&[Layer::new("layer", 50_000)]);
    stage.publish(REPOSITORY, TAG, &content);
    let store = stage.source.store();
    for (_, bytes) in &content.blobs {
        store.put_blob(&format!("{below}/{REPOSITORY}"), bytes.clone());
    }
    for manifest in &content.manifests {
        let media_type = manifest.media_type.as_str();
        store.put_manifest(
            &format!("{below}/{REPOSITORY}"),
            TAG,
            media_type,
            manifest.bytes.clone(),
        );
    }
    let via = format!("via = \"{}/{below}\"", stage.source.address());
    stage.tables = table(registry, &[&via]);
    stage.source_at = Some(registry.to_owned());
    stage
}

#[tokio::test]
async fn a_source_is_read_through_its_proxy_cache_with_the_credentials_of_the_cache() {
    let mut stage = cached("quay.io", "quay-proxy", Authentication::basic("u", "p")).await;
    stage.set("CACHE_USER", "u");
    stage.set("CACHE_PASSWORD", "p");
    let login = ["username-env = \"CACHE_USER\"", "password-env = \"CACHE_PASSWORD\""];
    let tables = table(stage.source.address(), &login);
    stage.tables += &tables;
    let report = stage.mirror_all().await;
    assert_eq!(report.images[0].source.to_string(), format!("quay.io/{REPOSITORY}:{TAG}"));
    let requests = stage.source.requests();
    let below = format!("/v2/quay-proxy/{REPOSITORY}/");
    assert!(
        requests.iter().all(|request| request.path == "/v2/" || request.path.starts_with(&below))
    );
    let there = stage.destination.requests();
    assert!(there.iter().all(|request| !request.path.contains("quay-proxy")));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_examines_the_proxy_cache() {
    let stage = cached("quay.io", "quay-proxy", Authentication::None).await;
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let arguments = ["doctor", "--images", &images, "-d", &stage.reached_at()];
    let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &[]));
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let cache = stage.source.address();
    assert_says(
        &finished.stdout,
        &[&format!("read through `{cache}`"), "quay.io (source): http://"],
    );
    assert_eq!(
        stage.source.requests().len(),
        2,
        "one request to check it, one to measure the round trip"
    );
}

#[tokio::test]
async fn an_error_names_the_registry_and_the_cache_and_digests_are_checked() {
    let stage = cached("quay.io", "quay-proxy", Authentication::None).await;
    stage.source.inject(Fault::new(Effect::Corrupt { at: 7 }).kind(Kind::Blob).always());
    let error = stage.mirror_fails().await;
    assert_eq!(error.side, Side::Source);
    let report = stage.mirror().await;
    let text = report_text(&report);
    assert!(text.contains(&format!("error: quay.io/{REPOSITORY}:{TAG}")), "{text}");
    assert!(
        text.contains(&format!("{}/v2/quay-proxy/{REPOSITORY}/blobs/", stage.source.address())),
        "{text}"
    );
}

#[tokio::test]
async fn images_of_docker_hub_keep_their_library_prefix() {
    let mut stage = Stage::new().await;
    stage.publish("hub/library/busybox", "1", &docker_image(&[Layer::new("layer", 500)]));
    let via = format!("via = \"{}/hub\"", stage.source.address());
    let text =
        stage.list().replace(&format!("{}/hub/library/busybox", stage.source.address()), "busybox");
    stage.tables = table("docker.io", &[&via]);
    let report = stage.mirror_text(&format!("{}{text}", stage.tables)).await;
    assert_eq!(report.failures().count(), 0, "{}", report_text(&report));
    assert_eq!(report.images[0].source.to_string(), "docker.io/library/busybox:1");
}

#[tokio::test]
async fn a_proxy_cache_does_not_apply_to_a_destination() {
    let mut stage = Stage::new().await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 500)]));
    stage.tables = table(stage.destination.address(), &["via = \"127.0.0.1:9/cache\""]);
    stage.mirror_all().await;
}

#[tokio::test]
async fn a_registry_at_an_ipv6_address_is_mirrored_from_and_to() {
    let Ok(registry) = InMemoryRegistry::start_at("[::1]:0", RegistryOptions::default()).await
    else {
        panic!("loopback has no IPv6 here");
    };
    let mut stage = Stage::new().await;
    stage.destination = registry;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 500)]));
    assert!(stage.reached_at().starts_with("[::1]:"));
    stage.mirror_all().await;
    // And in the other direction.
    std::mem::swap(&mut stage.source, &mut stage.destination);
    stage.destination.store().delete_tag(REPOSITORY, TAG);
    stage.tables = table(stage.source.address(), &["concurrency = 2"]);
    stage.mirror_all().await;
    assert!(!stage.source.requests().is_empty());
}
