//! Real registries, checked with skopeo, which shares no code with the tool.

use oci::Digest;
use oci_distribution::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_distribution::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Reference, RegistryOperation};
use registry_in_memory::content::{
    Content, Layer, docker_image, docker_list, oci_image, oci_index, oddly_written_image,
};

use crate::programs::docker_registry::{Access, DockerRegistry, PASSWORD, USER};
use crate::programs::skopeo::Skopeo;
use crate::support::publish::publish;
use crate::support::xtask::Xtask;

#[tokio::test]
async fn a_pushed_image_is_read_back_with_the_same_bytes_and_digest() {
    let registry = DockerRegistry::start(Access::Anyone);
    let reference = format!("{}/stackstate/wait:1.0.6", registry.address());

    let manifest = push(&reference, &RegistryAuth::Anonymous).await.unwrap();

    let skopeo = Skopeo::ANONYMOUS;
    assert_eq!(skopeo.inspect_raw(&reference).unwrap(), manifest);
    assert_eq!(skopeo.digest_of(&reference).unwrap(), Digest::of(&manifest));
    let pushes = |path: &str| {
        let created = registry.requests().into_iter().filter(|request| request.status == 201);
        created.filter(|request| request.method == "PUT" && request.path.contains(path)).count()
    };
    assert_eq!((pushes("/blobs/uploads/"), pushes("/manifests/1.0.6")), (2, 1));
}

#[tokio::test]
async fn a_copy_between_registries_keeps_the_digest() {
    let source = DockerRegistry::start(Access::Anyone);
    let destination = DockerRegistry::start(Access::Anyone);
    assert_ne!(source.address(), destination.address());
    let from = format!("{}/stackstate/wait:1.0.6", source.address());
    let to = format!("{}/mirror/wait:1.0.6", destination.address());
    let manifest = push(&from, &RegistryAuth::Anonymous).await.unwrap();
    assert!(Skopeo::ANONYMOUS.inspect_raw(&to).is_err());

    Skopeo::ANONYMOUS.copy_all(&from, &to).unwrap();

    assert_eq!(Skopeo::ANONYMOUS.digest_of(&to).unwrap(), Digest::of(&manifest));
}

#[tokio::test]
async fn a_registry_with_a_password_accepts_only_its_user() {
    let registry = DockerRegistry::start(Access::Password);
    let reference = format!("{}/stackstate/wait:1.0.6", registry.address());

    assert!(push(&reference, &RegistryAuth::Anonymous).await.is_err());
    let wrong = RegistryAuth::Basic(USER.to_owned(), "wrong".to_owned());
    assert!(push(&reference, &wrong).await.is_err());
    let requests = registry.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.status == 401));

    let right = RegistryAuth::Basic(USER.to_owned(), PASSWORD.to_owned());
    let manifest = push(&reference, &right).await.unwrap();
    let refusal = Skopeo::ANONYMOUS.inspect_raw(&reference).unwrap_err();
    assert!(refusal.contains("authentication required"), "{refusal}");
    let user = Skopeo { credentials: Some((USER, PASSWORD)) };
    assert_eq!(user.digest_of(&reference).unwrap(), Digest::of(&manifest));
}

/// skopeo finds the same manifests on both sides and can copy the images on; a second run only sends HEAD
/// requests.
#[tokio::test]
async fn the_tool_mirrors_between_real_registries_and_then_has_nothing_to_do() {
    let source = DockerRegistry::start(Access::Anyone);
    let destination = DockerRegistry::start(Access::Password);
    let mut list = String::new();
    let mut tags = Vec::new();
    for (repository, tag, content) in corpus() {
        publish(source.address(), repository, tag, &content).await.unwrap();
        list += &format!(
            "[[image]]\nsource = \"{}/{repository}\"\ntag = \"{tag}\"\ndigest = \"{}\"\n",
            source.address(),
            content.top
        );
        tags.push((format!("{repository}:{tag}"), content.top));
    }
    let xtask = Xtask::new();
    let images = xtask.directory().join("images.toml");
    std::fs::write(&images, list).unwrap();
    let to = format!("{}/team", destination.address());
    let arguments = ["mirror", "--images", images.to_str().unwrap(), "-d", &to];
    let login = [("DST_REGISTRY_USERNAME", USER), ("DST_REGISTRY_PASSWORD", PASSWORD)];

    let first = xtask.run(&arguments, &login);
    assert_eq!(first.exit_code, 0, "{}{}", first.stderr, first.stdout);
    let user = Skopeo { credentials: Some((USER, PASSWORD)) };
    for (name, digest) in &tags {
        let sent = Skopeo::ANONYMOUS.inspect_raw(&format!("{}/{name}", source.address())).unwrap();
        let arrived = user.inspect_raw(&format!("{to}/{name}")).unwrap();
        assert_eq!(sent, arrived, "{name}");
        assert_eq!(Digest::of(&arrived), *digest, "{name}");
    }

    let (at_source, at_destination) = (source.requests().len(), destination.requests().len());
    let second = xtask.run(&arguments, &login);
    assert_eq!(second.exit_code, 0, "{}", second.stderr);
    assert_eq!(source.requests().len(), at_source, "nothing is asked of the source");
    let asked = destination.requests().split_off(at_destination);
    let looks = asked.iter().filter(|request| request.path.contains("/manifests/"));
    assert!(
        looks.clone().all(|request| (request.method.as_str(), request.status) == ("HEAD", 200))
    );
    assert_eq!(looks.count(), tags.len());
    // One more, for the challenge.
    assert_eq!(asked.len(), tags.len() + 1, "{asked:?}");

    let fresh = DockerRegistry::start(Access::Anyone);
    for (name, digest) in &tags {
        let (from, back) = (format!("{to}/{name}"), format!("{}/{name}", fresh.address()));
        let reader = Skopeo { credentials: Some((USER, PASSWORD)) };
        reader.copy_all(&from, &back).unwrap();
        assert_eq!(Skopeo::ANONYMOUS.digest_of(&back).unwrap(), *digest, "{name}");
    }
}

#[tokio::test]
async fn a_rewritten_index_is_valid_for_other_programs() {
    let source = DockerRegistry::start(Access::Anyone);
    let destination = DockerRegistry::start(Access::Anyone);
    let mut list = format!(
        "[destinations.d]\nregistry = \"{}\"\nprefix = \"team\"\nplatforms = [\"linux/arm64\"]\n\
         attachments = \"required\"\n",
        destination.address()
    );
    let indexes = corpus()
        .into_iter()
        .filter(|(_, _, content)| content.manifests.len() > 1)
        .collect::<Vec<_>>();
    assert_eq!(indexes.len(), 2);
    for (repository, tag, content) in &indexes {
        publish(source.address(), repository, tag, content).await.unwrap();
        list += &format!(
            "[[image]]\nsource = \"{}/{repository}\"\ntag = \"{tag}\"\ndigest = \"{}\"\n",
            source.address(),
            content.top
        );
    }
    let xtask = Xtask::new();
    let images = xtask.directory().join("images.toml");
    std::fs::write(&images, list).unwrap();
    let arguments = ["mirror", "--images", images.to_str().unwrap(), "--format", "json"];
    let run = xtask.run(&arguments, &[]);
    assert_eq!(run.exit_code, 0, "{}{}", run.stderr, run.stdout);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();

    let skopeo = Skopeo::ANONYMOUS;
    let fresh = DockerRegistry::start(Access::Anyone);
    for (number, (repository, tag, content)) in indexes.iter().enumerate() {
        let image = &report["images"][number];
        assert_eq!(image["made-from"], content.top.as_str());
        let reported: Digest = image["digest"].as_str().unwrap().parse().unwrap();
        let there = format!("{}/team/{repository}:{tag}", destination.address());
        assert_eq!(skopeo.digest_of(&there).unwrap(), reported);
        let index: serde_json::Value =
            serde_json::from_slice(&skopeo.inspect_raw(&there).unwrap()).unwrap();
        let entries = index["manifests"].as_array().unwrap();
        let images = entries.iter().filter(|entry| entry["platform"]["os"] == "linux");
        let architectures: Vec<_> =
            images.map(|entry| entry["platform"]["architecture"].as_str().unwrap()).collect();
        assert_eq!(architectures, ["arm64"], "{index}");
        // skopeo can copy everything that it lists.
        let on = format!("{}/{repository}:{tag}", fresh.address());
        skopeo.copy_all(&there, &on).unwrap();
        assert_eq!(skopeo.digest_of(&on).unwrap(), reported);
    }
    let (before, after) = (source.requests().len(), destination.requests().len());
    assert_eq!(xtask.run(&arguments, &[]).exit_code, 0);
    let again = destination.requests().split_off(after);
    assert!(again.iter().all(|request| request.method != "PUT"), "{again:?}");
    let fetched = source.requests().split_off(before);
    assert!(fetched.iter().all(|request| !request.path.contains("/blobs/")), "{fetched:?}");
}

#[tokio::test]
async fn refused_credentials_are_reported_for_each_image() {
    let source = DockerRegistry::start(Access::Anyone);
    let destination = DockerRegistry::start(Access::Password);
    let mut list = String::new();
    for (repository, tag, content) in corpus() {
        publish(source.address(), repository, tag, &content).await.unwrap();
        list += &format!(
            "[[image]]\nsource = \"{}/{repository}\"\ntag = \"{tag}\"\n",
            source.address()
        );
    }
    let xtask = Xtask::new();
    let images = xtask.directory().join("images.toml");
    std::fs::write(&images, list).unwrap();
    let arguments = ["mirror", "--images", images.to_str().unwrap(), "-d", destination.address()];
    let wrong = [("DST_REGISTRY_USERNAME", USER), ("DST_REGISTRY_PASSWORD", "wrong")];
    let taken = "hint: the registry does not accept the credentials in `DST_REGISTRY_USERNAME`";
    let none = "hint: set `DST_REGISTRY_USERNAME`";
    for (variables, words, hint) in
        [(&wrong[..], "401", taken), (&[][..], "requires a user and a password", none)]
    {
        let finished = xtask.run(&arguments, variables);
        assert_eq!(finished.exit_code, 1, "{}", finished.stderr);
        assert!(finished.stdout.contains(words), "{}", finished.stdout);
        assert!(finished.stdout.contains(hint), "{}", finished.stdout);
        assert!(finished.stdout.contains("5 failed"), "{}", finished.stdout);
    }
    assert!(destination.requests().iter().all(|request| request.status == 401));
}

/// Every kind of image that a real registry accepts, some with common layers.
fn corpus() -> Vec<(&'static str, &'static str, Content)> {
    let layers = [Layer::new("base", 300_000), Layer::new("more", 20_000)];
    vec![
        ("stackstate/wait", "1.0.6", docker_image(&layers)),
        ("stackstate/wait", "2.0.0", oci_image(&layers[..1])),
        ("stackstate/kafka", "2.8.0", docker_list(&layers)),
        ("stackstate/server", "4.5.6", oci_index(&layers)),
        ("stackstate/odd", "1", oddly_written_image(&layers)),
    ]
}

#[test]
fn the_tool_writes_nothing_to_its_home() {
    let xtask = Xtask::new();
    let finished = xtask.run(&["--help"], &[("NO_COLOR", "1")]);
    assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""), "{}", finished.stdout);
    assert_eq!(std::fs::read_dir(xtask.directory()).unwrap().count(), 0);
}

/// Pushes a small image with `oci-client`, and returns the bytes of its manifest.
async fn push(reference: &str, auth: &RegistryAuth) -> anyhow::Result<Vec<u8>> {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
    let reference: Reference = reference.parse()?;
    let layer = ImageLayer::oci_v1(b"stored as it is: nothing unpacks it here".to_vec(), None);
    let platform =
        br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let config = Config::oci_v1(platform.to_vec(), None);
    let manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
    let manifest = serde_json::to_vec_pretty(&manifest)?;

    client.auth(&reference, auth, RegistryOperation::Push).await?;
    client.push_blob(&reference, layer.data.clone(), &layer.sha256_digest()).await?;
    client.push_blob(&reference, config.data.clone(), &config.sha256_digest()).await?;
    let media_type = OCI_IMAGE_MEDIA_TYPE.parse()?;
    client.push_manifest_raw(&reference, manifest.clone(), media_type).await?;
    Ok(manifest)
}
