//! The flags of `mirror` for plans.

use std::path::PathBuf;

use clap::Args;

use crate::cli::flag_values::byte_size;

// No doc comment here: clap would use it as the help of the command.
#[derive(Debug, Args)]
pub struct PlanningArgs {
    /// Write a plan to a file, and copy nothing
    ///
    /// The registries are asked what is there. The plan says for each image what would be sent, mounted, created or
    /// changed, and `--apply` carries it out.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "apply", "shard", "source"])]
    pub plan: Option<PathBuf>,

    /// Copy what a plan says, and nothing else
    ///
    /// If the list, a destination or the tag of an unpinned image has changed since it was made, nothing is copied.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "dry_run", "source", "destination", "all_destinations", "only", "attachments", "repair", "pinned", "chart", "repository",
            "version"
        ]
    )]
    pub apply: Option<PathBuf>,

    /// Divide the plan between machines
    ///
    /// Each gets about the same work, and images with common layers if possible. `--apply FILE --shard 2/4`
    /// copies what the second of four has to copy.
    #[arg(
        long,
        value_name = "N",
        requires = "plan",
        hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub shards: Option<u32>,

    /// Estimate the time of a plan at this rate
    ///
    /// Per second, such as 50MB.
    #[arg(long, value_name = "SIZE", requires = "plan", hide_short_help = true, value_parser = byte_size)]
    pub rate: Option<u64>,
}
