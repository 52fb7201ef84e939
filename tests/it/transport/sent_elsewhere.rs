//! Registries that send the client to another host, for a download or an upload: what goes there, and what must
//! not.

use oci::Digest;
use registry::{Cause, Side};
use registry_in_memory::content::{Layer, docker_image};
use registry_in_memory::{Authentication, Effect, Fault, InMemoryRegistry, Kind, RegistryOptions};

use crate::support::proxy::Proxy;
use crate::support::requests::asked;
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::tls::{Asks, Front, behind, file, table, trusted};

const SIZE: usize = 50_000;

/// A source that requires a password and a certificate, and redirects the layer to another host.
struct Redirected {
    stage: Stage,
    /// Behind the front.
    elsewhere: InMemoryRegistry,
    _source: Front,
    front: Front,
}

async fn redirected() -> Redirected {
    let authentication = Authentication::basic("u", "canary");
    let mut stage =
        Stage::with(RegistryOptions { authentication, ..behind() }, RegistryOptions::default())
            .await;
    let layer = Layer::new("layer", SIZE);
    let digest = Digest::of(&layer.bytes());
    stage.publish(REPOSITORY, TAG, &docker_image(&[layer]));
    stage.set("STS_REGISTRY_USERNAME", "u");
    stage.set("STS_REGISTRY_PASSWORD", "canary");
    stage.retry.retries = 1;
    let source = Front::of(&stage.source, Asks::Everyone, &[]).await;
    stage.source_at = Some(source.address.clone());
    let certificate = format!("client-certificate-file = {:?}", file("client.pem"));
    let key = format!("client-key-file = {:?}", file("client-key.pem"));
    stage.tables = table(&source.address, &[&trusted(), &certificate, &key]);

    let elsewhere = InMemoryRegistry::start(behind()).await.unwrap();
    let content = stage.source.store().blob(REPOSITORY, &digest).unwrap();
    elsewhere.store().put_blob("storage", content);
    let front = Front::of(&elsewhere, Asks::Anyone, &[]).await;
    let location = format!("https://{}/v2/storage/blobs/{digest}?sig=canary", front.address);
    let away = Fault::new(Effect::Redirect { location, status: 307 });
    stage.source.inject(away.method("GET").path(digest.as_str()).authorized().always());
    Redirected { stage, elsewhere, _source: source, front }
}

#[tokio::test]
async fn a_redirect_target_is_trusted_only_by_its_own_authority() {
    let Redirected { mut stage, front, elsewhere, _source } = redirected().await;
    let error = stage.mirror_fails().await;
    let text = words(&error);
    assert!(text.contains("certificate") && text.contains(&front.address), "{text}");
    assert_eq!(front.connections(), [], "the handshake failed");
    assert!(!text.contains("canary"), "{text}");

    stage.tables += &table(&front.address, &[&trusted()]);
    stage.mirror_all().await;
    assert!(front.connections().iter().all(|connection| !connection.has_certificate));
    let asked = asked(&elsewhere, "GET", Kind::Blob);
    assert_eq!(asked.len(), 1);
    for secret in ["authorization", "cookie", "proxy-authorization"] {
        assert_eq!(asked[0].header(secret), None);
    }
}

#[tokio::test]
async fn an_upload_to_another_host_presents_no_certificate() {
    let mut stage = Stage::with(RegistryOptions::default(), behind()).await;
    let layer = Layer::new("layer", SIZE);
    stage.publish(REPOSITORY, TAG, &docker_image(&[layer]));
    let destination = Front::of(&stage.destination, Asks::Everyone, &[]).await;
    let elsewhere = InMemoryRegistry::start(behind()).await.unwrap();
    let front = Front::of(&elsewhere, Asks::Anyone, &[]).await;
    stage.reached_at = Some(destination.address.clone());
    let certificate = format!("client-certificate-file = {:?}", file("client.pem"));
    let key = format!("client-key-file = {:?}", file("client-key.pem"));
    stage.tables = table(&destination.address, &[&trusted(), &certificate, &key])
        + &table(&front.address, &[&trusted()]);
    let location = format!("https://{}/v2/x/blobs/uploads/7", front.address);
    let away = Effect::SetHeader("Location".to_owned(), location);
    stage.destination.inject(Fault::new(away).method("POST").path("mount=").times(2));
    stage.mirror_all().await;
    assert_eq!(asked(&elsewhere, "PUT", Kind::Upload).len(), 2);
    assert!(!front.connections().is_empty());
    assert!(front.connections().iter().all(|connection| !connection.has_certificate));
}

#[tokio::test]
async fn a_redirect_cannot_leave_tls() {
    let Redirected { stage, elsewhere, front: _front, _source } = redirected().await;
    stage.source.clear_faults();
    let location = format!("http://{}/blob", elsewhere.address());
    let away = Fault::new(Effect::Redirect { location, status: 307 });
    stage.source.inject(away.method("GET").kind(Kind::Blob).authorized().always());
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Protocol(_)), "{error:?}");
    assert!(words(&error).contains("a redirect leaves TLS"), "{}", words(&error));
    assert_eq!(elsewhere.requests().len(), 0);
}

/// A stage with a registry that counts as public, because a proxy hides its address.
async fn public(side: Side) -> (Stage, Front, Proxy) {
    let mut stage = Stage::with(behind(), behind()).await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", SIZE)]));
    stage.retry.retries = 1;
    let (registry, named) = match side {
        Side::Source => (&stage.source, &mut stage.source_at),
        Side::Destination => (&stage.destination, &mut stage.reached_at),
    };
    let front = Front::of(registry, Asks::NoCertificate, &[]).await;
    *named = Some("registry.example.com".to_owned());
    stage.tables = table("registry.example.com", &[&trusted()])
        + &table("registry.example.com:8443", &[&trusted()]);
    let proxy = Proxy::to(front.address.clone(), None).await;
    stage.set("HTTPS_PROXY", &proxy.address);
    (stage, front, proxy)
}

const PRIVATE: [&str; 6] = [
    "169.254.169.254",
    "127.0.0.1:9",
    "10.0.0.7",
    "[::1]:9",
    "localhost:9",
    "[::ffff:192.168.0.1]",
];

#[tokio::test]
async fn a_public_registry_cannot_redirect_to_a_private_address() {
    for host in PRIVATE {
        let (stage, _front, _proxy) = public(Side::Source).await;
        let location = format!("https://{host}/latest/meta-data/?sig=canary");
        let away = Fault::new(Effect::Redirect { location, status: 307 });
        stage.source.inject(away.method("GET").kind(Kind::Blob).always());
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Unsupported(_)), "{host}: {error:?}");
        let text = words(&error);
        assert!(text.contains("is off limits for `registry.example.com`"), "{text}");
        assert!(
            text.contains(host.trim_end_matches(":9").trim_end_matches("192.168.0.1]")),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
        assert!(asked(&stage.source, "GET", Kind::Blob).len() <= 2, "once for each blob");
    }
}

#[tokio::test]
async fn not_even_a_private_registry_can_redirect_to_a_metadata_service() {
    for host in ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"] {
        let (stage, layer) = Stage::with_layer(SIZE).await;
        let away = Effect::Redirect { location: format!("http://{host}/latest"), status: 307 };
        stage.source.inject(Fault::new(away).method("GET").path(layer.as_str()).always());
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Unsupported(_)), "{host}: {error:?}");
        assert!(error.to_string().contains("metadata"), "{error}");
    }
}

#[tokio::test]
async fn a_public_registry_cannot_direct_uploads_to_a_private_address() {
    for host in PRIVATE {
        let (stage, _front, _proxy) = public(Side::Destination).await;
        let away =
            Effect::SetHeader("Location".to_owned(), format!("https://{host}/x?_state=canary"));
        stage.destination.inject(Fault::new(away).method("POST").always());
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Unsupported(_)), "{host}: {error:?}");
        assert!(!words(&error).contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_public_registry_may_redirect_to_another_public_host() {
    let (stage, _front, proxy) = public(Side::Source).await;
    let digest = Digest::of(&Layer::new("layer", SIZE).bytes());
    let location = format!("https://registry.example.com:8443/v2/{REPOSITORY}/blobs/{digest}");
    let away = Fault::new(Effect::Redirect { location, status: 302 });
    stage.source.inject(away.method("GET").path(digest.as_str()));
    stage.mirror_all().await;
    assert!(
        proxy.heads().iter().any(|head| head.starts_with("CONNECT registry.example.com:8443 "))
    );

    let (mut stage, _front, proxy) = public(Side::Destination).await;
    stage.set("DST_REGISTRY_USERNAME", "u");
    stage.set("DST_REGISTRY_PASSWORD", "p");
    let away = "https://registry.example.com:8443/v2/stackstate/wait/blobs/uploads/7".to_owned();
    let away = Effect::SetHeader("Location".to_owned(), away);
    stage.destination.inject(Fault::new(away).method("POST").path("mount="));
    stage.mirror_all().await;
    assert!(
        proxy.heads().iter().any(|head| head.starts_with("CONNECT registry.example.com:8443 "))
    );
    let puts = asked(&stage.destination, "PUT", Kind::Upload);
    let elsewhere = puts.iter().find(|put| put.path.ends_with("/7")).unwrap();
    assert_eq!(elsewhere.header("authorization"), None);
}
