//! The image list as it is written: which keys there are, and of which kind.
//!
//! The doc comments and attributes here are the JSON schema, `schemas/images.schema.json`. What the text must
//! say beyond that is `read`'s.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::SetValue;
use super::fields::{Entries, Field, Kind, OfKind, Table};
#[cfg(test)]
use super::schema::{kinds, pattern};

/// The container images to mirror, the chart that uses them, and the registries in between.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "images.toml"))]
pub(super) struct RawList {
    /// The chart whose images these are.
    pub(super) chart: Option<Field<Table<RawChart>>>,
    /// Helm values that relocate many images at once: dotted path, quoted as one key, to a string, a
    /// boolean or an integer. `{registry}` stands for the destination. `a.list[0].key` is in an item
    /// of a list: Helm replaces a list as a whole, so all of its items have to be said.
    #[cfg_attr(test, schemars(extend(
        "propertyNames" = { "pattern": pattern::VALUE_PATH },
        "additionalProperties" = {
            "type": ["string", "boolean", "integer"], "pattern": pattern::TEMPLATE_OF_ALL
        }
    )))]
    pub(super) values: Option<Field<Entries<SetValue>>>,
    /// Places to mirror to, by the name that `-d` takes.
    #[cfg_attr(test, schemars(extend("propertyNames" = {
        "pattern": pattern::DESTINATION_NAME, "not": { "const": "localhost" }
    })))]
    pub(super) destinations: Option<Field<Entries<Table<RawDestination>>>>,
    /// How to talk to a registry, by its `host[:port]`.
    #[cfg_attr(test, schemars(extend("propertyNames" = { "pattern": pattern::REGISTRY })))]
    pub(super) registries: Option<Field<Entries<Table<RawRegistry>>>>,
    /// What `verify` demands of the images, and how bad it finds what.
    pub(super) policy: Option<Field<Table<RawPolicy>>>,
    /// The images.
    #[cfg_attr(test, schemars(required, length(min = 1)))]
    pub(super) image: Option<Field<Vec<Field<Table<RawImage>>>>>,
}

/// An image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("dependentRequired" = {
    "subsets": ["digest"]
})))]
pub(super) struct RawImage {
    /// The repository it comes from, with its registry: `quay.io/stackstate/wait`.
    #[cfg_attr(test, schemars(required, regex(pattern = pattern::REPOSITORY)))]
    pub(super) source: Option<Field<String>>,
    /// The tag, the same at both sides. `latest` is refused: what it names changes without notice.
    #[cfg_attr(test, schemars(
        required,
        regex(pattern = pattern::TAG),
        extend("not" = { "const": "latest" })
    ))]
    pub(super) tag: Option<Field<String>>,
    /// What the tag must name: `sha256:` and 64 hex digits.
    #[cfg_attr(test, schemars(regex(pattern = pattern::DIGEST)))]
    pub(super) digest: Option<Field<String>>,
    /// What the index of `digest` becomes for destinations that want some of its platforms: their
    /// names, sorted and with commas between them, to the digest of what is left.
    #[cfg_attr(test, schemars(extend(
        "propertyNames" = { "pattern": pattern::PLATFORMS },
        "additionalProperties" = { "type": "string", "pattern": pattern::DIGEST }
    )))]
    pub(super) subsets: Option<Field<Entries<String>>>,
    /// The repository at every destination, below its registry and prefix. Default: what the `target`
    /// of the destination makes of `source`.
    #[cfg_attr(test, schemars(regex(pattern = pattern::REPOSITORY_PATH)))]
    pub(super) target: Option<Field<String>>,
    /// Helm values for what the top-level `[values]` do not reach: dotted path, quoted as one key, to
    /// a string, a boolean or an integer. Placeholders are `{registry}`, `{repository}`, `{tag}` and
    /// `{digest}`. Several images may have items of one list.
    #[cfg_attr(test, schemars(extend(
        "propertyNames" = { "pattern": pattern::VALUE_PATH },
        "additionalProperties" = {
            "type": ["string", "boolean", "integer"], "pattern": pattern::TEMPLATE_OF_IMAGE
        }
    )))]
    pub(super) values: Option<Field<Entries<SetValue>>>,
}

/// A place to mirror to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawDestination {
    /// `host[:port][/path]`, without a scheme.
    #[cfg_attr(test, schemars(required, regex(pattern = pattern::DESTINATION)))]
    pub(super) registry: Option<Field<String>>,
    /// The path that everything goes below; if `registry` has one, this one goes on from there.
    #[cfg_attr(test, schemars(regex(pattern = pattern::PREFIX)))]
    pub(super) prefix: Option<Field<String>>,
    /// Where pods pull from, if it is not where images are pushed to: `host[:port][/path]`. Values and
    /// their proof name it instead of `registry` and `prefix`.
    #[cfg_attr(test, schemars(regex(pattern = pattern::DESTINATION)))]
    pub(super) pull_registry: Option<Field<String>>,
    /// The repository of images that name no `target` themselves. Placeholders are `{path}` (of the
    /// source), `{name}` (its last part) and `{registry}` (the host of the source). Default: `{path}`.
    #[cfg_attr(test, schemars(regex(pattern = pattern::TARGET_TEMPLATE)))]
    pub(super) target: Option<Field<String>>,
    /// The most parts that a path may have, with those of the prefix. Of a deeper one the last parts
    /// are joined by `-`.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) max_path_depth: Option<Field<i64>>,
    /// The platforms that are wanted, each `os/architecture[/variant]`. An index is made anew with
    /// them alone, and has another digest. Default: the whole index, as it is.
    #[cfg_attr(test, schemars(length(min = 1), inner(regex(pattern = pattern::PLATFORM))))]
    pub(super) platforms: Option<Field<Vec<Field<String>>>>,
    /// Signatures, attestations and referrers: `copy` copies them and warns of what the registry
    /// refuses, `required` fails the image then. Default: `ignore`.
    #[cfg_attr(test, schemars(extend("enum" = ["ignore", "copy", "required"])))]
    pub(super) attachments: Option<Field<String>>,
    /// The repositories of a registry of Amazon ECR.
    pub(super) ecr: Option<Field<Table<RawEcr>>>,
}

/// How repositories are made in Amazon ECR, where no push makes them. Those that are there are left as
/// they are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("dependentRequired" = {
    "kms-key": ["encryption"]
})))]
pub(super) struct RawEcr {
    /// Whether repositories that are missing are made before the first push. Default: true.
    pub(super) create_repositories: Option<Field<bool>>,
    /// The tags that a new repository gets, for accounting and rights.
    #[cfg_attr(test, schemars(extend(
        "maxProperties" = 50,
        "propertyNames" = { "pattern": pattern::RESOURCE_TAG },
        "additionalProperties" = { "type": "string", "maxLength": 256 }
    )))]
    pub(super) tags: Option<Field<Entries<String>>>,
    /// Whether a new repository looks for vulnerabilities in what is pushed.
    pub(super) scan_on_push: Option<Field<bool>>,
    /// Whether the tags of a new repository stay what they are.
    pub(super) immutable_tags: Option<Field<bool>>,
    /// How a new repository is encrypted.
    #[cfg_attr(test, schemars(extend("enum" = ["AES256", "KMS"])))]
    pub(super) encryption: Option<Field<String>>,
    /// The key for `encryption = "KMS"`. Default: the account's own for ECR.
    #[cfg_attr(test, schemars(regex(pattern = pattern::KMS_KEY)))]
    pub(super) kms_key: Option<Field<String>>,
    /// A file with the lifecycle policy that a new repository gets, as JSON; relative to this file.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) lifecycle_policy_file: Option<Field<String>>,
}

/// How to talk to a registry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("dependentRequired" = {
    "username-env": ["password-env"], "password-env": ["username-env"],
    "client-certificate-file": ["client-key-file"], "client-key-file": ["client-certificate-file"]
})))]
pub(super) struct RawRegistry {
    /// Speak HTTP instead of HTTPS.
    pub(super) plain_http: Option<Field<bool>>,
    /// A file with the certificates (PEM) of authorities that are trusted beside the system's.
    /// Relative to this file.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) ca_file: Option<Field<String>>,
    /// A file with the certificate (PEM) that is shown to the registry.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) client_certificate_file: Option<Field<String>>,
    /// The file with the key (PEM) of that certificate.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) client_key_file: Option<Field<String>>,
    /// Believe any certificate. Whoever is in between can read and alter everything, and every report
    /// says so.
    pub(super) insecure: Option<Field<bool>>,
    /// Speak HTTP/2 where the registry offers it. By default only where it offers nothing else.
    pub(super) http2: Option<Field<bool>>,
    /// The proxy cache to read this registry's images from: `host[:port][/path]`. Digests are checked
    /// all the same. Not used for a destination.
    #[cfg_attr(test, schemars(regex(pattern = pattern::DESTINATION)))]
    pub(super) via: Option<Field<String>>,
    /// The environment variable that holds the user name.
    #[cfg_attr(test, schemars(regex(pattern = pattern::ENVIRONMENT_VARIABLE)))]
    pub(super) username_env: Option<Field<String>>,
    /// The environment variable that holds the password or token.
    #[cfg_attr(test, schemars(regex(pattern = pattern::ENVIRONMENT_VARIABLE)))]
    pub(super) password_env: Option<Field<String>>,
    /// The token server that may see the login of the registry, `host[:port]`. Known by itself if it is
    /// the registry or a sibling under its domain.
    #[cfg_attr(test, schemars(regex(pattern = pattern::REGISTRY)))]
    pub(super) token_server: Option<Field<String>>,
    /// The largest number of requests at a time.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) concurrency: Option<Field<i64>>,
    /// What kind of registry it is, where its name does not tell: what it can do follows from that.
    #[cfg_attr(test, schemars(extend("enum" = kinds())))]
    pub(super) kind: Option<Field<String>>,
    /// Whether a blob can be mounted from another repository; `after-manifest`: only once a manifest
    /// there refers to it.
    #[cfg_attr(test, schemars(extend("enum" = ["yes", "no", "after-manifest"])))]
    pub(super) mounts: Option<Field<String>>,
    /// The largest blob that is sent in one request, in bytes.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) largest_request: Option<Field<i64>>,
    /// Whether a blob that is too large for one request may be sent in pieces.
    pub(super) pieces: Option<Field<bool>>,
    /// The smallest piece but for the last one, in bytes.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) smallest_piece: Option<Field<i64>>,
    /// The largest piece, in bytes.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(super) largest_piece: Option<Field<i64>>,
}

/// What the images have to fulfil.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawPolicy {
    /// Where images may come from: registries, or paths in one (`quay.io/stackstate`). Default: anywhere.
    #[cfg_attr(test, schemars(length(min = 1), inner(regex(pattern = pattern::DESTINATION))))]
    pub(super) allowed_registries: Option<Field<Vec<Field<String>>>>,
    /// Whether an image without a digest is an error. Default: a warning.
    pub(super) require_pins: Option<Field<bool>>,
    /// Platforms that every image has to be for, each `os/architecture[/variant]`.
    #[cfg_attr(test, schemars(length(min = 1), inner(regex(pattern = pattern::PLATFORM))))]
    pub(super) require_platforms: Option<Field<Vec<Field<String>>>>,
    /// What findings are, by their codes, instead of what they usually are.
    #[cfg_attr(test, schemars(extend(
        "propertyNames" = { "enum": pattern::adjustable_codes() },
        "additionalProperties" = { "enum": ["error", "warning", "ignore"] }
    )))]
    pub(super) severity: Option<Field<Entries<String>>>,
}

/// A Helm chart.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawChart {
    /// Its name in the repository, or the path of a directory or an archive.
    #[cfg_attr(test, schemars(required, regex(pattern = pattern::ARGUMENT)))]
    pub(super) name: Option<Field<String>>,
    /// The address of its repository.
    #[cfg_attr(test, schemars(regex(pattern = pattern::CHART_REPOSITORY)))]
    pub(super) repository: Option<Field<String>>,
    /// Its version. Default: the newest one.
    #[cfg_attr(test, schemars(regex(pattern = pattern::ARGUMENT)))]
    pub(super) version: Option<Field<String>>,
    /// What to render it with, once per combination of features: all of them together show every
    /// image that the chart can use. Default: once, with the chart's own values.
    pub(super) rendering: Option<Field<Vec<Field<Table<RawRendering>>>>>,
}

/// One combination of features of the chart.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RawRendering {
    /// What messages call it.
    #[cfg_attr(test, schemars(required, length(min = 1)))]
    pub(super) name: Option<Field<String>>,
    /// Helm values: dotted path, quoted as one key, to a string, a boolean or an integer.
    #[cfg_attr(test, schemars(extend("propertyNames" = { "minLength": 1 })))]
    pub(super) set: Option<Field<Entries<SetValue>>>,
    /// Helm values that stay strings whatever they look like.
    #[cfg_attr(test, schemars(extend("propertyNames" = { "minLength": 1 })))]
    pub(super) set_string: Option<Field<Entries<String>>>,
    /// Files with Helm values.
    #[cfg_attr(test, schemars(inner(regex(pattern = pattern::ARGUMENT))))]
    pub(super) values: Option<Field<Vec<Field<String>>>>,
    /// The Kubernetes version that the chart is told.
    #[cfg_attr(test, schemars(regex(pattern = pattern::ARGUMENT)))]
    pub(super) kube_version: Option<Field<String>>,
    /// Kubernetes API versions that the chart is told are there.
    #[cfg_attr(test, schemars(inner(regex(pattern = pattern::ARGUMENT))))]
    pub(super) api_versions: Option<Field<Vec<Field<String>>>>,
}

impl OfKind for SetValue {
    const KIND: Kind = Kind::Scalar;
}

impl<'de> Deserialize<'de> for SetValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;

        impl Visitor<'_> for Scalar {
            type Value = SetValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Kind::Scalar, f)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SetValue, E> {
                Ok(SetValue::String(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, boolean: bool) -> Result<SetValue, E> {
                Ok(SetValue::Boolean(boolean))
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<SetValue, E> {
                Ok(SetValue::Integer(integer))
            }
        }

        deserializer.deserialize_any(Scalar)
    }
}
