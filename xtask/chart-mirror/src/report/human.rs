//! Reports for people. Plain text: whatever decorates it is the terminal's.

use oci::Registry;
use std::fmt::Write as _;

use crate::commands::mirror::result::{ImageReport, MirrorReport, Outcome, Totals};
use crate::plan::Transfer;
use registry::Error;

/// The lines of a dry run, in the very words of the documentation.
pub fn dry_run(transfers: &[Transfer]) -> String {
    let mut text = String::new();
    for transfer in transfers {
        let (source, target) = (transfer.source_reference(), transfer.target_reference());
        let _ = writeln!(text, "Copying {source} to {target} (dry-run)");
    }
    text
}

/// One line about one image that has ended.
pub fn image(image: &ImageReport) -> String {
    match &image.outcome {
        Outcome::UpToDate(_) => format!("up to date  {}", image.target),
        // The report tells the whole of it, with what to do.
        Outcome::Failed(error) => {
            format!("failed      {}: {}: {}", image.source, error.side, error.operation)
        }
        Outcome::Copied(copied) => {
            let mut parts = vec![format!("{} moved", bytes(copied.moved.bytes))];
            if copied.mounted.blobs > 0 {
                parts.push(format!("{} mounted", bytes(copied.mounted.bytes)));
            }
            if copied.present.blobs > 0 {
                parts.push(format!("{} there already", bytes(copied.present.bytes)));
            }
            if copied.attachments > 0 {
                parts.push(count(copied.attachments, "attachment"));
            }
            if copied.foreign_layers > 0 {
                parts.push(format!(
                    "{} left where they are",
                    count(copied.foreign_layers, "foreign layer")
                ));
            }
            if let Some(subset) = image.subset.as_ref().filter(|it| it.made_from.is_some()) {
                parts.push(format!("{} alone", subset.platforms));
            }
            format!("copied      {} ({})", image.target, parts.join(", "))
        }
    }
}

/// The end of a mirror run: every failure, then the sum.
pub fn mirror(report: &MirrorReport) -> String {
    let mut text = String::new();
    for (image, error) in report.failures() {
        let _ = writeln!(text, "{}", trouble("error", image, error));
    }
    for image in &report.images {
        for refused in &image.refused {
            let _ = writeln!(text, "{}", trouble("warning", image, refused));
        }
    }
    text.extend(report.repositories.iter().map(super::ecr::human));
    report.images.iter().filter_map(made_anew).for_each(|line| text += &line);
    let totals = report.totals();
    let _ = writeln!(
        text,
        "{} to {}: {} copied, {} up to date, {} failed in {}",
        count(totals.images as u64, "image"),
        report.destination,
        totals.copied,
        totals.up_to_date,
        totals.failed,
        seconds(report.took.as_secs_f64()),
    );
    let _ = writeln!(
        text,
        "{}; requests: {} to sources, {} to the destination",
        amounts(&totals),
        report.requests.source,
        report.requests.destination,
    );
    if totals.unpinned > 0 {
        let _ = writeln!(
            text,
            "{} of {} unpinned: the tag decides what is copied, until `cargo xtask pin` writes what it names",
            totals.unpinned,
            count(totals.images as u64, "image"),
        );
    }
    let is_unrecorded = |image: &&ImageReport| {
        image.pinned && image.subset.as_ref().is_some_and(|subset| !subset.recorded)
    };
    let unrecorded = report.images.iter().filter(is_unrecorded).count();
    if unrecorded > 0 {
        let _ = writeln!(
            text,
            "{unrecorded} of {} without a record of its platforms: the source is asked each time, until \
             `cargo xtask pin` has written it",
            count(totals.images as u64, "image"),
        );
    }
    text.push_str(&insecure(&report.insecure));
    if totals.failed > 0 {
        let _ = writeln!(
            text,
            "run the same command again when the causes are mended: only what is missing is copied"
        );
    }
    text
}

/// A line for each registry that anybody may have stood in for.
pub fn insecure(hosts: &[Registry]) -> String {
    let mut text = String::new();
    for host in hosts {
        let _ = writeln!(
            text,
            "INSECURE: the certificate of {host} was not verified, as images.toml asks: whoever was in between could read the login and alter what has no digest"
        );
    }
    text
}

/// `20.3 MB moved (103 blobs), 12.9 MB mounted (51 blobs)`: what there was of it.
fn amounts(totals: &Totals) -> String {
    let all =
        [(totals.moved, "moved"), (totals.mounted, "mounted"), (totals.skipped, "there already")];
    let mut parts: Vec<String> = all
        .iter()
        .filter(|(amount, _)| amount.blobs > 0)
        .map(|(amount, what)| {
            format!("{} {what} ({})", bytes(amount.bytes), count(amount.blobs, "blob"))
        })
        .collect();
    if totals.attachments > 0 {
        parts.push(count(totals.attachments, "attachment"));
    }
    if parts.is_empty() { "no blob moved".to_owned() } else { parts.join(", ") }
}

/// An index that is not the source's any more. Where it was there already, that was told before.
fn made_anew(image: &ImageReport) -> Option<String> {
    let (Outcome::Copied(copied), Some(subset)) = (&image.outcome, &image.subset) else {
        return None;
    };
    Some(format!(
        "made anew: {} holds {} alone, {}\n  made from {}\n",
        image.target,
        subset.platforms,
        copied.digest,
        subset.made_from.as_ref()?
    ))
}

fn trouble(level: &str, image: &ImageReport, error: &Error) -> String {
    let mut text = format!("{level}: {} to {}\n  {error}", image.source, image.target);
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\n  hint: {hint}");
    }
    text
}

/// `20.3 MB`: decimal units, as registries and disks are sold.
pub fn bytes(amount: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if amount < 1000 {
        return format!("{amount} B");
    }
    let mut value = amount as f64;
    let mut unit = "B";
    for next in UNITS {
        // What would be rounded to 1000 is one of the next unit.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_units_that_fit() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (20_345_678, "20.3 MB"),
            (999_950, "1.0 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.1 TB"),
        ];
        for (amount, expected) in table {
            assert_eq!(bytes(amount), expected);
        }
        assert_eq!(seconds(3.25), "3.2 s");
        assert_eq!(seconds(61.0), "1 min 01 s");
        assert_eq!(count(1, "image"), "1 image");
    }
}
