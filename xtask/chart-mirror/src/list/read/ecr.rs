//! `[destinations.NAME.ecr]`.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Reader, Table};
use crate::list::{Creation, EcrSettings, Encryption, RepositoryOptions};
use oci::Registry;
use registry::known::cloud::CloudHost;

/// Amazon's limits for the tags of a repository.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// The keys that `public.ecr.aws` does not support.
const PRIVATE_ONLY: [&str; 5] =
    ["scan-on-push", "immutable-tags", "encryption", "kms-key", "lifecycle-policy-file"];

impl<'t> Reader<'t> {
    /// The registry is that of the destination, if it is known.
    pub(super) fn ecr(
        &mut self,
        entry: Spanned<DeTable<'t>>,
        registry: Option<&Registry>,
    ) -> Option<EcrSettings> {
        let mut table = self.table(entry, "`[destinations.NAME.ecr]`");
        let create_repositories = self.flag(&mut table, "create-repositories");
        let tags = self.optional(&mut table, "tags", Self::resource_tags);
        let scan_on_push = self.flag(&mut table, "scan-on-push");
        let immutable_tags = self.flag(&mut table, "immutable-tags");
        let encryption = self.optional(&mut table, "encryption", |reader, text| {
            let kms = Encryption::Kms { key: None };
            reader.one_of(&text, [&Encryption::Aes256, &kms], Encryption::name).cloned()
        });
        let key = self.optional(&mut table, "kms-key", Self::kms_key);
        let lifecycle_policy_file = self.optional(&mut table, "lifecycle-policy-file", Self::file);
        self.check_host(registry, &table);
        let encryption = match (encryption, &key) {
            (Some(Encryption::Kms { .. }), _) => Some(Encryption::Kms { key }),
            (encryption, Some(_)) => {
                let span = table.span_of("kms-key").unwrap_or_default();
                let hint = "write `encryption = \"KMS\"`, or leave the key out";
                self.report(span, "`kms-key` needs `encryption = \"KMS\"`", hint);
                encryption
            }
            (encryption, None) => encryption,
        };
        self.finish(table)?;
        Some(EcrSettings {
            creation: match create_repositories {
                Some(false) => Creation::Leave,
                Some(true) | None => Creation::Create,
            },
            options: RepositoryOptions {
                tags: tags.unwrap_or_default(),
                scan_on_push,
                immutable_tags,
                encryption,
                lifecycle_policy_file,
            },
        })
    }

    /// Reports options that have no effect at the registry.
    fn check_host(&mut self, registry: Option<&Registry>, table: &Table<'t>) {
        let Some(registry) = registry else { return };
        match CloudHost::of(registry.as_str()) {
            Some(CloudHost::Ecr(_)) => {}
            Some(CloudHost::EcrPublic) => {
                let foreign =
                    PRIVATE_ONLY.into_iter().find_map(|key| Some((key, table.span_of(key)?)));
                if let Some((key, span)) = foreign {
                    let message = format!("`{key}` is not available at `{registry}`");
                    self.report(span, message, "leave it out");
                }
            }
            None | Some(CloudHost::Acr { .. } | CloudHost::Google) => {
                let message = format!("`{registry}` is not an Amazon ECR registry");
                let hint = "leave `ecr` out, or write `registry = \
                            \"ACCOUNT.dkr.ecr.REGION.amazonaws.com\"`";
                self.report(table.span(), message, hint);
            }
        }
    }

    fn resource_tags(&mut self, table: Spanned<DeTable<'t>>) -> Option<BTreeMap<String, String>> {
        let span = table.span();
        let entries = self.entries(table);
        if entries.len() > MAX_TAGS {
            let message =
                format!("{} tags, but a repository has at most {MAX_TAGS}", entries.len());
            self.report(span, message, "leave some out")?;
        }
        self.all(entries, |reader, (key, value)| {
            let hint = hint_for_tag_key(key.get_ref());
            if let Some(hint) = hint {
                let message =
                    format!("`{}` cannot be the key of a tag", key.get_ref().escape_debug());
                reader.report(key.span(), message, hint);
            }
            let value: Spanned<String> = reader.value(value)?;
            let is_short = value.get_ref().chars().count() <= MAX_TAG_VALUE;
            if !is_short || !value.get_ref().chars().all(is_tag_character) {
                let hint = "a value has at most 256 letters, digits, spaces and `_.:/=+-@`";
                reader.report(value.span(), "this cannot be the value of a tag", hint)?;
            }
            hint.is_none().then(|| (key.into_inner(), value.into_inner()))
        })
    }

    fn kms_key(&mut self, text: Spanned<String>) -> Option<String> {
        let key = text.get_ref();
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_:/".contains(c);
        if key.is_empty() || key.starts_with('-') || !key.chars().all(is_word) {
            let hint = "write its id, its ARN, or `alias/NAME`";
            self.report(text.span(), "this is not the name of a KMS key", hint)?;
        }
        Some(text.into_inner())
    }
}

/// Explains why Amazon would refuse the key of a tag. The rules are the same for all resources.
fn hint_for_tag_key(key: &str) -> Option<&'static str> {
    let length = key.chars().count();
    if length == 0 || length > MAX_TAG_KEY || !key.chars().all(is_tag_character) {
        return Some("a key has 1 to 128 letters, digits, spaces and `_.:/=+-@`");
    }
    key.to_lowercase()
        .starts_with("aws:")
        .then_some("keys that begin with `aws:` are reserved by Amazon")
}

fn is_tag_character(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
