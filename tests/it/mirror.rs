//! `mirror` from registry to registry, both embedded. What was *done* is asserted, from the logs of
//! the registries, beside what is there afterwards.
//!
//! Faults of single requests (throttling, broken transfers, tokens) are tested elsewhere.

mod attachments;
mod blobs;
mod fresh;
mod kinds;
mod pins;
mod support;
