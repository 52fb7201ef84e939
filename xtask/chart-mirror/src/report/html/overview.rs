//! The top of the page and the table of runs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text::{clean, count, escaped, message, number};
use crate::commands::report_page::{
    PageFinding, PageOutcome, PageRun, PlanNumbers, ReportPage, RunNumbers,
};
use crate::report::common::{bytes, seconds};
use crate::timestamp::Timestamp;

/// `Images of images.toml`.
pub(super) fn title(page: &ReportPage) -> String {
    let mut lists: Vec<&str> = page.runs.iter().filter_map(|run| run.list.as_deref()).collect();
    lists.sort_unstable();
    lists.dedup();
    match lists.as_slice() {
        [only] => format!("Images of {}", clean(only)),
        [] => "Mirrored images".to_owned(),
        several => format!("Images of {} lists", several.len()),
    }
}

/// The name of a state in the classes of the style.
pub(super) fn class(outcome: PageOutcome) -> &'static str {
    match outcome {
        PageOutcome::Failed | PageOutcome::Blocked | PageOutcome::Wrong => "bad",
        PageOutcome::Warned => "warn",
        PageOutcome::Planned
        | PageOutcome::ToCreate
        | PageOutcome::ToUpdate
        | PageOutcome::Copied => "new",
        PageOutcome::UpToDate | PageOutcome::Passed => "good",
    }
}

/// A sign for those who do not see the colour.
pub(super) fn sign(outcome: PageOutcome) -> &'static str {
    match outcome {
        PageOutcome::Failed | PageOutcome::Blocked | PageOutcome::Wrong => "\u{2715}",
        PageOutcome::Warned => "!",
        PageOutcome::Planned => "\u{2026}",
        PageOutcome::ToCreate => "+",
        PageOutcome::ToUpdate => "\u{21bb}",
        PageOutcome::Copied => "\u{2193}",
        PageOutcome::UpToDate | PageOutcome::Passed => "\u{2713}",
    }
}

/// Name, verdict and numbers.
pub(super) fn header(page: &ReportPage) -> String {
    let mut destinations: Vec<String> = Vec::new();
    for run in page.runs.iter().filter(|run| run.command != "verify") {
        if !destinations.contains(&run.destination) {
            destinations.push(run.destination.clone());
        }
    }
    let mut facts = vec![count(page.images.len(), "image")];
    if !destinations.is_empty() {
        facts.push(format!("to {}", joined(&destinations)));
    }
    if let Some(ended) = page.runs.iter().filter_map(|run| run.ended).max() {
        facts.push(time(ended));
    }
    let facts = escaped(&facts.join(" \u{b7} "));
    let (class, verdict) = verdict(page);
    let mut text = format!(
        "<header>\n<p class=\"brand\">chart-mirror</p>\n<h1>{}</h1>\n<p class=\"facts\">{facts}</p>\n\
         <p class=\"verdict {class}\">{verdict}</p>\n<ul class=\"tiles\">\n",
        escaped(&title(page))
    );
    for (outcome, images) in page.counts() {
        let _ = writeln!(
            text,
            "<li class=\"tile {}\"><span class=\"value\">{}</span> <span class=\"label\"><span aria-hidden=\"true\">{}</span> {}</span></li>",
            self::class(outcome),
            number(images),
            sign(outcome),
            outcome.name()
        );
    }
    for (value, label) in amounts(page) {
        let _ = writeln!(
            text,
            "<li class=\"tile\"><span class=\"value\">{value}</span> <span class=\"label\">{label}</span></li>"
        );
    }
    text + "</ul>\n</header>\n"
}

fn amounts(page: &ReportPage) -> Vec<(String, &'static str)> {
    let (mut moved, mut mounted, mut has_run) = (0u64, 0u64, false);
    for run in &page.runs {
        if let RunNumbers::Mirrored { moved: one, mounted: other, .. } = run.numbers {
            moved = moved.saturating_add(one);
            mounted = mounted.saturating_add(other);
            has_run |= !run.is_dry_run;
        }
    }
    let mut amounts = Vec::new();
    if page.plans().next().is_some() {
        let sum = |bytes: fn(&PlanNumbers) -> u64| {
            page.plans().map(|(_, plan)| bytes(plan)).fold(0, u64::saturating_add)
        };
        amounts.push((bytes(sum(|plan| plan.moved)), "to send"));
        amounts.push((bytes(sum(|plan| plan.mounted)), "to mount"));
    }
    if has_run {
        amounts.push((bytes(moved), "transferred"));
        amounts.push((bytes(mounted), "mounted"));
    }
    if page.sizes.known > 0 {
        amounts.push((bytes(page.sizes.bytes), "in distinct blobs"));
    }
    amounts
}

/// The result in one sentence.
fn verdict(page: &ReportPage) -> (&'static str, String) {
    let counts = page.counts();
    let images = |outcome| counts.get(&outcome).copied().unwrap_or_default();
    let not_run =
        page.runs.iter().filter(|run| matches!(run.numbers, RunNumbers::NotRun { .. })).count();
    let mut bad = Vec::new();
    for (value, noun, verb) in [
        (images(PageOutcome::Failed), "image", "failed"),
        (images(PageOutcome::Blocked), "image", "cannot be copied"),
        (not_run, "run", "could not run"),
    ] {
        if value > 0 {
            bad.push(format!("{} {verb}", count(value, noun)));
        }
    }
    bad.extend(found(page, "error", |finding| finding.is_error));
    match (bad.is_empty(), found(page, "warning", |finding| !finding.is_error)) {
        (false, _) => {
            ("bad", format!("<span aria-hidden=\"true\">\u{2715}</span> {}", bad.join(", ")))
        }
        (true, None) => {
            let are_plans = page.plans().count() == page.runs.len() && !page.runs.is_empty();
            let verdict = if are_plans { "Every image can be copied" } else { "Nothing failed" };
            ("good", format!("<span aria-hidden=\"true\">\u{2713}</span> {verdict}"))
        }
        (true, Some(warnings)) => {
            ("warn", format!("<span aria-hidden=\"true\">!</span> {warnings}"))
        }
    }
}

/// `3 errors found in 2 images`: some may be about the list or the chart. The tiles count the images.
fn found(page: &ReportPage, noun: &str, is_meant: fn(&PageFinding) -> bool) -> Option<String> {
    let findings = || page.findings.iter().filter(|finding| is_meant(finding));
    let all = findings().count();
    let names: BTreeSet<&str> = findings().filter_map(|it| it.image.as_deref()).collect();
    let elsewhere = findings().filter(|finding| finding.image.is_none()).count();
    let images = count(names.len(), "image");
    let place = match (names.len(), elsewhere) {
        (0, _) => String::new(),
        (_, 0) => format!(" in {images}"),
        (_, elsewhere) => format!(", {} of them in {images}", number(all - elsewhere)),
    };
    (all > 0).then(|| format!("{} found{place}", count(all, noun)))
}

/// `26 November 2026, 20:02 UTC`.
pub(super) fn time(time: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = time.to_string();
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month - 1));
    let day = part(8, 10).trim_start_matches('0');
    format!("{day} {} {}, {} UTC", month.unwrap_or(&""), part(0, 4), part(11, 16))
}

/// `a, b and c`.
fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What each run came to.
pub(super) fn runs(page: &ReportPage) -> String {
    let mut text = "<section aria-labelledby=\"runs-title\" id=\"runs\">\n<h2 id=\"runs-title\">Runs</h2>\n\
                    <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table of runs\">\
                    <table aria-labelledby=\"runs-title\">\n<thead><tr><th scope=\"col\">Command</th><th scope=\"col\">List</th>\
                    <th scope=\"col\">Destination</th><th scope=\"col\">Result</th>\
                    <th scope=\"col\" class=\"amount\">Requests</th>\
                    <th scope=\"col\" class=\"amount\">Time</th><th scope=\"col\">Ended</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for run in &page.runs {
        let ended = run.ended.map(time).unwrap_or_default();
        let command =
            if run.is_dry_run { format!("{} -t", run.command) } else { run.command.clone() };
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"amount\">{}</td>\
             <td class=\"amount\">{}</td><td>{ended}</td></tr>",
            escaped(&command),
            escaped(run.list.as_deref().unwrap_or("\u{2013}")),
            escaped(&run.destination),
            result(run),
            requests(run),
            time_of(page, run),
        );
    }
    text += "</tbody>\n</table></div>\n";
    let insecure: Vec<String> =
        page.runs.iter().flat_map(|run| &run.insecure).map(|name| escaped(name)).collect();
    if !insecure.is_empty() {
        let _ = writeln!(
            text,
            "<p class=\"note bad\">The certificates of these registries were not verified: {}.</p>",
            insecure.join(", ")
        );
    }
    text + "</section>\n"
}

/// Of this run alone.
fn requests(run: &PageRun) -> String {
    match (&run.numbers, run.requests) {
        (RunNumbers::Planned(plan), _) => format!("at least {}", large_number(plan.requests)),
        (_, Some(sum)) => large_number(sum),
        (_, None) => "shared".to_owned(),
    }
}

pub(super) fn large_number(value: u64) -> String {
    number(usize::try_from(value).unwrap_or(usize::MAX))
}

/// How long it took, or will take at the given rate.
fn time_of(page: &ReportPage, run: &PageRun) -> String {
    match (&run.numbers, run.seconds, page.rate) {
        (RunNumbers::Planned(plan), _, Some(rate)) => {
            format!("about {}", seconds(plan.seconds_at(rate)))
        }
        (_, Some(time), _) => seconds(time),
        _ => "\u{2013}".to_owned(),
    }
}

fn result(run: &PageRun) -> String {
    match &run.numbers {
        RunNumbers::NotRun { error } => format!("could not run: {}", message(error)),
        RunNumbers::Mirrored { images, .. } if run.is_dry_run => {
            format!("{} planned", count(*images, "image"))
        }
        RunNumbers::Mirrored { images, copied, up_to_date, failed, .. } => format!(
            "{}: {} copied, {} up to date, {} failed",
            count(*images, "image"),
            number(*copied),
            number(*up_to_date),
            number(*failed)
        ),
        RunNumbers::Planned(plan) => actions(plan),
        RunNumbers::Verified { images, errors, warnings, ignored } => {
            let ignored = match ignored {
                0 => String::new(),
                ignored => format!(", {} ignored by the policy", number(*ignored)),
            };
            format!(
                "{}: {}, {}{ignored}",
                count(*images, "image"),
                count(*errors, "error"),
                count(*warnings, "warning")
            )
        }
    }
}

/// What becomes of the images.
fn actions(plan: &PlanNumbers) -> String {
    format!(
        "{}: {} to create, {} to update, {} up to date, {} cannot be copied",
        count(plan.images, "image"),
        number(plan.create),
        number(plan.update),
        number(plan.up_to_date),
        number(plan.fail),
    )
}
