//! `MergeReport`: the result of `bundle merge`.

use serde::Serialize;

use crate::commands::bundle::totals::BundleTotals;
use layout::LayoutLocation;
use oci::{Digest, Reference};

/// What a merge wrote.
#[derive(Debug)]
pub struct MergeReport {
    pub output: LayoutLocation,
    /// The bundle or its parts.
    pub locations: Vec<LayoutLocation>,
    /// From the oldest to the newest. All parts of a bundle have the name of the first one.
    pub bundles: Vec<String>,
    pub lists: Vec<TakenList>,
    pub left_behind: Vec<LeftBehind>,
    pub totals: BundleTotals,
    pub seconds: f64,
}

/// A list, and the bundle from which it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TakenList {
    /// The folder of a member of a workspace; `.` for the list of the bundle itself.
    pub name: String,
    /// Its file in the bundle.
    pub file: String,
    pub bundle: String,
}

/// An image of a bundle that the merged bundle does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct LeftBehind {
    /// The name of its list.
    pub list: String,
    pub source: Reference,
    pub digest: Digest,
    pub bundle: String,
    /// What the same reference names in the merged bundle; null if it does not have the reference, because the newest
    /// list does not have it with this digest.
    pub replaced_by: Option<Digest>,
}
