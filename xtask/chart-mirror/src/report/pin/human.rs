//! What `pin` found and did, as a value, for people and for programs. Documented in README.md.

use std::fmt::Write as _;

use crate::commands::pin::difference::{ImageDifference, Property, PropertyValue};
use crate::commands::pin::result::{Change, Mode, PinOutcome, PinReport, PinTotals, PinnedImage};
use crate::report::common::{bytes, count, seconds};

/// An image has some labels; whoever has hundreds does not want them read.
pub(super) const MOST_LINES: usize = 40;

/// A row for each image, with what there is to say of it below. The command is the one that was
/// given, without its images.
pub fn human(report: &PinReport, command: &str) -> String {
    let mut text = String::new();
    for image in &report.images {
        let _ = write!(text, "{:<11}{}", image.outcome.name(), image.source);
        match &image.outcome {
            PinOutcome::New(digest) => {
                let _ = writeln!(text, " {digest}");
            }
            PinOutcome::Unchanged => text.push('\n'),
            PinOutcome::Missing => text.push_str(
                "\n  hint: check source and tag; some registries return 404 if credentials are required\n",
            ),
            PinOutcome::Failed(error) => {
                let _ = writeln!(text, "\n  {error}");
                if let Some(hint) = error.hint() {
                    let _ = writeln!(text, "  hint: {hint}");
                }
            }
            PinOutcome::Moved { to, change } => {
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
            let _ = match digest {
                Some(digest) => writeln!(text, "  {platforms}: {digest}"),
                None => writeln!(text, "  {platforms}: no longer recorded"),
            };
        }
        for warning in &image.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    text
}

/// How many there are of each, and what became of the list in `file`.
pub fn summary(report: &PinReport, file: &str, command: &str) -> String {
    let PinTotals { images, new, moved, unchanged, missing, failed, written, subsets } =
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
        matches!(image.outcome, PinOutcome::New(_))
            || (matches!(image.outcome, PinOutcome::Unchanged) && !image.subsets.is_empty())
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

fn told(change: &Change) -> String {
    let (platform, differences) = match change {
        Change::Compared { platform, differences } => (platform, differences),
        Change::OldIsGone => {
            return "  the source does not have the listed image any more: nothing to compare\n"
                .to_owned();
        }
        Change::Unknown { message } => {
            return format!("  what changed cannot be told: {message}\n");
        }
    };
    let (platforms, others): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| difference.what == Property::Platform);
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

fn line(difference: &ImageDifference) -> String {
    let ImageDifference { what, name, old, new } = difference;
    let name = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let what = word(*what);
    match (old.as_ref().map(shown), new.as_ref().map(shown)) {
        (Some(old), Some(new)) => format!("{what}{name}: {old} -> {new}"),
        (Some(old), None) => format!("{what}{name}: {old} removed"),
        (None, Some(new)) => format!("{what}{name}: {new} added"),
        (None, None) => format!("{what}{name}"),
    }
}

fn word(what: Property) -> &'static str {
    match what {
        Property::Platform => "platform",
        Property::Size => "size",
        Property::Created => "created",
        Property::User => "user",
        Property::Entrypoint => "entrypoint",
        Property::Cmd => "cmd",
        Property::Port => "port",
        Property::Env => "env",
        Property::Label => "label",
    }
}

fn shown(said: &PropertyValue) -> String {
    match said {
        PropertyValue::Text(text) => format!("`{text}`"),
        PropertyValue::Bytes(amount) => bytes(*amount),
        PropertyValue::Words(words) => serde_json::json!(words).to_string(),
    }
}
