//! `ExportReport`: the result of `bundle export`.

use crate::commands::bundle::totals::BundleTotals;
use crate::commands::mirror::result::MirrorReport;
use layout::LayoutLocation;

/// What a run wrote.
#[derive(Debug)]
pub struct ExportReport {
    pub output: LayoutLocation,
    /// How each list was copied into the bundle.
    pub lists: Vec<MirrorReport>,
    pub state: ExportState,
    pub totals: BundleTotals,
    pub seconds: f64,
}

/// What is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportState {
    /// The bundle, or its parts.
    Written(Vec<LayoutLocation>),
    /// Images failed while they were written. The next run continues with these.
    Unfinished(Vec<LayoutLocation>),
    /// Images failed before anything was written.
    NothingWritten,
}

impl ExportReport {
    pub(super) fn new(output: &LayoutLocation, lists: Vec<MirrorReport>) -> Self {
        let (state, totals) = (ExportState::NothingWritten, BundleTotals::default());
        Self { output: output.clone(), lists, state, totals, seconds: 0.0 }
    }

    /// Whether an image or a chart failed.
    pub fn has_failed(&self) -> bool {
        self.lists.iter().any(MirrorReport::has_failed)
    }
}
