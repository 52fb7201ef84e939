//! The flags of the commands for saved reports.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::flag_values::TextOrJson;

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Join the reports of the shards of a run into one
    ///
    /// The exit code is that of the whole run: 1 if an image failed, and 2 if a shard could not run or has no report.
    Merge(MergeReportsArgs),
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
