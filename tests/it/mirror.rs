//! `mirror` from registry to registry, both embedded. What was *done* is asserted, from the logs of
//! the registries, beside what is there afterwards.
//!
//! Faults of single requests (throttling, broken transfers, tokens) are tested elsewhere.

mod attachments;
mod blobs;
mod failures;
mod fresh;
mod killed;
mod kinds;
mod pins;
mod platforms;
mod repair;
pub(crate) mod support;
mod together;
