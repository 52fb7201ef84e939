//! The reports of the commands for bundles.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Serialize;

use super::common::{bytes, count, seconds};
use super::json::document;
use super::presentation::Presentation;
use crate::commands::bundle::export::result::{ExportReport, ExportState};
use crate::commands::bundle::open_bundle::{ListOrigin, OpenBundle};
use crate::commands::bundle::totals::BundleTotals;
use layout::{LayoutLocation, LayoutVerification};
use messages::Advice;
use messages::printable::printable;
use messages::program::command;
use registry_server::pullable_name;

/// The JSON report of `bundle export`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) struct Exported<'a> {
    output: String,
    /// What is on the disk.
    state: &'static str,
    /// The bundle or its parts, complete or not.
    locations: Vec<String>,
    totals: &'a BundleTotals,
    /// How each list was copied into the bundle, as `mirror` reports it.
    lists: Vec<super::mirror::json::Run<'a>>,
    seconds: f64,
}

/// The end of an export: all errors and warnings, then what was written.
pub fn exported(report: &ExportReport, presentation: Presentation) -> String {
    let mut text = String::new();
    for list in &report.lists {
        text += &super::mirror::problems(list, presentation);
    }
    text + &summary(report)
}

/// What was written.
pub fn summary(report: &ExportReport) -> String {
    let output = &report.output;
    let BundleTotals { images, charts, stored, left_out, against } = &report.totals;
    let again = "fix the causes and run the same command again";
    match &report.state {
        ExportState::NothingWritten => format!("{output}: nothing was written; {again}\n"),
        ExportState::Unfinished(places) => {
            let places = names(places);
            format!(
                "{output} is not complete; until then, it is in {places}\n{again}; only missing content is copied\n"
            )
        }
        ExportState::Written(places) => {
            let mut text = format!("{}: {}", range(places), count(*images as u64, "image"));
            if *charts > 0 {
                let _ = write!(text, " and {}", count(*charts as u64, "chart"));
            }
            let stored_blobs = count(stored.blobs, "blob");
            let _ = writeln!(
                text,
                ", {} in {stored_blobs}, in {}",
                bytes(stored.bytes),
                seconds(report.seconds)
            );
            if let Some(against) = against {
                let (amount, blobs) = (bytes(left_out.bytes), count(left_out.blobs, "blob"));
                let _ = writeln!(text, "left out: {amount} in {blobs} that {against} has");
            }
            if places.len() > 1 {
                let _ = writeln!(text, "{}: {}", count(places.len() as u64, "part"), names(places));
            }
            text
        }
    }
}

/// The start of a service: where it is, and a reference to pull.
pub fn served(bundle: &OpenBundle, address: SocketAddr) -> String {
    let images = count(bundle.inventory.images.len() as u64, "image");
    let mut text = format!("serving {images} at {address} until it is interrupted\n");
    if let Some(image) = bundle.inventory.images.first() {
        let (name, tag) = (pullable_name(image.source.repository()), image.source.tag());
        let _ = writeln!(text, "for example {}", printable(&format!("{address}/{name}:{tag}")));
    }
    text
}

/// What a served bundle does not have: blobs that a destination has, and parts that were not named. Clients that
/// need them get 404.
pub fn not_served(bundle: &OpenBundle) -> Option<String> {
    let totals = BundleTotals::of(&bundle.inventory);
    let missing: Vec<String> =
        bundle.layout.missing_parts().iter().map(ToString::to_string).collect();
    let mut causes = Vec::new();
    if let Some(against) = totals.against.filter(|_| totals.left_out.blobs > 0) {
        let (blobs, amount) = (count(totals.left_out.blobs, "blob"), bytes(totals.left_out.bytes));
        causes.push(format!("it leaves out {blobs} ({amount}) that {} has", printable(&against)));
    }
    if !missing.is_empty() {
        let parts = bundle.inventory.parts;
        causes.push(format!("of its {parts} parts, these are not named: {}", missing.join(", ")));
    }
    let merge = command("bundle merge");
    (!causes.is_empty()).then(|| {
        format!(
            "warning: the bundle is not complete, and images that need the rest cannot be pulled: {}\n\
             hint: name all parts; {merge} joins a difference with the bundle that it follows",
            causes.join("; ")
        )
    })
}

/// The JSON report of an export.
pub fn exported_json(report: &ExportReport) -> String {
    let (state, locations) = match &report.state {
        ExportState::Written(places) => ("written", places.as_slice()),
        ExportState::Unfinished(places) => ("unfinished", places.as_slice()),
        ExportState::NothingWritten => ("nothing-written", [].as_slice()),
    };
    document(
        "bundle export",
        Exported {
            output: report.output.to_string(),
            state,
            locations: locations.iter().map(ToString::to_string).collect(),
            totals: &report.totals,
            lists: report.lists.iter().map(super::mirror::json::Run::new).collect(),
            seconds: report.seconds,
        },
    )
}

/// What a bundle has, in a few lines. `origin` is where the list comes from that it is imported with.
pub fn opened(bundle: &OpenBundle, origin: ListOrigin) -> String {
    let inventory = &bundle.inventory;
    let sizes = inventory.blobs.values();
    let mut text = format!(
        "{}: {} with {}, {}",
        bundle.layout.location(),
        count(inventory.images.len() as u64, "image"),
        count(sizes.len() as u64, "blob"),
        bytes(sizes.sum())
    );
    let missing = bundle.layout.missing_parts();
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let _ = write!(
            text,
            "\nof {} parts, these are not here: {}",
            inventory.parts,
            missing.join(", ")
        );
    }
    if origin == ListOrigin::Bundle && inventory.attachments {
        text += "\nsignatures are not checked, because the keys in a bundle prove nothing: --images names a list with keys of yours";
    }
    text
}

/// Everything that a bundle has.
pub fn listed(bundle: &OpenBundle) -> String {
    let inventory = &bundle.inventory;
    let mut text = opened(bundle, ListOrigin::Site) + "\n";
    if let Some(platforms) = &inventory.platforms {
        let _ = writeln!(text, "only {platforms}");
    }
    if let Some(against) = &inventory.against {
        let amount = bytes(inventory.left_out().map(|blob| blob.size).sum());
        let of = printable(&against.destination);
        let _ = writeln!(text, "counts on blobs that {of} has: {amount}");
    }
    for list in &inventory.lists {
        let _ = writeln!(text, "\n{}", printable(&list.file));
        for image in inventory.images.iter().filter(|image| image.list == list.name) {
            let _ = writeln!(text, "  {}  {}", image.source, image.digest);
        }
        for chart in inventory.charts.iter().filter(|chart| chart.list == list.name) {
            let (name, archive) = (printable(&chart.name), printable(&chart.archive));
            let _ = writeln!(text, "  {name}  {}  {archive}", chart.digest);
        }
    }
    text
}

/// The result of `bundle verify`: each damaged file, or `no damage`.
pub fn verified(
    bundle: &OpenBundle,
    verification: &LayoutVerification,
    presentation: Presentation,
) -> String {
    let opened = opened(bundle, ListOrigin::Site);
    let error = presentation.style.error("error");
    let damages = verification.damages.iter();
    let damages: String = damages.map(|damage| format!("{error}: {damage}\n")).collect();
    match verification.damages.len() {
        0 => format!("{opened}\nno damage\n"),
        number => format!(
            "{damages}{opened}\n{} of damage; copy it again from where it came from\n",
            count(number as u64, "case")
        ),
    }
}

/// A bundle that is damaged in a way that leaves nothing to hash.
pub fn refused(why: &Advice, presentation: Presentation) -> String {
    let error = presentation.style.error("error");
    let hint = why.hint.as_deref().unwrap_or("copy it again from where it came from");
    format!("{error}: {}\n1 case of damage; {hint}\n", why.message)
}

/// A bundle, or its first and its last part.
pub(super) fn range(places: &[LayoutLocation]) -> String {
    match places {
        [first, .., last] => format!("{} to {}", first.path().display(), last.path().display()),
        _ => places.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn names(places: &[LayoutLocation]) -> String {
    let names: Vec<String> =
        places.iter().map(|place| place.path().display().to_string()).collect();
    names.join(", ")
}
