//! Every command and flag. The doc comments are the help; nothing here does more than parse.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use messages::Advice;
use messages::shell::quote;

pub use super::flag_values::{ImagesFormat, InventoryFormat, TextOrJson, ValuesFormat};
use super::flag_values::{mirror_report, verify_report};
use super::help;
use super::program;
use super::terminal::{Appearance, ProgressFormat, Verbosity};
use crate::list::finding_code::Check;
use crate::list_file;
use crate::plan::Shard;
use crate::report::mirror::ReportFormat;
use crate::report::verify::Format;
use registry::RetryPolicy;

mod bundle;
mod chart;
mod ends;
mod images;
mod init;
mod planning;
mod prune;
mod reports;
mod values;

pub use bundle::{
    BundleArgs, BundleCommand, BundleListArgs, BundleVerifyArgs, ExportArgs, ImportArgs,
    InventoryArgs, MergeArgs, ServeArgs,
};
pub use chart::ChartArgs;
pub use ends::{DestinationArgs, SourceArgs, WithChartArgs};
pub use images::ImagesArgs;
pub use init::InitArgs;
pub use planning::PlanningArgs;
pub use prune::PruneArgs;
pub use reports::{MergeReportsArgs, PageArgs, ReportCommand, SinceArgs};
pub use values::ValuesArgs;

/// The heading of the flags that every command has.
const GLOBAL: &str = "Global options";

/// Mirror the container images of a Helm chart into a registry of your own
///
/// images.toml lists every image: its source, the digest it must have, and where it goes.
#[derive(Debug, Parser)]
#[command(name = program::BINARY, version = program::VERSION, max_term_width = 100)]
pub struct Flags {
    /// How the user called the program
    #[arg(skip)]
    pub program: String,

    /// Use another image list
    ///
    /// Default: the nearest images.toml, in the current folder or above it.
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub images: Option<PathBuf>,

    /// Show every request and every helm command
    ///
    /// They go to stderr. Reports leave nothing out.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,

    /// Write only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,

    /// Limit the time of a request
    ///
    /// A request to a registry is given up then. For the transfer of a blob, it is the time without a byte. A
    /// registry that never answers in this time is given up for the rest of the run. `[registries]` has more exact
    /// settings. Default: 60.
    #[arg(long, global = true, value_name = "SECONDS", help_heading = GLOBAL)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub timeout: Option<u16>,

    /// When to use colours
    ///
    /// `auto` decides for stdout and stderr separately: yes on a terminal, unless NO_COLOR, CLICOLOR or
    /// CLICOLOR_FORCE in the environment decide otherwise.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    #[arg(help_heading = GLOBAL)]
    pub color: ColorChoice,

    /// How to show progress on stderr
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = ProgressFormat::Auto)]
    #[arg(help_heading = GLOBAL, hide_short_help = true)]
    pub progress: ProgressFormat,

    /// Only this member of the workspace; may be repeated
    ///
    /// Give its folder, or the last part of it; `.` is the list of the workspace itself. Default: all members,
    /// or the one in whose folder you are.
    #[arg(long, global = true, value_name = "NAME")]
    #[arg(help_heading = GLOBAL)]
    pub member: Vec<String>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write images.toml for a chart
    ///
    /// It lists the images of the chart with the values that move them, and the digests of their tags. With
    /// -d, the values of the destinations are written as well. Nothing is overwritten.
    Init(InitArgs),
    /// Copy every image of the list to a destination
    ///
    /// Digests are kept. With -c, -r or --version, every image that the chart uses is copied instead.
    Mirror(MirrorArgs),
    /// Write the Helm values that make the chart pull from a destination
    Values(ValuesArgs),
    /// Check that list, values, chart, source and destination agree
    Verify(VerifyArgs),
    /// Compare the images of the chart with the list, and update the list
    Images(ImagesArgs),
    /// Record the digest of every tag, and show which tags moved
    ///
    /// Tags are resolved at their sources, and digests are written to images.toml.
    Pin(PinArgs),
    /// Show how each registry is reached, and whether its credentials work
    Doctor(DoctorArgs),
    /// Show which tags of a destination no list has any more, or delete them
    ///
    /// Only in repositories that `[destinations.NAME.prune]` declares as owned. Nothing is deleted without --apply.
    Prune(PruneArgs),
    /// Write down what a destination has
    ///
    /// The inventory is JSON: for each repository, its tags, its manifests, and its blobs with their sizes.
    Inventory(InventoryArgs),
    /// Carry images, charts and values to a site without a connection
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Work with saved reports
    #[command(subcommand)]
    Report(ReportCommand),
    /// Run the whole workflow in seconds, between registries in memory
    #[cfg(feature = "demo")]
    Demo,
    /// Print a script that completes the commands and flags of chart-mirror in a shell
    #[cfg(feature = "shell")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: super::shell::Shell,
    },
    /// Write the man pages of chart-mirror into a folder
    #[cfg(feature = "shell")]
    Man {
        /// The folder; it is created if it is missing
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct MirrorArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    #[command(flatten)]
    pub source: SourceArgs,

    /// Print what would be copied to an empty destination
    ///
    /// No image registry is contacted, so images that are there already are printed as well.
    #[arg(short = 't', long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub planning: PlanningArgs,

    #[command(flatten)]
    pub chart: ChartArgs,

    #[command(flatten)]
    pub with_chart: WithChartArgs,

    /// Copy only some images; may be repeated
    ///
    /// The glob is matched with the reference, the repository, the path and the name of each image.
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Copy only one shard of the images
    ///
    /// For several machines: `2/4` is the second of four. Images with one target repository are in one shard, and
    /// every machine divides the list in the same way. `report merge` joins the reports.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Also copy signatures, SBOMs and the like
    ///
    /// That is cosign signatures, attestations, SBOMs and OCI referrers. If the registry rejects one, that is a
    /// warning. Default: `attachments` of the destination.
    #[arg(long)]
    pub attachments: bool,

    /// Check everything, and copy what is missing
    ///
    /// Tags at the destination are not trusted: every manifest and blob below them is checked.
    #[arg(long)]
    pub repair: bool,

    /// Copy pinned images whatever their tags name
    ///
    /// By their digests, even if the tags at the source name other digests now or are gone.
    #[arg(long)]
    pub pinned: bool,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,

    /// Also write a report to a file
    ///
    /// `json`: one document. `prometheus`: metrics, for the textfile collector of node_exporter; not of a plan. `html`: a
    /// page for people. May be repeated.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = mirror_report, conflicts_with = "dry_run")]
    pub report: Vec<(ReportFormat, PathBuf)>,

    #[command(flatten)]
    pub since: SinceArgs,

    /// Write a timeline of the requests to a file
    ///
    /// In the trace event format of Chrome, for ui.perfetto.dev or chrome://tracing. It shows what the run waited for.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run", hide_short_help = true)]
    pub trace: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    /// Pin only these images
    ///
    /// Each glob is matched with the reference, the repository, the path and the name of each image.
    #[arg(value_name = "IMAGE")]
    pub image: Vec<String>,

    /// Change nothing, and fail if a pin is wrong
    ///
    /// If a digest is missing or a tag names another one, the exit code is 1.
    #[arg(long, conflicts_with = "update")]
    pub check: bool,

    /// Accept tags that have moved
    ///
    /// The digests that they name now are recorded.
    #[arg(long)]
    pub update: bool,

    #[command(flatten)]
    pub source: SourceArgs,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    /// Only read environment variables and files
    ///
    /// No registry is contacted, and no credential helper is run.
    #[arg(long)]
    pub offline: bool,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub destination: DestinationArgs,

    #[command(flatten)]
    pub source: SourceArgs,

    /// Run only this check; may be repeated
    ///
    /// Or several with commas. Default: all.
    #[arg(long, value_enum, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<Check>,

    /// Check only images that match; may be repeated
    ///
    /// The glob is compared with the reference, the repository, its path and its last name.
    #[arg(long, value_name = "GLOB")]
    pub image: Vec<String>,

    /// Check every manifest and blob
    ///
    /// Without this flag, only the tags at the destination are checked.
    #[arg(long)]
    pub deep: bool,

    /// Turn warnings into errors
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub chart: ChartArgs,

    #[command(flatten)]
    pub with_chart: WithChartArgs,

    /// Concurrent requests per registry
    ///
    /// Default: up to 48, fewer when throttled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,

    /// Also write a report to a file
    ///
    /// The formats are those of --format. May be repeated.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = verify_report)]
    pub report: Vec<(Format, PathBuf)>,

    #[command(flatten)]
    pub since: SinceArgs,
}

impl Flags {
    /// Parses the command line. Prints the help or a usage error and exits, if that is the result.
    pub fn from_command_line() -> Self {
        let program = program::name();
        let arguments: Vec<String> =
            std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut command = help::complete(Self::command(), &program).color(help::colour(&arguments));
        if arguments.iter().any(|argument| argument == "-h") {
            command = help::brief(command);
        }
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let matches =
            matches.unwrap_or_else(|error| help::with_near_commands(error, &command).exit());
        let parsed = Self::from_arg_matches(&matches);
        let flags = parsed.unwrap_or_else(|error| error.format(&mut command).exit());
        Self { program, ..flags }
    }

    /// How long to wait for registries.
    pub fn patience(&self) -> RetryPolicy {
        self.patience_like(RetryPolicy::default())
    }

    /// The same, for a command that is less patient by itself.
    pub fn patience_like(&self, usual: RetryPolicy) -> RetryPolicy {
        match self.timeout {
            Some(seconds) => usual.within(Duration::from_secs(seconds.into())),
            None => usual,
        }
    }

    /// Where the image list is: what `--images` names, or else the nearest images.toml in the current
    /// folder or above it.
    ///
    /// # Errors
    /// If there is no images.toml.
    pub fn list_file(&self) -> Result<PathBuf, Advice> {
        match &self.images {
            Some(file) => Ok(file.clone()),
            None => list_file::find(&self.program),
        }
    }

    /// The path of a new list, `None` if the list exists: what `--images` names, or else images.toml in the
    /// current folder.
    pub fn new_list_file(&self) -> Option<PathBuf> {
        let file = self.list_file().unwrap_or_else(|_| list_file::NAME.into());
        (!file.exists()).then_some(file)
    }

    /// How the program was called, up to the name of the command, with the flags that choose lists:
    /// `cargo xtask --images FILE --member NAME`.
    pub fn command_prefix(&self) -> String {
        let images =
            self.images.iter().map(|file| format!(" --images {}", quote(&file.to_string_lossy())));
        let members = self.member.iter().map(|name| format!(" --member {}", quote(name)));
        self.program.clone() + &images.chain(members).collect::<String>()
    }

    /// How to write to stdout and stderr.
    pub fn appearance(&self) -> Appearance {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Appearance { colour: self.color, verbosity, progress: self.progress }
    }
}
