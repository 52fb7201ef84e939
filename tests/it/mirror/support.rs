//! A bench for mirror runs: a source with content, a destination, a list, and readers of their logs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chart_mirror::commands::mirror;
use chart_mirror::commands::mirror::result::{ImageReport, MirrorReport, Outcome};
use chart_mirror::copy::{CopyOptions, Silent};
use chart_mirror::list::{Attachments, ImageList};
use oci::Digest;
use registry::RetryPolicy;
use registry::auth::credentials::EmptyEnvironment;
use registry_in_memory::content::Content;
use registry_in_memory::{InMemoryRegistry, Kind, LoggedRequest, Options};

pub(super) use crate::support::{layers, store};

/// No run of these sizes takes that long, unless it waits for itself.
const DEADLOCK: Duration = Duration::from_secs(60);

pub(super) struct Bench {
    pub(super) source: InMemoryRegistry,
    pub(super) destination: InMemoryRegistry,
    pub(super) attachments: bool,
    pub(super) jobs: Option<usize>,
    pub(super) retry: RetryPolicy,
    /// What the list says of the destination, under `[registries]`.
    pub(super) declared: &'static str,
    /// What it says beside the address, under `[destinations]`.
    pub(super) wanted: &'static str,
    listed: Vec<Listed>,
}

/// An entry of the image list, and what the destination is to hold of it.
struct Listed {
    source: String,
    repository: String,
    tag: String,
    pin: Option<Digest>,
    /// Lines below `[image.subsets]`.
    records: String,
    content: Option<Content>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with(Options::default(), Options::default()).await
    }

    /// A destination of a kind, and a plain source.
    pub(super) async fn to(destination: Options) -> Self {
        Self::with(Options::default(), destination).await
    }

    pub(super) async fn with(source: Options, destination: Options) -> Self {
        Self {
            source: InMemoryRegistry::start(source).await.unwrap(),
            destination: InMemoryRegistry::start(destination).await.unwrap(),
            attachments: false,
            jobs: None,
            retry: RetryPolicy {
                first_pause: Duration::from_millis(1),
                retries: 4,
                silence: Duration::from_secs(10),
                longest_wait: Duration::from_secs(5),
            },
            declared: "",
            wanted: "",
            listed: Vec::new(),
        }
    }

    /// Publishes an image at the source and lists its tag.
    pub(super) fn list(&mut self, repository: &str, tag: &str, content: &Content) {
        store(&self.source, repository, tag, content);
        let source = self.source.address().to_owned();
        self.list_as(source, repository, tag, None, Some(content));
    }

    /// [`Bench::list`], pinned to what the tag names now.
    pub(super) fn pin(&mut self, repository: &str, tag: &str, content: &Content) {
        store(&self.source, repository, tag, content);
        let (source, pin) = (self.source.address().to_owned(), Some(content.top.clone()));
        self.list_as(source, repository, tag, pin, Some(content));
    }

    /// Lists what is not there to be copied.
    pub(super) fn list_absent(&mut self, source: &str, repository: &str, tag: &str) {
        self.list_as(source.to_owned(), repository, tag, None, None);
    }

    fn list_as(
        &mut self,
        source: String,
        repository: &str,
        tag: &str,
        pin: Option<Digest>,
        content: Option<&Content>,
    ) {
        let (repository, tag) = (repository.to_owned(), tag.to_owned());
        let (records, content) = (String::new(), content.cloned());
        self.listed.push(Listed { source, repository, tag, pin, records, content });
    }

    /// Records what some platforms of the last entry make.
    pub(super) fn record(&mut self, platforms: &str, digest: &Digest) {
        let last = self.listed.last_mut().unwrap();
        writeln!(last.records, "\"{platforms}\" = \"{digest}\"").unwrap();
    }

    /// Lets the tag of an unpinned entry name something else at the source.
    pub(super) fn move_tag(&mut self, repository: &str, tag: &str, content: &Content) {
        store(&self.source, repository, tag, content);
        let mut entries = self.listed.iter_mut();
        let moved = entries.find(|entry| entry.repository == repository && entry.tag == tag);
        moved.unwrap().content = Some(content.clone());
    }

    pub(super) async fn mirror(&self) -> MirrorReport {
        self.mirror_to(self.destination.address()).await
    }

    pub(super) async fn mirror_to(&self, registry: &str) -> MirrorReport {
        self.mirror_below(registry, "").await
    }

    /// To a registry, with a path of which the slash is part in front of all repositories.
    pub(super) async fn mirror_below(&self, registry: &str, path: &str) -> MirrorReport {
        let mut text = format!("[registries.\"{registry}\"]\n{}\n", self.declared);
        writeln!(text, "[destinations.d]\nregistry = \"{registry}{path}\"\n{}", self.wanted)
            .unwrap();
        for Listed { source, repository, tag, pin, records, .. } in &self.listed {
            let entry = format!("source = \"{source}/{repository}\"\ntag = \"{tag}\"");
            let pin = pin.as_ref().map_or(String::new(), |pin| format!("digest = \"{pin}\""));
            let records = match records.as_str() {
                "" => String::new(),
                records => format!("[image.subsets]\n{records}"),
            };
            writeln!(text, "[[image]]\n{entry}\n{pin}\n{records}").unwrap();
        }
        let list = ImageList::parse("images.toml", &text).unwrap();
        let options = mirror::Options {
            destination: Some("d".to_owned()),
            only: Vec::new(),
            concurrency: self.jobs,
            copy: CopyOptions {
                attachments: if self.attachments { Attachments::Copy } else { Attachments::Ignore },
                ..CopyOptions::default()
            },
            retry: self.retry,
        };
        let plan = mirror::plan(&list, &options).unwrap();
        let run = mirror::run(&list, &plan, &options, &EmptyEnvironment, Arc::new(Silent));
        let ended = tokio::time::timeout(DEADLOCK, run).await;
        ended.expect("the run waits for itself").unwrap()
    }

    /// Mirrors what has to be mirrored without a failure.
    pub(super) async fn mirror_all(&self) -> MirrorReport {
        let report = self.mirror().await;
        assert_eq!(failures(&report), [""; 0]);
        self.assert_mirrored();
        report
    }

    /// Every listed image is at the destination: the same bytes, types and tags, and all of it.
    pub(super) fn assert_mirrored(&self) {
        for Listed { repository, tag, content, .. } in &self.listed {
            let Some(content) = content else { continue };
            assert_holds(&self.destination, repository, tag, content);
        }
        assert_eq!(self.destination.store().incomplete_tags(), [""; 0]);
    }

    pub(super) fn forget_requests(&self) {
        self.source.forget_requests();
        self.destination.forget_requests();
    }
}

pub(super) fn assert_holds(
    registry: &InMemoryRegistry,
    repository: &str,
    tag: &str,
    content: &Content,
) {
    let tagged = registry.store().manifest(repository, tag).map(|(_, _, digest)| digest);
    assert_eq!(tagged.as_ref(), Some(&content.top), "{repository}:{tag}");
    for manifest in &content.manifests {
        let (media_type, bytes, _) =
            registry.store().manifest(repository, manifest.digest.as_str()).unwrap();
        assert_eq!((media_type, bytes), (manifest.media_type.clone(), manifest.bytes.clone()));
    }
    for (digest, bytes) in &content.blobs {
        let stored = registry.store().blob(repository, digest);
        assert_eq!(stored.as_ref(), Some(bytes), "{repository} {digest}");
    }
}

/// What was asked of a registry, counted by kind: `22 HEAD manifest, 3 POST mount`. To ask for a
/// mount from the very repository is how an upload begins.
pub(crate) fn done(registry: &InMemoryRegistry) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in registry.requests() {
        *counts.entry(what(&request)).or_default() += 1;
    }
    tell(&counts.iter().map(|(what, count)| (what.as_str(), *count)).collect::<Vec<_>>())
}

/// Expected counts in the form of [`done`]; in the order of the alphabet, without those of zero.
pub(super) fn tell(counts: &[(&str, usize)]) -> String {
    let told = counts.iter().filter(|(_, count)| *count > 0);
    told.map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn what(request: &LoggedRequest) -> String {
    let kind = match request.kind() {
        Kind::Manifest => "manifest",
        Kind::Blob => "blob",
        Kind::Upload if is_mount(request) => "mount",
        Kind::Upload => "upload",
        Kind::Referrers => "referrers",
        Kind::Base | Kind::Tags | Kind::Token | Kind::Other => "other",
    };
    format!("{} {kind}", request.method)
}

/// Whether a request asks for a blob of another repository.
pub(super) fn is_mount(request: &LoggedRequest) -> bool {
    let own = request.repository.as_ref().unwrap().replace('/', "%2F");
    let from = request.query.split('&').find_map(|pair| pair.strip_prefix("from="));
    from.is_some_and(|from| from != own)
}

/// The repository and digest of every blob whose upload was finished.
pub(super) fn committed(registry: &InMemoryRegistry) -> Vec<(String, String)> {
    let requests = registry.requests().into_iter();
    let puts = requests.filter(|request| {
        request.kind() == Kind::Upload && request.method == "PUT" && request.status == Some(201)
    });
    let pair = |request: LoggedRequest| {
        let (_, digest) = request.query.split_once("digest=").unwrap();
        (request.repository.unwrap(), digest.to_owned())
    };
    puts.map(pair).collect()
}

/// The paths of the blobs that left a registry.
pub(super) fn fetched_blobs(registry: &InMemoryRegistry) -> Vec<String> {
    let requests = registry.requests().into_iter();
    let gets = requests.filter(|r| r.kind() == Kind::Blob && r.method == "GET");
    gets.map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect()
}

pub(super) fn failures(report: &MirrorReport) -> Vec<String> {
    report.failures().map(|(image, error)| format!("{}: {error}", image.source)).collect()
}

/// `copied`, `up to date` or `failed`, for each image in the order of the list.
pub(super) fn outcomes(report: &MirrorReport) -> Vec<&'static str> {
    let outcome = |image: &ImageReport| match &image.outcome {
        Outcome::Copied(_) => "copied",
        Outcome::UpToDate(_) => "up to date",
        Outcome::Failed(_) => "failed",
    };
    report.images.iter().map(outcome).collect()
}
