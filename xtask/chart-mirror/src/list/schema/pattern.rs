//! Regular expressions for the grammar of images.toml, as far as they can express it. The parser decides:
//! tests check every file in `tests/data/list` against both.

use crate::list::finding_code::Code;

macro_rules! label {
    () => {
        "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
    };
}
// Contains a dot or a port, or is `localhost`: otherwise it would be part of the path.
macro_rules! host {
    () => {
        concat!(
            "(",
            label!(),
            "(\\.",
            label!(),
            ")+(:[0-9]+)?|",
            label!(),
            ":[0-9]+|localhost|\\[[0-9A-Fa-f:.]+\\](:[0-9]+)?)"
        )
    };
}
macro_rules! component {
    () => {
        "[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*"
    };
}
macro_rules! path {
    () => {
        concat!(component!(), "(/", component!(), ")*")
    };
}
// A path without a registry: with a dot in its first part, that would be a registry.
macro_rules! path_of_docker_hub {
    () => {
        concat!(component!(), "|[a-z0-9]+((__?|-+)[a-z0-9]+)*(/", component!(), ")+")
    };
}
// A letter, a digit, or a placeholder for a text that begins and ends with one.
macro_rules! target_component {
    () => {
        concat!(target_word!(), "+(([._]|__|-+)", target_word!(), "+)*")
    };
}
macro_rules! target_word {
    () => {
        "([a-z0-9]|\\{(path|name|registry)\\})"
    };
}
macro_rules! platform {
    () => {
        concat!(
            "(linux|windows|darwin|freebsd|netbsd|openbsd|solaris|illumos|aix|plan9|wasip1)/",
            "(amd64|arm64|arm|386|ppc64le|s390x|riscv64|loong64|mips|mipsle|mips64|mips64le|ppc64|wasm)",
            "(/[a-z][a-z0-9]*([.][a-z0-9]+)*)?"
        )
    };
}
// A key of a map, followed by items of lists.
macro_rules! steps {
    () => {
        "([^.\\[\\]\\\\]|\\\\.)+(\\[(0|[1-9][0-9]{0,4})\\])*"
    };
}

/// The codes that a policy may change.
pub(super) fn adjustable_codes() -> Vec<&'static str> {
    let adjustable = Code::ALL.into_iter().filter(|code| !code.is_fixed());
    adjustable.map(Code::name).collect()
}

pub(super) const REGISTRY: &str = concat!("^", host!(), "$");
pub(super) const REPOSITORY_PATH: &str = concat!("^", path!(), "$");
pub(super) const REPOSITORY: &str =
    concat!("^(", host!(), "/", path!(), "|", path_of_docker_hub!(), ")$");
pub(super) const PREFIX: &str = concat!("^", path!(), "/*$");
pub(super) const TARGET_TEMPLATE: &str =
    concat!("^(?=.*\\{(path|name)\\})", target_component!(), "(/", target_component!(), ")*$");
pub(super) const PLATFORM: &str = concat!("^", platform!(), "$");
pub(super) const PLATFORMS: &str = concat!("^", platform!(), "(,", platform!(), ")*$");
pub(super) const SOURCE_PATTERN: &str = concat!("^([^*/]*\\*|", host!(), "/)");
pub(super) const DESTINATION: &str = concat!("^", host!(), "(/", path!(), ")?/*$");
pub(super) const TAG: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";
pub(super) const DIGEST: &str = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$";
pub(super) const DESTINATION_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
pub(super) const RESOURCE_TAG: &str = "^(?![Aa][Ww][Ss]:).{1,128}$";
pub(super) const KMS_KEY: &str = "^[A-Za-z0-9_:/][A-Za-z0-9_:/-]*$";
// Of a path without its ends, and without a tag.
pub(super) const OWNED: &str = "^[^/:]([^:]*[^/:])?$";
pub(super) const AGE: &str = "^[1-9][0-9]{0,12}[hdw]$";
pub(super) const ENVIRONMENT_VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
pub(super) const CHART_REPOSITORY: &str = "^(https?|oci)://[^/@]+(/|$)";
pub(super) const ARGUMENT: &str = "^[^-]";
pub(super) const VALUE_PATH: &str = concat!("^", steps!(), "(\\.", steps!(), ")*$");
pub(super) const TEMPLATE_OF_ALL: &str = "^([^{}]|\\{registry\\})*$";
pub(super) const TEMPLATE_OF_IMAGE: &str = "^([^{}]|\\{(registry|repository|tag|digest)\\})*$";
// Something other than white space.
pub(super) const REASON: &str = "\\S";
pub(super) const RELEASE: &str = "^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$";
pub(super) const NAMESPACE: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
// `{image}` once.
pub(super) const PLACE_TEXT: &str =
    "^((?!\\{image\\})[\\s\\S])*\\{image\\}((?!\\{image\\})[\\s\\S])*$";
