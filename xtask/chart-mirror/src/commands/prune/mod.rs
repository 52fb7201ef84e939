//! The command `prune`: which tags of a destination no list has any more, and their deletion.
//!
//! Everything is observed first, then decided about (`crate::prune`), and only then is anything deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};

use crate::ecr::CloudImages;
use crate::list::Destination;
use crate::plan::registry_settings;
use crate::prune::Owned;
use apply::Deleter;
use messages::Advice;
use messages::program::command;
use observe::{Found, Observer};
use oci::{Reference, RepositoryPath};
use registry::auth::credentials::Environment;
use registry::known::kind::{Deletion, Profile};
use registry::{Access, Error, ManifestName, Registries, RetryPolicy, Side};
use result::{Catalog, MissingImages, PruneMode, PruneReport};

mod apply;
mod observe;
mod progress;
mod referrers;
pub mod result;
mod subject;
mod wanted;

pub use progress::{DeletionProgress, DeletionsSoFar};
pub use subject::{NamedList, PruneSubject};

/// Repositories at a time. Requests are limited by the queue of the registry.
const REPOSITORIES_AT_ONCE: usize = 8;

/// How to prune.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    pub mode: PruneMode,
    /// Most requests at a time.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
    /// What was deleted so far, for a run that is interrupted.
    pub progress: Arc<DeletionProgress>,
}

/// Decides about every tag of the repositories that the destination declares as owned, and deletes those that go, if
/// that is the mode.
///
/// # Errors
/// If the destination has no rules, a list or its chart cannot be read, the age of tags matters and the registry does
/// not report it, or it cannot be that tags are to be deleted there. Repositories that cannot be read, and tags that
/// cannot be deleted, are in the report.
pub async fn run(
    subject: &PruneSubject<'_>,
    options: &PruneOptions,
    environment: &dyn Environment,
) -> anyhow::Result<PruneReport> {
    let began = Instant::now();
    let PruneSubject { destination, list, all } = *subject;
    let rules = subject.rules()?;
    let wanted = wanted::wanted(all, destination)?;
    let targets = subject.targets()?;
    let owned = Owned::new(&destination.address, rules)?;
    let mut settings = registry_settings(list, options.concurrency, options.retry);
    if options.mode == PruneMode::Apply {
        check_deletion(subject)?;
        settings.destination_access = Access::Delete;
    }
    let hosts = [(destination.address.registry.clone(), Side::Destination)];
    let registries = Registries::new(settings, hosts, environment)?;
    let (paths, catalog) = repositories(&registries, destination, &targets, &wanted).await;
    let paths: Vec<RepositoryPath> = paths.into_iter().filter(|path| owned.has(path)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let needs_cloud = options.mode == PruneMode::Apply || rules.minimum_age.is_some();
    let images = if needs_cloud { CloudImages::of(destination, environment)? } else { None };
    let images = images.as_ref();
    let observer =
        Observer { registries: &registries, images, destination, wanted: &wanted, rules, now };
    let mut found: Vec<Found> = stream::iter(paths)
        .map(|path| observer.repository(path))
        .buffered(REPOSITORIES_AT_ONCE)
        .collect()
        .await;
    check_push_times(destination, &found)?;
    let present = missing(&registries, &targets, &found).await;
    if options.mode == PruneMode::Apply {
        check_read(destination, &found)?;
        check_images(destination, present)?;
        let mut deleter = Deleter::new(&observer, images, &options.progress);
        for found in &mut found {
            deleter.repository(found).await;
        }
    }
    Ok(PruneReport {
        destination: destination.to_string(),
        mode: options.mode,
        repositories: found.into_iter().map(|found| found.into_report(options.mode)).collect(),
        catalog,
        images: present,
        requests: registries.requests().destination,
        seconds: began.elapsed().as_secs_f64(),
        insecure: registries.insecure(),
    })
}

/// Refuses a registry that is known to delete nothing.
fn check_deletion(subject: &PruneSubject<'_>) -> Result<(), Advice> {
    let registry = &subject.destination.address.registry;
    let profile = Profile::of_host(registry, subject.list.registries().get(registry));
    match profile.deletion {
        Some(Deletion::Nothing) => {
            let message = format!("{registry} deletes nothing through the API of registries");
            let hint =
                "delete the tags in its own interface; without `--apply`, they are only shown";
            Err(Advice::new(message).with_hint(hint))
        }
        Some(Deletion::Tags | Deletion::Digests | Deletion::CloudCli) | None => Ok(()),
    }
}

fn check_push_times(destination: &Destination, found: &[Found]) -> Result<(), Advice> {
    let Some(Found { path, .. }) = found.iter().find(|found| found.lacks_push_times()) else {
        return Ok(());
    };
    let registry = &destination.address.registry;
    let message = format!(
        "`minimum-age` cannot be applied: {registry} does not report when the tags of `{path}` were pushed"
    );
    Err(Advice::new(message).with_hint("use `keep-last` or `keep` instead"))
}

/// Refuses a destination of which nothing could be read.
fn check_read(destination: &Destination, found: &[Found]) -> Result<(), Advice> {
    let errors: Option<Vec<&Error>> = found.iter().map(Found::unread).collect();
    let Some(first) = errors.as_ref().and_then(|errors| errors.first()) else { return Ok(()) };
    let message = format!(
        "none of the repositories of {destination} could be read, so nothing is deleted: {first}"
    );
    Err(Advice { hint: first.hint(), ..Advice::new(message) })
}

/// Refuses a destination that does not look like that of the lists.
fn check_images(destination: &Destination, images: MissingImages) -> Result<(), Advice> {
    if !images.are_suspicious() {
        return Ok(());
    }
    let MissingImages { listed, missing } = images;
    let message = format!(
        "{missing} of {listed} listed images are not at {destination}, so nothing is deleted: it may be the wrong \
         destination"
    );
    let mirror = command("mirror");
    Err(Advice::new(message)
        .with_hint(format!("if it is the right one, {mirror} copies them first")))
}

/// The repositories that lists have at the registry, and those of its catalog.
async fn repositories(
    registries: &Registries,
    destination: &Destination,
    targets: &BTreeSet<Reference>,
    wanted: &crate::prune::Wanted,
) -> (BTreeSet<RepositoryPath>, Catalog) {
    let mut paths: BTreeSet<RepositoryPath> =
        targets.iter().map(|target| target.repository().path().clone()).collect();
    paths.extend(wanted.repositories().cloned());
    let catalog = registries.catalog(&destination.address.registry, Side::Destination).await;
    match catalog {
        Ok(Some(listed)) => {
            paths.extend(listed);
            (paths, Catalog::Read)
        }
        Ok(None) => (paths, Catalog::Unavailable),
        Err(error) => (paths, Catalog::Failed { error }),
    }
}

/// How many of the listed images the destination has. One that cannot be asked for counts as missing.
async fn missing(
    registries: &Registries,
    targets: &BTreeSet<Reference>,
    found: &[Found],
) -> MissingImages {
    let seen: BTreeMap<&RepositoryPath, &Found> =
        found.iter().map(|found| (&found.path, found)).collect();
    let is_there = |target: Reference| {
        let in_list = seen.get(target.repository().path()).map(|it| it.has(target.tag()));
        async move {
            match in_list {
                Some(is_there) => is_there,
                None => {
                    let name = ManifestName::Tag(target.tag().clone());
                    match registries.repository(target.repository(), Side::Destination) {
                        Ok(repository) => {
                            matches!(repository.resolve_strictly(&name).await, Ok(Some(_)))
                        }
                        Err(_) => false,
                    }
                }
            }
        }
    };
    let there: Vec<bool> = stream::iter(targets.iter().cloned())
        .map(is_there)
        .buffered(REPOSITORIES_AT_ONCE)
        .collect()
        .await;
    let missing = there.iter().filter(|is_there| !**is_there).count();
    MissingImages { listed: there.len(), missing }
}
