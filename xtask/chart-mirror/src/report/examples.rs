//! A rich example of every JSON report: kept in `tests/data/reports` and valid by its schema.

use std::path::PathBuf;
use std::time::Duration;

use crate::chart::Rendered;
use crate::chart::inventory::Inventory;
use crate::commands::doctor::result::{
    DoctorReport, HostAnswer, HostReport, LoginReport, ProgramReport,
};
use crate::commands::mirror::result::{ImageReport, MirrorReport};
use crate::commands::pin::result::{Mode, Outcome, PinReport, PinnedImage};
use crate::copy::{Amount, Copied};
use crate::ecr::{Difference, Prepared, RepositoryPlan, Setting, Unprepared};
use crate::expect::assert_kept;
use crate::list::ImageList;
use crate::plan::{Selection, Transfer, transfers};
use oci::Digest;
use registry::ping::{Accepted, Greeting, LoginFound, Manner, Origin};
use registry::{Cause, Error, Refusal, Requests, Side};

const LIST: &str = r#"
[destinations.production]
registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team"
platforms = ["linux/amd64", "linux/arm64"]

[destinations.production.ecr]
tags = { owner = "platform" }
scan-on-push = true
immutable-tags = false
encryption = "KMS"
kms-key = "alias/mirror"
lifecycle-policy-file = "lifecycle.json"

[destinations.plain]
registry = "registry.example.com"

[[image]]
source = "quay.io/stackstate/wait"
tag = "1.0.6"
digest = "DIGEST"

[image.subsets]
"linux/amd64,linux/arm64" = "SUBSET"

[[image]]
source = "busybox"
tag = "1.37"

[[image]]
source = "quay.io/stackstate/kafka"
tag = "2.8.0"
digest = "DIGEST"
"#;

fn digest(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

fn list() -> ImageList {
    let text = LIST
        .replace("DIGEST", digest("pinned").as_str())
        .replace("SUBSET", digest("subset").as_str());
    ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"))
}

fn transfers_to(destination: &str) -> Vec<Transfer> {
    let list = list();
    let destination = &list.destinations[destination];
    transfers(&list, destination, &Selection::default()).unwrap_or_else(|why| panic!("{why}"))
}

/// An error of a request.
fn denied() -> Error {
    let refusal = Refusal {
        status: 418,
        codes: vec!["DENIED".to_owned()],
        words: "DENIED: no".to_owned(),
        retry_after: None,
    };
    let cause = Cause::Status(Box::new(refusal));
    let request = "PUT https://registry.example.com/v2/a/manifests/1".to_owned();
    Error { request, ..Error::new(Side::Destination, "put manifest `1`", cause) }
}

/// An error without a request, and with a hint.
fn no_repository() -> Error {
    let (words, hint) = ("it was not created".to_owned(), "create it".to_owned());
    let cause = Cause::NoRepository { words, hint };
    Error::new(Side::Destination, "create the repository `a`", cause)
}

fn copied(changed: bool) -> Copied {
    Copied {
        digest: digest("copied"),
        made_from: None,
        changed,
        moved: Amount { blobs: 4, bytes: 5_123_456 },
        mounted: Amount { blobs: 1, bytes: 2_800_000 },
        present: Amount { blobs: 2, bytes: 30 },
        attachments: 3,
        refused: Vec::new(),
        foreign_layers: 1,
    }
}

fn mirror() -> MirrorReport {
    let [subset, other, failing] = <[Transfer; 3]>::try_from(transfers_to("production")).unwrap();
    let plain = transfers_to("plain").swap_remove(1);
    let rewritten = Copied {
        made_from: Some(digest("pinned")),
        refused: vec![denied(), no_repository()],
        ..copied(true)
    };
    let images = vec![
        ImageReport::new(&subset, Ok(rewritten)),
        ImageReport::new(&plain, Ok(copied(true))),
        ImageReport::new(&other, Ok(copied(false))),
        ImageReport::new(&failing, Err(denied())),
        ImageReport::new(&plain, Err(no_repository())),
    ];
    let difference = Difference {
        repository: "team/b".to_owned(),
        setting: Setting::ImmutableTags,
        wanted: "true".to_owned(),
        there: "false".to_owned(),
    };
    MirrorReport {
        destination: "registry.example.com".to_owned(),
        images,
        requests: Requests { source: 23, destination: 30 },
        took: Duration::from_millis(1900),
        insecure: vec!["registry.example.com".parse().unwrap()],
        repositories: Some(Prepared {
            created: vec!["team/a".to_owned()],
            differences: vec![difference],
            warnings: vec![Unprepared { message: "m".to_owned(), hint: "h".to_owned() }],
        }),
    }
}

fn inventory() -> Inventory {
    let rendered = |rendering: &str, text: &str| Rendered {
        rendering: rendering.to_owned(),
        text: text.to_owned(),
        warnings: String::new(),
    };
    let deployment = "\
---
# Source: app/templates/app.yaml
apiVersion: apps/v1
kind: Deployment
metadata: { name: api }
spec: { template: { spec: { containers: [ { image: 'quay.io/stackstate/wait:1.0.6' } ] } } }
";
    let nameless = "spec: { containers: [ { image: 'ghcr.io/a/b' } ] }\n";
    let both = format!("{deployment}---\n{nameless}");
    Inventory::take(&list(), &[rendered("default", deployment), rendered("backup", &both)]).unwrap()
}

fn pin(mode: Mode) -> PinReport {
    let mut report = super::pin::tests::report(mode);
    report.images.push(PinnedImage {
        source: "quay.io/stackstate/wait:1.0.6".parse().unwrap(),
        pin: Some(digest("pinned")),
        outcome: Outcome::Unchanged,
        subsets: vec![
            ("linux/amd64,linux/arm64".parse().unwrap(), Some(digest("subset"))),
            ("linux/s390x".parse().unwrap(), None),
        ],
        warnings: vec!["odd".to_owned()],
    });
    report
}

fn doctor() -> DoctorReport {
    let login = |login, answer| LoginReport {
        repositories: vec!["stackstate/wait".to_owned(), "stackstate/kafka".to_owned()],
        login,
        answer,
    };
    let origin = || Origin::Command { command: "aws ecr".to_owned() };
    let good = |accepted| {
        HostAnswer::Good(Greeting { round_trip: Duration::from_micros(31_250), accepted })
    };
    let host = |registry: &str, address: &str, side, logins| HostReport {
        registry: registry.parse().unwrap(),
        side,
        manner: Manner { address: address.to_owned(), abilities: vec!["an ability".to_owned()] },
        logins,
    };
    let sources = vec![
        login(LoginFound::From(origin()), good(Accepted::Login)),
        login(LoginFound::Nobody, good(Accepted::Anonymous)),
        login(LoginFound::InVain("log in first".to_owned()), good(Accepted::Everybody)),
    ];
    let destinations = vec![
        login(LoginFound::ToBeAsked(origin()), HostAnswer::Unknown),
        login(LoginFound::Broken("no JSON".into()), HostAnswer::Unknown),
        login(LoginFound::From(origin()), HostAnswer::Bad(denied())),
    ];
    let program = |name: &str, path: Option<&str>, version| ProgramReport {
        name: name.to_owned(),
        path: path.map(PathBuf::from),
        version,
        needed_for: "`verify`",
    };
    DoctorReport {
        destination: Some("registry.example.com".to_owned()),
        hosts: vec![
            host("quay.io", "https://quay.io/", Side::Source, sources),
            host("localhost:5000", "http://localhost:5000/", Side::Destination, destinations),
        ],
        login_files: vec![("/home/a/config.json".into(), true), ("/run/auth.json".into(), false)],
        programs: vec![
            program("helm", Some("/usr/bin/helm"), Ok("v4.3.1".to_owned())),
            program("aws", None, Err("not found".to_owned())),
        ],
        warnings: vec!["a warning".to_owned()],
    }
}

fn dry_run(destination: &str) -> String {
    let transfers = transfers_to(destination);
    let plan = RepositoryPlan::of(&list().destinations[destination], &transfers);
    super::json::dry_run(destination, &transfers, plan.as_ref())
}

/// Every JSON report: its file below `tests/data/reports`, the schema it follows, and its text.
fn documents() -> Vec<(&'static str, &'static str, String)> {
    let doctor = doctor();
    let no_destination =
        DoctorReport { destination: None, hosts: Vec::new(), programs: Vec::new(), ..doctor };
    vec![
        ("mirror", "mirror", super::json::mirror(&mirror())),
        ("mirror-dry-run", "mirror-dry-run", dry_run("plain")),
        ("mirror-dry-run-ecr", "mirror-dry-run", dry_run("production")),
        ("images", "images-report", super::images::json(&inventory())),
        ("pin", "pin", super::pin::json(&pin(Mode::Pin))),
        ("pin-check", "pin", super::pin::json(&pin(Mode::Check))),
        ("pin-update", "pin", super::pin::json(&pin(Mode::Update))),
        ("doctor", "doctor", super::doctor::json(&self::doctor())),
        ("doctor-offline", "doctor", super::doctor::json(&no_destination)),
        ("verify", "verify", super::verify::tests::json_of_every_kind()),
    ]
}

#[test]
fn json_reports_stay_as_they_are() {
    for (name, _, text) in documents() {
        assert_kept(&format!("tests/data/reports/{name}.json"), &text);
    }
}
