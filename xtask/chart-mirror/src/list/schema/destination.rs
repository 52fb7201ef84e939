//! The keys of the tables of a destination for the JSON schema of images.toml: `ecr` and `prune`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::pattern;

/// How repositories are created in Amazon ECR, where a push does not create them. Existing repositories
/// are not changed.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, extend("dependentRequired" = {
    "kms-key": ["encryption"]
}))]
pub(super) struct Ecr {
    /// Whether missing repositories are created before the first push. Default: true.
    create_repositories: Option<bool>,
    /// Tags for new repositories, for accounting and permissions.
    #[schemars(extend(
        "maxProperties" = 50,
        "propertyNames" = { "pattern": pattern::RESOURCE_TAG },
        "additionalProperties" = { "type": "string", "maxLength": 256 }
    ))]
    tags: Option<BTreeMap<String, String>>,
    /// Whether new repositories scan pushed images for vulnerabilities.
    scan_on_push: Option<bool>,
    /// Whether the tags of new repositories are immutable.
    immutable_tags: Option<bool>,
    /// The encryption of new repositories.
    #[schemars(extend("enum" = ["AES256", "KMS"]))]
    encryption: Option<String>,
    /// The key for `encryption = "KMS"`. Default: the account's key for ECR.
    #[schemars(regex(pattern = pattern::KMS_KEY))]
    kms_key: Option<String>,
    /// A JSON file with the lifecycle policy for new repositories, relative to this file.
    #[schemars(length(min = 1))]
    lifecycle_policy_file: Option<String>,
}

/// What `prune` may delete at the destination: tags that no list has, in repositories that are declared here.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Prune {
    /// The repositories that belong to the lists, as globs of paths below `registry` and `prefix`:
    /// `stackstate/**`. `*` stands for any part of one name, `**` for any path. At a destination without a path,
    /// each begins with a name.
    #[schemars(length(min = 1), inner(regex(pattern = pattern::OWNED)))]
    repositories: Vec<String>,
    /// Globs of tags that stay.
    #[schemars(inner(length(min = 1)))]
    keep: Option<Vec<String>>,
    /// How many of the other tags of each repository stay: those with the newest versions. Default: none.
    #[schemars(range(min = 1))]
    keep_last: Option<i64>,
    /// Tags that were pushed more recently stay: `12h`, `30d` or `4w`. Only for registries that report when a tag was
    /// pushed.
    #[schemars(regex(pattern = pattern::AGE))]
    minimum_age: Option<String>,
}
