//! The command `doctor`: reports what a run would use and whether it works. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;

use crate::chart::{ChartSource, Helm, RenderError};
use crate::copy::Progress;
use crate::list::{Destination, ImageList};
use crate::plan::{Selection, registry_settings, transfers};

use oci::Repository;
use process::find_program;
use registry::HostSide;
use registry::auth::credentials::Environment;
use registry::ping::{HostSummary, credential_files};
use registry::{Registries, RetryPolicy, Side};

pub mod result;

use result::{DoctorReport, HostReport, LoginFile, LoginReport, LoginState, ProgramReport};

/// What to examine, and how.
pub struct DoctorOptions {
    pub destination: Option<String>,
    pub reach: Reach,
    /// Sources that were examined for another destination of the list. They are not asked again.
    pub known: Vec<HostReport>,
    pub retry: RetryPolicy,
}

/// What the examination may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Send requests to every registry, and run credential helpers.
    Registries,
    /// Only read environment variables and files.
    Offline,
}

/// Shorter than those of a run, because a registry that responds slowly is worth reporting.
pub fn short_retries() -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_millis(250),
        retries: 2,
        longest_wait: Duration::from_secs(15),
        ..RetryPolicy::default().within(Duration::from_secs(15))
    }
}

/// Examines every registry of the list, and the destination.
///
/// # Errors
/// When the list or the credentials contradict themselves, or the destination does not exist.
pub async fn run(
    list: &ImageList,
    options: &DoctorOptions,
    environment: &dyn Environment,
    progress: &dyn Progress,
) -> anyhow::Result<DoctorReport> {
    let destination = destination(list, options)?;
    let repositories = repositories(list, destination.as_ref())?;
    let hosts: Vec<HostSide> = repositories.keys().cloned().collect();
    let settings = registry_settings(list, None, options.retry);
    let login_files = credential_files(environment)?.into_iter();
    let (registries, warnings) = Registries::with_warnings(settings, hosts, environment)?;
    let is = |known: &&HostReport, (name, side): &HostSide| {
        known.registry == *name && known.side == *side
    };
    let registries = &registries;
    let examined = repositories.into_iter().map(|(host_side, of_host)| async move {
        match options.known.iter().find(|known| is(known, &host_side)) {
            Some(known) => Ok(known.clone()),
            None => host(registries, options.reach, host_side, of_host).await,
        }
    });
    progress.checking("querying registries", 0);
    let hosts = join_all(examined).await.into_iter().collect::<anyhow::Result<_>>()?;
    Ok(DoctorReport {
        destination: destination.map(|destination| destination.to_string()),
        hosts,
        login_files: login_files.map(|(file, found)| LoginFile { file, found }).collect(),
        programs: Vec::new(),
        warnings: warnings.iter().map(ToString::to_string).collect(),
    })
}

/// The programs that some commands start.
pub fn programs(environment: &dyn Environment) -> Vec<ProgramReport> {
    let named = environment.variable("HELM").or_else(|| environment.variable("HELM_BIN"));
    let name = named.unwrap_or_else(|| "helm".to_owned());
    let given = PathBuf::from(&name);
    let path = if given.components().count() > 1 {
        given.is_file().then_some(given)
    } else {
        find_program(&name, &environment.variable("PATH").unwrap_or_default())
    };
    // The version does not depend on a chart.
    let nothing = ChartSource { chart: String::new(), repository: None, version: None };
    let version = Helm::new(nothing, ".").version().map_err(|error| match error {
        RenderError::NoHelm { .. } => "not found".into(),
        RenderError::Failed { cause, .. } => cause,
    });
    let needed_for = "`verify`, `images`, `mirror -c`, `values --prove` and `--probe`";
    vec![ProgramReport { name: "helm".to_owned(), path, version, needed_for }]
}

/// `None` if no destination is requested and the list has none: then only the sources are examined.
fn destination(list: &ImageList, options: &DoctorOptions) -> anyhow::Result<Option<Destination>> {
    if options.destination.is_none() && list.destinations().is_empty() {
        return Ok(None);
    }
    let destination = list.choose(options.destination.as_deref())?;
    destination.require_registry("the examination")?;
    Ok(Some(destination))
}

/// The repositories that a run would use, by registry and side.
fn repositories(
    list: &ImageList,
    destination: Option<&Destination>,
) -> anyhow::Result<BTreeMap<HostSide, Vec<Repository>>> {
    let sources = list.images().iter().map(|image| (image.source.clone(), Side::Source));
    let mut used: Vec<(Repository, Side)> = sources.collect();
    if let Some(destination) = destination {
        let transfers = transfers(list, destination, &Selection::default())?.into_iter();
        used.extend(transfers.map(|transfer| (transfer.target, Side::Destination)));
    }
    let mut by_host: BTreeMap<HostSide, Vec<Repository>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for (repository, side) in used {
        if known.insert((repository.clone(), side)) {
            by_host.entry((repository.registry().clone(), side)).or_default().push(repository);
        }
    }
    Ok(by_host)
}

async fn host(
    registries: &Registries,
    reach: Reach,
    (name, side): HostSide,
    repositories: Vec<Repository>,
) -> anyhow::Result<HostReport> {
    let Some(first) = repositories.first() else {
        anyhow::bail!("`{name}` is not used in this run");
    };
    let HostSummary { address, abilities } = registries.summary(first, side)?;
    // Repositories with the same credentials are examined once, with the first of them.
    let mut logins: Vec<(Repository, LoginReport)> = Vec::new();
    for repository in repositories {
        let credentials = match reach {
            Reach::Registries => registries.obtained_credentials(&repository, side).await,
            Reach::Offline => registries.configured_credentials(&repository, side),
        };
        let path = repository.path().to_string();
        let login = LoginReport::new(path.clone(), &credentials);
        let is_same =
            |known: &LoginReport| (known.login, &known.from) == (login.login, &login.from);
        match logins.iter_mut().find(|(_, known)| is_same(known)) {
            Some((_, known)) => known.repositories.push(path),
            None => logins.push((repository, login)),
        }
    }
    for (repository, login) in &mut logins {
        if reach == Reach::Registries && login.login != LoginState::Broken {
            login.responded(registries.ping(repository, side).await);
        }
    }
    let logins = logins.into_iter().map(|(_, login)| login).collect();
    let tls = address.starts_with("https:");
    Ok(HostReport { registry: name, side, address, tls, abilities, logins })
}
