//! The flags that name a chart, which several commands have.

use clap::Args;

use crate::chart::ChartOptions;

// No doc comments here: clap would use them as the help of every command with these flags.
#[derive(Debug, Args)]
pub struct ChartArgs {
    /// The chart to render
    ///
    /// This is its name in a repository, a folder, a .tgz or oci://... Default: the chart in images.toml.
    #[arg(short, long, value_name = "CHART")]
    pub chart: Option<String>,

    /// The repository of the chart
    ///
    /// It begins with https:// or oci://. Default: from images.toml, for its chart.
    #[arg(short, long, value_name = "URL")]
    pub repository: Option<String>,

    /// The version of the chart
    ///
    /// Default: from images.toml, for its chart; otherwise the newest.
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
}

impl ChartArgs {
    pub fn options(&self) -> ChartOptions {
        ChartOptions {
            chart: self.chart.clone(),
            repository: self.repository.clone(),
            version: self.version.clone(),
        }
    }
}
