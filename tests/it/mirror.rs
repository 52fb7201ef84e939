//! `mirror` between two registries in memory. The tests check the requests in the logs of the
//! registries, and the content at the destination.
//!
//! Faults of single requests (throttling, broken transfers, tokens) are tested in `faults`.

mod attachments;
mod blobs;
mod charts;
mod critical_path;
mod failures;
mod fresh;
mod hosts;
mod killed;
mod kinds;
mod pins;
mod planned;
mod platforms;
mod repair;
mod scale;
mod shared_failures;
mod signatures;
mod support;
mod together;
pub(crate) mod trace;
