//! Whether a plan still describes what a run would do: the list, the destination and the sources are compared with it
//! before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use super::planned::{Action, PlannedImage, PlannedPart};
use super::run::{MirrorRun, connect};
use crate::copy::IMAGES_AT_ONCE;
use crate::plan::{Shard, Transfer, registry_settings};
use oci::{Digest, Reference};
use registry::auth::credentials::Environment;
use registry::{Error, ManifestName, Registries, Requests, Side};

/// Something that is not as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    pub target: Reference,
    pub what: String,
}

/// How a plan compares with the list and the registries.
#[derive(Debug, Default)]
pub struct PlanComparison {
    pub changes: Vec<PlanChange>,
    /// Those that it took.
    pub requests: Requests,
}

/// The changes since a part was planned, except those that carrying out the plan has made. Sends one request per image to
/// the destination, and one to the source of each unpinned image that will be copied. Of a pinned one, its pin is copied.
///
/// # Errors
/// If a registry cannot be asked.
pub async fn compare(
    run: &MirrorRun<'_>,
    part: &PlannedPart,
    shard: Option<Shard>,
    environment: &dyn Environment,
) -> anyhow::Result<PlanComparison> {
    let changes = of_list(&run.plan.transfers, &part.images);
    if !changes.is_empty() {
        return Ok(PlanComparison { changes, ..PlanComparison::default() });
    }
    let mut settings = registry_settings(run.list, run.options.concurrency, run.options.retry);
    settings.trace = run.options.trace.clone();
    let registries = connect(run.plan, settings, environment)?;
    // What another machine copies may be there already.
    let is_compared = |image: &&PlannedImage| !image.is_copied() || image.is_copied_by(shard);
    let compared = part.images.iter().filter(is_compared);
    let planned: BTreeMap<&Reference, &PlannedImage> =
        compared.map(|image| (&image.target, image)).collect();
    let looks = run.plan.transfers.iter().filter_map(|transfer| {
        Some(of_registries(&registries, transfer, planned.get(&transfer.target_reference())?))
    });
    let found: Vec<_> = stream::iter(looks).buffered(IMAGES_AT_ONCE).collect().await;
    let found = found.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let changes = found.into_iter().flatten().collect();
    Ok(PlanComparison { changes, requests: registries.requests() })
}

/// How the list differs from the plan. Pure.
fn of_list(transfers: &[Transfer], images: &[PlannedImage]) -> Vec<PlanChange> {
    let named: BTreeSet<Reference> = transfers.iter().map(Transfer::target_reference).collect();
    let planned: BTreeMap<&Reference, &PlannedImage> =
        images.iter().map(|image| (&image.target, image)).collect();
    let change = |target: &Reference, what: &str| PlanChange {
        target: target.clone(),
        what: what.to_owned(),
    };
    let gone = images.iter().filter(|image| !named.contains(&image.target));
    let mut changes: Vec<PlanChange> =
        gone.map(|image| change(&image.target, "the list does not have it any more")).collect();
    for transfer in transfers {
        let target = transfer.target_reference();
        match planned.get(&target) {
            None => changes.push(change(&target, "the list has it, and the plan does not")),
            Some(image) if image.source != transfer.source_reference() => {
                let what = format!("the list copies it from {} now", transfer.source_reference());
                changes.push(change(&target, &what));
            }
            Some(image) => {
                if let (Some(pin), Some(planned)) = (&transfer.digest, image.at_source())
                    && pin != planned
                    && image.is_copied()
                {
                    changes.push(change(&target, &format!("the list pins it to {pin} now")));
                }
            }
        }
    }
    changes
}

async fn of_registries(
    registries: &Registries,
    transfer: &Transfer,
    image: &PlannedImage,
) -> anyhow::Result<Option<PlanChange>> {
    if image.action == Action::Fail {
        return Ok(None);
    }
    let tag = ManifestName::Tag(transfer.tag.clone());
    let describe = |digest: Option<&Digest>| match digest {
        Some(digest) => format!("names {digest}"),
        None => "does not exist".to_owned(),
    };
    let differs = |side: &str, planned: Option<&Digest>, now: Option<&Digest>| {
        (planned != now).then(|| PlanChange {
            target: image.target.clone(),
            what: format!(
                "the tag at the {side} {} now, and it was planned for one that {}",
                describe(now),
                describe(planned)
            ),
        })
    };
    let destination = registries.repository(&transfer.target, Side::Destination)?;
    let now = destination.resolve(&tag).await.map_err(failure)?;
    if now.is_some() && now == image.then {
        // An earlier run of this plan has copied it.
        return Ok(None);
    }
    let changed = differs("destination", image.now.as_ref(), now.as_ref());
    if changed.is_some() || !image.is_copied() || transfer.digest.is_some() {
        return Ok(changed);
    }
    let source = registries.repository(&transfer.source, Side::Source)?;
    let now = source.resolve(&tag).await.map_err(failure)?;
    Ok(differs("source", image.at_source(), now.as_ref()))
}

fn failure(error: Error) -> anyhow::Error {
    anyhow::Error::msg(match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    })
}
