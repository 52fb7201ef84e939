//! The command `mirror`: plan, copy, report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};

use crate::copy::{Observer, Wishes, copy_all};
use crate::ecr::{Repositories, RepositoryPlan};
use crate::files::folder_of;
use crate::list::{Creation, Destination, ImageList, holds_userinfo};
use crate::plan::{Selection, Transfer, transfers};
use crate::registry::credentials::Environment;
use crate::registry::profile::Profile;
use crate::registry::{Registries, RetryPolicy, Settings, Side};
use crate::report::{ImageReport, MirrorReport, Requests};

/// What to mirror, and how.
pub struct Options {
    pub destination: Option<String>,
    pub only: Vec<String>,
    pub concurrency: Option<usize>,
    /// Attachments are copied if either this or the destination asks for it.
    pub wishes: Wishes,
    pub retry: RetryPolicy,
}

/// The transfers of a run, and the destination that they go to.
pub struct MirrorPlan {
    pub destination: Destination,
    pub transfers: Vec<Transfer>,
}

/// Reads and checks an image list.
///
/// # Errors
/// When the file cannot be read; or [`Problems`](crate::list::Problems), all of them at once.
pub fn read_list(file: &Path) -> anyhow::Result<ImageList> {
    let mut list = ImageList::parse(&file.display().to_string(), &read_text(file)?)?;
    let folder = folder_of(file);
    for settings in list.registries.values_mut() {
        *settings = std::mem::take(settings).with_files_below(folder);
    }
    for destination in list.destinations.values_mut() {
        destination.ecr = std::mem::take(&mut destination.ecr).with_files_below(folder);
    }
    Ok(list)
}

/// Reads the text of an image list.
///
/// # Errors
/// When the file cannot be read, or is no text.
pub(crate) fn read_text(file: &Path) -> anyhow::Result<String> {
    let shown = file.display();
    let bytes = std::fs::read(file).map_err(|error| {
        anyhow!(
            "cannot read the image list `{shown}`: {error}\nhint: name another with `--images FILE`"
        )
    })?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("the image list `{shown}` is not UTF-8 text")
    };
    Ok(text)
}

/// Decides what goes where, without any request.
///
/// # Errors
/// When there is no such destination, or the selection does not fit the list.
pub fn plan(list: &ImageList, options: &Options) -> anyhow::Result<MirrorPlan> {
    let destination = destination(list, options.destination.as_deref())?;
    let transfers = transfers(list, &destination, &Selection::new(&options.only)?)?;
    check_depth(list, &destination, &transfers)?;
    Ok(MirrorPlan { destination, transfers })
}

/// A path that the destination does not take would be answered as if a right were missing.
fn check_depth(
    list: &ImageList,
    destination: &Destination,
    transfers: &[Transfer],
) -> anyhow::Result<()> {
    let registry = &destination.registry;
    let profile = Profile::of_host(registry, list.registries.get(registry));
    let Some(most) = profile.deepest_path else { return Ok(()) };
    let is_deep = |path: &str| path.split('/').count() > most;
    let paths = transfers.iter().map(|transfer| transfer.target.path().as_str());
    let mut deep: Vec<&str> = paths.filter(|path| is_deep(path)).collect();
    deep.sort_unstable();
    deep.dedup();
    if deep.is_empty() {
        return Ok(());
    }
    bail!(
        "`{registry}` takes repositories of at most {most} parts, and these have more: `{}`\n\
         hint: give the images shorter paths with `target`, or all of them with `max-path-depth = {most}` of the destination",
        deep.join("`, `")
    )
}

/// Copies what is planned. Images that fail are in the report, and stop no other.
///
/// # Errors
/// When nothing could be tried: a contradictory login, no certificates.
pub async fn run(
    list: &ImageList,
    plan: &MirrorPlan,
    options: &Options,
    environment: &dyn Environment,
    observer: Arc<dyn Observer>,
) -> anyhow::Result<MirrorReport> {
    let began = Instant::now();
    let settings = Settings {
        registries: list.registries.clone(),
        concurrency: options.concurrency,
        retry: options.retry,
    };
    let registries = Registries::new(settings, &hosts(&plan.transfers), environment)?;
    let attachments = plan.destination.attachments.max(options.wishes.attachments);
    let wishes = Wishes { attachments, ..options.wishes };
    let repositories = repositories(plan, environment)?.map(Arc::new);
    let copying = copy_all(&registries, &plan.transfers, wishes, repositories.clone(), observer);
    let results = copying.await?;
    let images = plan
        .transfers
        .iter()
        .zip(results)
        .map(|(transfer, result)| ImageReport::new(transfer, result));
    Ok(MirrorReport {
        destination: plan.destination.to_string(),
        images: images.collect(),
        requests: Requests::of(|side| registries.requests(side)),
        took: began.elapsed(),
        insecure: registries.insecure(),
        repositories: repositories.and_then(|repositories| repositories.prepared()),
    })
}

/// What makes repositories where no push does.
fn repositories(
    plan: &MirrorPlan,
    environment: &dyn Environment,
) -> anyhow::Result<Option<Repositories>> {
    let Some(plan) = plan.repositories() else { return Ok(None) };
    if let (Creation::Create, Some(file)) = (plan.creation, &plan.options.lifecycle_policy_file) {
        // Found out later, half of the repositories would be there without it.
        let shown = file.display();
        let text = std::fs::read(file)
            .map_err(|error| anyhow!("cannot read the lifecycle policy `{shown}`: {error}"))?;
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(&text) {
            bail!("the lifecycle policy `{shown}` is not JSON: {error}");
        }
    }
    let search_path = environment.variable("PATH").unwrap_or_default();
    Ok(Some(Repositories::new(plan, search_path)))
}

impl MirrorPlan {
    /// The repositories that may have to be made first.
    pub fn repositories(&self) -> Option<RepositoryPlan> {
        RepositoryPlan::of(&self.destination, &self.transfers)
    }
}

/// A destination by its name in the list, or by its address.
///
/// # Errors
/// When there is none, or more than one to choose from.
pub fn destination(list: &ImageList, wanted: Option<&str>) -> anyhow::Result<Destination> {
    let Some(wanted) = wanted else {
        return match only_one(&list.destinations) {
            Some(destination) => Ok(destination.clone()),
            None if list.destinations.is_empty() => {
                bail!("no destination\nhint: name a registry: `-d registry.example.com`")
            }
            None => bail!(
                "the list has several destinations\nhint: name one: `-d {}`",
                names(list).join("`, `-d ")
            ),
        };
    };
    if let Some(destination) = list.destinations.get(wanted) {
        return Ok(destination.clone());
    }
    wanted.parse().map_err(|why| {
        if holds_userinfo(wanted) {
            return anyhow!("the value of `-d` is no destination: {why}");
        }
        let known = match names(list).as_slice() {
            [] => ", nor any other".to_owned(),
            names => format!(", but `{}`", names.join("`, `")),
        };
        let shown = wanted.escape_debug();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !wanted.is_empty() && wanted.chars().all(is_word) {
            anyhow!(
                "`-d {shown}`: images.toml names no destination `{shown}`{known}; nor is it a registry: {why}"
            )
        } else {
            anyhow!("`-d {shown}`: {why}")
        }
    })
}

fn only_one(destinations: &BTreeMap<String, Destination>) -> Option<&Destination> {
    let mut all = destinations.values();
    all.next().filter(|_| all.next().is_none())
}

fn names(list: &ImageList) -> Vec<&str> {
    list.destinations.keys().map(String::as_str).collect()
}

/// The registries that take part, each with its side.
fn hosts(transfers: &[Transfer]) -> Vec<(String, Side)> {
    let sources =
        transfers.iter().map(|transfer| (transfer.source.registry().to_owned(), Side::Source));
    let targets =
        transfers.iter().map(|transfer| (transfer.target.registry().to_owned(), Side::Destination));
    let mut hosts: Vec<_> = sources.chain(targets).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}
