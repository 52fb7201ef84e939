//! `verify.schema.json`, the schema of `--format json`, and the table of codes in README.md: both are
//! made here, from the codes. What README.md promises of versions holds: fields may be added.

use serde_json::{Value, json};

use crate::expect::assert_kept;
use crate::list::code::{Check, Code, Severity};
use crate::report::json::VERSION;

fn schema() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text });
    let amount = json!({ "type": "integer", "minimum": 0 });
    let number = json!({ "type": "integer", "minimum": 1 });
    let check = json!({ "enum": Check::ALL.map(Check::name) });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "made by the tests of xtask/src/report/verify/schema.rs: do not edit",
        "title": "cargo xtask verify --format json",
        "type": "object",
        "required": [
            "version", "command", "passes", "strict", "list", "destinations", "checks", "findings",
            "totals", "requests", "insecure", "seconds"
        ],
        "properties": {
            "version": { "const": VERSION },
            "command": { "const": "verify" },
            "passes": { "type": "boolean", "description": "whether there is no error" },
            "strict": { "type": "boolean", "description": "whether warnings were made errors" },
            "list": { "type": "string", "description": "the image list, as locations call it" },
            "destinations": { "type": "array", "items": text, "description": "addresses" },
            "checks": {
                "type": "array",
                "description": "those that were run, with what they found",
                "items": object(&[("check", &check), ("errors", &amount), ("warnings", &amount)]),
            },
            "findings": { "type": "array", "items": finding(&text, &texts, &number, &check) },
            "totals": object(&[
                ("images", &amount), ("errors", &amount), ("warnings", &amount),
                ("ignored", &json!({
                    "type": "integer",
                    "minimum": 0,
                    "description": "findings that the policy ignores",
                })),
            ]),
            "requests": object(&[("source", &amount), ("destination", &amount)]),
            "insecure": {
                "type": "array",
                "items": text,
                "description": "registries whose certificates were not checked",
            },
            "seconds": { "type": "number", "minimum": 0 },
        },
    })
}

fn finding(text: &Value, texts: &Value, number: &Value, check: &Value) -> Value {
    let mut location = object(&[("file", text), ("line", number), ("column", number)]);
    location["type"] = json!(["object", "null"]);
    location["description"] = json!("where to mend it; columns count characters");
    object(&[
        ("code", &json!({ "enum": Code::ALL.map(Code::name) })),
        ("severity", &json!({ "enum": [Severity::Warning.name(), Severity::Error.name()] })),
        ("check", check),
        (
            "image",
            &json!({
                "type": ["string", "null"],
                "description": "the source reference of the image that it is about, if of one",
            }),
        ),
        ("location", &location),
        ("message", &json!({ "type": "string", "description": "one line" })),
        ("details", texts),
        ("hint", &json!({ "type": ["string", "null"], "description": "what to do" })),
    ])
}

/// All of its fields are always there.
fn object(fields: &[(&str, &Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), (*schema).clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

#[test]
fn the_schema_of_the_report_is_what_the_codes_say() {
    assert_kept("verify.schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_documentation_has_every_code_with_its_severity_and_meaning() {
    let (begin, end) = ("<!-- codes: begin -->\n", "<!-- codes: end -->");
    let page = include_str!("../../../../../docs/finding-codes.md");
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
