//! `Run`: what all images of one list at one destination share.

use std::sync::Arc;

use super::complete::BlobChecks;
use super::options::CopyOptions;
use super::progress::Progress;
use super::shared_reads::SharedReads;
use super::signature_policy::SignaturePolicy;
use super::tracker::BlobTracker;
use crate::ecr::Repositories;

pub(super) struct Run {
    pub(super) tracker: Arc<BlobTracker>,
    pub(super) reads: Arc<SharedReads>,
    pub(super) progress: Arc<dyn Progress>,
    pub(super) options: CopyOptions,
    pub(super) checks: Arc<BlobChecks>,
    pub(super) signatures: Arc<SignaturePolicy>,
    /// Creates missing repositories, if the destination does not do that on push.
    pub(super) repositories: Option<Arc<Repositories>>,
}
