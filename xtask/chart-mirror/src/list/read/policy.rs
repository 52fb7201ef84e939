//! `[policy]`: what is required of the images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::Value;
use crate::list::finding_code::{Code, Severity};
use crate::list::problems::nearest;
use crate::list::{Address, Policy, SignatureRequirement, SignatureRule};
use oci::Registry;

impl<'t> Reader<'t> {
    pub(super) fn policy(&mut self, entry: Spanned<DeTable<'t>>) -> Option<Policy> {
        let mut table = self.table(entry, "`[policy]`");
        let policy = Policy {
            allowed_registries: self
                .optional(&mut table, "allowed-registries", Self::allowed_registries)
                .unwrap_or_default(),
            require_pins: self.flag(&mut table, "require-pins"),
            require_platforms: self.optional(&mut table, "require-platforms", Self::platforms),
            severities: self.optional(&mut table, "severity", Self::severities).unwrap_or_default(),
            signatures: self
                .optional(&mut table, "signatures", Self::signature_rules)
                .unwrap_or_default(),
        };
        self.finish(table)?;
        Some(policy)
    }

    fn allowed_registries(&mut self, texts: Spanned<Vec<Value<'t>>>) -> Option<Vec<String>> {
        if texts.get_ref().is_empty() {
            let hint = "leave the key out to allow all";
            self.report(texts.span(), "an empty list would allow no registry", hint)?;
        }
        self.all(texts.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            reader.without_credentials(&text)?;
            let address: Option<Address> = reader.parsed(&text, |_| {
                let hint = "write it like `\"quay.io\"` or `\"quay.io/stackstate\"`";
                ("this is neither a registry nor a path in one".to_owned(), hint)
            });
            Some(address?.to_string())
        })
    }

    fn signature_rules(&mut self, rules: Spanned<Vec<Value<'t>>>) -> Option<Vec<SignatureRule>> {
        self.all(rules.into_inner(), |reader, rule| {
            let rule: Spanned<DeTable<'t>> = reader.value(rule)?;
            let mut table = reader.table(rule, "`[[policy.signatures]]`");
            let hint = "write which images it is for: `sources = [\"quay.io/stackstate/*\"]`";
            let sources = reader.required(&mut table, "sources", hint, Self::source_patterns);
            let keys = reader.optional(&mut table, "keys", Self::key_files);
            let exempt = reader.optional(&mut table, "exempt", Self::reason);
            let span = table.span();
            match (table.span_of("keys"), table.span_of("exempt")) {
                (Some(_), Some(second)) => {
                    let hint = "keep `keys` to require a signature, or `exempt` to require none";
                    reader.report(second, "`keys` and `exempt` together", hint);
                }
                (None, None) => {
                    let hint = "write `keys = [\"FILE.pub\"]`, or why these images need no signature: \
                                `exempt = \"…\"`";
                    reader.report(span.clone(), "this rule requires nothing", hint);
                }
                _ => {}
            }
            reader.finish(table)?;
            let requirement =
                keys.map(SignatureRequirement::Keys).or(exempt.map(SignatureRequirement::Exempt));
            Some(SignatureRule {
                sources: sources?,
                requirement: requirement?,
                defined_at: reader.place(&span),
            })
        })
    }

    /// At least one, so that a rule does not silently match nothing.
    fn source_patterns(&mut self, texts: Spanned<Vec<Value<'t>>>) -> Option<Vec<String>> {
        if texts.get_ref().is_empty() {
            let hint = "write `\"*\"` for all images";
            self.report(texts.span(), "an empty list matches no image", hint)?;
        }
        self.all(texts.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            reader.without_credentials(&text)?;
            let pattern = text.get_ref();
            let head = pattern.split(['*', '/']).next().unwrap_or_default();
            let begins_with_registry = pattern[head.len()..].starts_with('*')
                || (pattern.contains('/') && head.parse::<Registry>().is_ok());
            if !begins_with_registry {
                let hint = "a pattern begins with a registry or `*`: `\"quay.io/stackstate/*\"`, \
                            `\"docker.io/library/*\"`";
                reader.report(text.span(), "this matches no source", hint)?;
            }
            Some(with_normal_host(pattern))
        })
    }

    fn key_files(&mut self, texts: Spanned<Vec<Value<'t>>>) -> Option<Vec<PathBuf>> {
        if texts.get_ref().is_empty() {
            let hint = "write the files of public keys: `keys = [\"keys/stackstate.pub\"]`";
            self.report(texts.span(), "no signature could meet an empty list of keys", hint)?;
        }
        self.all(texts.into_inner(), |reader, text| {
            let text = reader.value::<String>(text)?;
            reader.file(text)
        })
    }

    fn severities(&mut self, table: Spanned<DeTable<'t>>) -> Option<BTreeMap<Code, Severity>> {
        let entries = self.entries(table);
        self.all(entries, |reader, (key, value)| {
            let code = reader.code(&key);
            let text = reader.value(value);
            let severity =
                text.and_then(|text| reader.one_of(&text, Severity::ALL, Severity::name));
            Some((code?, severity?))
        })
    }

    fn code(&mut self, key: &Spanned<String>) -> Option<Code> {
        let name = key.get_ref();
        let code: Code = self.parsed(key, |()| {
            let hint = match nearest(name, &Code::ALL.map(Code::name)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "docs/finding-codes.md lists the codes of `verify`".to_owned(),
            };
            (format!("`{}` is not a finding code", name.escape_debug()), hint)
        })?;
        if code.is_fixed() {
            let hint = "a check that could not run never passes; `--only` selects checks";
            self.report(key.span(), format!("`{code}` is always an error"), hint)?;
        }
        Some(code)
    }
}

/// A pattern for sources, with its host as sources have it. Only tags may have capitals.
fn with_normal_host(pattern: &str) -> String {
    let end = pattern.find('/').or_else(|| pattern.find('*')).unwrap_or(pattern.len());
    let (host, rest) = pattern.split_at(end);
    let host = match host.parse::<Registry>() {
        Ok(host) => host.to_string(),
        Err(_) => host.to_ascii_lowercase(),
    };
    format!("{host}{rest}")
}
