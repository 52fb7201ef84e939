//! The registries of one run, what they have at its beginning, and what they counted at its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use process::TempFolder;
use registry_in_memory::{
    Authentication, InMemoryRegistry, Kind, LinkSpeed, LocationStyle, RegistryOptions, SlowLink,
    TlsFront, TokenKey, TokenStyle,
};

use super::corpus::{Corpus, CorpusImage};
use super::counts::Counts;
use super::story::{Scenario, Setting};

/// The certificate of the registries, and the authority that clients trust.
pub(super) struct Certificates {
    authority: PathBuf,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The registries of one run, and its list.
pub(super) struct Stage {
    source: Site,
    destinations: Vec<Site>,
    images: Vec<CorpusImage>,
    /// The home of the program, with its list.
    pub(super) folder: TempFolder,
    pub(super) arguments: Vec<String>,
}

/// A registry, with what stands in front of it.
struct Site {
    registry: InMemoryRegistry,
    front: Option<TlsFront>,
    link: Option<SlowLink>,
}

/// What a registry counted. The requests for tokens, and their bytes, are not among the others.
#[derive(Default)]
struct Traffic {
    requests: u64,
    tokens: u64,
    bytes_sent: u64,
    bytes_received: u64,
}

impl Certificates {
    /// Reads those of the tests.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("tests/data/tls");
        let read = |name: &str| {
            let file = folder.join(name);
            std::fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))
        };
        Ok(Self {
            authority: folder.join("authority.pem"),
            certificate: read("server.pem")?,
            key: read("server-key.pem")?,
        })
    }
}

impl Stage {
    pub(super) async fn prepare(
        scenario: Scenario,
        setting: Setting,
        speed: LinkSpeed,
        corpus: &Corpus,
        certificates: &Certificates,
    ) -> anyhow::Result<Self> {
        let source = Site::open(setting, speed, certificates).await?;
        corpus.images.iter().chain([&corpus.changed]).for_each(|image| source.publish(image));
        let mut destinations = Vec::new();
        for _ in 0..scenario.destinations() {
            let destination = Site::open(setting, speed, certificates).await?;
            if scenario.begins_complete() {
                corpus.images.iter().for_each(|image| destination.publish(image));
            }
            destinations.push(destination);
        }
        let images = match scenario {
            Scenario::Changed => corpus.after_the_change(),
            _ => corpus.images.clone(),
        };
        let folder = TempFolder::new().context("cannot create a temporary folder")?;
        let mut stage = Self { source, destinations, images, folder, arguments: Vec::new() };
        let list = stage.list(setting, certificates);
        let list = stage.folder.write("images.toml", &list).context("cannot write images.toml")?;
        let flags = ["--images".to_owned(), list.display().to_string()];
        let command = scenario.arguments().iter().map(|&argument| argument.to_owned());
        let destinations = stage.destinations.iter();
        let destinations =
            destinations.flat_map(|site| ["-d".to_owned(), site.address().to_owned()]);
        stage.arguments = flags.into_iter().chain(command).chain(destinations).collect();
        Ok(stage)
    }

    /// The pinned list.
    fn list(&self, setting: Setting, certificates: &Certificates) -> String {
        let mut text = String::new();
        if setting.has_tls() {
            for site in self.destinations.iter().chain([&self.source]) {
                let file = certificates.authority.display().to_string();
                text += &format!("[registries.\"{}\"]\nca-file = {file:?}\n\n", site.address());
            }
        }
        let source = self.source.address();
        for CorpusImage { repository, tag, content } in &self.images {
            text += &format!(
                "[[image]]\nsource = \"{source}/{repository}\"\ntag = \"{tag}\"\ndigest = \"{}\"\n\n",
                content.top
            );
        }
        text
    }

    /// # Errors
    /// If a destination lacks something of an image.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for destination in &self.destinations {
            let store = destination.registry.store();
            for CorpusImage { repository, tag, content } in &self.images {
                let found = store.manifest(repository, tag).map(|(.., digest)| digest);
                ensure!(
                    found.as_ref() == Some(&content.top),
                    "after the run, the destination does not have {repository}:{tag}"
                );
            }
            let incomplete = store.incomplete_tags();
            ensure!(incomplete.is_empty(), "incomplete after the run: {}", incomplete.join(", "));
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        let source = Traffic::at(&self.source.registry);
        let mut counts = Counts {
            source_requests: source.requests,
            source_bytes: source.bytes_sent,
            tokens: source.tokens,
            ..Counts::default()
        };
        for destination in &self.destinations {
            let traffic = Traffic::at(&destination.registry);
            counts.destination_requests += traffic.requests;
            counts.destination_bytes += traffic.bytes_received;
            counts.tokens += traffic.tokens;
        }
        counts
    }

    /// The connections at the source, and at the destinations.
    pub(super) fn connections(&self) -> [usize; 2] {
        let destinations = self.destinations.iter();
        let at_destinations = destinations.map(|site| site.registry.connections()).sum();
        [self.source.registry.connections(), at_destinations]
    }
}

impl Traffic {
    fn at(registry: &InMemoryRegistry) -> Self {
        let mut traffic = Self::default();
        for request in registry.requests() {
            if request.kind == Kind::Token {
                traffic.tokens += 1;
                continue;
            }
            traffic.requests += 1;
            traffic.bytes_sent += request.bytes_out;
            traffic.bytes_received += request.bytes_in;
        }
        traffic
    }
}

impl Site {
    async fn open(
        setting: Setting,
        speed: LinkSpeed,
        Certificates { certificate, key, .. }: &Certificates,
    ) -> anyhow::Result<Self> {
        let context = "cannot start a registry in memory";
        let registry = InMemoryRegistry::start(options(setting)).await.context(context)?;
        let mut site = Self { registry, front: None, link: None };
        if setting.has_tls() {
            let front = TlsFront::of(site.address(), certificate, key).await.context(context)?;
            site.front = Some(front);
        }
        if speed != LinkSpeed::default() {
            let link = SlowLink::to(site.address(), speed).await.context(context)?;
            site.link = Some(link);
        }
        Ok(site)
    }

    /// Where clients reach it.
    fn address(&self) -> &str {
        match (&self.link, &self.front) {
            (Some(link), _) => link.address(),
            (None, Some(front)) => front.address(),
            (None, None) => self.registry.address(),
        }
    }

    fn publish(&self, image: &CorpusImage) {
        self.registry.store().publish(&image.repository, &image.tag, &image.content);
    }
}

fn options(setting: Setting) -> RegistryOptions {
    let location = match setting {
        Setting::Plain => LocationStyle::Absolute,
        Setting::Tls | Setting::Tokens => LocationStyle::Relative,
    };
    let authentication = match setting {
        Setting::Plain | Setting::Tls => Authentication::None,
        Setting::Tokens => Authentication::Bearer {
            credentials: None,
            lifetime: Duration::from_secs(300),
            style: TokenStyle::Both,
            key: TokenKey::Token,
            expires_in: true,
        },
    };
    RegistryOptions { location, authentication, ..RegistryOptions::default() }
}
