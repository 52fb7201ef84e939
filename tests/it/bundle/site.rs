//! Two registries without a connection between them, and the folder from which bundles are written.

use std::path::PathBuf;

use oci::Digest;
use registry_in_memory::{InMemoryRegistry, LoggedRequest, RegistryOptions};

use crate::support::requests::asked;
use crate::support::scene::Scene;
use crate::support::xtask::{Finished, Xtask};

/// The scene is the outer side: its list, its chart and its source. The inner side has only bundles.
pub(super) struct Site {
    pub(super) scene: Scene,
    pub(super) inner: Xtask,
    pub(super) target: InMemoryRegistry,
}

impl Site {
    pub(super) async fn new() -> Self {
        let scene = Scene::new().await;
        let target = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        scene.forget_requests();
        Self { scene, inner: Xtask::new(), target }
    }

    /// Runs on the outer side.
    pub(super) fn outside(&self, arguments: &[&str]) -> Finished {
        let helm = self.scene.helm.to_str().unwrap();
        let run = || self.scene.xtask.run(arguments, &[("HELM", helm)]);
        tokio::task::block_in_place(run)
    }

    /// Exports with more flags, to a name.
    pub(super) fn export(&self, output: &str, flags: &[&str]) -> Finished {
        let finished = self.outside(&[&["bundle", "export", output], flags].concat());
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        finished
    }

    /// Runs on the inner side.
    pub(super) fn inside(&self, arguments: &[&str]) -> Finished {
        tokio::task::block_in_place(|| self.inner.run(arguments, &[]))
    }

    /// Imports what is on the outer side to the registry of the inner one.
    pub(super) fn import(&self, bundles: &[&str], flags: &[&str]) -> Finished {
        let paths: Vec<String> =
            bundles.iter().map(|name| self.path(name).display().to_string()).collect();
        let bundles: Vec<&str> = paths.iter().map(String::as_str).collect();
        let to = ["-d", self.target.address()];
        self.inside(&[&["bundle", "import"], &bundles[..], &to, flags].concat())
    }

    pub(super) fn imported(&self, bundles: &[&str], flags: &[&str]) -> Finished {
        let finished = self.import(bundles, flags);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        finished
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scene.path(name)
    }

    /// The pushes to the registry of the inner side.
    pub(super) fn pushes(&self) -> Vec<LoggedRequest> {
        let mut requests = self.target.requests();
        requests.retain(|request| !["GET", "HEAD"].contains(&request.method.as_str()));
        requests
    }

    /// The digests of blobs that were read from the source, sorted.
    pub(super) fn blobs_read(&self) -> Vec<Digest> {
        let requests = asked(&self.scene.source, "GET", registry_in_memory::Kind::Blob);
        let digest = |request: &LoggedRequest| {
            request.path.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap()
        };
        let mut digests: Vec<Digest> = requests.iter().map(digest).collect();
        digests.sort();
        digests
    }
}
