//! A report with every outcome.

use serde_json::{Value, json};

use super::human::MOST_LINES;
use super::*;
use crate::commands::pin::difference::{ImageDifference, Property, PropertyValue};
use crate::commands::pin::result::{Change, Mode, PinOutcome, PinReport, PinnedImage};
use crate::report::presentation::Presentation;
use messages::Advice;
use oci::Digest;
use registry::Error;
use registry::{Cause, Side};

pub(in crate::report) fn report(mode: Mode) -> PinReport {
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    let differences = vec![
        ImageDifference {
            what: Property::Size,
            name: None,
            old: Some(PropertyValue::Bytes(20_345_678)),
            new: Some(PropertyValue::Bytes(999)),
        },
        ImageDifference {
            what: Property::Label,
            name: Some("a".to_owned()),
            old: None,
            new: Some(PropertyValue::Text("b".to_owned())),
        },
        ImageDifference {
            what: Property::Cmd,
            name: None,
            old: Some(PropertyValue::Words(vec!["a b".to_owned(), "c".to_owned()])),
            new: None,
        },
    ];
    let compared = Change::Compared { platform: Some("linux/amd64".to_owned()), differences };
    let moved = |change| PinOutcome::Moved { change };
    let advice = Advice::new("not a registry").with_hint("check the address");
    let cause = Cause::NoRepository(Box::new(advice));
    let error = Error::new(Side::Source, "look for manifest `1`", cause);
    let images = [
        (None, PinOutcome::New, Some("odd")),
        (Some(old.clone()), moved(compared), None),
        (Some(old.clone()), moved(Change::OldIsGone), None),
        (Some(old.clone()), moved(Change::Unknown { message: "403".to_owned() }), None),
        (Some(old.clone()), PinOutcome::Unchanged, None),
        (None, PinOutcome::Missing, None),
        (None, PinOutcome::Failed { error }, None),
    ];
    let image =
        |(number, (pin, outcome, warning)): (usize, (Option<Digest>, PinOutcome, Option<&str>))| {
            PinnedImage {
                source: format!("q.io/i{number}:1").parse().unwrap(),
                digest: match outcome {
                    PinOutcome::New | PinOutcome::Moved { .. } => Some(new.clone()),
                    _ => pin.clone(),
                },
                pin,
                written: outcome.is_written(mode),
                outcome,
                subsets: Vec::new(),
                warnings: warning.map(str::to_owned).into_iter().collect(),
            }
        };
    let images = images.into_iter().enumerate().map(image).collect();
    PinReport { mode, images, requests: 14, insecure: Vec::new(), seconds: 1.25 }
}

/// Replaces the two digests by `OLD` and `NEW`.
fn abbreviated(text: &str) -> String {
    text.replace(Digest::of(b"old").as_str(), "OLD").replace(Digest::of(b"new").as_str(), "NEW")
}

#[test]
fn each_outcome_is_reported_with_a_hint() {
    let expected = "\
new        q.io/i0:1 NEW
  warning: odd
moved      q.io/i1:1
  listed OLD
  now    NEW
  compared for linux/amd64:
  size: 20.3 MB -> 999 B
  label a: `b` added
  cmd: [\"a b\",\"c\"] removed
  hint: `chart-mirror pin --update q.io/i1:1` accepts it
moved      q.io/i2:1
  listed OLD
  now    NEW
  nothing to compare: the source no longer has the listed image
  hint: `chart-mirror pin --update q.io/i2:1` accepts it
moved      q.io/i3:1
  listed OLD
  now    NEW
  the change is unknown: 403
  hint: `chart-mirror pin --update q.io/i3:1` accepts it
unchanged  q.io/i4:1
missing    q.io/i5:1
  hint: check source and tag; some registries return 404 if credentials are required
failed     q.io/i6:1
error: q.io/i6:1
  source: look for manifest `1`: not a registry
  hint: check the address
";
    let before_the_summary = |mode: Mode| {
        let report = report(mode);
        let text = abbreviated(&human(&report, "f", Presentation::default()));
        text.strip_suffix(&format!("{}\n", summary(&report, "f"))).unwrap().to_owned()
    };
    assert_eq!(before_the_summary(Mode::Pin), expected);
    assert_eq!(before_the_summary(Mode::Check), expected);
    let without_hint: String =
        expected.split_inclusive('\n').filter(|line| !line.contains("accepts it")).collect();
    assert_eq!(before_the_summary(Mode::Update), without_hint);
}

#[test]
fn the_summary_reports_what_was_written() {
    let counts =
        "7 images: 1 new, 3 moved, 1 unchanged, 1 missing, 1 failed in 1.2 s; 14 requests\n";
    let moved = "3 tags have moved; their pins were kept\n\
                 hint: see what changed, then accept it with `chart-mirror pin --update IMAGE`";
    let table = [
        (Mode::Pin, format!("written     f (1 digest)\n{moved}")),
        (Mode::Check, format!("hint: `chart-mirror pin` records the missing digests\n{moved}")),
        (Mode::Update, "written     f (4 digests)".to_owned()),
    ];
    for (mode, expected) in table {
        assert_eq!(summary(&report(mode), "f"), format!("{counts}{expected}"));
    }
}

#[test]
fn the_json_report_has_every_outcome() {
    let moved = |source: &str, change: Value| {
        json!({
            "source": source, "outcome": "moved", "pin": "OLD", "digest": "NEW",
            "written": false, "subsets": {}, "warnings": [], "change": change,
        })
    };
    let expected = json!({
        "version": 1,
        "command": "pin",
        "check": false,
        "update": false,
        "images": [
            {
                "source": "q.io/i0:1", "outcome": "new", "pin": null, "digest": "NEW",
                "written": true, "subsets": {}, "warnings": ["odd"],
            },
            moved("q.io/i1:1", json!({
                "state": "compared",
                "platform": "linux/amd64",
                "differences": [
                    { "what": "size", "name": null, "old": 20_345_678, "new": 999 },
                    { "what": "label", "name": "a", "old": null, "new": "b" },
                    { "what": "cmd", "name": null, "old": ["a b", "c"], "new": null },
                ],
            })),
            moved("q.io/i2:1", json!({ "state": "old-is-gone" })),
            moved("q.io/i3:1", json!({ "state": "unknown", "message": "403" })),
            {
                "source": "q.io/i4:1", "outcome": "unchanged", "pin": "OLD", "digest": "OLD",
                "written": false, "subsets": {}, "warnings": [],
            },
            {
                "source": "q.io/i5:1", "outcome": "missing", "pin": null, "digest": null,
                "written": false, "subsets": {}, "warnings": [],
            },
            {
                "source": "q.io/i6:1", "outcome": "failed", "pin": null, "digest": null,
                "written": false, "subsets": {}, "warnings": [],
                "error": {
                    "side": "source",
                    "operation": "look for manifest `1`",
                    "request": "",
                    "status": null,
                    "code": null,
                    "message": "source: look for manifest `1`: not a registry",
                    "hint": "check the address",
                },
            },
        ],
        "totals": {
            "images": 7, "new": 1, "moved": 3, "unchanged": 1, "missing": 1, "failed": 1,
            "written": 1, "subsets": 0,
        },
        "requests": { "source": 14 },
        "insecure": [],
        "seconds": 1.25,
    });
    let actual: Value = serde_json::from_str(&abbreviated(&json(&report(Mode::Pin)))).unwrap();
    assert_eq!(actual, expected);
}

#[test]
fn a_list_is_settled_if_every_pin_is_the_digest_that_the_tag_names() {
    let settled = |outcomes: &[usize], mode| {
        let mut report = report(mode);
        let mut position = 0..;
        report.images.retain(|_| outcomes.contains(&position.next().unwrap_or_default()));
        report.is_settled()
    };
    let table: [(&[usize], [bool; 3]); 5] = [
        (&[4], [true, true, true]),
        (&[0, 4], [false, true, true]),
        (&[1, 4], [false, false, true]),
        (&[4, 5], [false, false, false]),
        (&[4, 6], [false, false, false]),
    ];
    for (outcomes, expected) in table {
        let modes = [Mode::Check, Mode::Pin, Mode::Update];
        assert_eq!(modes.map(|mode| settled(outcomes, mode)), expected, "{outcomes:?}");
    }
}

#[test]
fn long_lists_of_differences_are_shortened_only_in_text() {
    let label = |number| ImageDifference {
        what: Property::Label,
        name: Some(format!("l{number}")),
        old: None,
        new: Some(PropertyValue::Text(String::new())),
    };
    let differences = (0..MOST_LINES + 5).map(label).collect();
    let change = Change::Compared { platform: None, differences };
    let mut report = report(Mode::Update);
    report.images.truncate(1);
    report.images[0].outcome = PinOutcome::Moved { change };
    report.images[0].warnings.clear();
    let text = images(&report);
    assert_eq!(text.matches("  label l").count(), MOST_LINES);
    assert!(text.ends_with("\n  and 5 more: `--format json` shows all\n"), "{text}");
    assert!(json(&report).contains("\"l44\""));
}
