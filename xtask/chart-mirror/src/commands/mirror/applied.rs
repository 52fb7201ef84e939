//! A run of a plan: which images of the list it copies, and what its report says about the others.

use std::collections::HashMap;

use super::planned::{Action, PlannedImage, PlannedPart};
use super::planned_error::{PlannedError, then_make_another};
use super::result::ImageReport;
use crate::plan::{Shard, Transfer};
use oci::Reference;
use registry::{Cause, Error, Requests, Side};

/// The images that a run of a plan reports, in the order of the plan.
pub(super) struct AppliedPlan {
    images: Vec<ImageInPlan>,
    /// The position of each of them in the whole plan.
    pub(super) positions: Vec<usize>,
    /// The requests that compared the plan with the registries.
    pub(super) compared: Requests,
}

enum ImageInPlan {
    /// The run copies it.
    Copied { is_pinned: bool },
    /// The plan has found it up to date, or cannot copy it.
    Settled(Box<ImageReport>),
}

impl AppliedPlan {
    /// With the transfers that are left to do by the machine of a shard, as they were planned: an unpinned image by its
    /// digest.
    pub(super) fn new(
        planned: &PlannedPart,
        shard: Option<Shard>,
        compared: Requests,
        transfers: Vec<Transfer>,
    ) -> (Self, Vec<Transfer>) {
        let images = planned.images.iter().enumerate();
        let here = images.filter(|(_, image)| shard.is_none_or(|shard| image.is_in(shard)));
        let here: HashMap<&Reference, (usize, &PlannedImage)> =
            here.map(|(position, image)| (&image.target, (position, image))).collect();
        let mut kept: Vec<(usize, &PlannedImage, Transfer)> = transfers
            .into_iter()
            .filter_map(|transfer| {
                let (position, image) = here.get(&transfer.target_reference())?;
                Some((*position, *image, transfer))
            })
            .collect();
        kept.sort_by_key(|(position, ..)| *position);
        let positions = kept.iter().map(|(position, ..)| *position).collect();
        let (mut images, mut left) = (Vec::new(), Vec::new());
        for (_, image, mut transfer) in kept {
            if let Some(report) = settled(image, &transfer) {
                images.push(ImageInPlan::Settled(Box::new(report)));
                continue;
            }
            images.push(ImageInPlan::Copied { is_pinned: transfer.digest.is_some() });
            transfer.digest = image.at_source().cloned();
            left.push(transfer);
        }
        (Self { images, positions, compared }, left)
    }

    /// The reports about all images: of those that were copied, and of the others.
    pub(super) fn reports(&self, copied: impl Iterator<Item = ImageReport>) -> Vec<ImageReport> {
        let mut copied = copied;
        let report = |image: &ImageInPlan| match image {
            ImageInPlan::Settled(report) => Some((**report).clone()),
            ImageInPlan::Copied { is_pinned } => {
                copied.next().map(|report| ImageReport { pinned: *is_pinned, ..report })
            }
        };
        self.images.iter().filter_map(report).collect()
    }
}

/// The report about an image that the run does not copy.
fn settled(image: &PlannedImage, transfer: &Transfer) -> Option<ImageReport> {
    let (digest, made_from) = (image.then.clone(), image.made_from.clone());
    match image.action {
        Action::Create | Action::Update => None,
        Action::UpToDate => Some(ImageReport::up_to_date(transfer, digest, made_from)),
        Action::Fail => {
            let error = image.error.as_ref().and_then(PlannedError::at_registry);
            let error = error.unwrap_or_else(|| {
                let cause = Cause::Unsupported("the plan does not say why it failed".to_owned());
                Error::new(Side::Source, "read the image", cause)
            });
            Some(ImageReport::new(transfer, Err(during_planning(error))))
        }
    }
}

/// The error that an image had when the plan was made.
fn during_planning(mut error: Error) -> Error {
    let hint = then_make_another(error.hint());
    error.operation += " for the plan";
    error.with_hint(hint)
}
