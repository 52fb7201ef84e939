//! `[destinations.NAME.ecr]`.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::Reader;
use crate::list::fields::{Entries, Field, Table};
use crate::list::raw::RawEcr;
use crate::list::{Creation, EcrSettings, Encryption, RepositoryOptions};
use registry::known::cloud::CloudHost;

/// The most tags that Amazon lets a repository have.
const MOST_TAGS: usize = 50;

#[derive(Clone, Copy, PartialEq, Eq)]
enum EncryptionKind {
    Aes256,
    Kms,
}

impl Reader<'_> {
    /// `registry` is the host of the destination, if it is known.
    pub(super) fn ecr(
        &mut self,
        field: Field<Table<RawEcr>>,
        registry: Option<&str>,
    ) -> Option<EcrSettings> {
        let place = field.span.clone();
        let table = self.value(field)?;
        let raw = self.keys(table.into_inner(), "`[destinations.NAME.ecr]`");
        let span = |field: &Option<Field<String>>| field.as_ref().map(|field| field.span.clone());
        let of_flag = |field: &Option<Field<bool>>| field.as_ref().map(|field| field.span.clone());
        let of_private = [
            ("scan-on-push", of_flag(&raw.scan_on_push)),
            ("immutable-tags", of_flag(&raw.immutable_tags)),
            ("encryption", span(&raw.encryption)),
            ("kms-key", span(&raw.kms_key)),
            ("lifecycle-policy-file", span(&raw.lifecycle_policy_file)),
        ];
        let key_span = span(&raw.kms_key);
        let flag = |_: &mut Self, value: Spanned<bool>| Some(value.into_inner());
        let creates = self.optional(raw.create_repositories, flag);
        let tags = self.optional(raw.tags, Self::resource_tags);
        let scan_on_push = self.optional(raw.scan_on_push, flag);
        let immutable_tags = self.optional(raw.immutable_tags, flag);
        let kinds = [("AES256", EncryptionKind::Aes256), ("KMS", EncryptionKind::Kms)];
        let encryption = self.optional(raw.encryption, |reader, text| reader.one_of(text, kinds));
        let kms_key = self.optional(raw.kms_key, Self::kms_key);
        let lifecycle_policy_file = self.optional(raw.lifecycle_policy_file, Self::file);
        self.check_host(registry, place, of_private)?;
        let (encryption, kms_key) = (encryption?, kms_key?);
        if let (None | Some(EncryptionKind::Aes256), Some(_), Some(span)) =
            (encryption, &kms_key, key_span)
        {
            let hint = "write `encryption = \"KMS\"`, or leave the key out".to_owned();
            self.report(span, "`kms-key` is for `encryption = \"KMS\"`", hint);
            return None;
        }
        let encryption = encryption.map(|kind| match kind {
            EncryptionKind::Aes256 => Encryption::Aes256,
            EncryptionKind::Kms => Encryption::Kms { key: kms_key },
        });
        Some(EcrSettings {
            creation: if creates? == Some(false) { Creation::Leave } else { Creation::Create },
            options: RepositoryOptions {
                tags: tags?.unwrap_or_default(),
                scan_on_push: scan_on_push?,
                immutable_tags: immutable_tags?,
                encryption,
                lifecycle_policy_file: lifecycle_policy_file?,
            },
        })
    }

    /// Options that nobody would look at are a mistake.
    fn check_host(
        &mut self,
        registry: Option<&str>,
        place: Range<usize>,
        of_private: [(&str, Option<Range<usize>>); 5],
    ) -> Option<()> {
        let Some(registry) = registry else { return Some(()) };
        match CloudHost::of(registry) {
            Some(CloudHost::Ecr(_)) => Some(()),
            Some(CloudHost::EcrPublic) => {
                let foreign = of_private.into_iter().find_map(|(key, span)| Some((key, span?)));
                let Some((key, span)) = foreign else { return Some(()) };
                let message = format!("`{key}` is not to be had at `{registry}`");
                self.report(span, message, "leave it out".to_owned());
                None
            }
            None | Some(CloudHost::Acr { .. } | CloudHost::Google) => {
                let message = format!("`{registry}` is no registry of Amazon ECR");
                let hint = "leave `ecr` out, or write `registry = \
                            \"ACCOUNT.dkr.ecr.REGION.amazonaws.com\"`";
                self.report(place, message, hint.to_owned());
                None
            }
        }
    }

    fn resource_tags(
        &mut self,
        entries: Spanned<Entries<String>>,
    ) -> Option<BTreeMap<String, String>> {
        let span = entries.span();
        let entries = entries.into_inner().0;
        if entries.len() > MOST_TAGS {
            let message =
                format!("{} tags, and a repository has at most {MOST_TAGS}", entries.len());
            self.report(span, message, "leave some out".to_owned());
            return None;
        }
        let tags = self.all(entries, |reader, (key, value)| {
            let value = reader.value(value);
            let why = wrong_with_key(key.get_ref());
            if let Some(why) = why {
                let message =
                    format!("`{}` cannot be the key of a tag", key.get_ref().escape_debug());
                reader.report(key.span(), message, why.to_owned());
            }
            let value = value?;
            let is_value = value.get_ref().chars().count() <= 256;
            if !is_value || !value.get_ref().chars().all(is_tag_character) {
                let hint = "a value has at most 256 letters, digits, spaces and `_.:/=+-@`";
                reader.report(value.span(), "this cannot be the value of a tag", hint.to_owned());
                return None;
            }
            why.is_none().then(|| (key.into_inner(), value.into_inner()))
        });
        tags.map(|tags| tags.into_iter().collect())
    }

    fn kms_key(&mut self, text: Spanned<String>) -> Option<String> {
        let key = text.get_ref();
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_:/".contains(c);
        if key.is_empty() || key.starts_with('-') || !key.chars().all(is_word) {
            let hint = "write its id, its ARN, or `alias/NAME`".to_owned();
            self.report(text.span(), "this is not the name of a KMS key", hint);
            return None;
        }
        Some(text.into_inner())
    }
}

/// As Amazon has it for all that it keeps.
fn wrong_with_key(key: &str) -> Option<&'static str> {
    let length = key.chars().count();
    if length == 0 || length > 128 || !key.chars().all(is_tag_character) {
        return Some("a key has 1 to 128 letters, digits, spaces and `_.:/=+-@`");
    }
    key.to_lowercase().starts_with("aws:").then_some("keys that begin with `aws:` are Amazon's own")
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
