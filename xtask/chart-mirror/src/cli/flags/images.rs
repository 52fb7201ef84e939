//! The flags of `images`.

use clap::Args;

use super::chart::ChartArgs;
use super::ends::DestinationArgs;
use crate::cli::flag_values::{ImagesFormat, InventoryFormat};

#[derive(Debug, Args)]
pub struct ImagesArgs {
    #[command(flatten)]
    pub chart: ChartArgs,

    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Inventory of the chart, or list for a tool
    ///
    /// Human, lines, JSON and TOML compare the chart with the list. The others are the list for another tool: they
    /// need neither a chart nor helm, and warnings name what the format leaves out.
    #[arg(long, value_enum, default_value_t = ImagesFormat::Inventory(InventoryFormat::Human))]
    pub format: ImagesFormat,

    /// Add unlisted images to images.toml
    ///
    /// This replaces printing. It also changes the tags of images that the chart names by another one. If an
    /// image cannot be added, the exit code is 1.
    #[arg(long, conflicts_with = "format")]
    pub write: bool,

    /// Explain each place of an image
    ///
    /// It shows why the place counts as one, whether the list has it, and which value moves it. `*` stands
    /// for any characters.
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["format", "write"])]
    pub explain: Option<String>,

    /// With --write: also remove unused images
    ///
    /// An image is unused if no rendering of the chart uses it.
    #[arg(long, requires = "write")]
    pub prune: bool,
}
