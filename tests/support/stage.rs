//! `Stage`: two registries in memory, the images of the source, and runs that mirror them to the
//! destination.

use chart_mirror::report::presentation::Presentation;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chart_mirror::commands::mirror::result::MirrorReport;
use chart_mirror::commands::mirror::{self, MirrorOptions, Pins};
use chart_mirror::copy::{ExistingContent, Silent};
use chart_mirror::list::{Attachments, ImageList};
use oci::Digest;
use registry::auth::credentials::{Environment, FileText};
use registry::{Error, RetryPolicy};
use registry_in_memory::content::{Content, Layer, docker_image};
use registry_in_memory::{Fault, InMemoryRegistry, RegistryOptions};

use super::store;

pub(crate) const REPOSITORY: &str = "stackstate/wait";
pub(crate) const TAG: &str = "1.0.6";

/// No test runs this long, unless it waits for itself.
const DEADLOCK: Duration = Duration::from_secs(60);

/// How an image differs that is not there at all.
pub(crate) const ABSENT: &str = "it is absent";

/// What a test sets up, and then inspects.
pub(crate) struct Stage {
    pub(crate) source: InMemoryRegistry,
    pub(crate) destination: InMemoryRegistry,
    pub(crate) retry: RetryPolicy,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) jobs: Option<usize>,
    /// The address of the destination in the list, if not its own. It may have a path.
    pub(crate) reached_at: Option<String>,
    /// The registry of the source in the list, if not its own address.
    pub(crate) source_at: Option<String>,
    /// Tables at the beginning of the list.
    pub(crate) tables: String,
    /// Keys of the destination in the list. If there are none, the list does not name it.
    pub(crate) destination_keys: &'static str,
    /// What the command line says about attachments.
    pub(crate) attachments: Attachments,
    /// What pinned images are copied by.
    pub(crate) pins: Pins,
    /// What is checked of images that the destination has.
    pub(crate) existing: ExistingContent,
    /// Whether images are listed with their digests.
    pub(crate) pinned: bool,
    images: Vec<Listed>,
}

/// An entry of the list.
struct Listed {
    source: Option<String>,
    repository: String,
    tag: String,
    /// Pinned, whatever the other images are.
    pinned: bool,
    /// Lines below `[image.subsets]`.
    records: String,
    /// What the destination must have; `None` if the source does not have it.
    content: Option<Content>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(RegistryOptions::default(), RegistryOptions::default()).await
    }

    /// A stage with a special destination, and with images that are not pinned.
    pub(crate) async fn unpinned(destination: RegistryOptions) -> Self {
        Self { pinned: false, ..Self::with(RegistryOptions::default(), destination).await }
    }

    pub(crate) async fn with(source: RegistryOptions, destination: RegistryOptions) -> Self {
        Self {
            source: InMemoryRegistry::start(source).await.unwrap(),
            destination: InMemoryRegistry::start(destination).await.unwrap(),
            retry: quick(),
            variables: Vec::new(),
            jobs: None,
            reached_at: None,
            source_at: None,
            tables: String::new(),
            destination_keys: "",
            attachments: Attachments::Ignore,
            pins: Pins::MatchTags,
            existing: ExistingContent::Trusted,
            pinned: true,
            images: Vec::new(),
        }
    }

    /// A stage with one image of one layer, and the layer's digest.
    pub(crate) async fn with_layer(size: usize) -> (Self, Digest) {
        Self::with_layer_and(RegistryOptions::default(), RegistryOptions::default(), size).await
    }

    pub(crate) async fn with_layer_and(
        source: RegistryOptions,
        destination: RegistryOptions,
        size: usize,
    ) -> (Self, Digest) {
        let mut stage = Self::with(source, destination).await;
        let layer = Layer::new("layer", size);
        let digest = Digest::of(&layer.bytes());
        stage.publish(REPOSITORY, TAG, &docker_image(&[layer]));
        (stage, digest)
    }

    /// Puts an image into the source without a request, and lists it. Under a tag that is listed
    /// already, it replaces the old image.
    pub(crate) fn publish(&mut self, repository: &str, tag: &str, content: &Content) {
        store(&self.source, repository, tag, content);
        let mut images = self.images.iter_mut();
        match images
            .find(|image| (image.repository.as_str(), image.tag.as_str()) == (repository, tag))
        {
            Some(image) => image.content = Some(content.clone()),
            None => self.list_image(None, repository, tag, Some(content)),
        }
    }

    /// [`Stage::publish`], and pins the image.
    pub(crate) fn publish_pinned(&mut self, repository: &str, tag: &str, content: &Content) {
        self.publish(repository, tag, content);
        self.images.last_mut().unwrap().pinned = true;
    }

    /// Lists an image that is not at the source; `source` is the registry, by default the usual one.
    pub(crate) fn list_missing(&mut self, source: Option<&str>, repository: &str, tag: &str) {
        self.list_image(source, repository, tag, None);
    }

    fn list_image(
        &mut self,
        source: Option<&str>,
        repository: &str,
        tag: &str,
        content: Option<&Content>,
    ) {
        self.images.push(Listed {
            source: source.map(str::to_owned),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            pinned: false,
            records: String::new(),
            content: content.cloned(),
        });
    }

    /// Records the digest of some platforms of the last image.
    pub(crate) fn record(&mut self, platforms: &str, digest: &Digest) {
        let last = self.images.last_mut().unwrap();
        writeln!(last.records, "\"{platforms}\" = \"{digest}\"").unwrap();
    }

    /// Small images without a layer in common, each in a repository of its own.
    pub(crate) fn publish_many(&mut self, count: usize) {
        for number in 0..count {
            let layer = Layer::new(format!("layer {number}"), 1000);
            self.publish(&format!("stackstate/i{number:02}"), TAG, &docker_image(&[layer]));
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The text of images.toml.
    pub(crate) fn list(&self) -> String {
        let mut text = self.tables.clone();
        if !self.destination_keys.is_empty() {
            let (registry, keys) = (self.reached_at(), self.destination_keys);
            writeln!(text, "[destinations.d]\nregistry = \"{registry}\"\n{keys}").unwrap();
        }
        for image in &self.images {
            let Listed { repository, tag, records, .. } = image;
            let usual = self.source_at.as_deref().unwrap_or(self.source.address());
            let source = image.source.as_deref().unwrap_or(usual);
            writeln!(text, "[[image]]\nsource = \"{source}/{repository}\"\ntag = \"{tag}\"")
                .unwrap();
            if let Some(content) = image.content.as_ref().filter(|_| image.pinned || self.pinned) {
                writeln!(text, "digest = \"{}\"", content.top).unwrap();
            }
            if !records.is_empty() {
                let index = &image.content.as_ref().unwrap().top;
                writeln!(text, "[image.subsets]\nindex = \"{index}\"\n{records}").unwrap();
            }
        }
        text
    }

    pub(crate) fn reached_at(&self) -> String {
        self.reached_at.clone().unwrap_or_else(|| self.destination.address().to_owned())
    }

    /// Mirrors the list.
    pub(crate) async fn mirror(&self) -> MirrorReport {
        let ended = tokio::time::timeout(DEADLOCK, self.try_mirror()).await;
        ended.expect("the run hangs").unwrap()
    }

    /// [`Stage::mirror`], for a run that may fail as a whole.
    pub(crate) async fn try_mirror(&self) -> anyhow::Result<MirrorReport> {
        self.try_mirror_text(&self.list()).await
    }

    /// Mirrors a list of its own.
    pub(crate) async fn mirror_text(&self, text: &str) -> MirrorReport {
        self.try_mirror_text(text).await.unwrap()
    }

    async fn try_mirror_text(&self, text: &str) -> anyhow::Result<MirrorReport> {
        let list = ImageList::parse("images.toml", text).unwrap();
        let destination =
            if self.destination_keys.is_empty() { self.reached_at() } else { "d".to_owned() };
        let options = MirrorOptions {
            destination: Some(destination),
            only: Vec::new(),
            concurrency: self.jobs,
            attachments: self.attachments,
            pins: self.pins,
            existing: self.existing,
            retry: self.retry,
            ..MirrorOptions::default()
        };
        let plan = mirror::plan(&list, &options)?;
        mirror::run(&list, &plan, &options, &Variables(&self.variables), Arc::new(Silent)).await
    }

    /// Mirrors without failures, and checks the destination.
    pub(crate) async fn mirror_all(&self) -> MirrorReport {
        let report = self.mirror().await;
        assert_eq!(report.failures().count(), 0, "{}", report_text(&report));
        self.assert_mirrored();
        report
    }

    /// Checks that the destination has every published image, whole and byte for byte.
    pub(crate) fn assert_mirrored(&self) {
        assert_eq!(self.differences(), []);
        assert_eq!(self.destination.store().incomplete_tags(), [""; 0]);
    }

    /// The published images that the destination does not have as they are, and why.
    pub(crate) fn differences(&self) -> Vec<(String, String)> {
        let difference = |image: &Listed| {
            let Listed { repository, tag, content, .. } = image;
            let why = difference(&self.destination, repository, tag, content.as_ref()?)?;
            Some((format!("{repository}:{tag}"), why))
        };
        self.images.iter().filter_map(difference).collect()
    }

    /// Mirrors, and returns the error of the first image. All images must fail.
    pub(crate) async fn mirror_fails(&self) -> Error {
        let report = self.mirror().await;
        let errors: Vec<_> = report.failures().map(|(_, error)| error.clone()).collect();
        assert_eq!(errors.len(), self.images.len(), "{}", report_text(&report));
        assert_eq!(self.destination.store().incomplete_tags(), [""; 0]);
        for Listed { repository, tag, .. } in &self.images {
            assert_eq!(self.destination.store().manifest(repository, tag), None);
        }
        errors.into_iter().next().unwrap()
    }

    pub(crate) fn forget_requests(&self) {
        self.source.forget_requests();
        self.destination.forget_requests();
    }
}

/// Checks that a registry has an image: the same bytes, media types and tag.
pub(crate) fn assert_holds(
    registry: &InMemoryRegistry,
    repository: &str,
    tag: &str,
    content: &Content,
) {
    assert_eq!(difference(registry, repository, tag, content), None, "{repository}:{tag}");
}

/// How an image at a registry differs from what it should be.
pub(crate) fn difference(
    registry: &InMemoryRegistry,
    repository: &str,
    tag: &str,
    content: &Content,
) -> Option<String> {
    let store = registry.store();
    let Some((.., tagged)) = store.manifest(repository, tag) else {
        return Some(ABSENT.to_owned());
    };
    if tagged != content.top {
        return Some(format!("the tag names {tagged} instead of {}", content.top));
    }
    for manifest in &content.manifests {
        let expected = Some((manifest.media_type.clone(), manifest.bytes.clone()));
        let found = store.manifest(repository, manifest.digest.as_str());
        let found = found.map(|(media_type, bytes, _)| (media_type, bytes));
        if found != expected {
            return Some(format!("{found:?} instead of {expected:?}"));
        }
    }
    let differs =
        |(digest, bytes): &&(Digest, Bytes)| store.blob(repository, digest).as_ref() != Some(bytes);
    content.blobs.iter().find(differs).map(|(digest, _)| format!("the blob {digest} is not right"))
}

/// Retries soon, and waits long for a busy machine.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_millis(1),
        retries: 6,
        silence: Duration::from_secs(5),
        longest_wait: Duration::from_secs(5),
        total: Duration::from_secs(10),
        ..RetryPolicy::default()
    }
}

/// A report as users read it.
pub(crate) fn report_text(report: &MirrorReport) -> String {
    chart_mirror::report::mirror::human(report, Presentation::default())
}

/// An error as users read it.
pub(crate) fn words(error: &Error) -> String {
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

/// A status with `Retry-After`.
pub(crate) fn retry_after(code: u16, value: &str) -> Fault {
    Fault::new(registry_in_memory::Effect::Status {
        code,
        headers: vec![("Retry-After".to_owned(), value.to_owned())],
        body: String::new(),
    })
}

/// The environment variables of a test, instead of those of the process.
struct Variables<'a>(&'a [(String, String)]);

impl Environment for Variables<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>> {
        FileText::read(file)
    }
}
