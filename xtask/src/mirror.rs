//! The command `mirror`: plan, copy, report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::copy::{Observer, copy_all};
use crate::list::{Destination, ImageList};
use crate::plan::{Selection, Transfer, transfers};
use crate::registry::credentials::Environment;
use crate::registry::{Registries, RetryPolicy, Settings, Side};
use crate::report::{ImageReport, MirrorReport, Requests};

/// What to mirror, and how.
pub struct Options {
    pub destination: Option<String>,
    pub only: Vec<String>,
    pub concurrency: Option<usize>,
    pub attachments: bool,
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
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| {
        format!("cannot read the image list `{shown}`\nhint: name another with `--images FILE`")
    })?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("the image list `{shown}` is not UTF-8 text")
    };
    Ok(ImageList::parse(&shown, &text)?)
}

/// Decides what goes where, without any request.
///
/// # Errors
/// When there is no such destination, or the selection does not fit the list.
pub fn plan(list: &ImageList, options: &Options) -> anyhow::Result<MirrorPlan> {
    let destination = destination(list, options.destination.as_deref())?;
    let transfers = transfers(list, &destination, &Selection::new(&options.only)?)?;
    Ok(MirrorPlan { destination, transfers })
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
    let results = copy_all(&registries, &plan.transfers, options.attachments, observer).await?;
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
    })
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
        let known = names(list);
        let known = if known.is_empty() {
            String::new()
        } else {
            format!("; images.toml names {}", known.join(", "))
        };
        anyhow::anyhow!("`-d {wanted}`: {why}{known}")
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
