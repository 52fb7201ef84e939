//! The flags of `inventory` and of the commands for bundles.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ends::WithChartArgs;
use crate::cli::flag_values::{TextOrJson, byte_size};

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

    /// Ask for each blob, too
    ///
    /// Blobs that the registry has lost are reported, and left out of the inventory. Without the flag, a blob counts as
    /// there if its manifest is.
    #[arg(long)]
    pub deep: bool,

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

#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Write a bundle: images, charts, lists and values
    ///
    /// It is an OCI image layout, a directory or a tar archive. It has the images of the list, the chart, images.toml,
    /// and the values of the destinations. An interrupted run is continued by the same command.
    Export(ExportArgs),
    /// Mirror the images of a bundle to a destination
    ///
    /// Everything in the bundle is hashed before the first push. The list is the one in the bundle, unless --images
    /// names another.
    Import(ImportArgs),
    /// Join bundles into one
    ///
    /// Bundles are named from the oldest to the newest. The result has what the newest list lists, and each blob once.
    Merge(MergeArgs),
    /// Show what a bundle has, without reading its blobs
    List(BundleListArgs),
    /// Hash everything in a bundle
    Verify(BundleVerifyArgs),
    /// Serve a bundle as a read-only registry
    ///
    /// Repositories have the full names of their sources: HOST:PORT/docker.io/library/busybox:1.36. It ends when it is
    /// interrupted.
    Serve(ServeArgs),
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The bundle to write: a folder, or a file that ends in .tar
    #[arg(value_name = "OUT")]
    pub output: String,

    /// Write it for this destination
    ///
    /// Only its platforms are in the bundle, and its attachments. Give its name in images.toml, or a registry. Default:
    /// whole images, for any destination.
    #[arg(short, long, value_name = "NAME")]
    pub destination: Option<String>,

    /// Include only some images; may be repeated
    ///
    /// The glob is matched with the reference, the repository, the path and the name of each image. The chart is left
    /// out.
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Leave out what this inventory has
    ///
    /// It is a file of `inventory -d DESTINATION`. Blobs that the destination has are left out, and the import checks
    /// that they are there.
    #[arg(long, value_name = "INVENTORY")]
    pub against: Option<PathBuf>,

    /// Write parts of at most this size
    ///
    /// Such as 4.7GB or 600MiB. The parts are OUT-1.tar, OUT-2.tar and so on.
    #[arg(long, value_name = "SIZE", value_parser = byte_size)]
    pub split: Option<u64>,

    /// Include a program: this one, or another file
    ///
    /// It is bin/chart-mirror in the bundle. PATH may be the program for another platform.
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    pub with_tool: Option<Option<PathBuf>>,

    /// Leave out the chart
    #[arg(long)]
    pub no_chart: bool,

    /// Include signatures, SBOMs and the like
    ///
    /// That is cosign signatures, attestations, SBOMs and OCI referrers. Default: `attachments` of the destination.
    #[arg(long)]
    pub attachments: bool,

    /// Copy pinned images whatever their tags name
    ///
    /// By their digests, even if the tags at the source name other digests now or are gone.
    #[arg(long)]
    pub pinned: bool,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

/// A bundle that is read.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The bundle, or some of its parts in any order
    #[arg(value_name = "BUNDLE", required = true)]
    pub bundle: Vec<String>,

    #[command(flatten)]
    pub signature: SignatureArgs,
}

#[derive(Debug, Args)]
pub struct SignatureArgs {
    /// Refuse a bundle that this key did not sign
    ///
    /// It is a file with a public key, as PEM. The signature of inventory.json is beside it in a folder, and in FILE.sig
    /// for an archive FILE. If the flag is repeated, one of the keys is enough.
    #[arg(long, value_name = "KEY")]
    pub require_signature: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub bundle: BundleArgs,

    /// The destination: a name or a registry
    ///
    /// Give one in the list, or a registry `host[:port][/path]`. Default: the only destination of the list.
    #[arg(short, long, value_name = "NAME")]
    pub destination: Option<String>,

    #[command(flatten)]
    pub with_chart: WithChartArgs,

    /// Import only some images; may be repeated
    ///
    /// The glob is matched with the reference, the repository, the path and the name of each image.
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Check everything, and copy what is missing
    ///
    /// Tags at the destination are not trusted: every manifest and blob below them is checked.
    #[arg(long)]
    pub repair: bool,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The bundle to write: a folder, or a file that ends in .tar
    #[arg(value_name = "OUT")]
    pub output: String,

    /// The bundles, from the oldest to the newest
    ///
    /// Of a bundle in parts, name all parts, in any order.
    #[arg(value_name = "BUNDLE", required = true)]
    pub bundles: Vec<String>,

    /// Write parts of at most this size
    ///
    /// Such as 4.7GB or 600MiB. The parts are OUT-1.tar, OUT-2.tar and so on.
    #[arg(long, value_name = "SIZE", value_parser = byte_size)]
    pub split: Option<u64>,

    #[command(flatten)]
    pub signature: SignatureArgs,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct BundleListArgs {
    #[command(flatten)]
    pub bundle: BundleArgs,

    /// Report format on stdout
    ///
    /// `json` is the inventory of the bundle.
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct BundleVerifyArgs {
    #[command(flatten)]
    pub bundle: BundleArgs,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub bundle: BundleArgs,

    /// The address and port to listen on
    ///
    /// Other machines reach it only if the address is not one of loopback. There is no TLS and no login. Port 0 is a
    /// free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub listen: SocketAddr,
}
