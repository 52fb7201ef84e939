//! Reports for programs. The form has a version; what is added does not change it, what is renamed or
//! removed does. Documented in README.md.

use serde_json::{Value, json};

use crate::commands::mirror::result::{ImageReport, MirrorReport, Outcome};
use crate::ecr::RepositoryPlan;
use crate::plan::Transfer;
use registry::Error;

pub(super) const VERSION: u32 = 1;

/// What a dry run would copy.
pub fn dry_run(
    destination: &str,
    transfers: &[Transfer],
    repositories: Option<&RepositoryPlan>,
) -> String {
    let images: Vec<Value> = transfers
        .iter()
        .map(|transfer| {
            let mut image = json!({
                "source": transfer.source_reference(),
                "target": transfer.target_reference(),
                "pin": transfer.digest,
            });
            if let Some(choice) = &transfer.platforms {
                image["platforms"] = json!(choice.platforms);
                image["recorded"] = json!(choice.recorded);
            }
            image
        })
        .collect();
    pretty(
        &json!({ "version": VERSION, "command": "mirror", "dry-run": true, "destination": destination, "images": images, "repositories": repositories.map(super::ecr::dry_run_value) }),
    )
}

/// What a mirror run did.
pub fn mirror(report: &MirrorReport) -> String {
    let images: Vec<Value> = report.images.iter().map(image).collect();
    pretty(&json!({
        "version": VERSION,
        "command": "mirror",
        "dry-run": false,
        "destination": report.destination,
        "images": images,
        "totals": report.totals(),
        "requests": report.requests,
        "seconds": report.took.as_secs_f64(),
        "insecure": report.insecure,
        "repositories": report.repositories.as_ref().map(super::ecr::value),
    }))
}

fn image(image: &ImageReport) -> Value {
    let mut value = json!({
        "source": image.source,
        "target": image.target,
        "pinned": image.pinned,
        "digest": image.digest(),
        "warnings": image.refused.iter().map(error).collect::<Vec<_>>(),
    });
    if let Some(subset) = &image.subset {
        value["platforms"] = json!(subset.platforms);
        value["made-from"] = json!(subset.made_from);
    }
    let (outcome, more) = match &image.outcome {
        Outcome::UpToDate(_) => ("up-to-date", json!({})),
        Outcome::Copied(copied) => (
            "copied",
            json!({
                "moved": copied.moved,
                "mounted": copied.mounted,
                "skipped": copied.present,
                "attachments": copied.attachments,
                "foreign-layers": copied.foreign_layers,
            }),
        ),
        Outcome::Failed(error) => ("failed", json!({ "error": self::error(error) })),
    };
    value["outcome"] = json!(outcome);
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

pub(super) fn error(error: &Error) -> Value {
    json!({
        "side": error.side,
        "operation": error.operation,
        "request": error.request,
        "status": error.status(),
        "message": error.to_string(),
        "hint": error.hint(),
    })
}

pub(super) fn pretty(value: &Value) -> String {
    // Maps with string keys and finite numbers always have a JSON form.
    format!("{value:#}\n")
}
