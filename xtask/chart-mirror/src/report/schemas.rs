//! The JSON schemas of the reports, derived from the types, and the table of finding codes in
//! `docs/finding-codes.md`: tests compare both with the files.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::json::{Document, VERSION};
use crate::bundle::bundle_inventory::BundleInventory;
use crate::bundle::destination_inventory::DestinationInventory;
use crate::commands::mirror::planned::PlannedRun;
use crate::expect::assert_kept;
use crate::list::finding_code::{Check, Code, Severity};

/// The schema of each report, by the name of its file in `schemas/`.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("bundle-export", schema::<super::bundle::Exported<'_>>("bundle export", "")),
        ("bundle-merge", schema::<super::bundle_merge::Merged<'_>>("bundle merge", "")),
        ("doctor", schema::<super::doctor::json::Doctor<'_>>("doctor", "")),
        ("bundle-inventory", bundle_inventory()),
        ("destination-inventory", destination_inventory()),
        ("images-report", schema::<super::images::json::Images<'_>>("images", "")),
        ("mirror", schema::<super::mirror::json::Run<'_>>("mirror", "")),
        ("mirror-dry-run", schema::<super::mirror::json::DryRun<'_>>("mirror", " --dry-run")),
        ("mirror-plan", plan()),
        ("parts", parts()),
        ("pin", schema::<super::pin::json::Pins<'_>>("pin", "")),
        ("progress", progress()),
        ("prune", schema::<super::prune::json::Pruning<'_>>("prune", "")),
        ("verify", schema::<super::verify::json::Verification<'_>>("verify", "")),
    ]
}

/// The report of any command about several lists or destinations.
fn parts() -> Value {
    let mut schema = schema::<super::parts::Parts>("mirror", "");
    schema["title"] = json!("a command with --format json, for several lists or destinations");
    schema["properties"]["command"] =
        json!({ "enum": ["bundle import", "doctor", "images", "mirror", "pin", "prune"] });
    schema
}

/// The file that `mirror --plan` writes.
fn plan() -> Value {
    let mut schema = derived::<PlannedRun>();
    schema["title"] = json!("a plan of chart-mirror mirror --plan");
    schema["properties"]["version"] = json!({ "const": 1 });
    schema["properties"]["command"] = json!({ "const": "mirror --plan" });
    schema
}

/// The file `inventory.json` of a bundle.
fn bundle_inventory() -> Value {
    let mut schema = derived::<BundleInventory>();
    schema["title"] = json!("the inventory of a bundle");
    schema
}

/// A line of `--progress json`.
fn progress() -> Value {
    let mut schema = derived::<super::events::Event<'_>>();
    schema["title"] = json!("a line on stderr with --progress json");
    schema
}

/// The file that `inventory` writes.
fn destination_inventory() -> Value {
    let mut schema = derived::<DestinationInventory>();
    schema["title"] = json!("the inventory of a destination");
    schema
}

fn schema<T: JsonSchema>(command: &str, flags: &str) -> Value {
    let mut schema = derived::<Document<T>>();
    schema["title"] = json!(format!("chart-mirror {command}{flags} --format json"));
    schema["properties"]["version"] = json!({ "const": VERSION });
    schema["properties"]["command"] = json!({ "const": command });
    schema
}

fn derived<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let generator = settings.with_transform(RecursiveTransform(plain)).into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["$comment"] = json!("derived by the tests of chart-mirror: do not edit");
    schema
}

/// Without the widths of Rust's numbers and the line breaks of its doc comments.
fn plain(schema: &mut Schema) {
    schema.remove("format");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// Whether a schema describes the whole of an object, or one of the alternatives for some of its fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Whole,
    Part,
}

/// Forbids the fields that a schema does not name. The schemas that ship allow them, because fields
/// may be added.
pub(super) fn close(schema: &mut Value, scope: Scope) {
    match schema {
        Value::Object(fields) => {
            let is_object = fields.contains_key("properties");
            for (key, value) in fields.iter_mut() {
                let is_alternative = matches!(key.as_str(), "oneOf" | "anyOf" | "allOf");
                let is_part = is_object && is_alternative;
                close(value, if is_part { Scope::Part } else { Scope::Whole });
            }
            if is_object && scope == Scope::Whole {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close(item, scope)),
        _ => {}
    }
}

#[test]
fn the_schema_files_are_what_the_types_derive() {
    for (name, schema) in schemas() {
        assert_kept(&format!("schemas/{name}.schema.json"), &format!("{schema:#}\n"));
    }
}

#[test]
fn the_documentation_has_every_code_with_its_severity_and_meaning() {
    let (begin, end) = ("<!-- codes: begin -->\n", "<!-- codes: end -->");
    let page = include_str!("../../../../docs/finding-codes.md");
    let (before, rest) = page.split_once(begin).expect("no place for the table");
    let (_, after) = rest.split_once(end).expect("no end of the table");
    let mut table = "| code | severity | means |\n|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let fixed = if code.is_fixed() { ", always" } else { "" };
        let (severity, meaning) = (code.severity(), code.meaning());
        table += &format!("| `{code}` | {severity}{fixed} | {meaning} |\n");
    }
    assert_kept("docs/finding-codes.md", &format!("{before}{begin}{table}{end}{after}"));
}

#[test]
fn codes_checks_and_severities_have_the_same_names_in_json_as_in_text() {
    let name = |value: Value| value.as_str().unwrap_or_default().to_owned();
    for code in Code::ALL {
        assert_eq!(name(json!(code)), code.name());
    }
    for check in Check::ALL {
        assert_eq!(name(json!(check)), check.name());
    }
    for severity in [Severity::Ignore, Severity::Warning, Severity::Error] {
        assert_eq!(name(json!(severity)), severity.name());
    }
}
