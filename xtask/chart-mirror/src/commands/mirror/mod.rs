//! The command `mirror`: plan, copy, report.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};

use crate::copy::{Observer, Wishes, copy_all};
use crate::ecr::{Repositories, RepositoryPlan};
use crate::list::{Creation, Destination, ImageList};
use crate::plan::{Selection, Transfer, transfers};

use registry::auth::credentials::Environment;
use registry::known::profile::Profile;
use registry::{Registries, RetryPolicy, Settings};

pub mod result;

use result::{ImageReport, MirrorReport};

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

/// Decides what goes where, without any request.
///
/// # Errors
/// When there is no such destination, or the selection does not fit the list.
pub fn plan(list: &ImageList, options: &Options) -> anyhow::Result<MirrorPlan> {
    let destination = list.choose(options.destination.as_deref())?;
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
    let profile = Profile::of_host(registry, list.registries().get(registry));
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
        registries: list.registries().clone(),
        concurrency: options.concurrency,
        retry: options.retry,
    };
    let registries =
        Registries::new(settings, plan.transfers.iter().flat_map(Transfer::hosts), environment)?;
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
        requests: registries.requests(),
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
