//! `Destination`: where images are copied to and pulled from, under which names, and with which
//! platforms and attachments.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::target::fold;
use super::{EcrSettings, Image, PruneRules, TargetTemplate, named};
use layout::LayoutLocation;
use messages::Advice;
use oci::InvalidReference;
use oci::{Digest, Platforms, Reference, Repository, RepositoryPath};
use registry::known::address::{Address, InvalidAddress};

/// Where to mirror to: a destination of the list, or just an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The address to push to. Its prefix is the path above all repositories.
    pub address: Address,
    /// The address that pods pull from, if it differs from where images are pushed.
    pub pull_registry: Option<Address>,
    /// For images without a target of their own.
    pub target: TargetTemplate,
    /// The maximum number of components in a path, including the prefix, which has fewer.
    pub max_path_depth: Option<usize>,
    /// The platforms to copy. `None`: whole indexes.
    pub platforms: Option<Platforms>,
    pub attachments: Attachments,
    /// The path below the address that the chart is mirrored to, without its name. `None`: it is not.
    pub charts: Option<RepositoryPath>,
    /// Has no effect except at Amazon ECR.
    pub ecr: EcrSettings,
    /// What `prune` may delete. `None`: nothing.
    pub prune: Option<PruneRules>,
    /// The image layout that takes the place of a registry. Each image has the path of its source there, with
    /// its host.
    pub layout: Option<LayoutLocation>,
}

/// How to treat signatures, attestations and referrers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attachments {
    #[default]
    Ignore,
    /// Copies them, and warns if the registry refuses one.
    Copy,
    /// Fails an image if the registry refuses one.
    Required,
}

named!(Attachments, Ignore = "ignore", Copy = "copy", Required = "required");

impl Destination {
    /// Refuses an image layout, from which nothing can be pulled. `what` needs a registry.
    ///
    /// # Errors
    /// If this is a layout.
    pub fn require_registry(&self, what: &str) -> Result<(), Advice> {
        match &self.layout {
            None => Ok(()),
            Some(layout) => Err(Advice::new(format!(
                "{what} needs a registry, and {layout} is an image layout"
            ))
            .with_hint("name a registry: `-d registry.example.com`")),
        }
    }

    /// The address that pods pull from, as in values and their proof.
    pub fn pull_address(&self) -> &Address {
        self.pull_registry.as_ref().unwrap_or(&self.address)
    }

    /// The path of an image below the address, for pushing as well as pulling.
    ///
    /// # Errors
    /// If it is too long. That cannot happen for an image and a destination of the same list.
    pub fn path(
        &self,
        source: &Repository,
        own: Option<&RepositoryPath>,
    ) -> Result<RepositoryPath, InvalidReference> {
        if self.layout.is_some() {
            return Ok(RepositoryPath::with_host(source));
        }
        let mut path = own.map_or_else(|| self.target.render(source), ToString::to_string);
        if let Some(depth) = self.max_path_depth {
            path = fold(&path, depth.saturating_sub(self.prefix_depth()));
        }
        let path: RepositoryPath = path.parse()?;
        self.repository(&path).path().as_str().parse::<RepositoryPath>().map(|_| path)
    }

    /// The repository to push to, for a path below the address.
    pub fn repository(&self, path: &RepositoryPath) -> Repository {
        let Address { registry, prefix } = &self.address;
        let path = prefix.as_ref().map_or_else(|| path.clone(), |prefix| path.below(prefix));
        Repository::new(registry.clone(), path)
    }

    /// [`Destination::path`] of all images, in their order.
    ///
    /// # Errors
    /// If two images have the same target, or a path is too long.
    pub fn paths(&self, images: &[Image]) -> Result<Vec<RepositoryPath>, Advice> {
        let mut targets: HashMap<Reference, Reference> = HashMap::new();
        let path = |image: &Image| {
            let reference = image.reference();
            let path = self.path(&image.source, image.target.as_ref()).map_err(|why| {
                Advice::new(format!("`{reference}` has no valid target: {why}"))
                    .with_hint("give the image a shorter `target`")
            })?;
            let target = self.repository(&path).tagged(&image.tag);
            match targets.insert(target.clone(), reference.clone()) {
                Some(first) => {
                    let message =
                        format!("`{first}` and `{reference}` have the same target `{target}`");
                    Err(Advice::new(message).with_hint("give one of them another `target`"))
                }
                None => Ok(path),
            }
        };
        images.iter().map(path).collect()
    }

    /// The digest that the tag of an image must refer to here, if the list has it.
    pub fn digest<'i>(&self, image: &'i Image) -> Option<&'i Digest> {
        match &self.platforms {
            Some(platforms) => image.subset(platforms),
            None => image.digest.as_ref(),
        }
    }

    /// The number of components in the prefix. The maximum is greater: the parser ensures that.
    pub(super) fn prefix_depth(&self) -> usize {
        self.address.prefix.as_ref().map_or(0, |prefix| prefix.as_str().split('/').count())
    }
}

/// Whole images, each under its own path.
impl From<Address> for Destination {
    fn from(address: Address) -> Self {
        Self {
            address,
            pull_registry: None,
            target: TargetTemplate::default(),
            max_path_depth: None,
            platforms: None,
            attachments: Attachments::default(),
            charts: None,
            ecr: EcrSettings::default(),
            prune: None,
            layout: None,
        }
    }
}

/// Whole images.
impl From<LayoutLocation> for Destination {
    fn from(layout: LayoutLocation) -> Self {
        let address = Address { registry: layout.registry(), prefix: None };
        Self { layout: Some(layout), ..Self::from(address) }
    }
}

impl FromStr for Destination {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        text.parse::<Address>().map(Self::from)
    }
}

/// The address to push to.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    fn list(destination: &str, images: &[(&str, Option<&str>)]) -> ImageList {
        let mut text = format!("[destinations.d]\n{destination}\n");
        for (source, target) in images {
            let target = target.map_or(String::new(), |target| format!("target = \"{target}\"\n"));
            text += &format!("[[image]]\nsource = \"{source}\"\ntag = \"1\"\n{target}");
        }
        ImageList::parse("images.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn prefix_template_depth_and_own_target_determine_the_path() {
        let plain = "registry = \"r.io/a\"";
        let deep = "registry = \"r.io/a\"\nprefix = \"b/c/\"\nmax-path-depth = 4";
        let sorted = "registry = \"r.io\"\nprefix = \"m\"\ntarget = \"{registry}/{path}\"";
        let flat = "registry = \"r.io/a\"\ntarget = \"{registry}/{path}\"\nmax-path-depth = 2\n\
                    pull-registry = \"pull.io:5000/v\"";
        let table = [
            (plain, "q.io/x/y", None, "r.io/a/x/y", "r.io/a", "x/y"),
            (plain, "q.io/x/y", Some("z"), "r.io/a/z", "r.io/a", "z"),
            (deep, "q.io/x", None, "r.io/a/b/c/x", "r.io/a/b/c", "x"),
            (deep, "q.io/x/y/z", None, "r.io/a/b/c/x-y-z", "r.io/a/b/c", "x-y-z"),
            (deep, "q.io/x", Some("s/t"), "r.io/a/b/c/s-t", "r.io/a/b/c", "s-t"),
            (sorted, "q.io:1/x/y", None, "r.io/m/q.io-1/x/y", "r.io/m", "q.io-1/x/y"),
            (sorted, "q.io:1/x/y", Some("x/y"), "r.io/m/x/y", "r.io/m", "x/y"),
            (flat, "q.io/x/y", None, "r.io/a/q.io-x-y", "pull.io:5000/v", "q.io-x-y"),
        ];
        for (written, source, own, target, pull, path) in table {
            let list = list(written, &[(source, own)]);
            let destination = &list.destinations["d"];
            let paths = destination.paths(&list.images).unwrap();
            assert_eq!(paths[0].as_str(), path, "{written} {source}");
            assert_eq!(destination.repository(&paths[0]).to_string(), target);
            assert_eq!(destination.pull_address().to_string(), pull);
        }
    }

    #[test]
    fn in_a_layout_each_image_has_its_full_source_as_its_path() {
        let list = list("registry = \"r.io\"", &[("localhost:5000/a", None), ("a/b", Some("x"))]);
        let layout: LayoutLocation = "oci:out".parse().unwrap();
        let destination = Destination::from(layout);
        let paths = destination.paths(&list.images).unwrap();
        let targets = paths.iter().map(|path| destination.repository(path).to_string());
        assert_eq!(
            targets.collect::<Vec<_>>(),
            ["oci:out:localhost:5000/a", "oci:out:docker.io/a/b"]
        );
        assert!(destination.require_registry("x").unwrap_err().message.contains("oci:out"));
    }

    #[test]
    fn images_with_the_same_target_and_paths_that_are_too_long_are_refused() {
        let images = [("q.io/a/x", None), ("p.io/a/x", None)];
        // Valid, because the list does not know `-d host`.
        let list = list("registry = \"r.io\"\ntarget = \"{registry}/{path}\"", &images);
        let plain: Destination = "r.io/m".parse().unwrap();
        let error = plain.paths(&list.images).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "`q.io/a/x:1` and `p.io/a/x:1` have the same target `r.io/m/a/x:1`\nhint: "
            ),
            "{error}"
        );
        let long: Destination = format!("r.io/{}", "p".repeat(253)).parse().unwrap();
        let error = long.paths(&list.images[..1]).unwrap_err().to_string();
        assert!(error.contains("`q.io/a/x:1` has no valid target: "), "{error}");
        assert!(error.contains("at most 255 characters"), "{error}");
    }

    #[test]
    fn the_digest_at_a_destination_for_some_platforms_is_the_recorded_one() {
        let digest = Digest::of(b"whole");
        let subset = Digest::of(b"subset");
        let text = format!(
            "[destinations.whole]\nregistry = \"r.io\"\n\
             [destinations.some]\nregistry = \"r.io\"\nplatforms = [\"linux/arm64\", \"linux/amd64\"]\n\
             [destinations.one]\nregistry = \"r.io\"\nplatforms = [\"linux/amd64\"]\n\
             [[image]]\nsource = \"q.io/a\"\ntag = \"1\"\ndigest = \"{digest}\"\n\
             [image.subsets]\nindex = \"{digest}\"\n\"linux/amd64,linux/arm64\" = \"{subset}\"\n"
        );
        let list = ImageList::parse("images.toml", &text).unwrap();
        let at = |name: &str| list.destinations[name].digest(&list.images[0]);
        assert_eq!([at("whole"), at("some"), at("one")], [Some(&digest), Some(&subset), None]);

        // The record of another index, or of an unknown one, is not used.
        let index = format!("index = \"{digest}\"\n");
        let bumped =
            text.replace(&format!("\ndigest = \"{digest}\""), &format!("\ndigest = \"{subset}\""));
        for stale in [text.replace(&index, ""), bumped] {
            let list = ImageList::parse("images.toml", &stale).unwrap();
            assert!(list.images[0].has_stale_subsets());
            assert_eq!(list.destinations["some"].digest(&list.images[0]), None);
        }
    }
}
