//! A rich example of every JSON report: kept in `tests/data/reports` and valid by its schema.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::schemas::{Scope, close, schemas};
use crate::bundle::bundle_inventory::{
    BundleInventory, BundledChart, BundledImage, BundledList, CountedOn,
};
use crate::bundle::difference::LeftOut;
use crate::chart::inventory::Inventory;
use crate::chart::{ChartOptions, DeclaredDifference, Rendered};
use crate::commands::bundle::export::result::{ExportReport, ExportState};
use crate::commands::bundle::merge::result::{LeftBehind, MergeReport, TakenList};
use crate::commands::bundle::totals::BundleTotals;
use crate::commands::chart_copy::{ChartPlan, planned_chart};
use crate::commands::doctor::result::{
    DoctorReport, HostAnswer, HostReport, LoginFile, LoginReport, ProgramReport,
};
use crate::commands::mirror::result::{
    ChartOutcome, ChartReport, ImageReport, MirrorReport, ShardReport,
};
use crate::commands::pin::result::{Mode, PinOutcome, PinReport, PinnedImage};
use crate::copy::{Amount, Copied, Counters, ImageContent};
use crate::ecr::{RepositoryPlan, RepositoryReport, Setting, SettingDifference};
use crate::expect::assert_kept;
use crate::list::ImageList;
use crate::plan::{Selection, Transfer, transfers};
use layout::LayoutLocation;
use messages::Advice;
use oci::Digest;
use registry::ping::{AuthState, Base, CredentialState, Origin, Ping};
use registry::{Cause, Error, ErrorResponse, Requests, Side};

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
charts = "charts"

[chart]
name = "app"
repository = "https://charts.example.com"
version = "1.0.0+b"

[[image]]
source = "quay.io/stackstate/wait"
tag = "1.0.6"
digest = "DIGEST"

[image.subsets]
index = "DIGEST"
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
    let destination = &list.destinations()[destination];
    transfers(&list, destination, &Selection::default()).unwrap_or_else(|why| panic!("{why}"))
}

/// An error of a request.
fn denied() -> Error {
    let response = ErrorResponse {
        status: 418,
        codes: Vec::new(),
        message: "DENIED: no".to_owned(),
        is_html: false,
        retry_after: None,
        token_has_expired: false,
    };
    let cause = Cause::Status(Box::new(response));
    let request = "PUT https://registry.example.com/v2/a/manifests/1".to_owned();
    Error { request, ..Error::new(Side::Destination, "put manifest `1`", cause) }
}

/// An error without a request, and with a hint.
fn no_repository() -> Error {
    let advice = Advice::new("it was not created").with_hint("create it");
    let cause = Cause::NoRepository(Box::new(advice));
    Error::new(Side::Destination, "create the repository `a`", cause)
}

fn copied(changed: bool) -> Copied {
    Copied {
        digest: digest("copied"),
        before: None,
        made_from: None,
        changed,
        content: Some(ImageContent {
            is_complete: true,
            platforms: ["linux/amd64", "linux/arm64"].map(str::to_owned).into(),
            blobs: [(digest("layer"), 5_123_456), (digest("config"), 2_000)].into(),
        }),
        counters: Counters {
            moved: Amount { blobs: 4, bytes: 5_123_456 },
            mounted: Amount { blobs: 1, bytes: 2_800_000 },
            present: Amount { blobs: 2, bytes: 30 },
            attachments: 3,
            refused: Vec::new(),
            warnings: Vec::new(),
            manifests: 5,
            planned: Vec::new(),
            foreign_layers: 1,
        },
    }
}

pub(super) fn mirror() -> MirrorReport {
    let [subset, other, failing] = <[Transfer; 3]>::try_from(transfers_to("production")).unwrap();
    let plain = transfers_to("plain").swap_remove(1);
    let mut rewritten = Copied { made_from: Some(digest("pinned")), ..copied(true) };
    rewritten.counters.refused = vec![denied(), no_repository()];
    let images = vec![
        ImageReport::new(&subset, Ok(rewritten)),
        ImageReport::new(&plain, Ok(copied(true))),
        ImageReport::new(&other, Ok(copied(false))),
        ImageReport::new(&failing, Err(denied())),
        ImageReport::new(&plain, Err(no_repository())),
    ];
    let difference = SettingDifference {
        repository: "team/b".to_owned(),
        setting: Setting::ImmutableTags,
        expected: "true".to_owned(),
        actual: "false".to_owned(),
    };
    MirrorReport {
        ended: "2026-11-26T20:02:48Z".parse().unwrap(),
        unfinished: None,
        destination: "registry.example.com".to_owned(),
        shard: Some(ShardReport {
            index: Some(2),
            count: 4,
            positions: vec![0, 3, 4, 7, 9],
            missing: vec![3],
        }),
        images,
        chart: Some(ChartReport {
            source: "https://charts.example.com/app:1.0.0+b".to_owned(),
            target: "registry.example.com/charts/app:1.0.0_b".to_owned(),
            digest: Some(digest("chart")),
            warnings: Vec::new(),
            outcome: ChartOutcome::Copied(copied(true)),
        }),
        requests: Some(Requests { source: 23, destination: 30, tokens: 4 }),
        seconds: 1.9,
        insecure: vec!["registry.example.com".parse().unwrap()],
        repositories: Some(RepositoryReport {
            created: vec!["team/a".to_owned()],
            differences: vec![difference],
            warnings: vec![Advice::new("m").with_hint("h")],
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
    report.insecure = vec!["quay.io".parse().unwrap()];
    report.images.push(PinnedImage {
        source: "quay.io/stackstate/wait:1.0.6".parse().unwrap(),
        pin: Some(digest("pinned")),
        digest: Some(digest("pinned")),
        outcome: PinOutcome::Unchanged,
        written: false,
        subsets: vec![
            ("linux/amd64,linux/arm64".parse().unwrap(), Some(digest("subset"))),
            ("linux/s390x".parse().unwrap(), None),
        ],
        warnings: vec!["odd".to_owned()],
    });
    report
}

fn doctor() -> DoctorReport {
    let login = |credentials, answer| LoginReport {
        repositories: vec!["stackstate/wait".to_owned(), "stackstate/kafka".to_owned()],
        answer,
        ..LoginReport::new(String::new(), &credentials)
    };
    let origin = || Origin::CloudCli { command: "aws ecr".to_owned() };
    let usable = |authentication| {
        let (round_trip, base) = (Duration::from_micros(31_250), Base::Served);
        Ok(Ping { round_trip, authentication, base }).into()
    };
    let host = |registry: &str, address: &str, side, logins| HostReport {
        registry: registry.parse().unwrap(),
        side,
        address: address.to_owned(),
        tls: address.starts_with("https:"),
        abilities: vec!["an ability".to_owned()],
        logins,
    };
    let sources = vec![
        login(CredentialState::From(origin()), usable(AuthState::Authenticated)),
        login(CredentialState::None, usable(AuthState::Anonymous)),
        login(
            CredentialState::CommandFailed("log in first".to_owned()),
            usable(AuthState::NotRequired),
        ),
    ];
    let destinations = vec![
        login(CredentialState::HelperPending(origin()), HostAnswer::Unknown),
        login(CredentialState::Broken("no JSON".into()), HostAnswer::Unknown),
        login(CredentialState::From(origin()), Err(denied()).into()),
    ];
    let program = |name: &str, path: Option<&str>, version| ProgramReport {
        name: name.to_owned(),
        path: path.map(PathBuf::from),
        version,
        needed_for: "`verify`",
    };
    let file = |file: &str, found| LoginFile { file: file.into(), found };
    DoctorReport {
        destination: Some("registry.example.com".to_owned()),
        hosts: vec![
            host("quay.io", "https://quay.io/", Side::Source, sources),
            host("localhost:5000", "http://localhost:5000/", Side::Destination, destinations),
        ],
        login_files: vec![file("/home/a/config.json", true), file("/run/auth.json", false)],
        programs: vec![
            program("helm", Some("/usr/bin/helm"), Ok("v4.3.1".to_owned())),
            program("aws", None, Err("not found".into())),
        ],
        warnings: vec!["a warning".to_owned()],
    }
}

fn dry_run(destination: &str) -> String {
    let transfers = transfers_to(destination);
    let list = list();
    let at = &list.destinations()[destination];
    let plan = RepositoryPlan::of(at, &transfers);
    let chart = at.charts.as_ref().map(|charts| {
        let chart = planned_chart(&list, Path::new("."), &ChartOptions::default()).unwrap();
        ChartPlan::new(chart, at, charts).unwrap()
    });
    super::mirror::dry_run_json(destination, &transfers, chart.as_ref(), plan.as_ref())
}

fn export() -> ExportReport {
    let output: LayoutLocation = "oci-archive:site.tar".parse().unwrap();
    let parts = ["site-1.tar", "site-2.tar"].map(|part| LayoutLocation::of_path(Path::new(part)));
    let amount = |blobs, bytes| Amount { blobs, bytes };
    ExportReport {
        output,
        lists: vec![mirror()],
        state: ExportState::Written(parts.into()),
        totals: BundleTotals {
            images: 3,
            charts: 1,
            stored: amount(103, 1_200_000_000),
            left_out: amount(12, 300_000_000),
            against: Some("registry.example.com/mirror".to_owned()),
        },
        seconds: 12.5,
    }
}

fn bundle_inventory() -> BundleInventory {
    let list = || ".".to_owned();
    let mut inventory = BundleInventory::new();
    inventory.parts = 2;
    inventory.platforms = Some("linux/amd64".parse().unwrap());
    inventory.attachments = true;
    inventory.lists = vec![BundledList { name: list(), file: "images.toml".to_owned() }];
    inventory.images = vec![BundledImage {
        list: list(),
        source: "busybox:1.37".parse().unwrap(),
        digest: digest("subset"),
        made_from: Some(digest("pinned")),
        target: Some("registry.example.com/library/busybox:1.37".parse().unwrap()),
    }];
    inventory.charts = vec![BundledChart {
        list: list(),
        source: "https://charts.example.com/app:1.0.0+b".to_owned(),
        name: "charts/app:1.0.0_b".to_owned(),
        digest: digest("chart"),
        archive: "charts/app-1.0.0+b.tgz".to_owned(),
    }];
    inventory.files = BTreeMap::from([("images.toml".to_owned(), digest("list"))]);
    inventory.blobs = BTreeMap::from([(digest("blob"), 4)]);
    inventory.against = Some(CountedOn {
        destination: "registry.example.com".to_owned(),
        left_out: vec![LeftOut {
            digest: digest("other"),
            size: 5,
            repository: "library/busybox".parse().unwrap(),
        }],
    });
    inventory
}

fn merge() -> MergeReport {
    let image = |source: &str, replaced_by| LeftBehind {
        list: "charts/app".to_owned(),
        source: source.parse().unwrap(),
        digest: digest("old"),
        bundle: "oci-archive:first.tar".to_owned(),
        replaced_by,
    };
    MergeReport {
        locations: vec![LayoutLocation::Archive("all.tar".into())],
        output: LayoutLocation::Directory("all".into()),
        bundles: vec!["oci-archive:first.tar".to_owned(), "oci-archive:new.tar".to_owned()],
        lists: vec![TakenList {
            name: "charts/app".to_owned(),
            file: "lists/charts/app/images.toml".to_owned(),
            bundle: "oci-archive:new.tar".to_owned(),
        }],
        left_behind: vec![
            image("docker.io/library/busybox:1.37", Some(digest("new"))),
            image("docker.io/library/unused:1", None),
        ],
        totals: BundleTotals::of(&bundle_inventory()),
        seconds: 0.25,
    }
}

/// Every JSON report: its file below `tests/data/reports`, the schema it follows, and its text.
fn documents() -> Vec<(&'static str, &'static str, String)> {
    let doctor = doctor();
    let no_destination =
        DoctorReport { destination: None, hosts: Vec::new(), programs: Vec::new(), ..doctor };
    vec![
        ("mirror", "mirror", super::mirror::json(&mirror())),
        ("mirror-plan", "mirror-plan", super::mirror::planned::tests::json()),
        ("mirror-dry-run", "mirror-dry-run", dry_run("plain")),
        ("mirror-dry-run-ecr", "mirror-dry-run", dry_run("production")),
        (
            "images",
            "images-report",
            super::images::json(&inventory(), &DeclaredDifference::default()),
        ),
        ("pin", "pin", super::pin::json(&pin(Mode::Pin))),
        ("pin-check", "pin", super::pin::json(&pin(Mode::Check))),
        ("pin-update", "pin", super::pin::json(&pin(Mode::Update))),
        ("doctor", "doctor", super::doctor::json(&self::doctor())),
        ("doctor-offline", "doctor", super::doctor::json(&no_destination)),
        ("bundle-export", "bundle-export", super::bundle::exported_json(&export())),
        ("bundle-inventory", "bundle-inventory", bundle_inventory().text()),
        ("bundle-merge", "bundle-merge", super::bundle_merge::merged_json(&merge())),
        ("prune", "prune", super::prune::json(&super::prune::tests::report())),
        ("prune-apply", "prune", super::prune::json(&super::prune::tests::applied())),
        ("verify", "verify", super::verify::tests::json_of_every_kind()),
    ]
}

#[test]
fn json_reports_stay_as_they_are() {
    for (name, _, text) in documents() {
        assert_kept(&format!("tests/data/reports/{name}.json"), &text);
    }
}

#[test]
fn json_reports_have_the_fields_of_their_schemas_and_no_others() {
    let mut schemas: BTreeMap<_, _> = schemas().into_iter().collect();
    schemas.values_mut().for_each(|schema| close(schema, Scope::Whole));
    for (name, schema, text) in documents() {
        let validator = jsonschema::validator_for(&schemas[schema]).unwrap();
        let document = serde_json::from_str(&text).unwrap();
        let problems: Vec<_> = validator.iter_errors(&document).map(|it| it.to_string()).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
        for field in ["version", "command"] {
            let mut wrong = document.clone();
            wrong[field] = json!("other");
            assert!(!validator.is_valid(&wrong), "{name}: {field}");
        }
        let mut more = document.clone();
        more["more"] = json!(1);
        assert!(!validator.is_valid(&more), "{name}");
    }
}
