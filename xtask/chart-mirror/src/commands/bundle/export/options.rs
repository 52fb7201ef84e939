//! `ExportOptions`: what goes into a bundle, and where it is written.

use std::path::PathBuf;

use crate::bundle::destination_inventory::DestinationInventory;
use crate::commands::mirror::Pins;
use crate::list::Attachments;
use layout::LayoutLocation;
use registry::RetryPolicy;

/// What goes into a bundle, and where it is written.
pub struct ExportOptions {
    pub output: LayoutLocation,
    /// The destination that the bundle is for.
    pub destination: Option<String>,
    pub chart: ChartChoice,
    pub attachments: Attachments,
    pub pins: Pins,
    /// What the destination has.
    pub against: Option<DestinationInventory>,
    /// The largest number of bytes of a part.
    pub split: Option<u64>,
    /// The program that is added.
    pub tool: Option<PathBuf>,
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
}

/// Whether the bundle has the chart of each list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChartChoice {
    #[default]
    Included,
    LeftOut,
}
