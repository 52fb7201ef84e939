//! The command `doctor`: what a run would use, and whether it works, without changing anything.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;

use crate::chart::{ChartSource, Helm, RenderError};
use crate::list::{Destination, ImageList};
use crate::mirror;
use crate::plan::{Selection, transfers};
use crate::registry::credentials::Environment;
use crate::registry::examine::{LoginFound, find_program, login_files};
use crate::registry::{Registries, RetryPolicy, Settings, Side};
use crate::report::doctor::{DoctorReport, HostAnswer, HostReport, LoginReport, ProgramReport};

/// What to examine, and how.
pub struct Options {
    pub destination: Option<String>,
    pub reach: Reach,
    pub retry: RetryPolicy,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Ask every registry, and the programs that give a login for it.
    Registries,
    /// Read variables and files, and ask nobody.
    Offline,
}

/// A doctor does not wait as long as a run does: that something is slow to answer is worth knowing.
pub fn impatient() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_millis(250),
        retries: 2,
        silence: Duration::from_secs(15),
        longest_wait: Duration::from_secs(15),
    }
}

/// Examines every registry of the list, and the destination.
///
/// # Errors
/// When the list or the logins are contradictory, or there is no such destination.
pub async fn run(
    list: &ImageList,
    options: &Options,
    environment: &dyn Environment,
) -> anyhow::Result<DoctorReport> {
    let destination = destination(list, options)?;
    let repositories = repositories(list, destination.as_ref())?;
    let hosts: Vec<_> = repositories.keys().cloned().collect();
    let settings =
        Settings { registries: list.registries.clone(), concurrency: None, retry: options.retry };
    let login_files = login_files(environment).map_err(anyhow::Error::msg)?;
    let (registries, warnings) = Registries::to_examine(settings, &hosts, environment)?;
    let examined = repositories
        .into_iter()
        .map(|((name, side), of_host)| host(&registries, options.reach, name, side, of_host));
    let hosts = join_all(examined).await.into_iter().collect::<anyhow::Result<_>>()?;
    Ok(DoctorReport {
        destination: destination.map(|destination| destination.to_string()),
        hosts,
        login_files,
        programs: Vec::new(),
        warnings,
    })
}

/// The programs that some commands start.
pub fn programs(environment: &dyn Environment) -> Vec<ProgramReport> {
    let name = environment.variable("HELM").unwrap_or_else(|| "helm".to_owned());
    let given = PathBuf::from(&name);
    let path = if given.components().count() > 1 {
        given.is_file().then_some(given)
    } else {
        find_program(&name, &environment.variable("PATH").unwrap_or_default())
    };
    // The version is asked of the program alone: no chart takes part.
    let nothing = ChartSource { chart: String::new(), repository: None, version: None };
    let version = Helm::new(nothing, ".").version().map_err(|error| match error {
        RenderError::Missing { .. } => "not found".to_owned(),
        RenderError::Failed { reason, .. } => reason,
    });
    let needed_for = "`images`, `mirror -c`, `values --prove` and `--probe`";
    vec![ProgramReport { name: "helm".to_owned(), path, version, needed_for }]
}

/// A list without a destination can be examined for its sources.
fn destination(list: &ImageList, options: &Options) -> anyhow::Result<Option<Destination>> {
    if options.destination.is_none() && list.destinations.is_empty() {
        return Ok(None);
    }
    mirror::destination(list, options.destination.as_deref()).map(Some)
}

/// The repositories that a run would use, by registry and side.
fn repositories(
    list: &ImageList,
    destination: Option<&Destination>,
) -> anyhow::Result<BTreeMap<(String, Side), Vec<String>>> {
    let mut all: BTreeMap<(String, Side), Vec<String>> = BTreeMap::new();
    let mut add = |registry: &str, side, path: &str| {
        let of_host = all.entry((registry.to_owned(), side)).or_default();
        if of_host.iter().all(|known| known != path) {
            of_host.push(path.to_owned());
        }
    };
    let Some(destination) = destination else {
        for image in &list.images {
            add(image.source.registry(), Side::Source, image.source.path().as_str());
        }
        return Ok(all);
    };
    for transfer in transfers(list, destination, &Selection::new(&[])?)? {
        add(transfer.source.registry(), Side::Source, transfer.source.path().as_str());
        add(transfer.target.registry(), Side::Destination, transfer.target.path().as_str());
    }
    Ok(all)
}

async fn host(
    registries: &Registries,
    reach: Reach,
    name: String,
    side: Side,
    repositories: Vec<String>,
) -> anyhow::Result<HostReport> {
    let manner = registries.manner(&name, side)?;
    let mut logins: Vec<LoginReport> = Vec::new();
    for repository in repositories {
        let login = match reach {
            Reach::Registries => registries.login_shown(&name, side, &repository).await,
            Reach::Offline => registries.login_to_show(&name, side, &repository),
        };
        match logins.iter_mut().find(|known| known.login == login) {
            Some(known) => known.repositories.push(repository),
            None => {
                let repositories = vec![repository];
                logins.push(LoginReport { repositories, login, answer: HostAnswer::Unknown });
            }
        }
    }
    for login in &mut logins {
        if reach == Reach::Offline || matches!(login.login, LoginFound::Broken(_)) {
            continue;
        }
        let Some(repository) = login.repositories.first() else { continue };
        login.answer = match registries.greet(&name, side, repository).await {
            Ok(greeting) => HostAnswer::Good(greeting),
            Err(error) => HostAnswer::Bad(error),
        };
    }
    Ok(HostReport { registry: name, side, manner, logins })
}
