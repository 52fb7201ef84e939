//! What `pin` found and did, as a value, for people and for programs. Documented in README.md.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::human::{bytes, count, seconds};
use super::json::{VERSION, error, pretty};
use crate::oci::{Digest, Platforms};
use crate::pin::difference::{Difference, Said, What};
use crate::registry::Error;

/// An image has some labels; whoever has hundreds does not want them read.
const MOST_LINES: usize = 40;

#[derive(Debug)]
pub struct PinReport {
    pub mode: Mode,
    /// In the order of the list.
    pub images: Vec<PinnedImage>,
    pub requests: u64,
    pub took: Duration,
}

/// What is written into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Check,
    /// The digests of images that have none.
    Pin,
    /// These, and those of tags that have moved.
    Update,
}

#[derive(Debug)]
pub struct PinnedImage {
    pub source: String,
    /// What the list says.
    pub pin: Option<Digest>,
    pub outcome: Outcome,
    /// What the digest becomes for some platforms, as far as the list does not record it.
    pub subsets: Vec<(Platforms, Digest)>,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum Outcome {
    /// The list has no digest, and the tag names this one.
    New(Digest),
    /// The tag names this one, and the list has another.
    Moved {
        to: Digest,
        change: Change,
    },
    Unchanged,
    /// There is no such tag.
    Missing,
    Failed(Error),
}

/// What the image that a tag names now changes against the listed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The platform is the one whose images were compared, if both have images for one.
    Compared { platform: Option<String>, differences: Vec<Difference> },
    /// The source does not have the listed digest any more.
    OldIsGone,
    /// Why nobody knows.
    Untold(String),
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    pub images: usize,
    pub new: usize,
    pub moved: usize,
    pub unchanged: usize,
    pub missing: usize,
    pub failed: usize,
    pub written: usize,
    /// Digests of some platforms that were written.
    pub subsets: usize,
}

impl PinReport {
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { images: self.images.len(), ..Totals::default() };
        for image in &self.images {
            *match &image.outcome {
                Outcome::New(_) => &mut totals.new,
                Outcome::Moved { .. } => &mut totals.moved,
                Outcome::Unchanged => &mut totals.unchanged,
                Outcome::Missing => &mut totals.missing,
                Outcome::Failed(_) => &mut totals.failed,
            } += 1;
            totals.written += usize::from(image.written(self.mode).is_some());
            totals.subsets += image.written_subsets(self.mode).len();
        }
        totals
    }

    /// Whether the list pins every image to what its tag names, as far as anybody asked.
    pub fn is_settled(&self) -> bool {
        self.images.iter().all(|image| match image.outcome {
            Outcome::Unchanged => image.subsets.is_empty() || self.mode != Mode::Check,
            _ => image.written(self.mode).is_some(),
        })
    }
}

impl PinnedImage {
    /// The digest that goes into the list.
    pub fn written(&self, mode: Mode) -> Option<&Digest> {
        match (&self.outcome, mode) {
            (Outcome::New(digest), Mode::Pin | Mode::Update)
            | (Outcome::Moved { to: digest, .. }, Mode::Update) => Some(digest),
            _ => None,
        }
    }

    /// The digests of some platforms that go into the list: with their image, or for one that has its
    /// digest already.
    pub fn written_subsets(&self, mode: Mode) -> &[(Platforms, Digest)] {
        let is_written = match self.outcome {
            Outcome::Unchanged => mode != Mode::Check,
            _ => self.written(mode).is_some(),
        };
        if is_written { &self.subsets } else { &[] }
    }

    /// Whether something goes into the list.
    pub fn changes_list(&self, mode: Mode) -> bool {
        self.written(mode).is_some() || !self.written_subsets(mode).is_empty()
    }

    /// What the tag names, as far as it was seen.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.outcome {
            Outcome::New(digest) | Outcome::Moved { to: digest, .. } => Some(digest),
            Outcome::Unchanged => self.pin.as_ref(),
            Outcome::Missing | Outcome::Failed(_) => None,
        }
    }

    fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::New(_) => "new",
            Outcome::Moved { .. } => "moved",
            Outcome::Unchanged => "unchanged",
            Outcome::Missing => "missing",
            Outcome::Failed(_) => "failed",
        }
    }
}

/// A row for each image, with what there is to say of it below. The command is the one that was
/// given, without its images.
pub fn human(report: &PinReport, command: &str) -> String {
    let mut text = String::new();
    for image in &report.images {
        let _ = write!(text, "{:<11}{}", image.word(), image.source);
        match &image.outcome {
            Outcome::New(digest) => {
                let _ = writeln!(text, " {digest}");
            }
            Outcome::Unchanged => text.push('\n'),
            Outcome::Missing => text.push_str(
                "\n  hint: check source and tag; some registries answer 404 for what needs a login\n",
            ),
            Outcome::Failed(error) => {
                let _ = writeln!(text, "\n  {error}");
                if let Some(hint) = error.hint() {
                    let _ = writeln!(text, "  hint: {hint}");
                }
            }
            Outcome::Moved { to, change } => {
                text.push('\n');
                if let Some(pin) = &image.pin {
                    let _ = writeln!(text, "  listed {pin}\n  now    {to}");
                }
                text.push_str(&told(change));
                if report.mode != Mode::Update {
                    let _ = writeln!(text, "  hint: `{command} --update {}` accepts it", image.source);
                }
            }
        }
        for (platforms, digest) in &image.subsets {
            let _ = writeln!(text, "  {platforms}: {digest}");
        }
        for warning in &image.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    text
}

/// How many there are of each, and what became of the list in `file`.
pub fn summary(report: &PinReport, file: &str, command: &str) -> String {
    let Totals { images, new, moved, unchanged, missing, failed, written, subsets } =
        report.totals();
    let mut text = format!(
        "{}: {new} new, {moved} moved, {unchanged} unchanged, {missing} missing, {failed} failed in {}; {}",
        count(images as u64, "image"),
        seconds(report.took.as_secs_f64()),
        count(report.requests, "request"),
    );
    if written + subsets > 0 {
        let _ = write!(text, "\nwritten     {file} ({}", count(written as u64, "digest"));
        if subsets > 0 {
            let _ = write!(text, ", {subsets} of some platforms");
        }
        text.push(')');
    } else if report.mode != Mode::Check {
        let _ = write!(text, "\nleft as is  {file}");
    }
    let is_open = |image: &PinnedImage| {
        matches!(image.outcome, Outcome::New(_))
            || (matches!(image.outcome, Outcome::Unchanged) && !image.subsets.is_empty())
    };
    if report.mode == Mode::Check && report.images.iter().any(is_open) {
        let _ = write!(text, "\nhint: `{command}` writes the digests that are missing");
    }
    if report.mode != Mode::Update && moved > 0 {
        let what = if moved == 1 { "1 tag names" } else { &format!("{moved} tags name") };
        let _ = write!(
            text,
            "\n{what} another image than the list pins, which stays as it is\n\
             hint: see what changed, then accept it with `{command} --update IMAGE`"
        );
    }
    text
}

/// One document.
pub fn json(report: &PinReport) -> String {
    let images: Vec<Value> = report.images.iter().map(|image| value(image, report.mode)).collect();
    pretty(&json!({
        "version": VERSION,
        "command": "pin",
        "check": report.mode == Mode::Check,
        "update": report.mode == Mode::Update,
        "images": images,
        "totals": report.totals(),
        "requests": { "source": report.requests },
        "seconds": report.took.as_secs_f64(),
    }))
}

fn value(image: &PinnedImage, mode: Mode) -> Value {
    let subsets: serde_json::Map<String, Value> = image
        .subsets
        .iter()
        .map(|(platforms, digest)| (platforms.to_string(), json!(digest)))
        .collect();
    let mut value = json!({
        "source": image.source,
        "outcome": image.word(),
        "pin": image.pin,
        "digest": image.digest(),
        "written": image.written(mode).is_some(),
        "subsets": subsets,
        "warnings": image.warnings,
    });
    match &image.outcome {
        Outcome::Failed(why) => value["error"] = error(why),
        Outcome::Moved { change, .. } => {
            value["change"] = match change {
                Change::Compared { platform, differences } => {
                    json!({ "state": "compared", "platform": platform, "differences": differences })
                }
                Change::OldIsGone => json!({ "state": "old-is-gone" }),
                Change::Untold(why) => json!({ "state": "untold", "message": why }),
            }
        }
        _ => {}
    }
    value
}

fn told(change: &Change) -> String {
    let (platform, differences) = match change {
        Change::Compared { platform, differences } => (platform, differences),
        Change::OldIsGone => {
            return "  the source does not have the listed image any more: nothing to compare\n"
                .to_owned();
        }
        Change::Untold(why) => return format!("  what changed cannot be told: {why}\n"),
    };
    let (platforms, others): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| difference.what == What::Platform);
    let mut lines: Vec<String> = platforms.into_iter().map(line).collect();
    if let Some(platform) = platform
        && !others.is_empty()
    {
        lines.push(format!("compared for {platform}:"));
    }
    lines.extend(others.into_iter().map(line));
    if lines.is_empty() {
        lines.push("nothing differs in what is compared".to_owned());
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more: `--format json` shows all"));
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn line(difference: &Difference) -> String {
    let Difference { what, name, old, new } = difference;
    let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let what = word(*what);
    match (old.as_ref().map(shown), new.as_ref().map(shown)) {
        (Some(old), Some(new)) => format!("{what}{name}: {old} -> {new}"),
        (Some(old), None) => format!("{what}{name}: {old} removed"),
        (None, Some(new)) => format!("{what}{name}: {new} added"),
        (None, None) => format!("{what}{name}"),
    }
}

fn word(what: What) -> &'static str {
    match what {
        What::Platform => "platform",
        What::Size => "size",
        What::Created => "created",
        What::User => "user",
        What::Entrypoint => "entrypoint",
        What::Cmd => "cmd",
        What::Port => "port",
        What::Env => "env",
        What::Label => "label",
    }
}

fn shown(said: &Said) -> String {
    match said {
        Said::Text(text) => format!("`{text}`"),
        Said::Bytes(amount) => bytes(*amount),
        Said::Words(words) => json!(words).to_string(),
    }
}

#[cfg(test)]
mod tests;
