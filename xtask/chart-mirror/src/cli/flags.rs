//! Every command and flag. Parsing does nothing but parse; the doc comments are the help.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::chart::Wanted;
use crate::list::code::Check;
use crate::report::verify::Form;

/// Mirror the container images of a Helm chart into a registry of your own
///
/// images.toml lists every image: where it comes from, which digest it must have, where it goes.
///
/// Exit codes: 0 done, 1 some images failed, tags moved, files differ, `verify` found errors or `doctor` a
/// registry that cannot be used, 2 could not run (usage, images.toml, the chart), 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Flags {
    /// The image list [default: images.toml at the root of the workspace]
    #[arg(long, global = true, value_name = "FILE")]
    pub images: Option<PathBuf>,

    /// Show every request, and every helm command, on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy every image of the list, registry to registry, every digest kept; with -c, -r or --version,
    /// every image that rendering the chart with helm names
    Mirror(Mirror),
    /// Write the Helm values that make the chart pull from a destination
    Values(Values),
    /// Prove that list, values, chart, source and destination agree; exit 1 with what does not
    Verify(Verify),
    /// List the images of the list and of the chart, and bring the list up to date
    Images(Images),
    /// Write into images.toml which digests its tags name at their sources, and show which tags moved
    Pin(Pin),
    /// Tell for every registry how it is spoken to and which login it is shown, and whether that works
    Doctor(Doctor),
    /// Show it all in seconds, between two registries in memory: pin, mirror, verify, and what goes wrong
    Demo,
}

#[derive(Debug, Args)]
pub struct Mirror {
    /// Where to: a destination of images.toml, or a registry `host[:port][/path]` [default: the only
    /// destination of images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Print what would be copied, without any request to a registry of images
    #[arg(short = 't', long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub chart: Chart,

    /// Copy only images whose reference, repository, path or name matches; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,

    /// Requests at a time to one registry [default: 48, fewer where the registry complains]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// Copy what is attached to the images too: cosign signatures, attestations, SBOMs, OCI referrers.
    /// What the registry refuses of them is a warning [default: as `attachments` of the destination says]
    #[arg(long)]
    pub attachments: bool,

    /// Do not believe the tags at the destination: ask for every manifest and blob of every image, and
    /// bring what is missing
    #[arg(long)]
    pub repair: bool,

    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

// No doc comment: clap would take it for the help of each command that has these flags.
#[derive(Debug, Args)]
pub struct Chart {
    /// The chart to render: its name in a repository, a folder, a .tgz or oci://... [default: that of
    /// images.toml]
    #[arg(short, long, value_name = "CHART")]
    pub chart: Option<String>,

    /// The repository of the chart, https://... or oci://... [default: that of images.toml, for its
    /// chart]
    #[arg(short, long, value_name = "REPOSITORY")]
    pub repository: Option<String>,

    /// The version of the chart [default: that of images.toml, for its chart; else the newest]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
}

#[derive(Debug, Args)]
pub struct Images {
    #[command(flatten)]
    pub chart: Chart,

    /// The form of the inventory on stdout
    #[arg(long, value_enum, default_value_t = InventoryFormat::Plain)]
    pub format: InventoryFormat,

    /// Add what is unlisted to images.toml instead of printing; exit 1 if something cannot be added
    #[arg(long, conflicts_with = "format")]
    pub write: bool,

    /// With --write: remove what no rendering uses, too
    #[arg(long, requires = "write")]
    pub prune: bool,
}

#[derive(Debug, Args)]
pub struct Pin {
    /// Pin only images whose reference, repository, path or name matches this glob
    #[arg(value_name = "IMAGE")]
    pub image: Vec<String>,

    /// Change nothing; exit 1 if a digest is missing, or a tag names another one
    #[arg(long, conflicts_with = "update")]
    pub check: bool,

    /// Accept tags that moved: write what they name now
    #[arg(long)]
    pub update: bool,

    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// The destination to examine: one of images.toml, or a registry `host[:port][/path]` [default: the
    /// only destination of images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Read variables and files only: no registry is asked, nor a program that gives a login
    #[arg(long)]
    pub offline: bool,

    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct Values {
    /// For which destination: one of images.toml, or a registry `host[:port][/path]` [default: the only
    /// destination of images.toml; with --write and --check, all of them]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Write values/DESTINATION.yaml instead of printing
    #[arg(long, conflicts_with = "check")]
    pub write: bool,

    /// Compare values/DESTINATION.yaml with images.toml; exit 1 with a diff if they differ
    #[arg(long)]
    pub check: bool,

    /// Render the chart with these values, and prove that every image comes from the destination; exit
    /// 1 with what does not
    #[arg(long, conflicts_with_all = ["write", "check"])]
    pub prove: bool,

    /// Find which values of the chart move which image, by trying; with --write, add to images.toml
    /// what it lacks
    #[arg(long, conflicts_with_all = ["check", "prove", "destination"])]
    pub probe: bool,

    #[command(flatten)]
    pub chart: Chart,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Which destination: one of images.toml, or a registry `host[:port][/path]` [default: every
    /// destination of images.toml]
    #[arg(short, long, value_name = "DESTINATION")]
    pub destination: Option<String>,

    /// Run only this check; may be repeated [default: all]
    #[arg(long, value_enum, value_name = "CHECK")]
    pub only: Vec<Check>,

    /// Ask the destination for every manifest and blob, not for the tags alone
    #[arg(long)]
    pub deep: bool,

    /// Turn warnings into errors
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub chart: Chart,

    /// Requests at a time to one registry [default: 48, fewer where the registry complains]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,

    /// The form of the report on stdout
    #[arg(long, value_enum, default_value_t = Form::Human)]
    pub format: Form,

    /// Write the report to a file, too, in one of the forms of --format; may be repeated
    #[arg(long, value_name = "FORM=FILE", value_parser = report_file)]
    pub report: Vec<(Form, PathBuf)>,
}

impl Chart {
    pub fn wanted(&self) -> Wanted {
        Wanted {
            chart: self.chart.clone(),
            repository: self.repository.clone(),
            version: self.version.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InventoryFormat {
    /// One reference per line, and `unlisted` or `unused` behind a tab
    Plain,
    /// One document, with the places that name each image
    Json,
    /// Entries of an images.toml
    Toml,
}

impl ValueEnum for Check {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::List => "What images.toml says by itself: pins, tags, policy",
            Self::Values => "The files in values/ are what the list makes of them",
            Self::Chart => {
                "The chart names what the list has, and with the values nothing else (helm)"
            }
            Self::Source => "The sources have what the list names",
            Self::Destination => "The destination has it, too",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Form {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Human => "For people: by image, and the sum",
            Self::Json => "One document, verify.schema.json is its schema",
            Self::Github => {
                "Workflow commands, which GitHub Actions shows as annotations; the job summary gets \
                 the Markdown"
            }
            Self::Markdown => "For a job summary or a comment",
            Self::Gitlab => "A code quality report of GitLab",
            Self::Junit => "JUnit XML: each check a suite, each image a case",
            Self::Sarif => "SARIF 2.1.0, for code scanning",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

fn report_file(text: &str) -> Result<(Form, PathBuf), String> {
    let names = || Form::ALL.map(|form| format!("`{}`", form.name())).join(", ");
    let Some((name, file)) = text.split_once('=') else {
        return Err(format!(
            "say a form and a file, `junit=report.xml`; the forms are {}",
            names()
        ));
    };
    let Some(form) = Form::ALL.into_iter().find(|form| form.name() == name) else {
        return Err(format!("there is no form `{name}`; the forms are {}", names()));
    };
    if file.is_empty() {
        return Err(format!("no file behind `{name}=`"));
    }
    Ok((form, file.into()))
}
