//! Reads saved reports: the fields that the page shows. Reports of older versions lack some of them.

use messages::Advice;
use messages::program::command;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::model::{PageFinding, PageRun, RunNumbers, SavedReport};
use super::plan::{PlanPart, SavedPlan};
use super::saved::{SavedContent, SavedError};
use crate::copy::Amount;
use crate::timestamp::Timestamp;
use registry::Requests;

/// The commands that report how images were copied.
const MIRRORS: [&str; 2] = ["mirror", "bundle import"];
/// The command whose report is a plan.
const PLAN: &str = "mirror --plan";

/// What identifies a report.
#[derive(Deserialize)]
struct Head {
    version: u32,
    command: String,
    parts: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Parts {
    parts: Vec<MirrorPart>,
}

/// The report about one list at one destination.
pub(super) enum Part {
    Mirror(Box<MirrorPart>),
    Verify(Box<VerifyPart>),
    Plan(Box<PlanPart>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct MirrorPart {
    list: Option<String>,
    requested_destination: Option<String>,
    /// Why it could not run.
    error: Option<String>,
    dry_run: bool,
    destination: Option<String>,
    pub(super) images: Option<Vec<SavedImage>>,
    /// Like an image.
    pub(super) chart: Option<SavedImage>,
    /// Null if several parts share them.
    requests: Option<Requests>,
    seconds: f64,
    ended: Option<Timestamp>,
    insecure: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct SavedImage {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) digest: Option<String>,
    /// In a dry run.
    pub(super) pin: Option<String>,
    pub(super) pinned: Option<bool>,
    pub(super) outcome: Option<String>,
    pub(super) error: Option<SavedError>,
    pub(super) warnings: Vec<SavedError>,
    pub(super) moved: Amount,
    pub(super) mounted: Amount,
    pub(super) skipped: Amount,
    pub(super) content: Option<SavedContent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VerifyPart {
    list: String,
    destinations: Vec<String>,
    pub(super) images: Vec<String>,
    findings: Vec<SavedFinding>,
    totals: VerifyTotals,
    requests: Requests,
    seconds: f64,
    ended: Option<Timestamp>,
    insecure: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerifyTotals {
    images: usize,
    errors: usize,
    warnings: usize,
    ignored: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SavedFinding {
    code: String,
    severity: String,
    check: String,
    image: Option<String>,
    destination: Option<String>,
    location: Option<SavedLocation>,
    message: String,
    details: Vec<String>,
    hint: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SavedLocation {
    file: String,
    line: u64,
    column: u64,
}

/// The parts of a report.
///
/// # Errors
/// If it is not JSON, or not a report that the page can show.
pub(super) fn read(report: &SavedReport) -> Result<Vec<Part>, Advice> {
    let refused = |why: String| {
        Advice::new(format!("`{}` {why}", report.name)).with_hint(format!(
            "{} or {} writes such a report",
            command("mirror --report json=FILE"),
            command("verify --report json=FILE")
        ))
    };
    let head: Head =
        parse(&report.text).map_err(|error| refused(format!("is not a JSON report: {error}")))?;
    if head.version != 1 {
        return Err(refused(format!("has version {} of the format, not 1", head.version)));
    }
    let is_mirror = MIRRORS.contains(&head.command.as_str());
    let parts = match (is_mirror, head.command.as_str(), head.parts) {
        (true, _, Some(_)) => parse(&report.text).map(|Parts { parts }| {
            parts.into_iter().map(|part| Part::Mirror(Box::new(part))).collect()
        }),
        (true, _, None) => parse(&report.text).map(|part| vec![Part::Mirror(part)]),
        (false, "verify", _) => parse(&report.text).map(|part| vec![Part::Verify(part)]),
        (false, PLAN, _) => parse(&report.text).map(|plan: SavedPlan| {
            plan.into_parts().map(|part| Part::Plan(Box::new(part))).collect()
        }),
        (false, other, _) => {
            let other = other.escape_debug();
            return Err(refused(format!("is a report of `{other}`, not of `mirror` or `verify`")));
        }
    };
    let parts: Vec<Part> = parts
        .map_err(|error| refused(format!("is not a report of `{}`: {error}", head.command)))?;
    match parts.iter().all(Part::is_report) {
        true => Ok(parts),
        false => Err(refused("has neither images nor an error".to_owned())),
    }
}

fn sum_of(requests: &Requests) -> u64 {
    requests.source.saturating_add(requests.destination)
}

fn parse<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text)
}

impl Part {
    fn is_report(&self) -> bool {
        match self {
            Self::Mirror(part) => part.images.is_some() || part.error.is_some(),
            Self::Verify(_) => true,
            Self::Plan(part) => part.is_plan(),
        }
    }

    pub(super) fn run(&self) -> PageRun {
        match self {
            Self::Mirror(part) => part.run(),
            Self::Verify(part) => part.run(),
            Self::Plan(part) => part.run(),
        }
    }

    pub(super) fn findings(&self) -> Vec<PageFinding> {
        match self {
            Self::Mirror(_) | Self::Plan(_) => Vec::new(),
            Self::Verify(part) => part.findings(),
        }
    }
}

impl MirrorPart {
    fn run(&self) -> PageRun {
        let images = || self.images.iter().flatten();
        let with = |outcome: &str| {
            images().filter(|image| image.outcome.as_deref() == Some(outcome)).count()
        };
        let sum = |amount: fn(&SavedImage) -> &Amount| {
            images().map(|image| amount(image).bytes).fold(0, u64::saturating_add)
        };
        let numbers = match &self.error {
            Some(error) => RunNumbers::NotRun { error: error.clone() },
            None => RunNumbers::Mirrored {
                images: images().count(),
                copied: with("copied"),
                up_to_date: with("up-to-date"),
                failed: with("failed"),
                moved: sum(|image| &image.moved),
                mounted: sum(|image| &image.mounted),
            },
        };
        PageRun {
            command: "mirror".to_owned(),
            list: self.list.clone(),
            destination: self.destination(),
            ended: self.ended,
            seconds: Some(self.seconds),
            is_dry_run: self.dry_run,
            requests: self.requests.as_ref().map(sum_of),
            numbers,
            insecure: self.insecure.clone(),
        }
    }

    fn destination(&self) -> String {
        let named = self.requested_destination.as_ref().or(self.destination.as_ref());
        named.cloned().unwrap_or_default()
    }
}

impl VerifyPart {
    pub(super) fn findings(&self) -> Vec<PageFinding> {
        self.findings.iter().map(SavedFinding::finding).collect()
    }

    fn run(&self) -> PageRun {
        let VerifyTotals { images, errors, warnings, ignored } = self.totals;
        PageRun {
            command: "verify".to_owned(),
            list: Some(self.list.clone()),
            destination: self.destinations.join(", "),
            ended: self.ended,
            seconds: Some(self.seconds),
            is_dry_run: false,
            requests: Some(sum_of(&self.requests)),
            numbers: RunNumbers::Verified { images, errors, warnings, ignored },
            insecure: self.insecure.clone(),
        }
    }
}

impl SavedFinding {
    fn finding(&self) -> PageFinding {
        let place = |at: &SavedLocation| format!("{}:{}:{}", at.file, at.line, at.column);
        PageFinding {
            code: self.code.clone(),
            is_error: self.severity == "error",
            check: self.check.clone(),
            image: self.image.clone(),
            destination: self.destination.clone(),
            place: self.location.as_ref().map(place),
            message: self.message.clone(),
            details: self.details.clone(),
            hint: self.hint.clone(),
        }
    }
}
