//! The verification as SARIF 2.1.0 (OASIS) for code scanning. The finding codes are the rules.

use crate::commands::verify::{Finding, Location, VerifyReport};
use serde_json::{Value, json};

use super::text;
use crate::list::finding_code::{Code, Severity};
use crate::report::json::pretty;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn report(report: &VerifyReport) -> String {
    let fingerprints = text::fingerprints(report);
    let findings = report.findings.iter().zip(fingerprints);
    let results = findings.map(|(finding, fingerprint)| result(report, finding, &fingerprint));
    let is_complete = report.findings.iter().all(|finding| finding.code != Code::ListInvalid);
    pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "xtask verify",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": Code::ALL.map(rule),
                },
            },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": is_complete }],
            "results": results.collect::<Vec<Value>>(),
        }],
    }))
}

fn rule(code: Code) -> Value {
    let help = if code.is_fixed() {
        "The severity cannot be changed.".to_owned()
    } else {
        format!(
            "The severity can be changed in images.toml: `{code} = \"error\"`, `\"warning\"` or `\"ignore\"` in \
             `[policy.severity]`."
        )
    };
    let meaning = code.meaning();
    json!({
        "id": code.name(),
        "shortDescription": { "text": meaning },
        "fullDescription": { "text": meaning },
        "help": { "text": format!("{meaning}\n\n{help}") },
        "defaultConfiguration": { "level": code.severity().name() },
    })
}

fn result(report: &VerifyReport, finding: &Finding, fingerprint: &str) -> Value {
    let location = report.location(finding);
    let level = if finding.severity == Severity::Error { "error" } else { "warning" };
    json!({
        "ruleId": finding.code.name(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": level,
        "message": { "text": message(&text::lines(finding).join("\n")) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": artifact(&location),
                "region": {
                    "startLine": location.place.line,
                    "startColumn": location.place.column,
                },
            },
        }],
        // Code scanning looks for this name. Without it, it would use the text of the line, which all
        // findings without a line of their own share.
        "partialFingerprints": { "primaryLocationLineHash": format!("{fingerprint}:1") },
    })
}

/// Escapes brackets, because those before a parenthesis would be a link.
fn message(text: &str) -> String {
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text.to_owned() }
}

/// A file of the repository by its relative path, any other file by its absolute path.
fn artifact(location: &Location) -> Value {
    let path = escaped(&location.file);
    let has_drive = matches!(location.file.as_bytes(), [b'A'..=b'Z' | b'a'..=b'z', b':', b'/', ..]);
    match path.strip_prefix('/') {
        Some(path) => json!({ "uri": format!("file:///{path}") }),
        None if has_drive => json!({ "uri": format!("file:///{path}") }),
        None => json!({ "uri": path, "uriBaseId": "%SRCROOT%" }),
    }
}

/// A path as part of a URI (RFC 3986).
fn escaped(path: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(escape).collect()
}
