//! The file that `--trace` names.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::report_files::{check_place, with_written};
use crate::cli::exit::Exit;
use crate::commands::mirror::timeline::Timeline;
use crate::files::write_atomically;
use crate::report;
use messages::Advice;

/// A timeline that is recorded, and where it goes.
pub(super) struct TraceFile<'a> {
    file: &'a Path,
    pub(super) timeline: Arc<Timeline>,
}

impl<'a> TraceFile<'a> {
    /// Begins a timeline.
    ///
    /// # Errors
    /// If the file cannot be written where it is.
    pub(super) fn new(file: &'a Path) -> Result<Self, Advice> {
        check_place("--trace ", file)?;
        Ok(Self { file, timeline: Arc::default() })
    }

    /// Writes the file, also after a run that failed or was interrupted.
    ///
    /// # Errors
    /// That of the run; otherwise, if the file cannot be written.
    pub(super) fn finish(&self, result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
        let text = report::trace::json(&self.timeline.recorded());
        with_written(result, write_atomically(self.file, &text).map(drop).context("no trace"))
    }
}
