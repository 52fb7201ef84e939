//! Tests of the page with a strict reader of its markup: texts stay texts, references lead somewhere, and only our own
//! style and script are allowed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::commands::report_page::{PageOutcome, SavedReport};
use crate::report::examples;

/// An element with its attributes, in the order of the document.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

const VOID: [&str; 4] = ["meta", "input", "wbr", "rect"];

/// Reads a document: every element is closed, attributes are in quotes, and text has no `<`. Returns the tags and the
/// text between them.
fn read(document: &str) -> (Vec<Tag>, String) {
    let mut rest = document.strip_prefix("<!doctype html>").unwrap();
    let (mut tags, mut text, mut open) = (Vec::new(), String::new(), Vec::new());
    while let Some((before, markup)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{before}");
        text += before;
        if let Some(end) = markup.strip_prefix('/') {
            let (name, after) = end.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "{:.80}", rest);
            rest = after;
            continue;
        }
        let (tag, after) = start(markup);
        rest = after;
        // Their text is no markup.
        if ["style", "script"].contains(&tag.name.as_str()) {
            rest = rest.split_once(&format!("</{}>", tag.name)).unwrap().1;
        } else if !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert!(open.is_empty(), "{open:?} is not closed");
    (tags, text + rest)
}

fn start(markup: &str) -> (Tag, &str) {
    let end = markup.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
    let (name, mut rest) = markup.split_at(end);
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return (Tag { name: name.to_owned(), attributes }, after);
        }
        let end = rest.find(['=', ' ', '>']).unwrap();
        let (key, after) = rest.split_at(end);
        assert!(key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'), "{key}");
        assert!(!key.starts_with("on") && key != "style", "{key} is not allowed");
        let (value, after) = match after.strip_prefix("=\"") {
            Some(value) => value.split_once('"').unwrap(),
            None => ("", after),
        };
        attributes.push((key.to_owned(), value.to_owned()));
        rest = after;
    }
}

fn page(reports: &[&Value], since: &[&Value]) -> ReportPage {
    let saved = |documents: &[&Value]| -> Vec<SavedReport> {
        let report =
            |it: &&Value| SavedReport { name: "report.json".to_owned(), text: it.to_string() };
        documents.iter().map(report).collect()
    };
    ReportPage::of(&saved(reports), &saved(since)).unwrap()
}

fn mirror() -> Value {
    serde_json::from_str(&crate::report::mirror::json(&examples::mirror())).unwrap()
}

fn verify() -> Value {
    serde_json::from_str(&crate::report::verify::tests::json_of_every_kind()).unwrap()
}

fn plan() -> Value {
    serde_json::from_str(&crate::report::mirror::planned::tests::json()).unwrap()
}

/// The JSON in the page.
fn data(document: &str) -> Value {
    let (_, rest) = document.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    assert!(!data.contains(['<', '>', '&']), "{data}");
    serde_json::from_str(data).unwrap()
}

#[test]
fn the_policy_allows_only_the_style_and_the_script_of_the_page() {
    for reports in [&[&mirror(), &verify()][..], &[&plan()]] {
        allows_only_its_own(&render(&page(reports, &[])));
    }
}

fn allows_only_its_own(document: &str) {
    let (tags, _) = read(document);
    let is_policy = |tag: &&Tag| tag.attribute("http-equiv") == Some("Content-Security-Policy");
    let policies: Vec<&Tag> = tags.iter().filter(is_policy).collect();
    let [policy] = policies[..] else { panic!("{policies:?}") };
    let policy = policy.attribute("content").unwrap();
    let between = |open: &str, close: &str| {
        let (_, rest) = document.rsplit_once(open).unwrap();
        rest.split_once(close).unwrap().0.to_owned()
    };
    let hash = |text: &str| {
        let hex = oci::Digest::of(text.as_bytes()).hex().to_owned();
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
        STANDARD.encode(bytes.collect::<Result<Vec<_>, _>>().unwrap())
    };
    let expected = [
        "default-src 'none'".to_owned(),
        format!("style-src 'sha256-{}'", hash(&between("<style>", "</style>"))),
        format!("script-src 'sha256-{}'", hash(&between("<script>", "</script>"))),
        "base-uri 'none'".to_owned(),
        "form-action 'none'".to_owned(),
    ];
    assert_eq!(policy.split("; ").collect::<Vec<_>>(), expected);
    // Before everything that it is about.
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names[..4], ["html", "head", "meta", "meta"]);
    for tag in &tags {
        for name in ["src", "srcset", "action", "background"] {
            assert_eq!(tag.attribute(name), None, "{tag:?}");
        }
        assert!(tag.attribute("href").is_none_or(|href| href.starts_with('#')), "{tag:?}");
        assert!(!["link", "img", "iframe", "object", "base"].contains(&tag.name.as_str()));
    }
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

#[test]
fn ids_are_unique_and_everything_that_names_one_finds_it() {
    let old = mirror();
    for reports in [&[&mirror(), &verify(), &plan()][..], &[&plan()]] {
        finds_what_it_names(&render(&page(reports, &[&old])));
    }
}

fn finds_what_it_names(document: &str) {
    let (tags, _) = read(document);
    let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.attribute("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len());
    for tag in &tags {
        let named = ["aria-labelledby", "aria-controls", "for"].map(|name| tag.attribute(name));
        for id in named.into_iter().flatten().flat_map(|ids| ids.split(' ')) {
            assert!(known.contains(id), "{tag:?}");
        }
        let target = tag.attribute("href").and_then(|href| href.strip_prefix('#'));
        assert!(target.is_none_or(|id| known.contains(id)), "{tag:?}");
        let is_control = ["input", "select"].contains(&tag.name.as_str());
        let id = tag.attribute("id");
        let is_labelled = || tags.iter().any(|it| it.name == "label" && it.attribute("for") == id);
        assert!(!is_control || is_labelled(), "{tag:?}");
    }
    let headers = tags.iter().filter(|tag| tag.name == "th");
    assert!(headers.clone().count() > 10);
    assert!(headers.clone().all(|header| header.attribute("scope").is_some()));
    // What the script looks for.
    for id in SCRIPT.split("byId(\"").skip(1).filter_map(|rest| rest.split_once('"')) {
        let is_dynamic = id.0 == "finding-";
        assert!(is_dynamic || known.contains(id.0), "{}", id.0);
    }
}

#[test]
fn failed_images_findings_and_totals_need_no_script() {
    let (_, text) = read(&render(&page(&[&mirror(), &verify()], &[])));
    let words = [
        "2 images failed, 2 errors found, 1 of them in 1 image",
        "destination: 418 DENIED: no",
        "create it",
        "source-moved",
        "it differs",
        "images.toml:7:3",
        "cargo xtask values --write writes it",
        "The table of all images needs JavaScript",
        "linux/arm64",
        "5.1 MB",
        "The certificates of these registries were not verified: registry.example.com",
    ];
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn hostile_texts_are_inert_wherever_they_are() {
    let hostile = [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "\" onmouseover=\"alert(1)",
        "]]><img src=x onerror=alert(1)>",
        "\u{202e}\u{0}\u{1b}[31m&lt;b&gt;",
        "</details></section></main>",
    ];
    for text in hostile {
        let (mut mirror, mut verify, mut plan) = (mirror(), verify(), plan());
        for document in [&mut mirror, &mut verify, &mut plan] {
            replace_texts(document, text);
        }
        let mut old = mirror.clone();
        old["images"] = json!([]);
        let alone = render(&page(&[&plan], &[&old]));
        assert_eq!(data(&alone)["images"][0]["n"], text::clean(text));
        assert!(read(&alone).1.contains(&escaped(text)), "{alone}");
        let document = render(&page(&[&mirror, &verify, &plan], &[&old]));
        let (tags, shown) = read(&document);
        let scripts = tags.iter().filter(|tag| tag.name == "script").count();
        assert_eq!(scripts, 2, "{text}");
        let is_bare = |c: char| messages::printable::is_unprintable(c) && c != '\n';
        assert!(!shown.contains(is_bare), "{text}");
        let expected = escaped(text);
        assert!(shown.contains(&expected), "{expected}: {shown}");
        assert_eq!(data(&document)["images"][0]["n"], text::clean(text));
    }
}

/// Replaces all texts, except those that the page understands.
fn replace_texts(value: &mut Value, text: &str) {
    let kept = ["command", "outcome", "severity", "ended", "version", "action"];
    match value {
        Value::String(old) => text.clone_into(old),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_texts(item, text)),
        Value::Object(fields) => {
            let of_others = fields.iter_mut().filter(|(key, _)| !kept.contains(&key.as_str()));
            of_others.for_each(|(_, value)| replace_texts(value, text));
        }
        _ => {}
    }
}

#[test]
fn the_data_names_runs_errors_and_findings_by_positions_that_exist() {
    let data = data(&render(&page(&[&mirror(), &verify(), &plan()], &[])));
    let length = |name: &str| data[name].as_array().map_or(0, Vec::len);
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let images = data["images"].as_array().unwrap();
    assert!(images.len() > 4);
    for image in images {
        for state in image["s"].as_array().unwrap() {
            assert!(at(&state["r"]) < length("runs") && at(&state["o"]) < length("outcomes"));
            for error in state["e"].as_array().into_iter().flatten() {
                assert!(at(error) < length("errors"), "{image}");
            }
        }
        assert!(image["a"].as_array().into_iter().flatten().all(|it| at(it) < length("platforms")));
        assert!(image["f"].as_array().into_iter().flatten().all(|it| at(it) < 4), "{image}");
    }
}

#[test]
fn a_plan_has_its_actions_amounts_shards_and_errors_and_what_tags_name_now_and_then() {
    let page = ReportPage { rate: Some(1_000_000), ..page(&[&plan()], &[]) };
    let document = render(&page);
    let (_, text) = read(&document);
    for words in [
        "2 images cannot be copied",
        "Cannot be copied 2",
        "destination: 418 DENIED: no",
        "5 images: 1 to create, 1 to update, 1 up to date, 2 cannot be copied",
        "10.2 MB to send and 0 B to mount, with at least 49 requests",
        "At 1.0 MB per second, that takes 10.2 s.",
        "team/a",
        "1 of 2",
        "2 of 2",
        "2 blobs are in several images. These save most:",
        "linux/arm64",
        "mirror --plan",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let data = data(&document);
    assert_eq!(data["runs"][0][1], 2);
    let state = |at: usize| &data["images"][at]["s"][0];
    let before = oci::Digest::of(b"before");
    assert_eq!((&state(0)["w"], &state(1)["w"]), (&before.as_str().into(), &"".into()));
    assert!(state(0)["h"].is_number() && state(2)["h"].is_null(), "{data}");
    let is_chart = |image: &&Value| image["n"].as_str().is_some_and(|name| name.contains("charts"));
    let chart = data["images"].as_array().unwrap().iter().find(is_chart).unwrap();
    assert!(chart["b"].is_null(), "a plan has no content of the chart: {chart}");
}

#[test]
fn a_plan_that_copies_everything_is_well_and_names_what_changed() {
    let mut plan = plan();
    let images = plan["parts"][0]["images"].as_array_mut().unwrap();
    images.retain(|image| image["action"] != "fail");
    let (_, text) = read(&render(&page(&[&plan], &[&mirror()])));
    for words in ["Every image can be copied", "1 image is gone"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("fails no longer"), "{text}");
}

#[test]
fn the_tiles_and_the_verdict_count_the_same_images_and_findings() {
    let page = page(&[&mirror(), &verify()], &[]);
    let document = render(&page);
    let (_, text) = read(&document);
    let with_errors =
        page.findings.iter().filter(|it| it.is_error).filter_map(|it| it.image.as_ref());
    let with_errors: BTreeSet<_> = with_errors.collect();
    assert_eq!(page.counts()[&PageOutcome::Wrong], with_errors.len());
    let verdict =
        format!("2 errors found, 1 of them in {}", text::count(with_errors.len(), "image"));
    assert!(text.contains(&verdict) && text.contains("with errors"), "{text}");
}

#[test]
fn a_platform_that_no_index_declares_is_not_called_one() {
    let mut report = mirror();
    let images = report["images"].as_array_mut().unwrap();
    images.retain(|image| image["outcome"] == "copied");
    images[0]["content"]["platforms"] = json!([]);
    images[0]["digest"] = "sha256:other".into();
    let (_, text) = read(&render(&page(&[&report], &[])));
    assert!(text.contains("1 image without an index"), "{text}");
    assert!(!text.contains("one, which only") && !SCRIPT.contains("\"one"), "{text}");
}

#[test]
fn a_page_of_nothing_that_was_copied_says_so() {
    let mut report = mirror();
    report["images"] = json!([{
        "source": "quay.io/a/b:1", "target": "m.example.com/a/b:1", "outcome": "up-to-date",
        "digest": "sha256:1", "pinned": true, "warnings": []
    }]);
    report["chart"] = Value::Null;
    let (_, text) = read(&render(&page(&[&report], &[])));
    for words in ["Nothing failed", "sizes are not known", "--since"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("Platforms") && !text.contains("Findings"), "{text}");
}

#[test]
fn an_image_that_failed_at_two_destinations_for_one_cause_is_one_image() {
    let mut north = mirror();
    north["images"].as_array_mut().unwrap().retain(|image| image["outcome"] == "failed");
    north["images"].as_array_mut().unwrap().truncate(1);
    north["chart"] = Value::Null;
    let mut south = north.clone();
    south["destination"] = "south.example.com".into();
    let (_, text) = read(&render(&page(&[&north, &south], &[])));
    let (_, failed) = text.split_once("Failed 1").unwrap_or_else(|| panic!("{text}"));
    let (failed, _) = failed.split_once("Images").unwrap();
    assert!(failed.contains("1 image\n"), "{failed}");
    assert_eq!(failed.matches("at south.example.com").count(), 1, "{failed}");
}
