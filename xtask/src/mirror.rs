//! The command `mirror`: plan, copy, report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};

use crate::copy::{Observer, Wishes, copy_all};
use crate::list::{Destination, ImageList, holds_userinfo};
use crate::plan::{Selection, Transfer, transfers};
use crate::registry::credentials::Environment;
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
    Ok(ImageList::parse(&file.display().to_string(), &read_text(file)?)?)
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
    let attachments = plan.destination.attachments.max(options.wishes.attachments);
    let wishes = Wishes { attachments, ..options.wishes };
    let results = copy_all(&registries, &plan.transfers, wishes, observer).await?;
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
