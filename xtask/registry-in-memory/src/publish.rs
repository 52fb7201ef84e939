//! Pushes generated content to any registry over plain HTTP, with a client that is not ours: what a
//! mirror finds at its source should not depend on the code that is under test.

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use oci_distribution::client::{Client, ClientConfig, ClientProtocol};
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Reference, RegistryOperation};

use crate::content::Content;

const BLOBS_AT_ONCE: usize = 8;

/// Publishes to one registry. Making one costs more than using it: keep it for many images.
pub struct Publisher {
    address: String,
    credentials: Option<RegistryAuth>,
    client: Client,
}

/// Pushes content and lets a tag refer to it. With a digest for a tag, nothing is tagged.
///
/// # Errors
/// When the registry refuses something, or cannot be reached.
pub async fn publish(
    address: &str,
    repository: &str,
    tag: &str,
    content: &Content,
) -> anyhow::Result<()> {
    Publisher::new(address)?.publish(repository, tag, content).await
}

impl Publisher {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(address: &str) -> anyhow::Result<Self> {
        // The client wants TLS to be there even if it only ever speaks plain HTTP. Somebody may
        // have installed a provider already; then that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(vec![address.to_owned()]),
            use_monolithic_push: true,
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).context("cannot make an HTTP client")?;
        Ok(Self { address: address.to_owned(), credentials: None, client })
    }

    /// A registry that gives tokens to everybody needs credentials too: any.
    pub fn with_credentials(mut self, username: &str, password: &str) -> Self {
        let credentials = RegistryAuth::Basic(username.to_owned(), password.to_owned());
        self.credentials = Some(credentials);
        self
    }

    /// Pushes content and lets a tag refer to it. With a digest for a tag, nothing is tagged.
    ///
    /// # Errors
    /// When the registry refuses something, or cannot be reached.
    pub async fn publish(
        &self,
        repository: &str,
        tag: &str,
        content: &Content,
    ) -> anyhow::Result<()> {
        let target = self.reference(repository, tag);
        let Self { client, credentials, address } = self;
        // Without credentials there is no login: after one, the client would ask for the challenge
        // again before each request.
        if let Some(credentials) = credentials {
            client
                .auth(&target, credentials, RegistryOperation::Push)
                .await
                .with_context(|| format!("cannot log in to `{address}`"))?;
        }

        let pushes = content.blobs.iter().map(|(digest, bytes)| {
            let target = &target;
            async move {
                let pushed = client.push_blob(target, bytes.clone(), digest.as_str()).await;
                pushed.with_context(|| format!("cannot push blob `{digest}` to `{target}`"))
            }
        });
        stream::iter(pushes).buffer_unordered(BLOBS_AT_ONCE).try_collect::<Vec<_>>().await?;

        for manifest in &content.manifests {
            let target = if manifest.digest == content.top {
                target.clone()
            } else {
                self.reference(repository, manifest.digest.as_str())
            };
            let media_type = manifest.media_type.parse().context("not a media type")?;
            let pushed = client.push_manifest_raw(&target, manifest.bytes.clone(), media_type);
            pushed.await.with_context(|| format!("cannot push manifest `{target}`"))?;
        }
        Ok(())
    }

    fn reference(&self, repository: &str, tag: &str) -> Reference {
        let (address, repository) = (self.address.clone(), repository.to_owned());
        if tag.parse::<oci::Digest>().is_ok() {
            Reference::with_digest(address, repository, tag.to_owned())
        } else {
            Reference::with_tag(address, repository, tag.to_owned())
        }
    }
}
