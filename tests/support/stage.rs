//! Two embedded registries, the images of the one, and a run that mirrors them to the other.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chart_mirror::commands::mirror;
use chart_mirror::commands::mirror::result::MirrorReport;
use chart_mirror::copy::{CopyOptions, Silent};
use chart_mirror::list::ImageList;
use oci::Digest;
use registry::auth::credentials::{Environment, FileText};
use registry::{Error, RetryPolicy};
use registry_in_memory::content::{Content, Layer, docker_image};
use registry_in_memory::{Fault, InMemoryRegistry, Kind, LoggedRequest, Options};

use super::store;

pub(crate) const REPOSITORY: &str = "stackstate/wait";
pub(crate) const TAG: &str = "1.0.6";

/// What a test arranges, and then looks at.
pub(crate) struct Stage {
    pub(crate) source: InMemoryRegistry,
    pub(crate) destination: InMemoryRegistry,
    pub(crate) retry: RetryPolicy,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) jobs: Option<usize>,
    /// By which address the destination is reached, if not its own.
    pub(crate) reached_at: Option<String>,
    /// By which registry the list names the source, if not by its address.
    pub(crate) source_at: Option<String>,
    /// Tables of the list beside its images.
    pub(crate) tables: String,
    /// Whether the list names the digests.
    pub(crate) pinned: bool,
    images: Vec<(String, String, Digest)>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default(), Options::default()).await
    }

    pub(crate) async fn with(source: Options, destination: Options) -> Self {
        Self {
            source: InMemoryRegistry::start(source).await.unwrap(),
            destination: InMemoryRegistry::start(destination).await.unwrap(),
            retry: quick(),
            variables: Vec::new(),
            jobs: None,
            reached_at: None,
            source_at: None,
            tables: String::new(),
            pinned: true,
            images: Vec::new(),
        }
    }

    /// A stage with one image of one layer, and the layer's digest.
    pub(crate) async fn with_layer(size: usize) -> (Self, Digest) {
        Self::with_layer_and(Options::default(), Options::default(), size).await
    }

    pub(crate) async fn with_layer_and(
        source: Options,
        destination: Options,
        size: usize,
    ) -> (Self, Digest) {
        let mut stage = Self::with(source, destination).await;
        let layer = Layer::new("layer", size);
        let digest = Digest::of(&layer.bytes());
        stage.publish(REPOSITORY, TAG, &docker_image(&[layer]));
        (stage, digest)
    }

    /// Puts an image into the source without a request, and onto the list.
    pub(crate) fn publish(&mut self, repository: &str, tag: &str, content: &Content) {
        store(&self.source, repository, tag, content);
        self.images.push((repository.to_owned(), tag.to_owned(), content.top.clone()));
    }

    /// [`Stage::publish`], in place of what was there under the tag.
    pub(crate) fn republish(&mut self, repository: &str, tag: &str, content: &Content) {
        self.images.retain(|(known, known_tag, _)| {
            (known.as_str(), known_tag.as_str()) != (repository, tag)
        });
        self.publish(repository, tag, content);
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

    /// The images that are published, as images.toml lists them.
    pub(crate) fn list(&self) -> String {
        let mut text = self.tables.clone();
        let source = self.source_at.as_deref().unwrap_or(self.source.address());
        for (repository, tag, digest) in &self.images {
            writeln!(text, "[[image]]\nsource = \"{source}/{repository}\"\ntag = \"{tag}\"")
                .unwrap();
            if self.pinned {
                writeln!(text, "digest = \"{digest}\"").unwrap();
            }
        }
        text
    }

    pub(crate) fn reached_at(&self) -> String {
        self.reached_at.clone().unwrap_or_else(|| self.destination.address().to_owned())
    }

    /// Mirrors the list.
    pub(crate) async fn mirror(&self) -> MirrorReport {
        let run = self.try_mirror();
        let within = tokio::time::timeout(Duration::from_secs(60), run).await;
        within.expect("the run hangs").unwrap()
    }

    /// [`Stage::mirror`], for a run that may not even begin.
    pub(crate) async fn try_mirror(&self) -> anyhow::Result<MirrorReport> {
        self.try_mirror_text(&self.list()).await
    }

    /// Mirrors another list than that of the published images.
    pub(crate) async fn mirror_text(&self, text: &str) -> MirrorReport {
        self.try_mirror_text(text).await.unwrap()
    }

    async fn try_mirror_text(&self, text: &str) -> anyhow::Result<MirrorReport> {
        let list = ImageList::parse("images.toml", text).unwrap();
        let options = mirror::Options {
            destination: Some(self.reached_at()),
            only: Vec::new(),
            concurrency: self.jobs,
            copy: CopyOptions::default(),
            retry: self.retry,
        };
        let plan = mirror::plan(&list, &options)?;
        mirror::run(&list, &plan, &options, &Variables(&self.variables), Arc::new(Silent)).await
    }

    /// Mirrors, and wants every image at the destination, whole and byte for byte.
    pub(crate) async fn mirror_all(&self) -> MirrorReport {
        let report = self.mirror().await;
        assert_eq!(report.failures().count(), 0, "{}", told(&report));
        self.assert_mirrored();
        report
    }

    pub(crate) fn assert_mirrored(&self) {
        let store = self.destination.store();
        for (repository, tag, digest) in &self.images {
            let there = store.manifest(repository, tag).map(|(.., digest)| digest);
            assert_eq!(there.as_ref(), Some(digest), "{repository}:{tag}");
            assert_eq!(
                store.manifest(repository, tag),
                self.source.store().manifest(repository, tag)
            );
        }
        assert_eq!(store.incomplete_tags(), [""; 0]);
    }

    /// Mirrors, and wants it to fail for the only image: its error.
    pub(crate) async fn mirror_fails(&self) -> Error {
        let report = self.mirror().await;
        let errors: Vec<_> = report.failures().map(|(_, error)| error.clone()).collect();
        assert_eq!(errors.len(), self.images.len(), "{}", told(&report));
        assert_eq!(self.destination.store().incomplete_tags(), [""; 0]);
        for (repository, tag, _) in &self.images {
            assert_eq!(self.destination.store().manifest(repository, tag), None);
        }
        errors.into_iter().next().unwrap()
    }
}

/// Patient with a busy machine, and quick to try again.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_millis(1),
        retries: 6,
        silence: Duration::from_secs(5),
        longest_wait: Duration::from_secs(5),
    }
}

/// A report as people read it.
pub(crate) fn told(report: &MirrorReport) -> String {
    chart_mirror::report::human::mirror(report)
}

/// An error as people read it.
pub(crate) fn words(error: &Error) -> String {
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

/// The requests of a method and kind, in order of arrival.
pub(crate) fn asked(registry: &InMemoryRegistry, method: &str, kind: Kind) -> Vec<LoggedRequest> {
    let mut requests = registry.requests();
    requests.retain(|request| request.method == method && request.kind() == kind);
    requests
}

/// The statuses of the requests of a method and kind; 0 where the connection was cut.
pub(crate) fn statuses(registry: &InMemoryRegistry, method: &str, kind: Kind) -> Vec<u16> {
    asked(registry, method, kind).iter().map(|r| r.status.unwrap_or_default()).collect()
}

/// The fetches of one blob, each with its `Range`.
pub(crate) fn fetches(registry: &InMemoryRegistry, blob: &Digest) -> Vec<Option<String>> {
    let all = asked(registry, "GET", Kind::Blob);
    let of_blob = all.iter().filter(|request| request.path.ends_with(blob.as_str()));
    of_blob.map(|request| request.header("range").map(str::to_owned)).collect()
}

/// The requests of a method that carried bytes of this blob, or of a chunk of any.
pub(crate) fn commits(registry: &InMemoryRegistry, blob: &Digest) -> Vec<LoggedRequest> {
    let mut puts = asked(registry, "PUT", Kind::Upload);
    puts.retain(|request| request.query.contains(&blob.as_str().replace(':', "%3A")));
    puts
}

/// A status with `Retry-After`.
pub(crate) fn retry_after(code: u16, value: &str) -> Fault {
    Fault::new(registry_in_memory::Effect::Status {
        code,
        headers: vec![("Retry-After".to_owned(), value.to_owned())],
        body: String::new(),
    })
}

/// The variables of a test, in place of the process's.
struct Variables<'a>(&'a [(String, String)]);

impl Environment for Variables<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>> {
        FileText::read(file)
    }
}
