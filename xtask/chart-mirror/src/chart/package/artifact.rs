//! `ChartArtifact`: a chart's archive as the OCI artifact that helm pushes and pulls. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::metadata::ChartMetadata;
use messages::Advice;
use oci::{Descriptor, Digest, Manifest, RepositoryPath, Tag};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const ARCHIVE: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// A chart, with everything that a registry stores for it. The same input makes the same digest.
#[derive(Debug, Clone)]
pub struct ChartArtifact {
    /// The last part of its repository.
    pub name: RepositoryPath,
    pub tag: Tag,
    pub archive: Bytes,
    /// The signature file of helm (`.prov`).
    pub provenance: Option<Bytes>,
    pub manifest: Manifest,
    version: String,
    config: Bytes,
}

/// The blobs of an OCI chart that are files elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartLayers {
    pub archive: Descriptor,
    pub provenance: Option<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestText {
    schema_version: u8,
    media_type: &'static str,
    config: DescriptorText,
    layers: Vec<DescriptorText>,
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorText {
    media_type: &'static str,
    digest: Digest,
    size: usize,
}

impl ChartArtifact {
    /// From an archive, which stays as it is, and its metadata.
    ///
    /// # Errors
    /// If the chart has a name or version that cannot be in a reference.
    pub fn new(
        metadata: &ChartMetadata,
        archive: Bytes,
        provenance: Option<Bytes>,
    ) -> Result<Self, Advice> {
        let (name, tag) = (chart_name(&metadata.name)?, version_tag(&metadata.version)?);
        let malformed = |error: serde_json::Error| Advice::new(format!("Chart.yaml: {error}"));
        let config = Bytes::from(metadata.config().map_err(malformed)?);
        let layers = [(ARCHIVE, Some(&archive)), (PROVENANCE, provenance.as_ref())];
        let layers = layers.into_iter().filter_map(|(kind, content)| Some((kind, content?)));
        let text = ManifestText {
            schema_version: 2,
            media_type: MANIFEST,
            config: DescriptorText::of(CONFIG, &config),
            layers: layers.map(|(kind, content)| DescriptorText::of(kind, content)).collect(),
            annotations: metadata.annotations(),
        };
        let text = Bytes::from(serde_json::to_vec(&text).map_err(malformed)?);
        let digest = Digest::of(&text);
        let manifest = Manifest::parse(text, digest, Some(MANIFEST))
            .map_err(|error| Advice::new(format!("the manifest of the chart: {error}")))?;
        let version = metadata.version.clone();
        Ok(Self { name, tag, archive, provenance, manifest, version, config })
    }

    /// `stackstate-4.5.6.tgz`, as helm names the archive.
    pub fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.name, self.version)
    }

    /// The blobs of the manifest with their contents.
    pub fn blobs(&self) -> Vec<(Descriptor, Bytes)> {
        let contents = [Some(&self.config), Some(&self.archive), self.provenance.as_ref()];
        // In the order of the manifest, which may name one blob twice.
        let contents = contents.into_iter().flatten().cloned();
        self.manifest.blobs.iter().cloned().zip(contents).collect()
    }
}

impl ChartLayers {
    /// The layers of an OCI chart. `None` if the manifest is another kind of artifact.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let layer = |kind| manifest.blobs.iter().find(|blob| blob.media_type == kind).cloned();
        Some(Self { archive: layer(ARCHIVE)?, provenance: layer(PROVENANCE) })
    }
}

impl DescriptorText {
    fn of(media_type: &'static str, content: &Bytes) -> Self {
        Self { media_type, digest: Digest::of(content), size: content.len() }
    }
}

/// The name of a chart as the last part of a repository.
///
/// # Errors
/// If it cannot be one.
pub(in crate::chart) fn chart_name(name: &str) -> Result<RepositoryPath, Advice> {
    let path = name.parse::<RepositoryPath>();
    path.map_err(|why| Advice::new(format!("`{name}` cannot be the name of an OCI chart: {why}")))
}

/// The tag of a version: helm writes `_` for `+`, which tags cannot contain.
///
/// # Errors
/// If it cannot be a tag.
pub(in crate::chart) fn version_tag(version: &str) -> Result<Tag, Advice> {
    let tag = version.replace('+', "_").parse::<Tag>();
    tag.map_err(|why| Advice::new(format!("`{version}` cannot be the tag of a chart: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(version: &str, provenance: Option<&str>) -> Result<ChartArtifact, Advice> {
        let text = format!("name: web\nversion: {version}\ndescription: d\n");
        let provenance = provenance.map(|text| Bytes::from(text.to_owned()));
        ChartArtifact::new(&ChartMetadata::parse(&text)?, Bytes::from("archive"), provenance)
    }

    #[test]
    fn the_manifest_is_that_of_helm_without_a_time() {
        let chart = artifact("1.0.0+b.1", None).unwrap();
        let (config, archive) = (&chart.manifest.blobs[0], &chart.manifest.blobs[1]);
        let expected = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\
             \"config\":{{\"mediaType\":\"{CONFIG}\",\"digest\":\"{}\",\"size\":54}},\
             \"layers\":[{{\"mediaType\":\"{ARCHIVE}\",\"digest\":\"{}\",\"size\":7}}],\
             \"annotations\":{{\"org.opencontainers.image.description\":\"d\",\
             \"org.opencontainers.image.title\":\"web\",\
             \"org.opencontainers.image.version\":\"1.0.0+b.1\"}}}}",
            config.digest,
            Digest::of(b"archive"),
        );
        assert_eq!(std::str::from_utf8(&chart.manifest.bytes).unwrap(), expected);
        assert_eq!(chart.tag.as_str(), "1.0.0_b.1");
        assert_eq!(chart.file_name(), "web-1.0.0+b.1.tgz");
        assert_eq!(ChartLayers::of(&chart.manifest).unwrap().archive, *archive);
        assert_eq!(chart.manifest.digest, artifact("1.0.0+b.1", None).unwrap().manifest.digest);
    }

    #[test]
    fn the_provenance_is_a_layer_of_its_own() {
        let chart = artifact("1.0.0", Some("signed")).unwrap();
        let layers = ChartLayers::of(&chart.manifest).unwrap();
        assert_eq!(layers.provenance.unwrap().digest, Digest::of(b"signed"));
        let blobs = chart.blobs();
        assert_eq!(blobs.len(), 3);
        for (descriptor, content) in blobs {
            assert_eq!(descriptor.digest, Digest::of(&content));
            assert_eq!(descriptor.size, content.len() as u64);
        }
    }

    #[test]
    fn names_and_versions_that_no_reference_can_have_are_refused() {
        assert!(chart_name("Web").unwrap_err().message.contains("`Web`"));
        assert!(version_tag("1 0").unwrap_err().message.contains("`1 0`"));
    }

    #[test]
    fn a_manifest_of_another_kind_has_no_layers_of_a_chart() {
        let text = "{\"schemaVersion\":2,\"layers\":[]}".as_bytes();
        let manifest = Manifest::parse(text.into(), Digest::of(text), Some(MANIFEST)).unwrap();
        assert_eq!(ChartLayers::of(&manifest), None);
    }
}
