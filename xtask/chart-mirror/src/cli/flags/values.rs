//! The flags of `values`.

use clap::Args;

use super::chart::ChartArgs;
use super::ends::DestinationArgs;
use crate::cli::flag_values::ValuesFormat;

#[derive(Debug, Args)]
pub struct ValuesArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Helm values, or configuration for nodes
    ///
    /// The files for nodes are written to values/nodes/DESTINATION. If a format cannot redirect an image, the
    /// exit code is 1.
    #[arg(long, value_enum, default_value_t = ValuesFormat::Helm)]
    pub format: ValuesFormat,

    /// Write values/DESTINATION.yaml
    ///
    /// The values are not printed.
    #[arg(long, conflicts_with = "check")]
    pub write: bool,

    /// Compare values/DESTINATION.yaml
    ///
    /// If a file is not what images.toml leads to, a diff is printed, and the exit code is 1.
    #[arg(long)]
    pub check: bool,

    /// Prove that all images come from there
    ///
    /// The chart is rendered with these values, and every place that names an image is compared. If one
    /// does not come from the destination, the exit code is 1.
    #[arg(long, conflicts_with_all = ["write", "check"])]
    pub prove: bool,

    /// With --prove: mentions in prose are errors
    ///
    /// This is about mentions that are not judged. Without the flag, they are warnings.
    #[arg(long, requires = "prove")]
    pub strict: bool,

    /// Find out which values move which image
    ///
    /// The chart is rendered with values that are markers. With --write, missing ones are added to images.toml.
    #[arg(long, conflicts_with_all = ["check", "prove", "destination", "all_destinations"])]
    pub probe: bool,

    #[command(flatten)]
    pub chart: ChartArgs,
}
