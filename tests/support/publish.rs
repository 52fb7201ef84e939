//! Pushes generated content over plain HTTP with the client of `oci-client`: the source of a mirror run
//! should not depend on the code under test.

use futures_util::future::try_join_all;
use oci::Digest;
use oci_distribution::client::{Client, ClientConfig, ClientProtocol};
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Reference, RegistryOperation};
use registry_in_memory::content::Content;

/// Pushes content under a tag, or under its digest alone.
pub(crate) async fn publish(
    address: &str,
    repository: &str,
    reference: &str,
    content: &Content,
) -> anyhow::Result<()> {
    publish_as(&RegistryAuth::Anonymous, address, repository, reference, content).await
}

/// Like [`publish`], with credentials.
pub(crate) async fn publish_as(
    credentials: &RegistryAuth,
    address: &str,
    repository: &str,
    reference: &str,
    content: &Content,
) -> anyhow::Result<()> {
    // The client requires a TLS provider even for plain HTTP. Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let protocol = ClientProtocol::Http;
    let client = Client::try_from(ClientConfig { protocol, ..ClientConfig::default() })?;
    let reference_to = |name: &str| {
        let (address, repository) = (address.to_owned(), repository.to_owned());
        match name.parse::<Digest>() {
            Ok(digest) => Reference::with_digest(address, repository, digest.to_string()),
            Err(_) => Reference::with_tag(address, repository, name.to_owned()),
        }
    };
    let target = reference_to(reference);
    client.auth(&target, credentials, RegistryOperation::Push).await?;
    let blobs = content.blobs.iter();
    try_join_all(
        blobs.map(|(digest, bytes)| client.push_blob(&target, bytes.clone(), digest.as_str())),
    )
    .await?;
    for manifest in &content.manifests {
        let is_top = manifest.digest == content.top;
        let target = if is_top { target.clone() } else { reference_to(manifest.digest.as_str()) };
        let media_type = manifest.media_type.parse()?;
        client.push_manifest_raw(&target, manifest.bytes.clone(), media_type).await?;
    }
    Ok(())
}
