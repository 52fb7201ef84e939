//! Tests of the client with registries in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use oci::{Descriptor, Digest, LayoutForm, Manifest, Registry, Repository, RepositoryPath};
use registry::auth::credentials::EmptyEnvironment;
use registry::transfer::{FirstAttempt, ReadTurns, transfer};
use registry::{
    ManifestName, ReadBack, Registries, RemoteRepository, Requests, RetryPolicy, Settings, Side,
};

use tokio::sync::OwnedSemaphorePermit;

use crate::memory::Memory;
use crate::served::ServedRegistry;

/// Nothing to wait for.
struct AtOnce;

impl ReadTurns for AtOnce {
    fn next(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
        Box::pin(ready(None))
    }
}

/// A source and a destination in this process, each for `localhost:5000/a`.
struct Ends {
    registries: Registries,
    source: RemoteRepository,
    destination: RemoteRepository,
}

fn ends(source: Memory, destination: Memory) -> Ends {
    let [from, to] =
        ["from", "to"].map(|folder| Registry::of_layout(LayoutForm::Directory, folder));
    let repository: Repository = "localhost:5000/a".parse().unwrap();
    let target = Repository::new(to.clone(), RepositoryPath::with_host(&repository));
    let served = |memory| Arc::new(ServedRegistry::new(Arc::new(memory))) as _;
    let settings = Settings {
        embedded: BTreeMap::from([
            (from.clone(), served(source)),
            (to.clone(), served(destination)),
        ]),
        source: Some(from),
        // A retry would let the test time out.
        retry: RetryPolicy { first_pause: Duration::from_secs(3600), ..RetryPolicy::default() },
        ..Settings::default()
    };
    let hosts = [(repository.registry().clone(), Side::Source), (to, Side::Destination)];
    let registries = Registries::new(settings, hosts, &EmptyEnvironment).unwrap();
    let source = registries.repository(&repository, Side::Source).unwrap();
    let destination = registries.repository(&target, Side::Destination).unwrap();
    Ends { registries, source, destination }
}

fn blob(content: &Bytes) -> Descriptor {
    let (digest, size) = (Digest::of(content), content.len() as u64);
    Descriptor { media_type: "m".to_owned(), digest, size, platform: None }
}

fn tag() -> ManifestName {
    ManifestName::Tag("1.0".parse().unwrap())
}

#[tokio::test]
async fn an_image_is_copied_between_them_and_no_request_is_counted() {
    let (source, destination) = (Memory::default(), Memory::default());
    let content: Bytes = (0..900_000_u32).map(|number| number as u8).collect();
    let layer = blob(&content);
    source.blobs.lock().unwrap().insert(layer.digest.clone(), content.clone());
    let stored = Arc::clone(&destination.blobs);
    let ends = ends(source, destination);
    let on_bytes: Arc<dyn Fn(u64) + Send + Sync> = Arc::new(|_| {});
    transfer(&ends.source, &ends.destination, &layer, FirstAttempt::default(), &on_bytes, &AtOnce)
        .await
        .unwrap();
    assert_eq!(stored.lock().unwrap()[&layer.digest], content);
    assert!(ends.destination.has_blob(&layer).await.unwrap());

    let text = format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {{"mediaType": "c", "digest": "{}", "size": 900000}}, "layers": []}}"#,
        layer.digest
    );
    let digest = Digest::of(text.as_bytes());
    let manifest = Manifest::parse(Bytes::from(text), digest.clone(), None).unwrap();
    ends.destination.push_manifest(&tag(), &manifest, ReadBack::InDoubt).await.unwrap();
    assert_eq!(ends.destination.resolve(&tag()).await.unwrap(), Some(digest));
    let pulled = ends.destination.manifest(&tag()).await.unwrap();
    assert_eq!(pulled.bytes, manifest.bytes);
    assert_eq!(ends.registries.requests(), Requests::default());
}

#[tokio::test]
async fn an_error_names_the_layout_and_is_not_retried() {
    let broken = || Memory { is_broken: true, ..Memory::default() };
    let ends = ends(Memory::default(), broken());
    let missing = ends.source.manifest(&tag()).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "source: get manifest `1.0`: oci:from: 404 MANIFEST_UNKNOWN: manifest unknown to registry"
    );
    assert!(missing.hint().unwrap().contains("full source reference"), "{:?}", missing.hint());
    assert_eq!(
        missing.shared_cause(),
        "source: get manifest: oci:from: 404 MANIFEST_UNKNOWN: manifest unknown to registry"
    );
    let failed = ends.destination.manifest(&tag()).await.unwrap_err();
    assert!(failed.to_string().contains("oci:to: 500"), "{failed}");
    assert_eq!(failed.hint().as_deref(), Some("replace it"));
}

#[tokio::test]
async fn a_damaged_blob_is_not_stored() {
    let (source, destination) = (Memory::default(), Memory::default());
    let layer = blob(&Bytes::from_static(b"layer"));
    source.blobs.lock().unwrap().insert(layer.digest.clone(), Bytes::from_static(b"laier"));
    let stored = Arc::clone(&destination.blobs);
    let ends = ends(source, destination);
    let on_bytes: Arc<dyn Fn(u64) + Send + Sync> = Arc::new(|_| {});
    let copied = transfer(
        &ends.source,
        &ends.destination,
        &layer,
        FirstAttempt::default(),
        &on_bytes,
        &AtOnce,
    )
    .await;
    let error = copied.unwrap_err();
    assert!(error.to_string().starts_with("source: get blob"), "{error}");
    assert!(error.to_string().contains("oci:from: the content has the digest"), "{error}");
    assert!(error.hint().unwrap().contains("damaged"));
    assert!(stored.lock().unwrap().is_empty());
}
