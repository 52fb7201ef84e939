//! The responses of the AWS CLI: the repositories that exist, how their settings differ from the list,
//! and errors. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::list::{Encryption, RepositoryOptions, named};
use messages::printable::printable_within;

/// The longest message, in characters. Amazon's errors name the user, the permission and the resource.
const LONGEST_MESSAGE: usize = 600;

/// The settings of a repository, as far as Amazon returns them with its name.
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

/// A setting of an existing repository that is not as in the list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingDifference {
    pub repository: String,
    pub setting: Setting,
    #[serde(rename = "wanted")]
    pub expected: String,
    #[serde(rename = "there")]
    pub actual: String,
}

/// A key of `[destinations.NAME.ecr]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    ImmutableTags,
    ScanOnPush,
    Encryption,
    KmsKey,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AwsError {
    pub(super) kind: AwsErrorKind,
    pub(super) message: String,
}

/// The kinds of errors that are handled differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AwsErrorKind {
    NotFound,
    AlreadyExists,
    Other,
}

/// Parses the output of `describe-repositories`: repositories by their names.
pub(super) fn parse(stdout: &[u8]) -> Result<BTreeMap<String, Repository>, AwsError> {
    #[derive(Deserialize)]
    struct Response {
        repositories: Vec<Repository>,
    }
    let response: Response = serde_json::from_slice(stdout)
        .map_err(|_| AwsError::new("the output of `aws` is not a list of repositories"))?;
    let by_name = |repository: Repository| (repository.repository_name.clone(), repository);
    Ok(response.repositories.into_iter().map(by_name).collect())
}

impl AwsError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { kind: AwsErrorKind::Other, message: message.into() }
    }

    /// Parses `An error occurred (CODE) when calling the ... operation: ...`.
    pub(super) fn from_stderr(stderr: &[u8]) -> Self {
        // Long warnings may precede it.
        const BEGINNING: &str = "An error occurred (";
        let text = String::from_utf8_lossy(stderr);
        let text = text.find(BEGINNING).map_or(&*text, |start| &text[start..]);
        let rest = text.strip_prefix(BEGINNING).and_then(|rest| rest.split_once(')'));
        let kind = match rest.map(|(code, _)| code) {
            Some("RepositoryNotFoundException") => AwsErrorKind::NotFound,
            Some("RepositoryAlreadyExistsException") => AwsErrorKind::AlreadyExists,
            _ => AwsErrorKind::Other,
        };
        let message = printable_within(LONGEST_MESSAGE, text);
        let message =
            if message.is_empty() { "`aws` failed without a message".to_owned() } else { message };
        Self { kind, message }
    }
}

impl Repository {
    /// The settings that differ from the options of the list. A setting that the list leaves out may
    /// have any value.
    pub(super) fn differences(
        &self,
        path: &str,
        options: &RepositoryOptions,
    ) -> Vec<SettingDifference> {
        let mut found = Vec::new();
        let mut compare = |setting, expected: Option<String>, actual: Option<String>| {
            // Older services leave settings out. Then their values are unknown.
            let (Some(expected), Some(actual)) = (expected, actual) else { return };
            if expected != actual {
                let repository = path.to_owned();
                found.push(SettingDifference { repository, setting, expected, actual });
            }
        };
        let text = |value: bool| value.to_string();
        // Amazon has a third value, which the list cannot express: `IMMUTABLE_WITH_EXCLUSION`.
        let immutable =
            self.image_tag_mutability.as_ref().map(|word| word.starts_with("IMMUTABLE"));
        compare(Setting::ImmutableTags, options.immutable_tags.map(text), immutable.map(text));
        let scan = self.image_scanning_configuration.as_ref().and_then(|found| found.scan_on_push);
        compare(Setting::ScanOnPush, options.scan_on_push.map(text), scan.map(text));
        let by = self.encryption_configuration.as_ref();
        let kind = by.and_then(|by| by.encryption_type.clone());
        let encryption = options.encryption.as_ref().map(|encryption| encryption.name().to_owned());
        let is_same_kind = encryption == kind;
        compare(Setting::Encryption, encryption, kind);
        if let (true, Some(Encryption::Kms { key: Some(key) })) =
            (is_same_kind, &options.encryption)
        {
            let actual = by.and_then(|by| by.kms_key.clone());
            let actual = actual.filter(|actual| !may_be_same_key(key, actual));
            compare(Setting::KmsKey, Some(key.clone()), actual);
        }
        found
    }
}

/// Amazon returns the ARN of a key. An alias may refer to any key.
fn may_be_same_key(expected: &str, actual: &str) -> bool {
    let is_alias = expected.starts_with("alias/") || expected.contains(":alias/");
    is_alias || expected == actual || actual.ends_with(&format!("/{expected}"))
}

named!(
    Setting,
    ImmutableTags = "immutable-tags",
    ScanOnPush = "scan-on-push",
    Encryption = "encryption",
    KmsKey = "kms-key"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// As `aws ecr describe-repositories` prints it.
    const RESPONSE: &str = r#"{"repositories": [{
        "repositoryArn": "arn:aws:ecr:eu-west-1:123456789012:repository/a/b",
        "registryId": "123456789012", "repositoryName": "a/b",
        "repositoryUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b",
        "createdAt": 1795379421.842, "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "arn:aws:kms:x:1:key/0a1b"}
    }, {"repositoryName": "bare"}]}"#;

    #[test]
    fn only_settings_that_the_list_has_can_differ() {
        let repositories = parse(RESPONSE.as_bytes()).unwrap();
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
        for (options, expected) in table {
            let found = repositories["a/b"].differences("a/b", &options);
            let found: Vec<_> = found
                .iter()
                .map(|it| format!("{} {} {}", it.setting.name(), it.expected, it.actual))
                .collect();
            assert_eq!(found.join("; "), expected);
            assert_eq!(repositories["bare"].differences("bare", &options), [], "unknown");
        }
    }

    #[test]
    fn errors_are_recognised_by_code_in_the_output_of_both_versions_of_the_cli() {
        let table = [
            (
                "\nAn error occurred (RepositoryNotFoundException) when calling the DescribeRepositories operation: x",
                AwsErrorKind::NotFound,
            ),
            (
                "aws: [ERROR]: An error occurred (RepositoryAlreadyExistsException) when calling the x",
                AwsErrorKind::AlreadyExists,
            ),
            ("An error occurred (AccessDeniedException) when calling the x", AwsErrorKind::Other),
            ("Unable to locate credentials. RepositoryNotFoundException", AwsErrorKind::Other),
            ("", AwsErrorKind::Other),
        ];
        for (stderr, kind) in table {
            let error = AwsError::from_stderr(stderr.as_bytes());
            assert_eq!(error.kind, kind, "{stderr}");
            assert!(!error.message.is_empty());
        }
        for bad in ["", "{}", "None"] {
            assert!(parse(bad.as_bytes()).is_err());
        }
    }
}
