//! Derives destinations from the targets in a file, so that most images need no `target`.

use std::collections::BTreeMap;

use super::reading::{ReadImage, ReadList, ReadTarget, RefusedEntry};
use crate::list::{Address, Attachments, Destination, TargetTemplate};
use oci::{Platforms, Registry, Repository, RepositoryPath};

/// The templates that are tried, the default first.
const TEMPLATES: [&str; 3] = ["{path}", "{registry}/{path}", "{name}"];

/// A destination of the new list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedDestination {
    pub name: String,
    pub destination: Destination,
    pub defined_in: DefinedIn,
}

/// Where a destination is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinedIn {
    NewList,
    Workspace,
}

/// A destination that is known before the file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownDestination {
    /// Its settings are derived from the file.
    Address(String, Address),
    /// A destination of the workspace that the list becomes a member of.
    Workspace(String, Box<Destination>),
}

/// An image with its own target, if it needs one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedImage {
    pub image: ReadImage,
    pub target: Option<RepositoryPath>,
}

/// What becomes of the images of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub images: Vec<PlacedImage>,
    pub destinations: Vec<DerivedDestination>,
    /// Images without a place.
    pub refused: Vec<RefusedEntry>,
    pub notes: Vec<String>,
}

/// Where an image goes at one destination.
struct Position<'a> {
    /// In the list.
    index: usize,
    source: &'a Repository,
    /// Below the address of the destination.
    path: RepositoryPath,
    platforms: &'a Option<Platforms>,
    attachments: Attachments,
}

/// Derives the destinations of a file. Without known ones, there is one for each registry in the file.
pub fn place(list: &ReadList, known: &[KnownDestination]) -> Placed {
    let mut notes = Vec::new();
    let mut destinations = Vec::new();
    // The paths of each image that are not those of its destination.
    let mut own: BTreeMap<usize, Vec<RepositoryPath>> = BTreeMap::new();
    let derived = if known.is_empty() { addresses(list) } else { known.to_vec() };
    for known in derived {
        let address = known.address();
        let positions = positions(list, address);
        let missing = list.images.len() - positions.len();
        if missing > 0 && !positions.is_empty() {
            notes.push(format!(
                "{missing} of {} images have no target at {address} in the file; `mirror` copies all of them there",
                list.images.len()
            ));
        }
        let destination = match known {
            KnownDestination::Address(name, address) => {
                let destination = destination(address, &positions, &mut notes);
                DerivedDestination { name, destination, defined_in: DefinedIn::NewList }
            }
            KnownDestination::Workspace(name, destination) => {
                let destination = *destination;
                DerivedDestination { name, destination, defined_in: DefinedIn::Workspace }
            }
        };
        for position in &positions {
            let default = destination.destination.path(position.source, None);
            if default.ok().as_ref() != Some(&position.path) {
                own.entry(position.index).or_default().push(position.path.clone());
            }
        }
        destinations.push(destination);
    }
    let elsewhere = list.images.iter().filter(|image| is_elsewhere(image, &destinations)).count();
    if elsewhere > 0 {
        notes.push(format!("{elsewhere} images have a target below none of the destinations"));
    }
    placed(list, &own, destinations, notes)
}

fn placed(
    list: &ReadList,
    own: &BTreeMap<usize, Vec<RepositoryPath>>,
    destinations: Vec<DerivedDestination>,
    notes: Vec<String>,
) -> Placed {
    let (mut images, mut refused) = (Vec::new(), Vec::new());
    for (index, image) in list.images.iter().enumerate() {
        let below = image.targets.iter().find_map(|target| match target {
            ReadTarget::Below(path) if path != image.source.path() => Some(path.clone()),
            _ => None,
        });
        let paths = own.get(&index).map(Vec::as_slice).unwrap_or_default();
        let target = paths.first().cloned().or(below);
        let is_one = |target: &RepositoryPath| {
            destinations.iter().all(|at| {
                let wanted = wanted(image, at);
                wanted.is_none_or(|wanted| wanted == *target)
            })
        };
        match &target {
            Some(target) if !is_one(target) => refused.push(RefusedEntry {
                place: image.place.clone(),
                written: image.source.tagged(&image.tag).to_string(),
                reason: "its targets have different paths; an image has one `target` for all destinations".to_owned(),
            }),
            _ => images.push(PlacedImage { image: image.clone(), target }),
        }
    }
    Placed { images, destinations, refused, notes }
}

/// The path that a file gives to an image at a destination.
fn wanted(image: &ReadImage, at: &DerivedDestination) -> Option<RepositoryPath> {
    image.targets.iter().find_map(|target| match target {
        ReadTarget::At { repository, .. } => path_below(repository, &at.destination.address),
        ReadTarget::Below(path) => Some(path.clone()),
    })
}

fn is_elsewhere(image: &ReadImage, destinations: &[DerivedDestination]) -> bool {
    !image.targets.is_empty()
        && destinations.iter().all(|at| wanted(image, at).is_none())
        && image.targets.iter().any(|target| matches!(target, ReadTarget::At { .. }))
}

/// The path of a repository below an address.
fn path_below(repository: &Repository, address: &Address) -> Option<RepositoryPath> {
    if *repository.registry() != address.registry {
        return None;
    }
    let path = repository.path().as_str();
    match &address.prefix {
        None => Some(repository.path().clone()),
        Some(prefix) => path.strip_prefix(prefix.as_str())?.strip_prefix('/')?.parse().ok(),
    }
}

fn positions<'a>(list: &'a ReadList, address: &Address) -> Vec<Position<'a>> {
    let images = list.images.iter().enumerate();
    let positions = images.filter_map(|(index, image)| {
        image.targets.iter().find_map(|target| {
            let ReadTarget::At { repository, platforms, attachments } = target else { return None };
            let path = path_below(repository, address)?;
            let (source, attachments) = (&image.source, *attachments);
            Some(Position { index, source, path, platforms, attachments })
        })
    });
    positions.collect()
}

/// An address for each registry of the targets.
fn addresses(list: &ReadList) -> Vec<KnownDestination> {
    let mut registries: Vec<&Registry> = Vec::new();
    for target in list.images.iter().flat_map(|image| &image.targets) {
        if let ReadTarget::At { repository, .. } = target
            && !registries.contains(&repository.registry())
        {
            registries.push(repository.registry());
        }
    }
    let mut names: Vec<String> = Vec::new();
    let named = registries.into_iter().map(|registry| {
        let name = unique_name(registry, &names);
        names.push(name.clone());
        let prefix =
            prefix(&positions(list, &Address { registry: registry.clone(), prefix: None }));
        KnownDestination::Address(name, Address { registry: registry.clone(), prefix })
    });
    named.collect()
}

/// The first part of a host, as `init -d` names destinations.
fn unique_name(registry: &Registry, taken: &[String]) -> String {
    let host = registry.as_str().split(':').next().unwrap_or_default();
    let first = host.split('.').next().unwrap_or_default();
    let is_word = first.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !first.chars().all(|c| c.is_ascii_digit());
    let name = if is_word && host != "localhost" { first } else { "local" };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
    candidates.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// The prefix with which the most images need no target of their own. All must be below it.
fn prefix(positions: &[Position<'_>]) -> Option<RepositoryPath> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for template in TEMPLATES {
        for position in positions {
            let Some(rendered) = rendered(template, position.source) else { continue };
            let prefix = position.path.as_str().strip_suffix(rendered.as_str());
            let prefix = prefix.and_then(|it| it.strip_suffix('/').or(it.is_empty().then_some("")));
            *counts.entry(prefix.unwrap_or("")).or_default() += usize::from(prefix.is_some());
        }
    }
    let is_above_all = |prefix: &str| {
        positions.iter().all(|position| {
            let rest = position.path.as_str().strip_prefix(prefix);
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let fitting =
        counts.into_iter().filter(|(prefix, _)| prefix.is_empty() || is_above_all(prefix));
    // Of several, the shortest, which comes first.
    let best = fitting.rev().max_by_key(|(_, count)| *count)?;
    best.0.parse().ok()
}

fn rendered(template: &str, source: &Repository) -> Option<RepositoryPath> {
    let template: TargetTemplate = template.parse().ok()?;
    let address = Address { registry: source.registry().clone(), prefix: None };
    Destination { target: template, ..Destination::from(address) }.path(source, None).ok()
}

/// A destination with the template that fits the most images.
fn destination(
    address: Address,
    positions: &[Position<'_>],
    notes: &mut Vec<String>,
) -> Destination {
    let fitting = |template: &&str| {
        let fits = |it: &&Position<'_>| rendered(template, it.source).as_ref() == Some(&it.path);
        positions.iter().filter(fits).count()
    };
    // Of several, the first: `max_by_key` returns the last.
    let best = TEMPLATES.iter().rev().copied().max_by_key(fitting);
    let target = best.and_then(|template| template.parse().ok()).unwrap_or_default();
    let first = positions.first();
    let is_same = |position: &Position<'_>| {
        first.is_some_and(|first| {
            (first.platforms, first.attachments) == (position.platforms, position.attachments)
        })
    };
    let (platforms, attachments) = match first {
        Some(first) if positions.iter().all(is_same) => {
            (first.platforms.clone(), first.attachments)
        }
        Some(_) => {
            notes.push(format!(
                "the images for {address} differ in platforms or attachments, which a destination sets for all of \
                 them: they are left out"
            ));
            (None, Attachments::Ignore)
        }
        None => (None, Attachments::Ignore),
    };
    Destination { target, platforms, attachments, ..Destination::from(address) }
}

impl KnownDestination {
    fn address(&self) -> &Address {
        match self {
            Self::Address(_, address) => address,
            Self::Workspace(_, destination) => &destination.address,
        }
    }
}
