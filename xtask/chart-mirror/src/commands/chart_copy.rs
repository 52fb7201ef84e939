//! The chart of a list, as one more thing that is mirrored to a destination and verified there. A chart that
//! was made here is the content of a registry in this process, so the engine copies it like any other.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::chart::package::ChartArtifact;
use crate::chart::{self, ChartContent, ChartOptions, PlannedChart};
use crate::list::{Destination, ImageList};
use crate::plan::Transfer;
use messages::Advice;
use oci::{Digest, Registry, Repository, RepositoryPath};
use registry::{EmbeddedRegistry, ManifestName};
use registry_server::manifest::StoredManifest;
use registry_server::{ServedRegistry, Storage, StorageError, StoredBlob};

/// The name of the registry that an artifact made on this machine comes from. No request is sent there.
const MADE_HERE: &str = "made-here.invalid";

/// A chart and its repository at a destination.
#[derive(Clone)]
pub struct ChartPlan {
    pub chart: Arc<PlannedChart>,
    pub target: Repository,
}

/// A chart that is ready to be copied.
#[derive(Debug, Clone)]
pub struct ChartCopy {
    pub transfer: Transfer,
    /// The artifact, unless it is copied from a registry.
    pub artifact: Option<Box<ChartArtifact>>,
}

/// A registry with the charts that were made here, each in the repository of its name.
struct ChartsMadeHere(Vec<ChartArtifact>);

/// A blob in memory.
struct BlobBytes(Bytes);

/// The chart of the list, or the one that the options name, as one to be mirrored. Sends no request; a chart
/// on disk is read. `folder` is the folder of images.toml.
///
/// # Errors
/// If no chart is named, or it cannot be read.
pub fn planned_chart(
    list: &ImageList,
    folder: &Path,
    options: &ChartOptions,
) -> anyhow::Result<Arc<PlannedChart>> {
    let (helm, _) = chart::choose(list, folder, options)?;
    Ok(Arc::new(PlannedChart::new(helm)?))
}

impl ChartPlan {
    /// The chart below the path `charts` of a destination. In a layout, a chart of a registry has the name of its
    /// source, like the images: `--source` finds it there.
    ///
    /// # Errors
    /// If that path is too long.
    pub fn new(
        chart: Arc<PlannedChart>,
        destination: &Destination,
        charts: &RepositoryPath,
    ) -> Result<Self, Advice> {
        if let (Some(_), Some(source)) = (&destination.layout, chart.repository()) {
            let path = RepositoryPath::with_host(&source);
            return Ok(Self { target: destination.repository(&path), chart });
        }
        // Both are valid, but together they may be too long.
        let path = chart.name.below(charts).as_str().parse::<RepositoryPath>();
        let path = path.map_err(|why| {
            Advice::new(format!("the chart `{}` has no valid target: {why}", chart.name))
                .with_hint("shorten the path of charts at the destination")
        })?;
        Ok(Self { target: destination.repository(&path), chart })
    }

    /// The reference at the destination, or only the repository if the version is not known yet.
    pub fn target_name(&self) -> String {
        match &self.chart.tag {
            Some(tag) => self.target.tagged(tag).to_string(),
            None => self.target.to_string(),
        }
    }

    /// The transfer, as far as it is known without a request; `None` if the version is not, or the chart cannot be
    /// copied.
    pub fn known_transfer(&self) -> Option<Transfer> {
        if self.chart.is_known() {
            return Some(self.fetch().ok()?.transfer);
        }
        let (tag, target) = (self.chart.tag.clone()?, self.target.clone());
        let source = made_here(&self.chart.name).ok()?;
        Some(Transfer { source, tag, digest: None, target, platforms: None })
    }

    /// Fetches what is not known yet. Blocks while helm runs.
    ///
    /// # Errors
    /// If the chart cannot be fetched or read, or would be copied onto itself.
    pub fn fetch(&self) -> Result<ChartCopy, Advice> {
        let content = self.chart.content()?.clone();
        let tag = content.tag().clone();
        let (source, digest, artifact) = match content {
            ChartContent::InRegistry { repository, digest, .. } => (repository, digest, None),
            ChartContent::Made(artifact) => {
                let digest = artifact.manifest.digest.clone();
                (made_here(&artifact.name)?, Some(digest), Some(artifact))
            }
        };
        let target = self.target.clone();
        if source == target {
            let message = format!("the chart `{source}` would be copied onto itself");
            let hint = "choose another path for charts, or another destination";
            return Err(Advice::new(message).with_hint(hint));
        }
        Ok(ChartCopy {
            transfer: Transfer { source, tag, digest, target, platforms: None },
            artifact,
        })
    }
}

fn made_here(name: &RepositoryPath) -> Result<Repository, Advice> {
    let registry = MADE_HERE.parse::<Registry>();
    let registry = registry.map_err(|why| Advice::new(format!("`{MADE_HERE}`: {why}")))?;
    Ok(Repository::new(registry, name.clone()))
}

impl ChartCopy {
    /// Whether both are made here and have one name, but other content.
    pub fn contradicts(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|copy| &copy.transfer);
        let is_made_here = |transfer: &Transfer| transfer.source.registry().as_str() == MADE_HERE;
        is_made_here(one)
            && one.source_reference() == other.source_reference()
            && one.digest != other.digest
    }
}

/// The registry in this process that charts come from, if any of them was made here.
pub fn charts_made_here<'c>(
    charts: impl Iterator<Item = &'c ChartCopy>,
) -> Option<(Registry, Arc<dyn EmbeddedRegistry>)> {
    let mut made = Vec::new();
    let mut name = None;
    for chart in charts {
        if let Some(artifact) = &chart.artifact {
            name = Some(chart.transfer.source.registry().clone());
            made.push(artifact.as_ref().clone());
        }
    }
    Some((name?, Arc::new(ServedRegistry::new(Arc::new(ChartsMadeHere(made))))))
}

impl ChartsMadeHere {
    fn of_repository(&self, repository: &str) -> impl Iterator<Item = &ChartArtifact> {
        self.0.iter().filter(move |chart| chart.name.as_str() == repository)
    }
}

impl Storage for ChartsMadeHere {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        let is_named = |chart: &&ChartArtifact| match name {
            ManifestName::Tag(tag) => *tag == chart.tag,
            ManifestName::Digest(digest) => *digest == chart.manifest.digest,
        };
        let chart = self.of_repository(repository).find(is_named);
        Ok(chart.map(|chart| StoredManifest {
            media_type: chart.manifest.media_type.clone(),
            digest: chart.manifest.digest.clone(),
            bytes: chart.manifest.bytes.clone(),
        }))
    }

    fn blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        let mut blobs = self.of_repository(repository).flat_map(ChartArtifact::blobs);
        let blob = blobs.find(|(descriptor, _)| descriptor.digest == *digest);
        Ok(blob.map(|(_, content)| Box::new(BlobBytes(content)) as _))
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        Some(self.of_repository(repository).map(|chart| chart.tag.to_string()).collect())
    }

    fn referrers(
        &self,
        _repository: &str,
        _subject: &Digest,
    ) -> Result<Vec<StoredManifest>, StorageError> {
        Ok(Vec::new())
    }
}

impl StoredBlob for BlobBytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let ends_before = || StorageError::Failed(Advice::new("the blob ends before"));
        buffer.copy_from_slice(self.0.get(start..end).ok_or_else(ends_before)?);
        Ok(())
    }
}
