//! `VerifyOptions`: what to check, and how.

use std::collections::BTreeSet;

use crate::chart::ChartOptions;
use crate::list::finding_code::Check;
use layout::LayoutLocation;
use oci::RepositoryPath;
use registry::RetryPolicy;

#[derive(Default)]
pub struct VerifyOptions {
    /// Without one, every destination of the list.
    pub destinations: Vec<String>,
    /// Globs; without one, all images.
    pub images: Vec<String>,
    pub checks: BTreeSet<Check>,
    /// Check every manifest and blob at the destination, not only the tags.
    pub deep: bool,
    /// Turn warnings into errors.
    pub strict: bool,
    pub chart: ChartOptions,
    /// Where the chart is, for destinations without such a path.
    pub charts: Option<RepositoryPath>,
    /// Most concurrent requests to one registry.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
    /// The layout that is read instead of the sources.
    pub source: Option<LayoutLocation>,
}
