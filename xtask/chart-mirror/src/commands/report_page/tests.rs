//! Tests of what the page is made from.

use serde_json::{Value, json};

use super::*;

fn saved(document: &Value) -> SavedReport {
    SavedReport { name: "r.json".to_owned(), text: document.to_string() }
}

fn page_since(reports: &[Value], since: &[Value]) -> ReportPage {
    let of = |documents: &[Value]| documents.iter().map(saved).collect::<Vec<_>>();
    ReportPage::of(&of(reports), &of(since)).unwrap()
}

fn page(reports: &[Value]) -> ReportPage {
    page_since(reports, &[])
}

fn mirror(images: &[Value]) -> Value {
    json!({ "version": 1, "command": "mirror", "dry-run": false, "destination": "m.example.com",
            "images": images, "chart": null, "ended": "2026-11-26T20:02:48Z" })
}

fn up_to_date(source: &str, digest: &str) -> Value {
    json!({ "source": source, "target": format!("m/{source}"), "digest": digest, "pinned": true,
            "warnings": [], "outcome": "up-to-date" })
}

fn copied(source: &str, digest: &str, blobs: &Value) -> Value {
    let mut image = up_to_date(source, digest);
    image["outcome"] = "copied".into();
    image["content"] = json!({ "complete": true, "platforms": ["linux/amd64"], "blobs": blobs });
    image
}

fn failed(source: &str) -> Value {
    let mut image = up_to_date(source, "");
    image["outcome"] = "failed".into();
    image["digest"] = Value::Null;
    image["error"] = json!({ "side": "source", "operation": "get manifest `1`",
        "request": "GET https://q/v2/a", "status": 404, "hint": "look",
        "message": "source: get manifest `1`: GET https://q/v2/a: 404 NAME_UNKNOWN" });
    image
}

fn verify(images: &[&str], findings: &[Value]) -> Value {
    json!({ "version": 1, "command": "verify", "list": "images.toml", "images": images,
            "destinations": ["m"], "findings": findings,
            "totals": { "images": images.len(), "errors": 1, "warnings": 0, "ignored": 0 } })
}

fn finding(image: &str, severity: &str, message: &str) -> Value {
    json!({ "code": "source-moved", "severity": severity, "check": "source", "image": image,
            "location": { "file": "images.toml", "line": 4, "column": 1 },
            "message": message, "details": [], "hint": null })
}

fn image<'p>(page: &'p ReportPage, name: &str) -> &'p PageImage {
    page.images.iter().find(|image| image.name == name).unwrap()
}

#[test]
fn an_image_has_what_all_reports_say_about_it() {
    let north = mirror(&[up_to_date("q/a:1", "sha256:1"), failed("q/b:1")]);
    let found = verify(&["q/a:1", "q/b:1", "q/c:1"], &[finding("q/a:1", "warning", "it moved")]);
    let page = page(&[north, found]);
    let outcomes = |name: &str| -> Vec<PageOutcome> {
        image(&page, name).states.iter().map(|state| state.outcome).collect()
    };
    assert_eq!(outcomes("q/a:1"), [PageOutcome::UpToDate, PageOutcome::Warned]);
    assert_eq!(outcomes("q/b:1"), [PageOutcome::Failed, PageOutcome::Passed]);
    assert_eq!(outcomes("q/c:1"), [PageOutcome::Passed]);
    assert_eq!(image(&page, "q/a:1").findings, [0]);
    assert_eq!(page.findings[0].place.as_deref(), Some("images.toml:4:1"));
    let error = image(&page, "q/b:1").states[0].error.clone().unwrap();
    assert_eq!(error.cause, "source: 404 NAME_UNKNOWN");
}

#[test]
fn sizes_count_a_shared_blob_once_and_name_its_images() {
    let first = copied("q/a:1", "sha256:1", &json!({ "sha256:base": 100, "sha256:x": 7 }));
    let second = copied("q/b:1", "sha256:2", &json!({ "sha256:base": 100, "sha256:y": 5 }));
    let page = page(&[mirror(&[first, second, up_to_date("q/c:1", "sha256:3")])]);
    let sizes = &page.sizes;
    assert_eq!((sizes.known, sizes.blobs, sizes.bytes, sizes.unshared), (2, 3, 112, 212));
    let [shared] = sizes.shared.as_slice() else { panic!("{sizes:?}") };
    assert_eq!((shared.size, shared.count, shared.names.join(" ")), (100, 2, "q/a:1 q/b:1".into()));
    let content = image(&page, "q/a:1").content.unwrap();
    assert_eq!((content.bytes, content.own, content.blobs), (107, 7, 2));
    assert_eq!(image(&page, "q/c:1").content, None);
    assert_eq!(page.platforms["linux/amd64"], 2);
}

#[test]
fn what_a_run_does_not_know_comes_from_a_report_about_the_same_digest() {
    let old = mirror(&[
        copied("q/a:1", "sha256:1", &json!({ "sha256:x": 7 })),
        copied("q/b:1", "sha256:old", &json!({ "sha256:y": 5 })),
    ]);
    let new = mirror(&[up_to_date("q/a:1", "sha256:1"), up_to_date("q/b:1", "sha256:new")]);
    let page = page_since(&[new], &[old]);
    let content = image(&page, "q/a:1").content.unwrap();
    assert_eq!((content.bytes, content.is_from_earlier), (7, true));
    assert_eq!(image(&page, "q/b:1").content, None);
}

#[test]
fn changes_are_new_retagged_fixed_broken_and_moved_images_and_findings() {
    let old = mirror(&[
        up_to_date("q/same:1", "sha256:1"),
        up_to_date("q/moved:1", "sha256:2"),
        up_to_date("q/tag:1", "sha256:3"),
        failed("q/fixed:1"),
        up_to_date("q/broken:1", "sha256:4"),
        up_to_date("q/gone:1", "sha256:5"),
    ]);
    let new = mirror(&[
        up_to_date("q/same:1", "sha256:1"),
        up_to_date("q/moved:1", "sha256:9"),
        up_to_date("q/tag:2", "sha256:8"),
        up_to_date("q/fixed:1", "sha256:6"),
        failed("q/broken:1"),
        up_to_date("q/new:1", "sha256:7"),
    ]);
    let checked = |message: &str| verify(&[], &[finding("q/same:1", "error", message)]);
    let page = page_since(&[new, checked("now")], &[old, checked("before")]);
    let change = |name: &str| image(&page, name).change.clone();
    assert_eq!(change("q/same:1"), None);
    let (old, new) = ("sha256:2".to_owned(), "sha256:9".to_owned());
    assert_eq!(change("q/moved:1"), Some(ImageChange::Digest { old, new }));
    assert_eq!(change("q/tag:2"), Some(ImageChange::Retagged { old: "q/tag:1".to_owned() }));
    assert_eq!(change("q/fixed:1"), Some(ImageChange::Fixed));
    assert_eq!(change("q/broken:1"), Some(ImageChange::Broken));
    assert_eq!(change("q/new:1"), Some(ImageChange::New));
    let changes = page.changes.unwrap();
    assert_eq!(changes.removed, ["q/gone:1"]);
    assert_eq!(changes.new_findings, [0]);
    assert_eq!(changes.fixed_findings[0].message, "before");
}

#[test]
fn findings_are_compared_only_with_those_of_another_verification() {
    let found = verify(&["q/a:1"], &[finding("q/a:1", "error", "it moved")]);
    let changes = page_since(&[found], &[mirror(&[])]).changes.unwrap();
    assert_eq!((changes.new_findings.len(), changes.fixed_findings.len()), (0, 0));
}

#[test]
fn parts_of_a_workspace_and_dry_runs_are_shown() {
    let mut part = mirror(&[up_to_date("q/a:1", "sha256:1")]);
    part["list"] = "a/images.toml".into();
    part["requested-destination"] = "north".into();
    let parts = json!({ "version": 1, "command": "mirror", "parts": [part,
        { "list": "b/images.toml", "requested-destination": "north", "error": "no CA" }] });
    let planned = json!({ "version": 1, "command": "mirror", "dry-run": true,
        "destination": "south", "chart": null,
        "images": [{ "source": "q/a:1", "target": "s/a:1", "pin": null }] });
    let page = page(&[parts, planned]);
    let names: Vec<&str> = page.runs.iter().map(|run| run.destination.as_str()).collect();
    assert_eq!(names, ["north", "north", "south"]);
    assert_eq!(page.runs[1].numbers, RunNumbers::NotRun { error: "no CA".to_owned() });
    assert!(page.runs[2].is_dry_run);
    assert_eq!(image(&page, "q/a:1").worst(), PageOutcome::Planned);
}

fn plan(images: &[Value]) -> Value {
    json!({ "version": 1, "command": "mirror --plan", "shards": 2, "parts": [{
        "list": "images.toml", "requested-destination": null, "destination": "m", "repositories": [],
        "error": null, "chart": null, "images": images }] })
}

fn to_send(source: &str, then: &str, now: &Value, shard: u32, blobs: &[(&str, u64)]) -> Value {
    let bytes: u64 = blobs.iter().map(|(_, size)| size).sum();
    let blobs: Vec<Value> =
        blobs.iter().map(|(digest, size)| json!({ "digest": digest, "size": size })).collect();
    json!({ "source": source, "target": format!("m/{source}"), "then": then, "now": now,
        "action": if now.is_null() { "create" } else { "update" }, "shard": shard,
        "moved": { "blobs": blobs.len(), "bytes": bytes }, "manifests": 1, "blobs": blobs,
        "complete": true, "platforms": ["linux/amd64"] })
}

#[test]
fn a_plan_has_what_is_sent_by_image_by_shared_layer_and_by_machine() {
    let mut second =
        to_send("q/b:1", "sha256:2", &"sha256:0".into(), 1, &[("base", 100), ("y", 5)]);
    second["skipped"] = json!({ "blobs": 1, "bytes": 9 });
    let mut there = to_send("q/c:1", "sha256:3", &"sha256:3".into(), 2, &[]);
    there["action"] = "up-to-date".into();
    let first = to_send("q/a:1", "sha256:1", &Value::Null, 1, &[("base", 100), ("x", 7)]);
    let page = page(&[plan(&[first, second, there])]);
    let sizes = &page.sizes;
    assert_eq!((sizes.known, sizes.bytes, sizes.unshared), (2, 112, 212));
    let complete = |name: &str| image(&page, name).content.unwrap().is_complete;
    assert!(complete("q/a:1") && !complete("q/b:1"), "a part of it is there");
    let (_, numbers) = page.plans().next().unwrap();
    assert_eq!((numbers.create, numbers.update, numbers.up_to_date), (1, 1, 1));
    // A look at each tag; a manifest with two blobs for two of them, and one for the third.
    assert_eq!((numbers.moved, numbers.requests), (212, 3 + 2 * (2 + 6) + 2));
    let shards: Vec<_> = numbers.shards.iter().map(|it| (it.images, it.bytes)).collect();
    assert_eq!(shards, [(2, 112), (1, 0)]);
    let before = |name: &str| image(&page, name).states[0].before.clone();
    assert_eq!(before("q/a:1").as_deref(), Some(""));
    assert_eq!((before("q/b:1").as_deref(), before("q/c:1")), (Some("sha256:0"), None));
}

#[test]
fn a_plan_is_compared_with_an_earlier_report_and_does_not_say_that_a_run_will_succeed() {
    let mut blocked = to_send("q/b:1", "", &Value::Null, 1, &[]);
    blocked["action"] = "fail".into();
    blocked["then"] = Value::Null;
    blocked["error"] = json!({ "side": null, "operation": "", "request": "", "cause": "no",
        "message": "no", "hint": null });
    let now = plan(&[
        to_send("q/a:1", "sha256:9", &"sha256:1".into(), 1, &[("x", 7)]),
        blocked,
        to_send("q/c:1", "sha256:3", &Value::Null, 1, &[("y", 7)]),
    ]);
    let old = mirror(&[
        up_to_date("q/a:1", "sha256:1"),
        up_to_date("q/b:1", "sha256:2"),
        failed("q/c:1"),
    ]);
    let page = page_since(&[now], &[old]);
    let change = |name: &str| image(&page, name).change.clone();
    let (old, new) = ("sha256:1".to_owned(), "sha256:9".to_owned());
    assert_eq!(change("q/a:1"), Some(ImageChange::Digest { old, new }));
    assert_eq!((change("q/b:1"), change("q/c:1")), (Some(ImageChange::Broken), None));
    assert_eq!(image(&page, "q/b:1").worst(), PageOutcome::Blocked);
}

#[test]
fn what_is_not_a_report_of_mirror_or_verify_is_refused() {
    let table = [
        ("{", "is not a JSON report"),
        ("{}", "is not a JSON report: missing field `version`"),
        ("{\"version\": 2, \"command\": \"mirror\"}", "has version 2 of the format, not 1"),
        ("{\"version\": 1, \"command\": \"pin\"}", "is a report of `pin`, not of `mirror`"),
        ("{\"version\": 1, \"command\": \"mirror\"}", "has neither images nor an error"),
        (
            "{\"version\": 1, \"command\": \"mirror\", \"images\": 1}",
            "is not a report of `mirror`: invalid type",
        ),
    ];
    for (text, expected) in table {
        let report = SavedReport { name: "x.json".to_owned(), text: text.to_owned() };
        let error = ReportPage::of(&[], &[report]).unwrap_err();
        assert!(error.message.starts_with(&format!("`x.json` {expected}")), "{error}");
        assert!(error.hint.is_some());
    }
}
