//! The flags of `inventory`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct InventoryArgs {
    /// The destination: a name or a registry
    ///
    /// Give one in images.toml, or a registry `host[:port][/path]`. Default: the only destination in images.toml.
    #[arg(short, long, value_name = "NAME")]
    pub destination: Option<String>,

    /// Ask only for some images; may be repeated
    ///
    /// The glob is matched with the reference, the repository, the path and the name of each image.
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Write to a file
    ///
    /// Default: stdout.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,
}
