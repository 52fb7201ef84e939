//! `docs/reference/images-toml.md`, from `schemas/images.schema.json`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{cell, head};
use crate::expect::assert_kept;

const SCHEMA: &str = include_str!("../../../../schemas/images.schema.json");

#[test]
fn the_page_about_keys_is_up_to_date() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut page = head("Keys of images.toml", "schemas/images.schema.json");
    page.push_str(
        "\nNAME stands for a name that you choose. [images.toml](../images-toml.md) explains the file with \
         examples.\n",
    );
    table(&mut page, "", &schema);
    assert_kept("docs/reference/images-toml.md", &page);
}

/// The keys of a table in images.toml, then those of the tables in it.
fn table(page: &mut String, name: &str, schema: &Value) {
    let title = match name {
        "" => "The file".to_owned(),
        name => format!("`{name}`"),
    };
    write!(page, "\n## {title}\n\n{}\n\n", text(schema, "description")).unwrap();
    page.push_str("| key | value | means |\n|---|---|---|\n");
    let keys = schema["properties"].as_object().into_iter().flatten();
    for (key, value) in keys.clone() {
        let is_required =
            schema["required"].as_array().into_iter().flatten().any(|name| name == key);
        let required = if is_required { ", required" } else { "" };
        let means = text(value, "description");
        writeln!(page, "| `{key}` | {}{required} | {means} |", kind(value)).unwrap();
    }
    for (key, value) in keys {
        let key = match name.trim_matches(['[', ']']) {
            "" => key.clone(),
            name => format!("{name}.{key}"),
        };
        let (name, value) = match value["type"].as_str() {
            Some("array") => (format!("[[{key}]]"), &value["items"]),
            _ if value["properties"].is_object() => (format!("[{key}]"), value),
            _ => (format!("[{key}.NAME]"), &value["additionalProperties"]),
        };
        if value["properties"].is_object() {
            table(page, &name, value);
        }
    }
}

/// What kind of value a key has: `string`, `list of strings`, `"copy"` or `"required"`.
fn kind(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>();
        return values.join(" or ");
    }
    match &schema["type"] {
        Value::Array(types) => {
            let types = types.iter().filter_map(Value::as_str).map(type_name).collect::<Vec<_>>();
            types.join(" or ")
        }
        Value::String(name) if name == "array" => format!("list of {}", plural(&schema["items"])),
        Value::String(name) if name == "object" && schema["additionalProperties"].is_object() => {
            format!("table of {}", plural(&schema["additionalProperties"]))
        }
        Value::String(name) => type_name(name).to_owned(),
        _ => "any".to_owned(),
    }
}

fn plural(schema: &Value) -> String {
    match schema["type"].as_str() {
        Some(name) if schema["enum"].is_null() => format!("{}s", type_name(name)),
        _ => format!("values, each {}", kind(schema)),
    }
}

fn type_name(name: &str) -> &str {
    if name == "object" { "table" } else { name }
}

fn text(schema: &Value, key: &str) -> String {
    cell(schema[key].as_str().unwrap_or_default())
}
