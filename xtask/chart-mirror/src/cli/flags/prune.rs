//! The flags of `prune`.

use clap::Args;

use super::ends::{DestinationArgs, with_help};
use crate::cli::flag_values::TextOrJson;

const DESTINATION: &str = "\
A destination in images.toml; repeatable

One that has `[destinations.NAME.prune]`. Default: the only destination in images.toml.";

const ALL_DESTINATIONS: &str = "\
Every destination that has rules for `prune`

That is `[destinations.NAME.prune]`. Each has its part of the report.";

#[derive(Debug, Args)]
#[command(mut_arg("destination", |flag| with_help(flag, DESTINATION)))]
#[command(mut_arg("all_destinations", |flag| with_help(flag, ALL_DESTINATIONS)))]
pub struct PruneArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Delete the tags that are shown
    ///
    /// Each one is looked at again right before. Referrers go with the manifest that they belong to. If more than half
    /// of the listed images are missing at the destination, nothing is deleted.
    #[arg(long)]
    pub apply: bool,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}
