//! The sections of the page that need no script.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::text::{clean, count, digest, escaped, message, number, reference};
use crate::commands::report_page::{ErrorText, PageFinding, PageImage, PageOutcome, ReportPage};
use crate::report::common::bytes;

/// How many images the bars compare.
const MOST_BARS: usize = 15;
/// How many blobs are listed.
const MOST_BLOBS: usize = 15;

/// The beginning of a section with a heading.
pub(super) fn section(id: &str, title: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n"
    )
}

/// An image that failed in a run.
struct Failure<'p> {
    image: &'p PageImage,
    run: usize,
    error: &'p ErrorText,
}

/// The images that failed, by cause.
pub(super) fn failures(page: &ReportPage) -> String {
    let mut causes: BTreeMap<(&str, Option<&str>), Vec<Failure<'_>>> = BTreeMap::new();
    let mut failed = 0;
    for image in &page.images {
        failed += usize::from(image.states.iter().any(|state| state.error.is_some()));
        for state in &image.states {
            let Some(error) = &state.error else { continue };
            let cause = (error.cause.as_str(), error.hint.as_deref());
            causes.entry(cause).or_default().push(Failure { image, run: state.run, error });
        }
    }
    if failed == 0 {
        return String::new();
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, failures)| Reverse(failures.len()));
    let count = number(failed);
    let is_past = page.images.iter().any(|image| image.worst() == PageOutcome::Failed);
    let title = if is_past { "Failed" } else { "Cannot be copied" };
    let mut text = section("failed", &format!("{title} <span class=\"count\">{count}</span>"));
    for ((cause, hint), failures) in causes {
        text += &cause_card(page, cause, hint, &failures);
    }
    text + "</section>\n"
}

fn cause_card(
    page: &ReportPage,
    cause: &str,
    hint: Option<&str>,
    failures: &[Failure<'_>],
) -> String {
    // An image may have failed at several destinations.
    let images: BTreeSet<&str> = failures.iter().map(|it| it.image.name.as_str()).collect();
    let mut text = format!(
        "<article class=\"card bad\">\n<h3>{}</h3>\n{}<details{}>\n<summary>{}</summary>\n<ul class=\"lines\">\n",
        message(cause),
        hint.map(hint_line).unwrap_or_default(),
        open_if_short(failures.len()),
        count(images.len(), "image"),
    );
    for Failure { image, run, error } in failures {
        let _ = writeln!(
            text,
            "<li><span class=\"name\">{}</span> <span class=\"at\">{}</span> <span class=\"message dim\">{}</span></li>",
            reference(&image.name),
            place_of(page, *run),
            message(&error.message)
        );
    }
    text + "</ul>\n</details>\n</article>\n"
}

/// The attribute of a group that is short enough to be open at first.
fn open_if_short(lines: usize) -> &'static str {
    if lines <= 10 { " open" } else { "" }
}

/// At which destination.
fn place_of(page: &ReportPage, run: usize) -> String {
    let run = page.runs.get(run);
    run.map(|run| format!("at {}", escaped(&run.destination))).unwrap_or_default()
}

fn hint_line(hint: &str) -> String {
    format!("<p class=\"hint\"><b>Hint:</b> {}</p>\n", message(hint))
}

/// The place of the table that the script builds.
pub(super) fn images(page: &ReportPage) -> String {
    let images = page.images.len();
    let mut text =
        section("images", &format!("Images <span class=\"count\">{}</span>", number(images)));
    text += "<noscript><p class=\"note\">The table of all images needs JavaScript. Failed images and findings are on this \
             page without it, and the JSON report has everything.</p></noscript>\n\
             <form class=\"tools\" id=\"tools\" role=\"search\" hidden>\n\
             <label class=\"grow\" for=\"query\">Search <input id=\"query\" type=\"search\" autocomplete=\"off\" \
             spellcheck=\"false\" placeholder=\"name, target or digest\"></label>\n\
             <label for=\"state\">State <select id=\"state\"><option value=\"\">all</option>";
    for outcome in page.counts().keys() {
        let _ = write!(text, "<option>{}</option>", outcome.name());
    }
    text += "</select></label>\n";
    if page.runs.len() > 1 {
        text += "<label for=\"run\">At <select id=\"run\"><option value=\"\">all</option>";
        for position in 0..page.runs.len() {
            let _ = write!(
                text,
                "<option value=\"{position}\">{}</option>",
                escaped(&run_name(page, position))
            );
        }
        text += "</select></label>\n";
    }
    if page.changes.is_some() {
        text += "<label class=\"box\" for=\"changed\"><input id=\"changed\" type=\"checkbox\"> only changed</label>\n";
    }
    text += "</form>\n<p class=\"status\" id=\"status\" role=\"status\"></p>\n\
             <div id=\"table\"></div>\n<nav class=\"pages\" id=\"pages\" aria-label=\"Pages of images\" hidden></nav>\n";
    text + "</section>\n"
}

/// The name of a run beside the others.
pub(super) fn run_name(page: &ReportPage, position: usize) -> String {
    let Some(run) = page.runs.get(position) else { return String::new() };
    if run.command == "verify" {
        return "verify".to_owned();
    }
    let lists = page.runs.iter().filter(|run| run.command != "verify").map(|run| &run.list);
    let has_several_lists = lists.clone().any(|list| *list != run.list);
    match (&run.list, has_several_lists) {
        (Some(list), true) => format!("{}: {}", clean(list), clean(&run.destination)),
        _ => clean(&run.destination),
    }
}

/// The findings by severity and code.
pub(super) fn findings(page: &ReportPage) -> String {
    if page.findings.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<(bool, &str), Vec<(usize, &PageFinding)>> = BTreeMap::new();
    for (position, finding) in page.findings.iter().enumerate() {
        let key = (!finding.is_error, finding.code.as_str());
        groups.entry(key).or_default().push((position, finding));
    }
    let total = number(page.findings.len());
    let mut text = section("findings", &format!("Findings <span class=\"count\">{total}</span>"));
    for ((is_warning, code), findings) in groups {
        let outcome = if is_warning { PageOutcome::Warned } else { PageOutcome::Wrong };
        let severity = if is_warning { "warning" } else { "error" };
        let open = open_if_short(findings.len());
        let _ = write!(
            text,
            "<details class=\"card {}\"{open}>\n<summary><code>{}</code> {}</summary>\n<ul class=\"lines\">\n",
            super::overview::class(outcome),
            escaped(code),
            count(findings.len(), severity),
        );
        // A hint that all of them share is written once.
        let shared = findings.first().and_then(|(_, first)| first.hint.as_deref());
        let shared =
            shared.filter(|hint| findings.iter().all(|(_, it)| it.hint.as_deref() == Some(hint)));
        for (position, finding) in &findings {
            let hint = finding.hint.as_deref().filter(|_| shared.is_none());
            text += &finding_line(*position, finding, hint);
        }
        text += "</ul>\n";
        text += &shared.map(hint_line).unwrap_or_default();
        text += "</details>\n";
    }
    text + "</section>\n"
}

fn finding_line(position: usize, finding: &PageFinding, hint: Option<&str>) -> String {
    let image = finding
        .image
        .as_deref()
        .map(|it| format!("<span class=\"name\">{}</span> ", reference(it)));
    let place =
        finding.place.as_deref().map(|it| format!(" <span class=\"at\">{}</span>", escaped(it)));
    let destination = finding
        .destination
        .as_deref()
        .map(|it| format!(" <span class=\"at\">at {}</span>", escaped(it)));
    let mut text = format!(
        "<li id=\"finding-{position}\">{}<span class=\"message\">{}</span>{}{}",
        image.unwrap_or_default(),
        message(&finding.message),
        place.unwrap_or_default(),
        destination.unwrap_or_default(),
    );
    if !finding.details.is_empty() {
        let details: Vec<String> = finding.details.iter().map(|line| escaped(line)).collect();
        let _ = write!(text, "<pre>{}</pre>", details.join("\n"));
    }
    text += &hint.map(hint_line).unwrap_or_default();
    text + "</li>\n"
}

/// What takes the space: the largest images, and the blobs that several share.
pub(super) fn sizes(page: &ReportPage) -> String {
    let sizes = &page.sizes;
    let mut text = section("sizes", "Sizes");
    if sizes.known == 0 {
        text += "<p>No run read the manifests of the images: none was copied, or the report is not of `mirror`. So their \
                 sizes are not known. A report with sizes of the same digests can be named with <code>--since</code>.</p>\n";
        return text + "</section>\n";
    }
    let saved = sizes.unshared.saturating_sub(sizes.bytes);
    let _ = writeln!(
        text,
        "<p>{} in {}. Without sharing, the images would take {}: {} more.</p>",
        bytes(sizes.bytes),
        count(sizes.blobs, "distinct blob"),
        bytes(sizes.unshared),
        bytes(saved)
    );
    let unknown = page.images.len() - sizes.known;
    if unknown > 0 {
        let _ = writeln!(
            text,
            "<p class=\"note\">The sizes of {} are not known: a run or a plan reads manifests only of images that are to be copied.</p>",
            count(unknown, "image")
        );
    }
    text + &bars(page) + &shared(page) + "</section>\n"
}

/// The largest images, each with what it shares.
fn bars(page: &ReportPage) -> String {
    let mut largest: Vec<_> =
        page.images.iter().filter_map(|image| Some((image, image.content?))).collect();
    largest.sort_by_key(|(_, content)| Reverse(content.bytes));
    largest.truncate(MOST_BARS);
    let most = largest.first().map_or(1, |(_, content)| content.bytes.max(1));
    let mut text = "<h3 id=\"largest-title\">Largest images</h3>\n\
         <p class=\"legend\"><span class=\"key own\"></span> its own <span class=\"key shared\"></span> shared with other images</p>\n\
         <table aria-labelledby=\"largest-title\" class=\"bars\">\n<thead><tr><th scope=\"col\">Image</th>\
         <th scope=\"col\" class=\"amount\">Size</th><th scope=\"col\" class=\"amount wide\">Shared</th>\
         <th scope=\"col\" class=\"wide\"><span class=\"hidden\">Bar</span></th></tr></thead>\n<tbody>\n"
        .to_owned();
    for (image, content) in largest {
        // In thousandths of the largest.
        let part = |bytes: u64| u128::from(bytes) * 1000 / u128::from(most);
        let (own, all) = (part(content.own), part(content.bytes));
        let shared = content.bytes.saturating_sub(content.own);
        let more = if content.is_complete { "" } else { " or more" };
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\" class=\"name\">{}</th><td class=\"amount\">{}{more}</td><td class=\"amount wide\">{}</td>\
             <td class=\"wide\"><svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"own\" width=\"{own}\" height=\"10\"/><rect class=\"shared\" x=\"{own}\" width=\"{}\" height=\"10\"/></svg></td></tr>",
            reference(&image.name),
            bytes(content.bytes),
            bytes(shared),
            all.saturating_sub(own),
        );
    }
    text + "</tbody>\n</table>\n"
}

fn shared(page: &ReportPage) -> String {
    let sizes = &page.sizes;
    if sizes.shared.is_empty() {
        return "<p>The images share no blob.</p>\n".to_owned();
    }
    let mut text = format!(
        "<h3 id=\"shared-title\">Shared layers</h3>\n<p>{}</p>\n\
         <table aria-labelledby=\"shared-title\">\n<thead><tr><th scope=\"col\">Blob</th>\
         <th scope=\"col\" class=\"amount\">Size</th><th scope=\"col\" class=\"amount wide\">Saves</th>\
         <th scope=\"col\">Images</th></tr></thead>\n<tbody>\n",
        match sizes.shared_blobs {
            1 => "1 blob is in several images:".to_owned(),
            several => {
                format!("{} are in several images. These save most:", count(several, "blob"))
            }
        }
    );
    for blob in sizes.shared.iter().take(MOST_BLOBS) {
        let saves = blob.size.saturating_mul(blob.count as u64 - 1);
        let mut names: Vec<String> =
            blob.names.iter().map(|name| format!("<li>{}</li>", reference(name))).collect();
        if blob.count > blob.names.len() {
            names.push(format!("<li>and {} more</li>", number(blob.count - blob.names.len())));
        }
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}</th><td class=\"amount\">{}</td><td class=\"amount wide\">{}</td>\
             <td><details><summary>{}</summary><ul class=\"lines\">{}</ul></details></td></tr>",
            digest(&blob.digest),
            bytes(blob.size),
            bytes(saves),
            count(blob.count, "image"),
            names.concat(),
        );
    }
    text + "</tbody>\n</table>\n"
}

/// How many images each platform has.
pub(super) fn platforms(page: &ReportPage) -> String {
    let known = page.sizes.known;
    if known == 0 {
        return String::new();
    }
    let mut text = section("platforms", "Platforms");
    let single =
        page.images.iter().filter(|it| it.content.is_some() && it.platforms.is_empty()).count();
    let unknown = page.images.len() - known;
    if page.platforms.is_empty() {
        return String::new();
    }
    text += "<table aria-labelledby=\"platforms-title\" class=\"bars\">\n<thead><tr><th scope=\"col\">Platform</th>\
             <th scope=\"col\" class=\"amount\">Images</th><th scope=\"col\"><span class=\"hidden\">Bar</span></th></tr></thead>\n<tbody>\n";
    let mut row = |name: &str, images: usize| {
        let part = images * 1000 / known.max(1);
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{name}</th><td class=\"amount\">{}</td><td><svg class=\"bar\" viewBox=\"0 0 1000 10\" \
             preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"own\" width=\"{part}\" height=\"10\"/></svg></td></tr>",
            number(images)
        );
    };
    for (platform, images) in &page.platforms {
        row(&format!("<code>{}</code>", escaped(platform)), *images);
    }
    text += "</tbody>\n</table>\n";
    if single > 0 {
        let _ = writeln!(
            text,
            "<p class=\"note\">{} without an index: only the config names the platform.</p>",
            count(single, "image")
        );
    }
    if unknown > 0 {
        let _ = writeln!(
            text,
            "<p class=\"note\">The platforms of {} are not known.</p>",
            count(unknown, "other image")
        );
    }
    text + "</section>\n"
}
