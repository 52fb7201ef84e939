//! `Policy`: what `verify` requires of the images.

use std::collections::BTreeMap;

use super::finding_code::{Code, Severity};
use oci::Platforms;

/// Requirements for the images, and the severity of findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Registries, or paths in one, that images may come from. Empty: any.
    pub allowed_registries: Vec<String>,
    /// Whether an image without a digest is an error; by default a warning.
    pub require_pins: Option<bool>,
    /// Every image must support all of these.
    pub require_platforms: Option<Platforms>,
    /// Replaces the usual severity of a finding.
    pub severities: BTreeMap<Code, Severity>,
}
