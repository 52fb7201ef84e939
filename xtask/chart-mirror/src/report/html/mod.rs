//! The page for people: one file without external requests. Its text needs no JavaScript, but for the table of all
//! images, which would be too long; a script builds that from JSON in the page, a hundred rows at a time.
//!
//! Foreign text is escaped here, and the script uses it only as text. A policy allows the style and the script of
//! this program by their digests, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::commands::report_page::{ReportPage, SavedReport};
use text::escaped;

mod changes;
mod data;
mod overview;
mod plan;
mod sections;
#[cfg(test)]
mod tests;
mod text;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run whose JSON report is this, compared with earlier reports. They were checked: the page of one that
/// is not a report is empty.
pub(super) fn page_of(json: String, since: &[SavedReport]) -> String {
    page_of_plan(json, since, None)
}

/// The page of a plan in the same way. `rate` is in bytes per second.
pub fn page_of_plan(json: String, since: &[SavedReport], rate: Option<u64>) -> String {
    let report = SavedReport { name: "the report of this run".to_owned(), text: json };
    let page = ReportPage::of(&[report], since).unwrap_or_default();
    render(&ReportPage { rate, ..page })
}

/// The whole document.
pub fn render(page: &ReportPage) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    let title = escaped(&overview::title(page));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#images\">Skip to the images</a>\n\
         {header}<main>\n{failures}{plan}{changes}{images}{findings}{sizes}{platforms}{runs}</main>\n\
         <footer><p>Made by chart-mirror {version}. This page loads nothing and sends nothing.</p></footer>\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        header = overview::header(page),
        failures = sections::failures(page),
        plan = plan::plan(page),
        changes = changes::changes(page),
        images = sections::images(page),
        findings = sections::findings(page),
        sizes = sections::sizes(page),
        platforms = sections::platforms(page),
        runs = overview::runs(page),
        version = env!("CARGO_PKG_VERSION"),
        data = data::json(page),
    )
}

/// How a policy names an inline style or script.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}
