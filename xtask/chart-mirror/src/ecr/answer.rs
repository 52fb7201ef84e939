//! What the AWS CLI says of repositories: those that are there, how they differ from what the list wants,
//! and why something was refused. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::list::{Encryption, RepositoryOptions};
use messages::printable::printable_within;

/// Amazon's refusals name the user, the right and the resource, which takes some room.
const LONGEST_REFUSAL: usize = 600;

/// How a repository is, as far as Amazon tells with its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repository {
    repository_name: String,
    image_tag_mutability: Option<String>,
    image_scanning_configuration: Option<Scanning>,
    encryption_configuration: Option<EncryptedBy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scanning {
    scan_on_push: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncryptedBy {
    encryption_type: Option<String>,
    kms_key: Option<String>,
}

/// What makes a repository that is there another than the list would make.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    pub repository: String,
    pub setting: Setting,
    pub wanted: String,
    pub there: String,
}

/// A key of `[destinations.NAME.ecr]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    ImmutableTags,
    ScanOnPush,
    Encryption,
    KmsKey,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) kind: RefusalKind,
    pub(super) words: String,
}

/// The refusals that mean something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalKind {
    NotFound,
    AlreadyExists,
    Other,
}

/// Reads the answer to `describe-repositories`.
pub(super) fn read(stdout: &[u8]) -> Result<BTreeMap<String, Repository>, Refused> {
    #[derive(Deserialize)]
    struct Answer {
        repositories: Vec<Repository>,
    }
    let answer: Answer = serde_json::from_slice(stdout).map_err(|_| {
        Refused::new("`aws` does not answer with a list of repositories".to_owned())
    })?;
    let named = |repository: Repository| (repository.repository_name.clone(), repository);
    Ok(answer.repositories.into_iter().map(named).collect())
}

impl Refused {
    pub(super) fn new(words: String) -> Self {
        Self { kind: RefusalKind::Other, words }
    }

    /// Of what a command wrote to stderr: `An error occurred (CODE) when calling the ... operation: ...`.
    pub(super) fn read(stderr: &[u8]) -> Self {
        // Warnings may stand in front of it, at length.
        const BEGINNING: &str = "An error occurred (";
        let said = String::from_utf8_lossy(stderr);
        let said = said.find(BEGINNING).map_or(&*said, |start| &said[start..]);
        let rest = said.strip_prefix(BEGINNING).and_then(|rest| rest.split_once(')'));
        let code = rest.map_or("", |(code, _)| code).to_owned();
        let words = printable_within(LONGEST_REFUSAL, said);
        let kind = match code.as_str() {
            "RepositoryNotFoundException" => RefusalKind::NotFound,
            "RepositoryAlreadyExistsException" => RefusalKind::AlreadyExists,
            _ => RefusalKind::Other,
        };
        let words = if words.is_empty() { "`aws` fails without a word".to_owned() } else { words };
        Self { kind, words }
    }
}

impl Repository {
    /// What the list says otherwise. What it does not say is right as it is.
    pub(super) fn differences(&self, path: &str, wanted: &RepositoryOptions) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut compare = |setting, wanted: Option<String>, there: Option<String>| {
            // What an older service leaves out is not known to be different.
            let (Some(wanted), Some(there)) = (wanted, there) else { return };
            if wanted != there {
                found.push(Difference { repository: path.to_owned(), setting, wanted, there });
            }
        };
        let yes = |yes: bool| yes.to_string();
        // Amazon may know exclusions, which the list cannot say: `IMMUTABLE_WITH_EXCLUSION`.
        let immutable =
            self.image_tag_mutability.as_ref().map(|word| word.starts_with("IMMUTABLE"));
        compare(Setting::ImmutableTags, wanted.immutable_tags.map(yes), immutable.map(yes));
        let scan = self.image_scanning_configuration.as_ref().and_then(|found| found.scan_on_push);
        compare(Setting::ScanOnPush, wanted.scan_on_push.map(yes), scan.map(yes));
        let by = self.encryption_configuration.as_ref();
        let kind = by.and_then(|by| by.encryption_type.clone());
        let is_other = wanted.encryption.as_ref().map(Encryption::name) != kind.as_deref();
        let encryption = wanted.encryption.as_ref().map(|encryption| encryption.name().to_owned());
        compare(Setting::Encryption, encryption, kind);
        if let (false, Some(Encryption::Kms { key: Some(key) })) = (is_other, &wanted.encryption) {
            let there = by.and_then(|by| by.kms_key.clone());
            let is_same = there.as_ref().is_none_or(|there| may_be_same_key(key, there));
            compare(Setting::KmsKey, Some(key.clone()), there.filter(|_| !is_same));
        }
        found
    }
}

/// Amazon names a key by its ARN; an alias may lead to any.
fn may_be_same_key(wanted: &str, there: &str) -> bool {
    let is_alias = wanted.starts_with("alias/") || wanted.contains(":alias/");
    is_alias || wanted == there || there.ends_with(&format!("/{wanted}"))
}

impl Setting {
    pub fn name(self) -> &'static str {
        match self {
            Self::ImmutableTags => "immutable-tags",
            Self::ScanOnPush => "scan-on-push",
            Self::Encryption => "encryption",
            Self::KmsKey => "kms-key",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `aws ecr describe-repositories` prints it.
    const ANSWER: &str = r#"{"repositories": [{
        "repositoryArn": "arn:aws:ecr:eu-west-1:123456789012:repository/a/b",
        "registryId": "123456789012", "repositoryName": "a/b",
        "repositoryUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b",
        "createdAt": 1795379421.842, "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:x:1:key/0a1b"}
    }, {"repositoryName": "bare"}]}"#;

    #[test]
    fn only_what_the_list_says_otherwise_is_a_difference() {
        let repositories = read(ANSWER.as_bytes()).unwrap();
        let kms = |key: &str| Some(Encryption::Kms { key: Some(key.to_owned()) });
        let options = |immutable_tags, scan_on_push, encryption| RepositoryOptions {
            immutable_tags,
            scan_on_push,
            encryption,
            ..RepositoryOptions::default()
        };
        let table: [(RepositoryOptions, &str); 8] = [
            (options(None, None, None), ""),
            (options(Some(false), Some(true), Some(Encryption::Kms { key: None })), ""),
            (options(Some(true), None, None), "immutable-tags true false"),
            (options(None, Some(false), None), "scan-on-push false true"),
            (options(None, None, Some(Encryption::Aes256)), "encryption AES256 KMS"),
            (options(None, None, kms("0a1b")), ""),
            (options(None, None, kms("alias/any")), ""),
            (options(None, None, kms("0a1c")), "kms-key 0a1c arn:aws:kms:x:1:key/0a1b"),
        ];
        for (wanted, expected) in table {
            let found = repositories["a/b"].differences("a/b", &wanted);
            let told: Vec<_> = found
                .iter()
                .map(|found| format!("{} {} {}", found.setting.name(), found.wanted, found.there))
                .collect();
            assert_eq!(told.join("; "), expected);
            assert_eq!(repositories["bare"].differences("bare", &wanted), [], "not known");
        }
    }

    #[test]
    fn refusals_are_known_by_their_codes_in_the_words_of_both_versions_of_the_cli() {
        let table = [
            (
                "\nAn error occurred (RepositoryNotFoundException) when calling the DescribeRepositories operation: x",
                RefusalKind::NotFound,
            ),
            (
                "aws: [ERROR]: An error occurred (RepositoryAlreadyExistsException) when calling the x",
                RefusalKind::AlreadyExists,
            ),
            ("An error occurred (AccessDeniedException) when calling the x", RefusalKind::Other),
            ("Unable to locate credentials. RepositoryNotFoundException", RefusalKind::Other),
            ("", RefusalKind::Other),
        ];
        for (stderr, kind) in table {
            let refused = Refused::read(stderr.as_bytes());
            assert_eq!(refused.kind, kind, "{stderr}");
            assert!(!refused.words.is_empty());
        }
        for bad in ["", "{}", "None"] {
            assert!(read(bad.as_bytes()).is_err());
        }
    }
}
