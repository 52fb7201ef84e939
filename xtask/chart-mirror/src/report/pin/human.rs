//! The report of `pin` as plain text.

use std::fmt::Write as _;

use crate::commands::pin::difference::{ImageDifference, Property, PropertyValue};
use crate::commands::pin::result::{Change, Mode, PinOutcome, PinReport, PinTotals, PinnedImage};
use crate::report::common::{bytes, count, insecure, seconds};
use crate::report::failures::{Failure, by_cause};
use crate::report::presentation::Presentation;
use messages::program::command;
use oci::Digest;

/// How many differences of an image are shown. Images may have hundreds of labels.
pub(super) const MOST_LINES: usize = 40;

/// One line per image, followed by its details, then the causes of failures, the registries whose
/// certificates were not verified, and the summary. `file` is the list.
pub fn human(report: &PinReport, file: &str, presentation: Presentation) -> String {
    images(report)
        + &failures(report, presentation)
        + &insecure(&report.insecure)
        + &summary(report, file)
        + "\n"
}

/// What was not pinned, for a report that has its own totals.
pub fn unsettled(report: &PinReport, presentation: Presentation) -> String {
    let is_pinned =
        |image: &&PinnedImage| matches!(image.outcome, PinOutcome::New | PinOutcome::Unchanged);
    let images = report.images.iter().filter(|image| !is_pinned(image));
    lines_of(images) + &failures(report, presentation) + &insecure(&report.insecure)
}

/// One line per image, followed by its details.
pub fn images(report: &PinReport) -> String {
    lines_of(report.images.iter())
}

fn lines_of<'a>(images: impl Iterator<Item = &'a PinnedImage>) -> String {
    let mut text = String::new();
    for image in images {
        let _ = write!(text, "{:<11}{}", image.outcome.name(), image.source);
        let digest = image.digest.as_ref().map_or("", Digest::as_str);
        text += &match &image.outcome {
            PinOutcome::New => format!(" {digest}\n"),
            PinOutcome::Unchanged => "\n".to_owned(),
            PinOutcome::Missing => {
                "\n  hint: check source and tag; some registries return 404 if credentials are required\n"
                    .to_owned()
            }
            PinOutcome::Failed { .. } => "\n".to_owned(),
            PinOutcome::Moved { change } => {
                let pin = image.pin.as_ref().map_or("", Digest::as_str);
                let change = change_lines(change);
                format!("\n  listed {pin}\n  now    {digest}\n{change}")
            }
        };
        if matches!(image.outcome, PinOutcome::Moved { .. }) && !image.written {
            let update = command(format_args!("pin --update {}", image.source));
            let _ = writeln!(text, "  hint: {update} accepts it");
        }
        for (platforms, digest) in &image.subsets {
            let digest = digest.as_ref().map_or("no longer recorded", Digest::as_str);
            let _ = writeln!(text, "  {platforms}: {digest}");
        }
        for warning in &image.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    text
}

fn failures(report: &PinReport, presentation: Presentation) -> String {
    let failed = report.images.iter().filter_map(|image| match &image.outcome {
        PinOutcome::Failed { error } => Some(Failure { name: image.source.to_string(), error }),
        _ => None,
    });
    let label = presentation.style.error("error");
    by_cause(failed).iter().map(|group| group.text(&label, presentation)).collect()
}

/// The totals, what was written to the list in `file`, and what to do next.
pub fn summary(report: &PinReport, file: &str) -> String {
    let PinTotals { images, new, moved, unchanged, missing, failed, written, subsets } =
        report.totals();
    let mut text = format!(
        "{}: {new} new, {moved} moved, {unchanged} unchanged, {missing} missing, {failed} failed in {}; {}",
        count(images as u64, "image"),
        seconds(report.seconds),
        count(report.requests, "request"),
    );
    if written + subsets > 0 {
        let _ = write!(text, "\nwritten     {file} ({}", count(written as u64, "digest"));
        if subsets > 0 {
            let _ = write!(text, ", {subsets} of some platforms");
        }
        text.push(')');
    } else if report.mode != Mode::Check {
        let _ = write!(text, "\nunchanged   {file}");
    }
    let is_incomplete = |image: &PinnedImage| {
        matches!(image.outcome, PinOutcome::New)
            || (matches!(image.outcome, PinOutcome::Unchanged) && !image.subsets.is_empty())
    };
    if report.mode == Mode::Check && report.images.iter().any(is_incomplete) {
        let _ = write!(text, "\nhint: {} records the missing digests", command("pin"));
    }
    if report.mode != Mode::Update && moved > 0 {
        text += &match moved {
            1 => "\n1 tag has moved; its pin was kept".to_owned(),
            _ => format!("\n{moved} tags have moved; their pins were kept"),
        };
        let update = command("pin --update IMAGE");
        let _ = write!(text, "\nhint: see what changed, then accept it with {update}");
    }
    text
}

fn change_lines(change: &Change) -> String {
    let (platform, differences) = match change {
        Change::Compared { platform, differences } => (platform, differences),
        Change::OldIsGone => {
            return "  nothing to compare: the source no longer has the listed image\n".to_owned();
        }
        Change::Unknown { message } => return format!("  the change is unknown: {message}\n"),
    };
    let (platforms, others): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| difference.what == Property::Platform);
    let mut lines: Vec<String> = platforms.into_iter().map(difference_line).collect();
    if let Some(platform) = platform
        && !others.is_empty()
    {
        lines.push(format!("compared for {platform}:"));
    }
    lines.extend(others.into_iter().map(difference_line));
    if lines.is_empty() {
        lines.push("the compared properties are equal".to_owned());
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more: `--format json` shows all"));
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn difference_line(difference: &ImageDifference) -> String {
    let ImageDifference { what, name, old, new } = difference;
    let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    match (old.as_ref().map(value_text), new.as_ref().map(value_text)) {
        (Some(old), Some(new)) => format!("{what}{name}: {old} -> {new}"),
        (Some(old), None) => format!("{what}{name}: {old} removed"),
        (None, Some(new)) => format!("{what}{name}: {new} added"),
        (None, None) => format!("{what}{name}"),
    }
}

fn value_text(value: &PropertyValue) -> String {
    match value {
        PropertyValue::Text(text) => format!("`{text}`"),
        PropertyValue::Bytes(amount) => bytes(*amount),
        PropertyValue::Words(words) => serde_json::json!(words).to_string(),
    }
}
