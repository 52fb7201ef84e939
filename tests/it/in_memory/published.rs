//! Another client pushes generated content to the registry, and pulls it again.

use oci_distribution::client::{ClientConfig, ClientProtocol};
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Client, Reference};
use registry_in_memory::content;
use registry_in_memory::content::{Content, Layer};
use registry_in_memory::{Authentication, InMemoryRegistry, RegistryOptions};

use crate::support::publish::{publish, publish_as};

fn layers() -> [Layer; 2] {
    [Layer::new("base", 70_000), Layer::new("own", 300)]
}

#[tokio::test]
async fn published_content_is_pulled_with_the_same_digests() {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let image = content::oci_image(&layers());
    let kinds: Vec<(&str, Content)> = vec![
        ("docker", content::docker_image(&layers())),
        ("list", content::docker_list(&layers())),
        ("index", content::oci_index(&layers())),
        ("odd", content::oddly_written_image(&layers())),
        ("artifact", content::artifact("application/x-test", "payload")),
        ("signed", content::signature(&image.top)),
        ("strange", content::index_with_unknown_platforms(&layers())),
        ("oci", image),
    ];
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    for (tag, content) in &kinds {
        publish(registry.address(), "a/b", tag, content).await.unwrap();
    }
    let client = Client::try_from(config).unwrap();
    for (tag, content) in &kinds {
        let address = registry.address().to_owned();
        let reference = Reference::with_tag(address, "a/b".to_owned(), (*tag).to_owned());
        let top = content.top_manifest().unwrap();
        let (bytes, digest) = client
            .pull_manifest_raw(&reference, &RegistryAuth::Anonymous, &[&top.media_type])
            .await
            .unwrap();
        assert_eq!((&bytes[..], digest.as_str()), (&top.bytes[..], content.top.as_str()), "{tag}");
        for (digest, bytes) in &content.blobs {
            let mut pulled = Vec::new();
            client.pull_blob(&reference, digest.as_str(), &mut pulled).await.unwrap();
            assert_eq!(pulled, bytes[..], "{tag} {digest}");
        }
    }
    assert_eq!(registry.store().incomplete_tags(), [""; 0]);
    assert_eq!(registry.store().tags("a/b").len(), kinds.len());
}

#[tokio::test]
async fn content_is_published_with_credentials_and_without_a_tag() {
    let image = content::oci_image(&layers());
    let sbom = content::referrer(image.top_manifest().unwrap(), "application/spdx+json");
    for authentication in [Authentication::basic("u", "p"), Authentication::bearer("u", "p")] {
        let options = RegistryOptions { authentication, ..RegistryOptions::default() };
        let registry = InMemoryRegistry::start(options).await.unwrap();
        let address = registry.address();
        assert!(publish(address, "a", "1", &image).await.is_err());
        assert_eq!(registry.store().repositories(), [""; 0]);

        let credentials = RegistryAuth::Basic("u".to_owned(), "p".to_owned());
        publish_as(&credentials, address, "a", "1", &image).await.unwrap();
        publish_as(&credentials, address, "a", sbom.top.as_str(), &sbom).await.unwrap();
        assert_eq!(registry.store().tags("a"), ["1"]);
        assert_eq!(registry.store().manifests("a").len(), 2);
    }
}
