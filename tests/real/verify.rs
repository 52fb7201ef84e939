//! `verify` with the real helm.

use registry_in_memory::RegistryOptions;

use crate::programs::helm::program;
use crate::support::scene::{Scene, pod, sum};

mod chart;
mod templates;

async fn scene() -> Scene {
    with_destination(RegistryOptions::default()).await
}

async fn with_destination(destination: RegistryOptions) -> Scene {
    let helm = program().canonicalize().unwrap();
    Scene { helm, ..Scene::with_destination(destination).await }
}
