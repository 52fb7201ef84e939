//! Which tags of a destination stay, and which go. Pure: what the destination has was observed before, and what is
//! decided here is done afterwards.
//!
//! ```text
//! rules, wanted, names of tags ─ by_name ─▶ ByName ─┐
//!                              manifests ─ observed ┴─ decide ─▶ TagDecision per tag ─ steps ─▶ deletions in order
//! ```
//!
//! Whatever is unknown stays.

mod attachment;
mod by_name;
mod decide;
mod decision;
mod owned;
#[cfg(test)]
mod properties;
mod referrers;
mod steps;
mod version_order;
mod wanted;

pub use by_name::{NoPushTimes, by_name};
pub use decide::{Method, Observed, ObservedTag, decide};
pub use decision::{ByName, DeleteReason, KeepReason, TagDecision};
pub use owned::Owned;
pub use referrers::{Orphans, Referrer, ReferrerTree, TooManyReferrers, listed_by_tag, needed};
pub use steps::{DeletionStep, steps};
pub use wanted::{Wanted, WantedContent};
