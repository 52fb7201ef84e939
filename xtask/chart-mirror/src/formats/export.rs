//! `Export`: the images of lists with their targets, as all formats need them, and what most formats leave out.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::format::ListFormat;
use super::left_out::{Loss, Losses, Omission};
use crate::list::{Address, Attachments, Destination, Image, ImageList};
use messages::Advice;
use messages::printable::printable_within;
use messages::program::command;
use messages::shell::quote;
use oci::{Reference, Repository, RepositoryPath};

/// The limit for a line of a comment, in characters.
const LONGEST_LINE: usize = 300;

/// A list to write in another format.
pub struct ListToWrite<'a> {
    /// The path of its file, for messages.
    pub file: String,
    pub list: &'a ImageList,
    /// With what `-d` accepts for each. May be empty.
    pub destinations: Vec<(String, Destination)>,
    /// What Chart.yaml says, if the chart of the list is on disk.
    pub chart_on_disk: Option<NamedChart>,
}

/// The name and the version of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedChart {
    pub name: String,
    pub version: String,
}

/// The text of a file, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenList {
    pub text: String,
    pub left_out: Vec<Omission>,
}

/// The images of all lists, each once.
pub(super) struct Export<'a> {
    pub(super) format: ListFormat,
    pub(super) lists: &'a [ListToWrite<'a>],
    pub(super) images: Vec<ExportedImage<'a>>,
}

pub(super) struct ExportedImage<'a> {
    pub(super) image: &'a Image,
    /// One for each destination of its list.
    pub(super) targets: Vec<Target<'a>>,
}

/// An image at a destination.
pub(super) struct Target<'a> {
    pub(super) destination: &'a Destination,
    /// Below the address of the destination.
    pub(super) path: RepositoryPath,
}

impl<'a> Export<'a> {
    /// # Errors
    /// If a list contradicts itself or another one, or a destination is an image layout.
    pub(super) fn of(format: ListFormat, lists: &'a [ListToWrite<'a>]) -> Result<Self, Advice> {
        let mut images: Vec<ExportedImage<'a>> = Vec::new();
        let mut known: HashMap<Reference, (usize, &str)> = HashMap::new();
        for ListToWrite { file, list, destinations, .. } in lists {
            let mut paths = Vec::new();
            for (_, destination) in destinations {
                let needed_by = command(format_args!("images --format {format}"));
                destination.require_registry(&needed_by)?;
                paths.push((destination, destination.paths(list.images())?));
            }
            for (position, image) in list.images().iter().enumerate() {
                let target = |(destination, paths): &(&'a Destination, Vec<RepositoryPath>)| {
                    Target { destination, path: paths[position].clone() }
                };
                let targets = paths.iter().map(target).collect();
                let reference = image.reference();
                match known.get(&reference) {
                    None => {
                        known.insert(reference, (images.len(), file));
                        images.push(ExportedImage { image, targets });
                    }
                    Some(&(first, other)) => {
                        images[first].join(image, targets, (other, file.as_str()))?;
                    }
                }
            }
        }
        Ok(Self { format, lists, images })
    }

    /// The destinations that the file is for; without any, those of the lists.
    pub(super) fn destinations(&self) -> BTreeMap<&str, &Destination> {
        let chosen = self.lists.iter().flat_map(|list| &list.destinations);
        let chosen: BTreeMap<_, _> =
            chosen.map(|(name, destination)| (name.as_str(), destination)).collect();
        if !chosen.is_empty() {
            return chosen;
        }
        let listed = self.lists.iter().flat_map(|list| list.list.destinations());
        listed.map(|(name, destination)| (name.as_str(), destination)).collect()
    }

    /// The comment at the top of a file: what it is for, and which command writes it.
    pub(super) fn header(&self, purpose: &str) -> String {
        let origin = match self.lists {
            [only] => {
                let name = Path::new(&only.file).file_name().unwrap_or_default();
                format!("`{}`", name.to_string_lossy())
            }
            _ => "the lists of a workspace".to_owned(),
        };
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.lists.iter().flat_map(|list| &list.destinations) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        // Not as the program was called, so that everyone writes the same file.
        let flags: String = names.iter().map(|name| format!(" -d {}", quote(name))).collect();
        let arguments = format!("images --format {}{flags}", self.format);
        let origin =
            format!("Generated from {origin} by `{arguments}`: change that, and run it again.");
        let lines = [purpose.to_owned(), origin];
        lines.iter().map(|line| format!("# {}\n", printable_within(LONGEST_LINE, line))).collect()
    }

    /// What no format has a place for.
    pub(super) fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        for ListToWrite { list, .. } in self.lists {
            let rules = list.policy().signatures.iter().flat_map(|rule| rule.sources.clone());
            losses.add(Loss::Signatures, rules, "the tool copies images without verifying them");
            let hosts = list.registries().keys().map(ToString::to_string);
            losses.add(
                Loss::Registries,
                hosts,
                "credentials and TLS settings are not written; configure them in the tool",
            );
        }
        losses
    }

    /// Adds the Helm values. Only tools that change manifests can do without them.
    pub(super) fn lose_values(&self, losses: &mut Losses) {
        let lists = self.lists.iter().map(|list| list.list);
        let of_lists = lists.flat_map(ImageList::values);
        let of_images = self.images.iter().flat_map(|exported| &exported.image.values);
        let paths = of_lists.chain(of_images).map(|(path, _)| path.to_string());
        losses.add(
            Loss::Values,
            paths,
            "`values` writes them to a file for helm, which makes the chart use the targets",
        );
        let replaces = self
            .images
            .iter()
            .filter(|exported| exported.image.replaces.is_some() || exported.image.keep.is_some());
        losses.add(
            Loss::Replacements,
            replaces.map(ExportedImage::reference),
            "the file lists what is copied, not what the chart names",
        );
    }

    pub(super) fn lose_digests(&self, losses: &mut Losses, why: &str) {
        let pinned = self.images.iter().filter(|exported| exported.image.digest.is_some());
        losses.add(Loss::Digests, pinned.map(ExportedImage::reference), why);
    }

    /// Adds everything about destinations, for a format that lists sources alone.
    pub(super) fn lose_destinations(&self, losses: &mut Losses) {
        let names = self.destinations().into_keys().map(str::to_owned);
        losses.add(Loss::Destinations, names, "the file lists sources alone");
        let moved = self.images.iter().filter(|exported| exported.is_moved());
        losses.add(
            Loss::Targets,
            moved.map(ExportedImage::reference),
            "the file has no place for another path at the destination",
        );
        self.lose_platforms(losses, "the file does not select any");
        self.lose_attachments(losses, "the file does not ask for them");
    }

    pub(super) fn lose_platforms(&self, losses: &mut Losses, why: &str) {
        let some = self.destinations().into_iter().filter(|(_, it)| it.platforms.is_some());
        losses.add(Loss::Platforms, some.map(|(name, _)| name.to_owned()), why);
    }

    pub(super) fn lose_attachments(&self, losses: &mut Losses, why: &str) {
        let asked =
            self.destinations().into_iter().filter(|(_, it)| it.attachments != Attachments::Ignore);
        losses.add(Loss::Attachments, asked.map(|(name, _)| name.to_owned()), why);
    }
}

impl<'a> ExportedImage<'a> {
    /// Adds what another list has of the same image.
    fn join(
        &mut self,
        image: &Image,
        targets: Vec<Target<'a>>,
        (first, second): (&str, &str),
    ) -> Result<(), Advice> {
        if image.digest != self.image.digest {
            let message = format!(
                "`{}` has one digest in `{first}`, and another or none in `{second}`",
                self.reference()
            );
            let hint = "record the same digest in both, or choose one list: `--member NAME`";
            return Err(Advice::new(message).with_hint(hint));
        }
        let is_known = |target: &Target<'_>, known: &[Target<'_>]| {
            known.iter().any(|known| known.repository() == target.repository())
        };
        for target in targets {
            if !is_known(&target, &self.targets) {
                self.targets.push(target);
            }
        }
        Ok(())
    }

    pub(super) fn reference(&self) -> String {
        self.image.reference().to_string()
    }

    /// `quay.io/a/b:1`, with `@sha256:...` if it is pinned.
    pub(super) fn pinned(&self) -> String {
        let digest = self.image.digest.as_ref();
        let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{}{digest}", self.reference())
    }

    /// Whether its path at a destination is not that of its source.
    fn is_moved(&self) -> bool {
        let source = self.image.source.path();
        match self.targets.is_empty() {
            true => self.image.target.as_ref().is_some_and(|target| target != source),
            false => self.targets.iter().any(|target| target.path != *source),
        }
    }
}

impl Target<'_> {
    /// Where it is pushed to.
    pub(super) fn repository(&self) -> Repository {
        self.destination.repository(&self.path)
    }

    /// Where it is pulled from.
    pub(super) fn pulled(&self) -> Repository {
        let Address { registry, prefix } = self.destination.pull_address();
        let below = |prefix: &RepositoryPath| self.path.below(prefix);
        let path = prefix.as_ref().map_or_else(|| self.path.clone(), below);
        Repository::new(registry.clone(), path)
    }
}
