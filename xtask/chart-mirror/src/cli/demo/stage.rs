//! The stage of the demonstration: two registries in memory, and a list of generated images.

use anyhow::Context as _;

use crate::list::{Destination, Image, ImageList, ImagePin};
use oci::{Digest, Reference, Registry, Repository, RepositoryPath};
use registry_in_memory::content::{self, Content};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

pub(super) struct Stage {
    pub(super) source: InMemoryRegistry,
    pub(super) destination: InMemoryRegistry,
    /// The user's list with every source moved to `source`, and at first without pins.
    pub(super) list: ImageList,
}

impl Stage {
    /// Starts the registries and publishes an image for every entry of the list.
    pub(super) async fn open(original: &ImageList) -> anyhow::Result<Self> {
        let source = InMemoryRegistry::start(RegistryOptions::default()).await?;
        let destination = InMemoryRegistry::start(RegistryOptions::default()).await?;
        let list = localised(original, source.address())?;
        for image in list.images() {
            let content = content::for_list(image.source.path().as_str(), image.tag.as_str());
            publish(&source, image, &content);
        }
        Ok(Self { source, destination, list })
    }

    /// What `pin` calls the first image: the last part of its path.
    pub(super) fn first_name(&self) -> anyhow::Result<String> {
        let path = self.first()?.source.path().as_str();
        Ok(path.rsplit('/').next().unwrap_or(path).to_owned())
    }

    /// Moves the tag of the first image at the source, as a rebuild does. Returns the image.
    pub(super) fn rebuild_first(&self) -> anyhow::Result<String> {
        let image = self.first()?;
        let path = image.source.path().as_str();
        let content = content::for_list(path, &format!("{}-rebuilt", image.tag));
        publish(&self.source, image, &content);
        Ok(image.reference().to_string())
    }

    /// Deletes the first image at the destination, as a clean-up does. Returns its path and tag.
    pub(super) fn delete_first(&self) -> anyhow::Result<String> {
        let image = self.first()?;
        let (path, tag) = (image.path(), &image.tag);
        let existed = self.destination.store().delete_tag(path.as_str(), tag.as_str());
        anyhow::ensure!(existed, "{path}:{tag} is not at the destination");
        Ok(format!("{path}:{tag}"))
    }

    /// Checks the claims of the story against the contents of the registries.
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

    /// Pins an image of the list, as `pin` does in the file.
    pub(super) fn write(&mut self, source: &Reference, digest: &Digest) -> anyhow::Result<()> {
        let is_source = |image: &Image| image.reference() == *source;
        if let Some(position) = self.list.images().iter().position(is_source) {
            let digest = Some(digest.clone());
            self.list.pin(&ImagePin {
                position,
                digest,
                subsets: Vec::new(),
                subsets_index: None,
            })?;
        }
        Ok(())
    }

    fn first(&self) -> anyhow::Result<&Image> {
        self.list.images().first().context("the list is empty")
    }
}

/// The list with every source moved to the registry in memory, below the name of its own registry, and
/// without settings for other registries.
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

/// A destination with a path for every image, which begins with the name of the source registry if two
/// images would have the same path otherwise.
pub(super) fn destination_for(list: &ImageList, address: &str) -> anyhow::Result<Destination> {
    let plain: Destination = address.parse()?;
    if plain.paths(list.images()).is_ok() {
        return Ok(plain);
    }
    Ok(Destination { target: "{registry}/{path}".parse()?, ..plain })
}

fn publish(registry: &InMemoryRegistry, image: &Image, content: &Content) {
    registry.store().publish(image.source.path().as_str(), image.tag.as_str(), content);
}
