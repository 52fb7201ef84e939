//! The flags for where images come from and where they go.

use clap::{Arg, Args};
use layout::LayoutLocation;
use oci::RepositoryPath;

/// Gives a flag another help for one command: a line, and after an empty line, more about it.
pub(super) fn with_help(flag: Arg, help: &'static str) -> Arg {
    let line = help.lines().next().unwrap_or_default();
    let more = help.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    flag.help(line).long_help(more.collect::<Vec<_>>().join("\n\n"))
}

// No doc comments here: clap would use them as the help of every command with these flags.
#[derive(Debug, Args)]
pub struct DestinationArgs {
    /// A destination: a name or a registry; repeatable
    ///
    /// Give one in images.toml, or a registry `host[:port][/path]`. `mirror` and `verify` also take an image layout:
    /// `oci:DIR` or `oci-archive:FILE`. Default: the only destination in images.toml; for `verify`, `doctor`, and
    /// `values` with `--prove`, `--write` or `--check`, all of them.
    #[arg(short, long, value_name = "NAME")]
    pub destination: Vec<String>,

    /// Every destination in images.toml
    ///
    /// With one report.
    #[arg(long, conflicts_with = "destination")]
    pub all_destinations: bool,
}

#[derive(Debug, Args)]
pub struct SourceArgs {
    /// Read every source from an image layout
    ///
    /// It is `oci:DIR` or `oci-archive:FILE`, and has each image under its full source reference, as after
    /// `mirror -d oci:DIR`. The registries of the sources are not contacted.
    #[arg(long, value_name = "LAYOUT")]
    pub source: Option<LayoutLocation>,
}

#[derive(Debug, Args)]
pub struct WithChartArgs {
    /// Include the chart itself
    ///
    /// At the destination it is the OCI artifact PATH/NAME:VERSION. Default for PATH: `charts`. Not needed for
    /// destinations with `charts` in images.toml.
    #[arg(
        long,
        value_name = "PATH",
        num_args = 0..=1,
        default_missing_value = "charts",
        hide_short_help = true
    )]
    pub with_chart: Option<RepositoryPath>,
}
