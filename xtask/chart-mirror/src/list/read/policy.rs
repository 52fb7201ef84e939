//! `[policy]`: what `verify` requires.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::Value;
use crate::list::finding_code::{Code, Severity};
use crate::list::problems::nearest;
use crate::list::{Address, Policy};

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
