//! What `pin` found and did, as a value, for people and for programs. Documented in README.md.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::human::{bytes, count, seconds};
use super::json::{VERSION, error, pretty};
use crate::commands::pin::difference::{Difference, Said, What};
use crate::commands::pin::result::{Change, Mode, Outcome, PinReport, PinnedImage, Totals};

/// An image has some labels; whoever has hundreds does not want them read.
const MOST_LINES: usize = 40;

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
                "\n  hint: check source and tag; some registries return 404 if credentials are required\n",
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
pub(super) mod tests;
