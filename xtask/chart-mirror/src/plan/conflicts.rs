//! Conflicts between what lists publish: two contents with one target, or a target that is the source of
//! another image. One would overwrite the other, and both would be reported as done. Pure.

use std::collections::HashMap;

use super::Transfer;
use crate::list::{Destination, ImageList};
use messages::Advice;
use messages::program::command;
use oci::{Platforms, Reference};

/// How many conflicts an error names.
const MOST_NAMED: usize = 5;

/// An image or a chart that a list publishes at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The file of the list, as messages name it.
    pub list: String,
    /// The name of the destination, or its address.
    pub destination: String,
    pub transfer: Transfer,
    /// Where a chart comes from, in one word. `None` for an image.
    pub chart: Option<String>,
}

/// Two publications that cannot both be right.
#[derive(Debug, Clone)]
pub struct Conflict<'p> {
    first: &'p Publication,
    second: &'p Publication,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Both have one target.
    SameTarget,
    /// The first has the source of the second as its target.
    OverwritesSource,
}

impl Publication {
    /// The images of a list at a destination. None if they cannot be planned for: the command that does reports
    /// why.
    pub fn of_images(
        file: &str,
        list: &ImageList,
        name: &str,
        destination: &Destination,
    ) -> Vec<Self> {
        let transfers = super::transfers(list, destination, &super::Selection::default());
        let publication = |transfer| Self {
            list: file.to_owned(),
            destination: name.to_owned(),
            transfer,
            chart: None,
        };
        transfers.unwrap_or_default().into_iter().map(publication).collect()
    }

    /// Whether both put the same content there.
    fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (&self.transfer, &other.transfer);
        match (&self.chart, &other.chart) {
            // A chart that was packaged here is the same wherever its folder is.
            (Some(_), Some(_)) if one.digest.is_some() && two.digest.is_some() => {
                one.digest == two.digest
            }
            (Some(first), Some(second)) => first == second,
            (None, None) => {
                one.source_reference() == two.source_reference()
                    && one.digest == two.digest
                    && self.platforms() == other.platforms()
            }
            _ => false,
        }
    }

    fn platforms(&self) -> Option<&Platforms> {
        self.transfer.platforms.as_ref().map(|selection| &selection.platforms)
    }

    /// Whether the content is certainly that of the source of the other one.
    fn preserves_source_of(&self, other: &Self) -> bool {
        let digest = &self.transfer.digest;
        self.platforms().is_none() && digest.is_some() && *digest == other.transfer.digest
    }

    fn name(&self) -> String {
        match &self.chart {
            Some(chart) => format!("the chart `{chart}`"),
            None => format!("`{}`", self.transfer.source_reference()),
        }
    }
}

/// A place in a registry. The port of HTTPS makes no difference.
fn place(reference: &Reference) -> (&str, &str, &str) {
    let repository = reference.repository();
    let host = repository.registry().as_str();
    let host = host.strip_suffix(":443").unwrap_or(host);
    (host, repository.path().as_str(), reference.tag().as_str())
}

/// The conflicts between these, at most one for each target and each source.
pub fn conflicts<'p>(publications: &[&'p Publication]) -> Vec<Conflict<'p>> {
    let transfers = || publications.iter().map(|one| &one.transfer);
    let targets: Vec<Reference> = transfers().map(Transfer::target_reference).collect();
    let sources: Vec<Reference> = transfers().map(Transfer::source_reference).collect();
    let mut by_target: HashMap<_, Vec<&'p Publication>> = HashMap::new();
    for (target, publication) in targets.iter().zip(publications) {
        by_target.entry(place(target)).or_default().push(*publication);
    }
    let mut found = Vec::new();
    for (target, &second) in targets.iter().zip(publications) {
        let at_target = by_target.get(&place(target)).map(Vec::as_slice);
        let Some(&[first, ..]) = at_target else { continue };
        if !first.is_same(second) {
            found.push(Conflict { first, second, kind: Kind::SameTarget });
            by_target.remove(&place(target));
        }
    }
    for (source, &second) in sources.iter().zip(publications) {
        let overwrites = |first: &&&Publication| !first.preserves_source_of(second);
        let Some(at_source) = by_target.get(&place(source)) else { continue };
        if let Some(first) = at_source.iter().find(overwrites).copied() {
            found.push(Conflict { first, second, kind: Kind::OverwritesSource });
            by_target.remove(&place(source));
        }
    }
    found
}

/// Reports the conflicts between these as one error.
///
/// # Errors
/// If there is one.
pub fn refuse_conflicts(publications: &[&Publication]) -> Result<(), Advice> {
    let found: Vec<Advice> = conflicts(publications).iter().map(Conflict::advice).collect();
    let first = match found.as_slice() {
        [] => return Ok(()),
        [only] => return Err(only.clone()),
        [first, ..] => first,
    };
    let lines = found.iter().take(MOST_NAMED).map(|advice| format!("\n  {}", advice.message));
    let more = found.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let message = format!(
        "{} targets would be overwritten; nothing was done:{}{more}",
        found.len(),
        lines.collect::<String>()
    );
    Err(Advice { message, hint: first.hint.clone() })
}

impl<'p> Conflict<'p> {
    /// What a list publishes, if it takes part.
    pub fn of_list(&self, list: &str) -> Option<&'p Publication> {
        [self.second, self.first].into_iter().find(|one| one.list == list)
    }

    /// The error, without the other conflicts.
    pub fn advice(&self) -> Advice {
        let Self { first, second, kind } = self;
        let target = first.transfer.target_reference();
        if *kind == Kind::OverwritesSource {
            let message = format!(
                "the target of {}{} is `{target}`, which is the source of another image{}",
                first.name(),
                self.place_of(first),
                self.list_of(second)
            );
            let hint = "give the image another `target`, or the destination a `prefix`";
            return Advice::new(message).with_hint(hint);
        }
        if first.chart.is_none()
            && second.chart.is_none()
            && first.transfer.source_reference() == second.transfer.source_reference()
        {
            return self.of_one_image(&target);
        }
        let message = format!(
            "{}{} and {}{} have the same target `{target}`",
            first.name(),
            self.place_of(first),
            second.name(),
            self.place_of(second)
        );
        Advice::new(message).with_hint(match (&first.chart, &second.chart) {
            (None, None) => "give one of them another `target`",
            (Some(_), Some(_)) => {
                "give one of the charts another version, or one of the destinations another `charts`"
            }
            _ => "give the image another `target`, or the destination another `charts`",
        })
    }

    /// One image with two contents.
    fn of_one_image(&self, target: &Reference) -> Advice {
        let Self { first, second, .. } = self;
        let name = first.name();
        if first.transfer.digest != second.transfer.digest {
            let digest = |one: &Publication| match &one.transfer.digest {
                Some(digest) => digest.to_string(),
                None => "no digest".to_owned(),
            };
            let message = format!(
                "{name} has the target `{target}` with {}{} and with {}{}",
                digest(first),
                self.place_of(first),
                digest(second),
                self.place_of(second)
            );
            let hint = format!("pin it to one digest: {}", command("pin --update"));
            return Advice::new(message).with_hint(hint);
        }
        let platforms = |one: &Publication| match one.platforms() {
            Some(platforms) => format!("only {platforms}"),
            None => "all platforms".to_owned(),
        };
        let message = format!(
            "{name} has the target `{target}` with {}{} and with {}{}",
            platforms(first),
            self.place_of(first),
            platforms(second),
            self.place_of(second)
        );
        let hint = "give both destinations the same `platforms`, or one of them another `prefix`";
        Advice::new(message).with_hint(hint)
    }

    /// Where one of the two is, as far as it is not where the other is.
    fn place_of(&self, one: &Publication) -> String {
        let at = match self.first.destination == self.second.destination {
            true => String::new(),
            false => format!(" at `{}`", one.destination),
        };
        format!("{}{at}", self.list_of(one))
    }

    fn list_of(&self, one: &Publication) -> String {
        match self.first.list == self.second.list {
            true => String::new(),
            false => format!(" in `{}`", one.list),
        }
    }
}
