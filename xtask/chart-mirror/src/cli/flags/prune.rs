//! The flags of `prune`.

use clap::Args;

use super::ends::DestinationArgs;
use crate::cli::flag_values::TextOrJson;

#[derive(Debug, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Delete the tags that are shown
    ///
    /// Each one is looked at again right before. If more than half of the listed images are missing at the
    /// destination, nothing is deleted.
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
