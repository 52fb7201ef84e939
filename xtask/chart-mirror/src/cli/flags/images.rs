//! The flags of `images`.

use clap::Args;

use super::chart::ChartArgs;
use super::ends::{DestinationArgs, with_help};
use crate::cli::flag_values::{ImagesFormat, InventoryFormat};

const DESTINATION: &str = "\
With a list format: a destination; repeatable

Only with a `--format` of another tool: the destinations that its file is for. Give one in images.toml, or a registry
`host[:port][/path]`. Default: the only destination in images.toml. Without one, the file has the sources alone, where the
format allows that.";

const ALL_DESTINATIONS: &str = "\
With a list format: every destination

Only with a `--format` of another tool: its file is for every destination in images.toml. `kustomize` takes one.";

#[derive(Debug, Args)]
#[command(mut_arg("destination", |flag| with_help(flag, DESTINATION)))]
#[command(mut_arg("all_destinations", |flag| with_help(flag, ALL_DESTINATIONS)))]
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
