//! The flags of `init`.

use std::path::PathBuf;

use clap::Args;

use crate::chart::ChartOptions;
use crate::commands::init::NamedDestination;
use crate::formats::ListFormat;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The chart to list
    ///
    /// This is a folder, a .tgz, its name in the repository of -r, REPOSITORY/NAME in a repository that was
    /// added to helm, or oci://...
    #[arg(short, long, value_name = "CHART", required_unless_present = "from_list")]
    pub chart: Option<String>,

    /// The repository of the chart
    ///
    /// https://... or oci://...
    #[arg(short, long, value_name = "URL")]
    pub repository: Option<String>,

    /// The version of the chart
    ///
    /// Default: the newest. It is written into images.toml.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,

    /// A destination; may be repeated
    ///
    /// A registry `host[:port][/path]`, or `NAME=host[:port][/path]`. Without a name, it is named after its
    /// host, and `local` on this machine.
    #[arg(short, long, value_name = "REGISTRY")]
    pub destination: Vec<NamedDestination>,

    /// Leave digests out
    ///
    /// No registry is contacted. `pin` records them later.
    #[arg(long)]
    pub no_pin: bool,

    /// Set a value that the chart requires
    ///
    /// As for helm. It is written into images.toml, so use placeholders instead of secrets.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Set a value to a text
    ///
    /// Like --set, but numbers and booleans stay texts.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set_string: Vec<String>,

    /// Render the chart for a version of Kubernetes
    ///
    /// It is written into images.toml. Default: the one that helm was built for.
    #[arg(long, value_name = "VERSION")]
    pub kube_version: Option<String>,

    /// Render the chart with a file of values
    ///
    /// Its path is written into images.toml.
    #[arg(long, value_name = "FILE")]
    pub values: Vec<String>,

    /// Take the images from the list of another tool
    ///
    /// Instead of rendering a chart. Tags, digests and targets are those of the file, destinations are derived from
    /// the targets, and no registry is contacted. If an entry cannot be taken over, the exit code is 1.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["chart", "repository", "version", "no_pin", "set", "set_string", "kube_version", "values"])]
    pub from_list: Option<PathBuf>,

    /// The format of that list
    ///
    /// Default: it is recognised by the content.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        requires = "from_list",
        conflicts_with = "chart"
    )]
    pub list_format: Option<ListFormat>,
}

impl InitArgs {
    pub fn options(&self) -> ChartOptions {
        let (repository, version) = (self.repository.clone(), self.version.clone());
        ChartOptions { chart: self.chart.clone(), repository, version }
    }
}
