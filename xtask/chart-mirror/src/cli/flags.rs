//! Every command and flag. The doc comments are the help; nothing here does more than parse.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{
    Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use messages::Advice;
use messages::shell::quote;

use super::program;
use super::terminal::{Appearance, Verbosity};
use crate::chart::ChartOptions;
use crate::list::finding_code::Check;
use crate::list_file;
use crate::report::verify::Format;

/// Mirror the container images of a Helm chart into a registry of your own
///
/// images.toml lists every image: its source, the digest it must have, and where it goes.
///
/// Exit codes: 0 done, 1 some images failed, tags moved, files differ, `verify` found errors or `doctor`
/// an unusable registry, 2 could not run (usage, images.toml, the chart), 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "chart-mirror", version, max_term_width = 100)]
pub struct Flags {
    /// How the user called the program
    #[arg(skip)]
    pub program: String,

    /// The image list [default: the nearest images.toml in the current folder or above it]
    #[arg(long, global = true, value_name = "FILE")]
    pub images: Option<PathBuf>,

    /// Show every request and every helm command on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,

    /// Write only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy every image in the list to the destination, keeping digests; with -c, -r or --version, every
    /// image the chart uses
    Mirror(MirrorArgs),
    /// Write the Helm values that make the chart pull from a destination
    Values(ValuesArgs),
    /// Check that list, values, chart, source and destination agree; exit 1 if they do not
    Verify(VerifyArgs),
    /// Compare the images of the chart with the list, and update the list
    Images(ImagesArgs),
    /// Resolve every tag at its source, record the digest in images.toml, and show which tags moved
    Pin(PinArgs),
    /// Show how each registry is reached, which credentials it gets, and whether they work
    Doctor(DoctorArgs),
    /// Run the whole workflow in seconds between two in-memory registries, failures included
    #[cfg(feature = "demo")]
    Demo,
}

#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// A destination in images.toml, or a registry `host[:port][/path]` [default: the only destination
    /// in images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Print what would be copied, without contacting any image registry
    #[arg(short = 't', long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub chart: ChartArgs,

    /// Copy only images whose reference, repository, path or name matches; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Concurrent requests per registry [default: up to 48, fewer when throttled]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Also copy what is attached to the images: cosign signatures, attestations, SBOMs, OCI referrers.
    /// If the registry rejects one, that is a warning [default: `attachments` of the destination]
    #[arg(long)]
    pub attachments: bool,

    /// Don't trust tags at the destination: check every manifest and blob, and copy what is missing
    #[arg(long)]
    pub repair: bool,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

// No doc comment: clap would use it as the help of every command with these flags.
#[derive(Debug, Args)]
pub struct ChartArgs {
    /// The chart: its name in a repository, a folder, a .tgz or oci://... [default: the chart in
    /// images.toml]
    #[arg(short, long, value_name = "CHART")]
    pub chart: Option<String>,

    /// The repository of the chart, https://... or oci://... [default: from images.toml, for its chart]
    #[arg(short, long, value_name = "REPOSITORY")]
    pub repository: Option<String>,

    /// The version of the chart [default: from images.toml, for its chart; otherwise the newest]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
}

#[derive(Debug, Args)]
pub struct ImagesArgs {
    #[command(flatten)]
    pub chart: ChartArgs,

    /// Inventory format on stdout
    #[arg(long, value_enum, default_value_t = InventoryFormat::Plain)]
    pub format: InventoryFormat,

    /// Add unlisted images to images.toml instead of printing; exit 1 if one cannot be added
    #[arg(long, conflicts_with = "format")]
    pub write: bool,

    /// Explain each place of an image: why it counts as one, whether the list has it, and which value moves
    /// it; `*` stands for any characters
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["format", "write"])]
    pub explain: Option<String>,

    /// With --write: also remove images that no rendering uses
    #[arg(long, requires = "write")]
    pub prune: bool,
}

#[derive(Debug, Args)]
pub struct PinArgs {
    /// Pin only images whose reference, repository, path or name matches this glob
    #[arg(value_name = "IMAGE")]
    pub image: Vec<String>,

    /// Change nothing; exit 1 if a digest is missing or a tag names another one
    #[arg(long, conflicts_with = "update")]
    pub check: bool,

    /// Accept moved tags: record the digests that they name now
    #[arg(long)]
    pub update: bool,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The destination to examine: one in images.toml, or a registry `host[:port][/path]` [default: the
    /// only destination in images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Only read environment variables and files; contact no registry and run no credential helper
    #[arg(long)]
    pub offline: bool,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = TextOrJson::Human)]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct ValuesArgs {
    /// A destination in images.toml, or a registry `host[:port][/path]` [default: the only destination
    /// in images.toml; with --write and --check, all of them]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Write values/DESTINATION.yaml instead of printing
    #[arg(long, conflicts_with = "check")]
    pub write: bool,

    /// Compare values/DESTINATION.yaml with images.toml; exit 1 with a diff if they differ
    #[arg(long)]
    pub check: bool,

    /// Render the chart with these values, and prove that every image comes from the destination; exit
    /// 1 if one does not
    #[arg(long, conflicts_with_all = ["write", "check"])]
    pub prove: bool,

    /// With --prove: treat a reference in prose that is not judged as an error
    #[arg(long, requires = "prove")]
    pub strict: bool,

    /// Find by trial which values of the chart move which image; with --write, add missing ones to
    /// images.toml
    #[arg(long, conflicts_with_all = ["check", "prove", "destination"])]
    pub probe: bool,

    #[command(flatten)]
    pub chart: ChartArgs,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A destination in images.toml, or a registry `host[:port][/path]` [default: every destination in
    /// images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Run only this check; may be repeated [default: all]
    #[arg(long, value_enum, value_name = "CHECK")]
    pub only: Vec<Check>,

    /// Check every manifest and blob at the destination, not only the tags
    #[arg(long)]
    pub deep: bool,

    /// Turn warnings into errors
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub chart: ChartArgs,

    /// Concurrent requests per registry [default: up to 48, fewer when throttled]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Report format on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,

    /// Also write the report to a file, in one of the formats of --format; may be repeated
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report_file)]
    pub report: Vec<(Format, PathBuf)>,
}

impl Flags {
    /// Parses the command line. Prints the help or a usage error and exits, if that is the result.
    pub fn from_command_line() -> Self {
        let program = program::name();
        let mut command = Self::command().bin_name(&program);
        let parsed = Self::from_arg_matches(&command.get_matches_mut());
        let flags = parsed.unwrap_or_else(|error| error.format(&mut command).exit());
        Self { program, ..flags }
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

    /// How the program was called, up to the name of the command: `cargo xtask --images FILE`.
    pub fn command_prefix(&self) -> String {
        let images =
            self.images.iter().map(|file| format!(" --images {}", quote(&file.to_string_lossy())));
        self.program.clone() + &images.collect::<String>()
    }

    /// How to write to stdout and stderr.
    pub fn appearance(&self) -> Appearance {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Appearance { colour: self.color, verbosity }
    }
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InventoryFormat {
    /// One reference per line, followed by a tab and `unlisted` or `unused` where that applies
    Plain,
    /// One document, with the places that name each image
    Json,
    /// Entries for images.toml
    Toml,
}

impl ValueEnum for Check {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::List => "images.toml itself: pins, tags, policy",
            Self::Values => "The files in values/ are up to date with the list",
            Self::Chart => {
                "The chart uses the images of the list, and with the values no others (needs helm)"
            }
            Self::Source => "The sources have the images of the list",
            Self::Destination => "The destination has them as well",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

fn report_file(text: &str) -> Result<(Format, PathBuf), Advice> {
    let formats = Format::value_variants().iter().map(|format| format!("`{format}`"));
    let formats = formats.collect::<Vec<_>>().join(", ");
    let Some((name, file)) = text.split_once('=') else {
        let message = "write a format and a file, such as `junit=report.xml`; the formats are";
        return Err(format!("{message} {formats}").into());
    };
    let Ok(format) = Format::from_str(name, false) else {
        return Err(format!("there is no format `{name}`; the formats are {formats}").into());
    };
    if file.is_empty() {
        return Err(format!("there is no file after `{name}=`").into());
    }
    Ok((format, file.into()))
}
