//! `[policy]`: what `verify` demands.

use std::collections::BTreeMap;

use toml::Spanned;

use super::Reader;
use crate::list::code::{Code, Severity};
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::nearest;
use crate::list::raw::RawPolicy;
use crate::list::{Destination, Policy};
use messages::secret::holds_userinfo;

const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Ignore];

impl Reader<'_> {
    pub(super) fn policy(&mut self, entry: Spanned<Table<RawPolicy>>) -> Option<Policy> {
        let raw = self.keys(entry.into_inner(), "`[policy]`");
        let allowed_registries = self.optional(raw.allowed_registries, Self::allowed_registries);
        let require_pins = self.optional(raw.require_pins, |_, value| Some(value.into_inner()));
        let require_platforms = self.optional(raw.require_platforms, Self::platforms);
        let severities = self.optional(raw.severity, Self::severities);
        Some(Policy {
            allowed_registries: allowed_registries?.unwrap_or_default(),
            require_pins: require_pins?.unwrap_or_default(),
            require_platforms: require_platforms?,
            severities: severities?.unwrap_or_default(),
        })
    }

    fn allowed_registries(&mut self, texts: Spanned<Vec<Field<String>>>) -> Option<Vec<String>> {
        if texts.get_ref().is_empty() {
            let hint = "leave the key out to allow all".to_owned();
            self.report(texts.span(), "no registry would be allowed", hint);
            return None;
        }
        self.all(texts.into_inner(), |reader, field| {
            let text = reader.value(field)?;
            if holds_userinfo(text.get_ref()) {
                reader.report_credentials(text.span());
                return None;
            }
            let parsed = text.get_ref().parse::<Destination>().ok();
            parsed.map(|parsed| parsed.to_string()).or_else(|| {
                let message = "this is neither a registry nor a path in one";
                let hint = "write it as in `\"quay.io\"` or `\"quay.io/stackstate\"`".to_owned();
                reader.report(text.span(), message, hint);
                None
            })
        })
    }

    fn severities(
        &mut self,
        entries: Spanned<Entries<String>>,
    ) -> Option<BTreeMap<Code, Severity>> {
        let severities = self.all(entries.into_inner().0, |reader, (key, field)| {
            let code = reader.code(&key);
            let severity = reader.value(field).and_then(|text| reader.severity(&text));
            Some((code?, severity?))
        });
        severities.map(|severities| severities.into_iter().collect())
    }

    fn code(&mut self, key: &Spanned<String>) -> Option<Code> {
        let name = key.get_ref();
        let Ok(code) = name.parse::<Code>() else {
            let known = Code::ALL.map(Code::name);
            let hint = match nearest(name, &known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "README.md lists the codes of `verify`".to_owned(),
            };
            let message = format!("`{}` is no code of a finding", name.escape_debug());
            self.report(key.span(), message, hint);
            return None;
        };
        if code.is_fixed() {
            let message = format!("`{code}` is always an error");
            let hint =
                "what could not be looked at is not passed over; `--only` chooses the checks";
            self.report(key.span(), message, hint.to_owned());
            return None;
        }
        Some(code)
    }

    fn severity(&mut self, text: &Spanned<String>) -> Option<Severity> {
        let found = SEVERITIES.into_iter().find(|severity| severity.name() == text.get_ref());
        if found.is_none() {
            let hint = "write `\"error\"`, `\"warning\"` or `\"ignore\"`".to_owned();
            self.report(text.span(), "this is no severity", hint);
        }
        found
    }
}
