//! Image layouts that the tool wrote, read by skopeo, which shares no code with it, as files and over HTTP.

use std::sync::Arc;

use layout::{Layout, LayoutLocation, Strictness};
use oci::Digest;
use registry_in_memory::content::{docker_image, oci_image, oci_index};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use registry_server::{LayoutStorage, Listening, ServedRegistry};
use tokio::sync::oneshot;

use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::skopeo::Skopeo;
use crate::stored::store_team;
use crate::support::xtask::Xtask;
use crate::support::{layers, write};

/// A list with images of several kinds, mirrored into layouts of both forms.
struct Written {
    xtask: Xtask,
    /// Full names with their digests.
    images: Vec<(String, Digest)>,
}

async fn written() -> Written {
    let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let kinds = [
        ("index", oci_index(&layers(&["base", "a"]))),
        ("image", oci_image(&layers(&["base", "b"]))),
        ("docker", docker_image(&layers(&["base", "c"]))),
    ];
    let (list, images) = store_team(&source, &kinds);
    let xtask = Xtask::new();
    write(&xtask, "images.toml", list);
    for layout in ["oci:out", "oci-archive:out.tar"] {
        let mirror = || xtask.run(&["mirror", "-d", layout], &[]);
        let finished = tokio::task::block_in_place(mirror);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
    }
    Written { xtask, images }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_copies_oci_images_out_of_a_layout_by_their_full_names() {
    let Written { xtask, images } = written().await;
    let registry = DockerRegistry::start(Access::Anyone);
    let skopeo = Skopeo::ANONYMOUS;
    for (form, file) in [("oci", "out"), ("oci-archive", "out.tar")] {
        let path = xtask.directory().join(file);
        // In a layout, skopeo finds no manifest with Docker's media type. It pulls them from a served one.
        let images = images.iter().filter(|(name, _)| !name.contains("docker"));
        for (number, (name, digest)) in images.enumerate() {
            let target = format!("{}/{form}/i{number}:1", registry.address());
            skopeo.copy_from(&format!("{form}:{}:{name}", path.display()), &target).unwrap();
            assert_eq!(skopeo.digest_of(&target).unwrap(), *digest, "{form} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_pulls_every_image_from_a_served_layout() {
    let Written { xtask, images } = written().await;
    let location = LayoutLocation::of_path(&xtask.directory().join("out.tar"));
    let layout = Arc::new(Layout::open(&location, Strictness::Foreign).unwrap());
    let served = ServedRegistry::new(Arc::new(LayoutStorage::new(layout)));
    let listening = Listening::at("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listening.address();
    let (end, ended) = oneshot::channel::<()>();
    let serving = tokio::spawn(listening.serve(served, async { drop(ended.await) }));

    let registry = DockerRegistry::start(Access::Anyone);
    let copied = tokio::task::spawn_blocking(move || {
        let skopeo = Skopeo::ANONYMOUS;
        for (number, (name, digest)) in images.iter().enumerate() {
            // A colon cannot be part of a path in a reference.
            let (host, image) = name.split_once('/').unwrap();
            let (repository, _) = image.split_once(':').unwrap();
            let below = format!("{address}/{}/{repository}", host.replace(':', "_"));
            for reference in [format!("{below}:1.0"), format!("{below}@{digest}")] {
                let target = format!("{}/served/i{number}:1", registry.address());
                skopeo.copy_all(&reference, &target).unwrap();
                assert_eq!(skopeo.digest_of(&target).unwrap(), *digest, "{reference}");
            }
        }
        let written = skopeo
            .copy_all(&format!("{}/served/i0:1", registry.address()), &format!("{address}/x:1"));
        assert!(written.unwrap_err().contains("unsupported"));
    });
    copied.await.unwrap();
    end.send(()).unwrap();
    serving.await.unwrap();
}
