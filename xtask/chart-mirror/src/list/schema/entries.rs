//! The keys of images.toml for its JSON schema. The doc comments are the descriptions in the schema.
//! A test compares the keys with those that the parser knows.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::destination::{Ecr, Prune};
use super::{Scalar, pattern};
use crate::list::{Attachments, Mounts, RegistryKind};

/// The container images to mirror, the chart that uses them, and the registries in between.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case", deny_unknown_fields, title = "images.toml",
    extend("anyOf" = [{ "required": ["image"] }, { "required": ["workspace"] }])
)]
pub(super) struct List {
    /// The chart that uses the images.
    chart: Option<Chart>,
    /// Helm values that relocate many images at once. Each key is a dotted path in quotes; each value is
    /// a string, a boolean, an integer, or `{ json = "null" }` with any JSON. `{registry}` stands for the
    /// destination. `a.list[0].key` is in an item of a list: Helm replaces a list as a whole, so all of
    /// its items must be given.
    #[schemars(extend(
        "propertyNames" = { "pattern": pattern::VALUE_PATH },
        "additionalProperties" = {
            "type": ["string", "boolean", "integer", "object"], "pattern": pattern::TEMPLATE_OF_ALL,
            "required": ["json"], "propertyNames": { "const": "json" },
            "additionalProperties": { "type": "string" }
        }
    ))]
    values: Option<BTreeMap<String, Scalar>>,
    /// Where to mirror to, by the names for `-d`.
    #[schemars(extend("propertyNames" = {
        "pattern": pattern::DESTINATION_NAME, "not": { "const": "localhost" }
    }))]
    destinations: Option<BTreeMap<String, Destination>>,
    /// How to reach registries, by `host[:port]`.
    #[schemars(extend("propertyNames" = { "pattern": pattern::REGISTRY }))]
    registries: Option<BTreeMap<String, Registry>>,
    /// What `verify` requires of the images, and the severity of its findings.
    policy: Option<Policy>,
    /// The images. Only a workspace may have none.
    #[schemars(length(min = 1))]
    image: Option<Vec<Image>>,
    /// Lists of several charts, which share the destinations, registries and policy of this file.
    workspace: Option<Workspace>,
}

/// Lists of several charts, which share the destinations, registries and policy of this file.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Workspace {
    /// The folders of the lists, relative to this file, each with an images.toml. `*` stands for any part
    /// of a name.
    #[schemars(length(min = 1))]
    members: Vec<String>,
}

/// An image.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, extend(
    "dependentRequired" = { "subsets": ["digest"] },
    "not" = { "required": ["keep", "replaces"] }
))]
struct Image {
    /// The repository it comes from, with its registry: `quay.io/stackstate/wait`.
    #[schemars(regex(pattern = pattern::REPOSITORY))]
    source: String,
    /// The tag, at the source and at every destination. `latest` is refused: its content changes
    /// without notice.
    #[schemars(regex(pattern = pattern::TAG),
        extend("not" = { "const": "latest" })
    )]
    tag: String,
    /// The digest that the tag must name: `sha256:` and 64 hex digits.
    #[schemars(regex(pattern = pattern::DIGEST))]
    digest: Option<String>,
    /// Digests of the index that remains for destinations with only some of its platforms. The keys are
    /// platforms, sorted and separated by commas. `index` is the digest of the whole index that they are
    /// of: if `digest` is another one, they are not used.
    #[schemars(extend(
        "propertyNames" = { "anyOf": [{ "const": "index" }, { "pattern": pattern::PLATFORMS }] },
        "additionalProperties" = { "type": "string", "pattern": pattern::DIGEST }
    ))]
    subsets: Option<BTreeMap<String, String>>,
    /// The repository at every destination, below its registry and prefix. Default: derived from
    /// `source` by the `target` of the destination.
    #[schemars(regex(pattern = pattern::REPOSITORY_PATH))]
    target: Option<String>,
    /// Helm values for an image that the top-level `[values]` do not relocate. Each key is a dotted path
    /// in quotes; each value is a string, a boolean, an integer, or `{ json = "null" }` with any JSON.
    /// Placeholders are `{registry}`, `{repository}`, `{tag}` and `{digest}`; JSON has none. Several
    /// images may have items of one list.
    #[schemars(extend(
        "propertyNames" = { "pattern": pattern::VALUE_PATH },
        "additionalProperties" = {
            "type": ["string", "boolean", "integer", "object"], "pattern": pattern::TEMPLATE_OF_IMAGE,
            "required": ["json"], "propertyNames": { "const": "json" },
            "additionalProperties": { "type": "string" }
        }
    ))]
    values: Option<BTreeMap<String, Scalar>>,
    /// The image that the chart names, if this one is mirrored instead of it.
    replaces: Option<Replaced>,
    /// Why the image stays in the list although no template names it: an operator creates its pods, for
    /// example.
    #[schemars(regex(pattern = pattern::REASON))]
    keep: Option<String>,
}

/// An image that the chart names, and which is mirrored from elsewhere.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Replaced {
    /// The repository that the chart names.
    #[schemars(regex(pattern = pattern::REPOSITORY))]
    source: String,
    /// The tag in the chart. Default: that of the image.
    #[schemars(regex(pattern = pattern::TAG))]
    tag: Option<String>,
    /// Why. Reports repeat it.
    #[schemars(regex(pattern = pattern::REASON))]
    reason: String,
}

/// A place to mirror to.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Destination {
    /// `host[:port][/path]`, without a scheme.
    #[schemars(regex(pattern = pattern::DESTINATION))]
    registry: String,
    /// The path above all repositories. It is appended to the path in `registry`, if there is one.
    #[schemars(regex(pattern = pattern::PREFIX))]
    prefix: Option<String>,
    /// The address that pods pull from, if it differs from where images are pushed:
    /// `host[:port][/path]`. Values and their proof use it instead of `registry` and `prefix`.
    #[schemars(regex(pattern = pattern::DESTINATION))]
    pull_registry: Option<String>,
    /// The repository of images without a `target` of their own. Placeholders are `{path}` (of the
    /// source), `{name}` (its last part) and `{registry}` (the host of the source). Default: `{path}`.
    #[schemars(regex(pattern = pattern::TARGET_TEMPLATE))]
    target: Option<String>,
    /// The maximum number of components in a path, including the prefix. The last components of a
    /// deeper path are joined with `-`.
    #[schemars(range(min = 1))]
    max_path_depth: Option<i64>,
    /// The platforms to copy, each `os/architecture[/variant]`. The index is rewritten without the
    /// others, and gets another digest. Default: the whole index, unchanged.
    #[schemars(length(min = 1), inner(regex(pattern = pattern::PLATFORM)))]
    platforms: Option<Vec<String>>,
    /// Signatures, attestations and referrers. `copy` copies them, and warns if the registry refuses
    /// one; with `required`, the image fails then. Default: `ignore`.
    #[schemars(extend("enum" = Attachments::ALL.map(Attachments::name)))]
    attachments: Option<String>,
    /// The path below registry and prefix that the chart is mirrored to, as `PATH/NAME:VERSION`. Default: it
    /// is not mirrored.
    #[schemars(regex(pattern = pattern::PREFIX))]
    charts: Option<String>,
    /// How repositories are created in Amazon ECR.
    ecr: Option<Ecr>,
    /// What `prune` may delete at the destination. Default: nothing.
    prune: Option<Prune>,
}

/// How to reach a registry.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, extend("dependentRequired" = {
    "username-env": ["password-env"], "password-env": ["username-env"],
    "client-certificate-file": ["client-key-file"], "client-key-file": ["client-certificate-file"]
}))]
struct Registry {
    /// Use HTTP instead of HTTPS.
    plain_http: Option<bool>,
    /// A PEM file with certificate authorities to trust in addition to the system's, relative to this
    /// file.
    #[schemars(length(min = 1))]
    ca_file: Option<String>,
    /// A PEM file with the client certificate.
    #[schemars(length(min = 1))]
    client_certificate_file: Option<String>,
    /// The PEM file with the key of the client certificate.
    #[schemars(length(min = 1))]
    client_key_file: Option<String>,
    /// Accept any certificate. An attacker on the network can then read and change everything; every
    /// report mentions it.
    insecure: Option<bool>,
    /// Use HTTP/2 if the registry offers it. Default: only if it offers nothing else.
    http2: Option<bool>,
    /// The proxy cache to read this registry's images from: `host[:port][/path]`. Digests are still
    /// checked. Not used for destinations.
    #[schemars(regex(pattern = pattern::DESTINATION))]
    via: Option<String>,
    /// The environment variable that holds the user name.
    #[schemars(regex(pattern = pattern::ENVIRONMENT_VARIABLE))]
    username_env: Option<String>,
    /// The environment variable that holds the password or token.
    #[schemars(regex(pattern = pattern::ENVIRONMENT_VARIABLE))]
    password_env: Option<String>,
    /// The token server that may receive the registry's credentials, `host[:port]`. Not needed if it is
    /// the registry itself or another host in its domain.
    #[schemars(regex(pattern = pattern::REGISTRY))]
    token_server: Option<String>,
    /// The maximum number of concurrent requests.
    #[schemars(range(min = 1))]
    concurrency: Option<i64>,
    /// How long a connection may take, in seconds. Default: 15.
    #[schemars(range(min = 1))]
    connect_timeout: Option<i64>,
    /// How long a transfer or a response may go without a byte, in seconds. Default: 60.
    #[schemars(range(min = 1))]
    silence_timeout: Option<i64>,
    /// How long a request without a blob may take in total, in seconds. A registry that never answers in this time is
    /// given up for the rest of the run. Default: 60.
    #[schemars(range(min = 1))]
    request_timeout: Option<i64>,
    /// The least rate of a blob from this registry, in bytes per second. Default: 1024.
    #[schemars(range(min = 1))]
    minimum_rate: Option<i64>,
    /// The kind of registry, which determines its abilities. Needed only if the host name does not
    /// reveal it.
    #[schemars(extend("enum" = RegistryKind::ALL.map(RegistryKind::name)))]
    kind: Option<String>,
    /// Whether blobs can be mounted from other repositories. `after-manifest`: only after a manifest
    /// there refers to them.
    #[schemars(extend("enum" = Mounts::ALL.map(Mounts::name)))]
    mounts: Option<String>,
    /// The largest blob to send in one request, in bytes.
    #[schemars(range(min = 1))]
    largest_request: Option<i64>,
    /// Whether larger blobs may be sent in pieces.
    pieces: Option<bool>,
    /// The smallest piece except the last one, in bytes.
    #[schemars(range(min = 1))]
    smallest_piece: Option<i64>,
    /// The largest piece, in bytes.
    #[schemars(range(min = 1))]
    largest_piece: Option<i64>,
}

/// Requirements for the images.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Policy {
    /// Registries, or paths in one (`quay.io/stackstate`), that images may come from. Default: any.
    #[schemars(length(min = 1), inner(regex(pattern = pattern::DESTINATION)))]
    allowed_registries: Option<Vec<String>>,
    /// Whether an image without a digest is an error. Default: a warning.
    require_pins: Option<bool>,
    /// Platforms that every image must support, each `os/architecture[/variant]`.
    #[schemars(length(min = 1), inner(regex(pattern = pattern::PLATFORM)))]
    require_platforms: Option<Vec<String>>,
    /// Severities that replace the usual ones, by finding code.
    #[schemars(extend(
        "propertyNames" = { "enum": pattern::adjustable_codes() },
        "additionalProperties" = { "enum": ["error", "warning", "ignore"] }
    ))]
    severity: Option<BTreeMap<String, String>>,
    /// Which images must be signed. The first entry that matches an image decides; an image that no entry
    /// matches needs no signature.
    signatures: Option<Vec<SignatureRule>>,
}

/// Images that must be signed, or need not be: either `keys` or `exempt`.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["keys"] }, { "required": ["exempt"] }]))]
struct SignatureRule {
    /// Sources, with or without a tag: `quay.io/stackstate/*`. `*` stands for any characters.
    #[schemars(length(min = 1), inner(regex(pattern = pattern::SOURCE_PATTERN)))]
    sources: Vec<String>,
    /// Files with public keys in PEM, relative to this file. One of them must have made the signature.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    keys: Option<Vec<String>>,
    /// Why these images need no signature.
    #[schemars(regex(pattern = pattern::REASON))]
    exempt: Option<String>,
}

/// A Helm chart.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Chart {
    /// Its name in the repository, or the path of a folder or an archive.
    #[schemars(regex(pattern = pattern::ARGUMENT))]
    name: String,
    /// The address of its repository.
    #[schemars(regex(pattern = pattern::CHART_REPOSITORY))]
    repository: Option<String>,
    /// Its version. Default: the newest.
    #[schemars(regex(pattern = pattern::ARGUMENT))]
    version: Option<String>,
    /// How to render it, once per combination of features. Together, the renderings must use every
    /// image that the chart can use. Default: once, with the chart's own values.
    rendering: Option<Vec<Rendering>>,
    /// Places and texts that hold no image to mirror. In every pattern, `*` stands for any characters.
    ignore: Option<Vec<IgnoreRule>>,
    /// Places that hold an image, which the search does not recognise.
    place: Option<Vec<PlaceRule>>,
}

/// A place or text that holds no image to mirror.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, extend("anyOf" = [
    { "required": ["template"] }, { "required": ["kind"] }, { "required": ["name"] },
    { "required": ["path"] }, { "required": ["text"] }
]))]
struct IgnoreRule {
    /// The file of the chart: `*/templates/tests/*`.
    #[schemars(length(min = 1))]
    template: Option<String>,
    /// The kind of the object.
    #[schemars(length(min = 1))]
    kind: Option<String>,
    /// The name of the object.
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// The path in the object: `spec.containers[*].args[*]`.
    #[schemars(length(min = 1))]
    path: Option<String>,
    /// The reference as written: `docker.io/acme/*`.
    #[schemars(length(min = 1))]
    text: Option<String>,
    /// Why. Reports repeat it.
    #[schemars(regex(pattern = pattern::REASON))]
    reason: String,
}

/// A place that holds an image.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, extend("not" = {
    "required": ["pattern", "parts"]
}))]
struct PlaceRule {
    /// The file of the chart.
    #[schemars(length(min = 1))]
    template: Option<String>,
    /// The kind of the object.
    #[schemars(length(min = 1))]
    kind: Option<String>,
    /// The name of the object.
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// The path in the object: `spec.database.imageName`.
    #[schemars(length(min = 1))]
    path: String,
    /// How a text contains the reference: `--reloader={image}`. Default: `{image}`, the whole text.
    #[schemars(regex(pattern = pattern::PLACE_TEXT))]
    pattern: Option<String>,
    /// The keys of a map that hold the parts of the reference.
    parts: Option<Parts>,
    /// Why. Reports repeat it.
    #[schemars(regex(pattern = pattern::REASON))]
    reason: String,
}

/// The keys of the parts of a reference, also of the maps below: `proxy.image`.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Parts {
    /// The key of the registry.
    #[schemars(length(min = 1))]
    registry: Option<String>,
    /// The key of the repository, with or without the registry.
    #[schemars(length(min = 1))]
    repository: String,
    /// The key of the tag.
    #[schemars(length(min = 1))]
    tag: Option<String>,
    /// The key of the digest.
    #[schemars(length(min = 1))]
    digest: Option<String>,
}

/// One combination of features of the chart.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Rendering {
    /// Its name in messages.
    #[schemars(length(min = 1))]
    name: String,
    /// Helm values. Each key is a dotted path in quotes; each value is a string, a boolean, an integer,
    /// or `{ json = "null" }` with any JSON. Helm applies JSON first: the others override it.
    #[schemars(extend("propertyNames" = { "minLength": 1 }))]
    set: Option<BTreeMap<String, Scalar>>,
    /// Helm values that stay strings, even if they look like numbers or booleans.
    #[schemars(extend("propertyNames" = { "minLength": 1 }))]
    set_string: Option<BTreeMap<String, String>>,
    /// Files with Helm values.
    #[schemars(inner(regex(pattern = pattern::ARGUMENT)))]
    values: Option<Vec<String>>,
    /// The Kubernetes version to render for.
    #[schemars(regex(pattern = pattern::ARGUMENT))]
    kube_version: Option<String>,
    /// Kubernetes API versions to render for.
    #[schemars(inner(regex(pattern = pattern::ARGUMENT)))]
    api_versions: Option<Vec<String>>,
    /// The name of the release. Default: `release`.
    #[schemars(regex(pattern = pattern::RELEASE))]
    release: Option<String>,
    /// The namespace of the release.
    #[schemars(regex(pattern = pattern::NAMESPACE))]
    namespace: Option<String>,
    /// Whether to render as for an upgrade. Default: false.
    is_upgrade: Option<bool>,
    /// Whether to leave out the hooks of `helm test`. Default: false.
    skip_tests: Option<bool>,
    /// Whether to render the CustomResourceDefinitions. Default: true.
    include_crds: Option<bool>,
}
