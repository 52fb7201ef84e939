//! The stage of the demonstration: two registries in memory, and a list of images that are generated.

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::list::{Destination, Image, ImageList, ImagePin};
use oci::{Digest, Repository, RepositoryPath};
use oci::{Reference, Registry};
use registry_in_memory::content;
use registry_in_memory::content::Content;
use registry_in_memory::publish::Publisher;
use registry_in_memory::{InMemoryRegistry, Options};

const PUBLISHED_AT_ONCE: usize = 4;

pub(super) struct Stage {
    pub(super) source: InMemoryRegistry,
    pub(super) destination: InMemoryRegistry,
    /// The list of the user, with every source at `source`. Nothing in it is pinned to begin with.
    pub(super) list: ImageList,
}

impl Stage {
    /// Starts the registries, and publishes an image for every entry of the list.
    pub(super) async fn open(original: &ImageList) -> anyhow::Result<Self> {
        let source = InMemoryRegistry::start(Options::default()).await?;
        let destination = InMemoryRegistry::start(Options::default()).await?;
        let list = localised(original, source.address())?;
        let publisher = Publisher::new(source.address())?;
        let all = list.images().iter().map(|image| async {
            let content = content::for_list(image.source.path().as_str(), image.tag.as_str());
            publish(&publisher, image, &content).await
        });
        stream::iter(all).buffer_unordered(PUBLISHED_AT_ONCE).try_collect::<()>().await?;
        Ok(Self { source, destination, list })
    }

    /// Moves the tag of the first image at the source, as a rebuild does; returns the image's name.
    pub(super) async fn rebuild_first(&self) -> anyhow::Result<String> {
        let image = self.first()?;
        let path = image.source.path().as_str();
        let content = content::for_list(path, &format!("{}-rebuilt", image.tag));
        publish(&Publisher::new(self.source.address())?, image, &content).await?;
        Ok(image.reference().to_string())
    }

    /// Deletes the first image at the destination, as a clean-up does; returns the name that it had.
    pub(super) fn delete_first(&self) -> anyhow::Result<String> {
        let image = self.first()?;
        let (path, tag) = (image.path(), &image.tag);
        let was_there = self.destination.store().delete_tag(path.as_str(), tag.as_str());
        anyhow::ensure!(was_there, "{path}:{tag} is not at the destination");
        Ok(format!("{path}:{tag}"))
    }

    /// The first image at the destination.
    pub(super) fn example(&self) -> anyhow::Result<String> {
        let image = self.first()?;
        let (_, _, digest) = self
            .destination
            .store()
            .manifest(image.path().as_str(), image.tag.as_str())
            .context("the first image is not there")?;
        Ok(format!("{}:{} is {}", image.path(), image.tag, digest.short()))
    }

    /// Proves what the story claims, from the registries' contents.
    pub(super) fn compare(&self) -> anyhow::Result<()> {
        for image in self.list.images() {
            let (path, target, tag) =
                (image.source.path().as_str(), image.path().as_str(), image.tag.as_str());
            let here = self.source.store().manifest(path, tag).map(|(_, bytes, _)| bytes);
            let there = self.destination.store().manifest(target, tag).map(|(_, bytes, _)| bytes);
            let is_same = here.is_some() && here == there;
            anyhow::ensure!(is_same, "{target}:{tag} differs from its source");
        }
        let incomplete = self.destination.store().incomplete_tags();
        anyhow::ensure!(
            incomplete.is_empty(),
            "incomplete at the destination: {}",
            incomplete.join(", ")
        );
        Ok(())
    }

    /// Pins the list, as `pin` does with its file.
    pub(super) fn write(&mut self, source: &Reference, digest: &Digest) -> anyhow::Result<()> {
        let is_meant = |image: &Image| image.reference() == *source;
        if let Some(position) = self.list.images().iter().position(is_meant) {
            let digest = Some(digest.clone());
            self.list.pin(&ImagePin { position, digest, subsets: Vec::new() })?;
        }
        Ok(())
    }

    fn first(&self) -> anyhow::Result<&Image> {
        self.list.images().first().context("the list is empty")
    }
}

/// The list with every source moved to the registry in memory, below the name of its own registry; and
/// without what it says of other registries.
fn localised(list: &ImageList, address: &str) -> anyhow::Result<ImageList> {
    let address: Registry = address.parse()?;
    let mut images = list.images().to_vec();
    let targets = destination_for(list, "registry.example.com")?.paths(&images)?;
    for (image, target) in images.iter_mut().zip(targets) {
        image.target = Some(target);
        image.digest = None;
        image.subsets.clear();
        let host: RepositoryPath = image
            .source
            .registry()
            .as_str()
            .to_lowercase()
            .replace([':', '[', ']'], "-")
            .trim_matches('-')
            .parse()?;
        image.source = Repository::new(address.clone(), image.source.path().below(&host));
    }
    Ok(list.clone().without_settings().with_images(images)?)
}

/// A destination that has a place for every image: where paths are not enough to tell two of them
/// apart, with the names of their registries.
pub(super) fn destination_for(list: &ImageList, address: &str) -> anyhow::Result<Destination> {
    let plain: Destination = address.parse()?;
    if plain.paths(list.images()).is_ok() {
        return Ok(plain);
    }
    Ok(Destination { target: "{registry}/{path}".parse()?, ..plain })
}

async fn publish(publisher: &Publisher, image: &Image, content: &Content) -> anyhow::Result<()> {
    publisher.publish(image.source.path().as_str(), image.tag.as_str(), content).await?;
    Ok(())
}
