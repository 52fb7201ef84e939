//! A chart as an OCI artifact: the archive of a folder, the config, the manifest. The same input makes the
//! same digest, whatever the machine, the user and the time.
//!
//! Only `folder` reads files; the rest is pure.

mod archive;
mod artifact;
mod folder;
mod ignore;
mod metadata;

use std::path::Path;

use bytes::Bytes;

use messages::Advice;

pub use artifact::{ChartArtifact, ChartLayers};
pub use metadata::ChartMetadata;

pub(super) use artifact::{chart_name, version_tag};

/// Packages the chart in a folder.
///
/// # Errors
/// If the folder cannot be read, or is not a chart that a registry can hold.
pub(super) fn package(folder: &Path, metadata: &ChartMetadata) -> Result<ChartArtifact, Advice> {
    let archive = folder::package(folder, &metadata.name)?;
    ChartArtifact::new(metadata, Bytes::from(archive), None)
}
