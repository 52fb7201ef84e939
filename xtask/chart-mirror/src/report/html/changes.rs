//! The section about what is different from earlier reports.

use std::fmt::Write as _;

use super::overview::time;
use super::sections::section;
use super::text::{digest, escaped, message, number, reference};
use crate::commands::report_page::{Changes, ImageChange, PageFinding, ReportPage};

/// Lines about changes of one kind.
struct Group {
    class: &'static str,
    /// What follows the number 1.
    one: &'static str,
    several: &'static str,
    lines: Vec<String>,
}

/// Nothing without earlier reports.
pub(super) fn changes(page: &ReportPage) -> String {
    let Some(changes) = &page.changes else { return String::new() };
    let since = changes.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
    let mut text = section("changes", &format!("Changes{since}"));
    let groups = of_images(page, changes).into_iter().chain(of_findings(page, changes));
    let mut is_same = true;
    for Group { class, one, several, lines } in groups.filter(|group| !group.lines.is_empty()) {
        is_same = false;
        let what = if lines.len() == 1 { one } else { several };
        let _ = write!(
            text,
            "<details class=\"card {class}\">\n<summary>{} {what}</summary>\n<ul class=\"lines\">\n",
            number(lines.len())
        );
        for line in lines {
            let _ = writeln!(text, "<li>{line}</li>");
        }
        text += "</ul>\n</details>\n";
    }
    if is_same {
        text += "<p>Nothing is different.</p>\n";
    }
    text + "</section>\n"
}

fn of_images(page: &ReportPage, changes: &Changes) -> Vec<Group> {
    let mut lines: [Vec<String>; 5] = Default::default();
    for image in &page.images {
        let name = reference(&image.name);
        let [broken, fixed, retagged, other, new] = &mut lines;
        match &image.change {
            None => {}
            Some(ImageChange::Broken) => broken.push(name),
            Some(ImageChange::Fixed) => fixed.push(name),
            Some(ImageChange::New) => new.push(name),
            Some(ImageChange::Retagged { old }) => {
                retagged.push(format!("{name} <span class=\"dim\">was</span> {}", reference(old)));
            }
            Some(ImageChange::Digest { old, new }) => {
                other.push(format!("{name}: {} \u{2192} {}", digest(old), digest(new)));
            }
        }
    }
    let [broken, fixed, retagged, other, new] = lines;
    let gone = changes.removed.iter().map(|name| reference(name)).collect();
    let group = |class, one, several, lines| Group { class, one, several, lines };
    vec![
        group("bad", "image fails now", "images fail now", broken),
        group("good", "image fails no longer", "images fail no longer", fixed),
        group("new", "image has another tag", "images have other tags", retagged),
        group("new", "image has another digest", "images have other digests", other),
        group("new", "image is new", "images are new", new),
        group("new", "image is gone", "images are gone", gone),
    ]
}

fn of_findings(page: &ReportPage, changes: &Changes) -> [Group; 2] {
    let line = |finding: &PageFinding| {
        let image = finding.image.as_deref().map(|image| reference(image) + ": ");
        let (code, message) = (escaped(&finding.code), message(&finding.message));
        format!("<code>{code}</code> {}{message}", image.unwrap_or_default())
    };
    let new = changes.new_findings.iter().filter_map(|at| page.findings.get(*at)).map(line);
    let gone = changes.fixed_findings.iter().map(line);
    [
        Group {
            class: "bad",
            one: "finding is new",
            several: "findings are new",
            lines: new.collect(),
        },
        Group {
            class: "good",
            one: "finding is gone",
            several: "findings are gone",
            lines: gone.collect(),
        },
    ]
}
