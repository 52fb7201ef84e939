//! The flags of `init`.

use clap::Args;

use crate::chart::ChartOptions;
use crate::commands::init::NamedDestination;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The chart to list
    ///
    /// This is a folder, a .tgz, its name in the repository of -r, REPOSITORY/NAME in a repository that was
    /// added to helm, or oci://...
    #[arg(short, long, value_name = "CHART")]
    pub chart: String,

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
}

impl InitArgs {
    pub fn options(&self) -> ChartOptions {
        let (repository, version) = (self.repository.clone(), self.version.clone());
        ChartOptions { chart: Some(self.chart.clone()), repository, version }
    }
}
