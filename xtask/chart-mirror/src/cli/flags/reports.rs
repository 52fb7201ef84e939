//! The flags of the commands for saved reports.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::flag_values::{TextOrJson, byte_size};

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Join the reports of the shards of a run into one
    ///
    /// The exit code is that of the whole run: 1 if an image failed, and 2 if a shard could not run or has no report.
    Merge(MergeReportsArgs),
    /// Show saved reports as a page for people
    ///
    /// The page is one file that loads nothing: images by destinations, sizes, what is shared, platforms, and findings.
    Html(PageArgs),
}

#[derive(Debug, Args)]
pub struct PageArgs {
    /// JSON reports of `mirror`, `verify`, `bundle import` and `report merge`, and plans of `mirror --plan`
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The page
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Estimate the time of a plan at this rate
    ///
    /// Per second, such as 50MB.
    #[arg(long, value_name = "SIZE", value_parser = byte_size)]
    pub rate: Option<u64>,

    #[command(flatten)]
    pub since: SinceArgs,
}

// No doc comments here: clap would use them as the help of every command with these flags.
#[derive(Debug, Args)]
pub struct SinceArgs {
    /// An earlier JSON report: the page shows what changed
    ///
    /// Sizes that the run did not learn are taken from it if the digest is the same. May be repeated.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub since: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct MergeReportsArgs {
    /// What `mirror --shard I/N --format json` printed, one file for each shard
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}
