//! `verify` with the real helm.

use registry_in_memory::Options;

use crate::programs::helm::program;
use crate::support::scene::{Scene, pod, sum};

mod chart;
mod templates;

async fn scene() -> Scene {
    with_destination(Options::default()).await
}

async fn with_destination(destination: Options) -> Scene {
    let helm = program().canonicalize().unwrap();
    Scene { helm, ..Scene::with_destination(destination).await }
}
