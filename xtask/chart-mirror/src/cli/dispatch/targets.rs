//! What the lists of a run publish, and the error if one would overwrite what another one publishes. The members
//! that `--member` leaves out count as well: another run publishes them.

use super::parts::{self, Part, Unnamed};
use crate::cli::flags::{DestinationArgs, Flags};
use crate::cli::terminal::RunScope;
use crate::commands::publications::{ListAt, Publications};
use crate::copy::Effects;
use crate::list::ImageList;
use crate::workspace::{self, OpenList};
use oci::RepositoryPath;

/// Which charts are published.
#[derive(Debug, Clone, Copy)]
pub(super) enum Charts<'a> {
    /// None: the command is about images.
    LeftOut,
    /// Those of destinations with a place for charts.
    AtDestinations,
    /// All, below this path.
    Below(&'a RepositoryPath),
}

impl<'a> Charts<'a> {
    /// Those that `--with-chart` asks for. Without it, a run for some images is about no chart.
    pub(super) fn requested(path: Option<&'a RepositoryPath>, only: &[String]) -> Self {
        match path {
            Some(path) => Self::Below(path),
            None if only.is_empty() => Self::AtDestinations,
            None => Self::LeftOut,
        }
    }
}

/// The lists of a run, and the other members of their workspace.
///
/// # Errors
/// If there is none, or one of the run cannot be used.
pub(super) fn lists(flags: &Flags) -> anyhow::Result<(Vec<OpenList>, Vec<OpenList>)> {
    let mut opened = workspace::open(&flags.list_file()?, &flags.member)?;
    let others = std::mem::take(&mut opened.others);
    Ok((opened.all()?, others))
}

/// The lists of a run that relies on the targets of images.
///
/// # Errors
/// As [`lists`], and if different images have one target.
pub(super) fn checked_lists(
    flags: &Flags,
    arguments: &DestinationArgs,
    unnamed: Unnamed,
) -> anyhow::Result<Vec<OpenList>> {
    let (lists, others) = lists(flags)?;
    let all = lists.iter().chain(&others);
    publications(all, arguments, unnamed, Charts::LeftOut).check()?;
    Ok(lists)
}

/// What lists publish at the requested destinations. What cannot be planned for is left out: the command
/// reports why.
pub(super) fn publications<'l>(
    lists: impl Iterator<Item = &'l OpenList>,
    arguments: &DestinationArgs,
    unnamed: Unnamed,
    charts: Charts<'_>,
) -> Publications {
    let mut found = Publications::default();
    each(lists, arguments, unnamed, |at| {
        found.add_images(at);
        match charts {
            Charts::LeftOut => {}
            Charts::AtDestinations => found.add_chart(at, None),
            Charts::Below(path) => found.add_chart(at, Some(path)),
        }
    });
    found
}

/// Visits each list at each requested destination that it has.
pub(super) fn each<'l>(
    lists: impl Iterator<Item = &'l OpenList>,
    arguments: &DestinationArgs,
    unnamed: Unnamed,
    mut visit: impl FnMut(ListAt<'_>),
) {
    for OpenList { file, list } in lists {
        for requested in parts::requested(list, arguments, unnamed).unwrap_or_default() {
            let Ok(destination) = list.choose(requested.as_deref()) else { continue };
            let name = &name_of(list, requested);
            visit(ListAt { file, list, name, destination: &destination });
        }
    }
}

/// The name of a destination that was chosen.
pub(super) fn name_of(list: &ImageList, requested: Option<String>) -> String {
    requested.or_else(|| list.destinations().keys().next().cloned()).unwrap_or_default()
}

/// What a run of several parts is about, for its first event.
pub(super) fn scope_of_all(command: &'static str, parts: &[&Part<'_>], images: usize) -> RunScope {
    if let [only] = parts {
        return scope(command, only, Some(images));
    }
    let mut destinations: Vec<String> = Vec::new();
    for Part { open, destination } in parts {
        let name = name_of(&open.list, destination.clone());
        if !destinations.contains(&name) {
            destinations.push(name);
        }
    }
    let list = parts.first().map(|part| &part.open.file);
    let list = list.filter(|list| parts.iter().all(|part| part.open.file == **list));
    let list = list.map(|list| list.display().to_string());
    let images = Some(images);
    RunScope { command, list, destinations, images, effects: Effects::Applied }
}

/// What the run of a part is about, for its first event.
pub(super) fn scope(command: &'static str, part: &Part<'_>, images: Option<usize>) -> RunScope {
    let Part { open, destination } = part;
    let name = name_of(&open.list, destination.clone());
    RunScope {
        command,
        list: Some(open.file.display().to_string()),
        destinations: Some(name).filter(|name| !name.is_empty()).into_iter().collect(),
        images,
        effects: Effects::Applied,
    }
}
