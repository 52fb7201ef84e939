//! The JSON schema of the image list, made from the raw types: what an editor knows of the rules.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::SetValue;
use super::raw::RawList;
use crate::expect::assert_kept;
use registry::known::kind::RegistryKind;

/// The parts of the grammar that patterns can say. The parser is the judge: the tests hold every file
/// in `tests/data/list` against both.
pub(super) mod pattern {
    use crate::list::code::Code;

    macro_rules! label {
        () => {
            "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
        };
    }
    // With a dot or a port in it, or `localhost`: else it would be a part of the path.
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
    // Of a path without a registry: a dot in its first part would make that one.
    macro_rules! path_of_docker_hub {
        () => {
            concat!(component!(), "|[a-z0-9]+((__?|-+)[a-z0-9]+)*(/", component!(), ")+")
        };
    }
    // A letter, a digit, or what stands for a text that begins and ends with one.
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
    // A key of a map, and the items of lists that follow it.
    macro_rules! steps {
        () => {
            "([^.\\[\\]\\\\]|\\\\.)+(\\[(0|[1-9][0-9]{0,4})\\])*"
        };
    }

    /// The codes that a policy may change.
    pub(crate) fn adjustable_codes() -> Vec<&'static str> {
        let adjustable = Code::ALL.into_iter().filter(|code| !code.is_fixed());
        adjustable.map(Code::name).collect()
    }

    pub(crate) const REGISTRY: &str = concat!("^", host!(), "$");
    pub(crate) const REPOSITORY_PATH: &str = concat!("^", path!(), "$");
    pub(crate) const REPOSITORY: &str =
        concat!("^(", host!(), "/", path!(), "|", path_of_docker_hub!(), ")$");
    pub(crate) const PREFIX: &str = concat!("^", path!(), "/*$");
    pub(crate) const TARGET_TEMPLATE: &str =
        concat!("^(?=.*\\{(path|name)\\})", target_component!(), "(/", target_component!(), ")*$");
    pub(crate) const PLATFORM: &str = concat!("^", platform!(), "$");
    pub(crate) const PLATFORMS: &str = concat!("^", platform!(), "(,", platform!(), ")*$");
    pub(crate) const DESTINATION: &str = concat!("^", host!(), "(/", path!(), ")?/*$");
    pub(crate) const TAG: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";
    pub(crate) const DIGEST: &str = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$";
    pub(crate) const DESTINATION_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";
    pub(crate) const RESOURCE_TAG: &str = "^(?![Aa][Ww][Ss]:).{1,128}$";
    pub(crate) const KMS_KEY: &str = "^[A-Za-z0-9_:/][A-Za-z0-9_:/-]*$";
    pub(crate) const ENVIRONMENT_VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
    pub(crate) const CHART_REPOSITORY: &str = "^(https?|oci)://[^/@]+(/|$)";
    pub(crate) const ARGUMENT: &str = "^[^-]";
    pub(crate) const VALUE_PATH: &str = concat!("^", steps!(), "(\\.", steps!(), ")*$");
    pub(crate) const TEMPLATE_OF_ALL: &str = "^([^{}]|\\{registry\\})*$";
    pub(crate) const TEMPLATE_OF_IMAGE: &str = "^([^{}]|\\{(registry|repository|tag|digest)\\})*$";
}

/// What `kind` may be.
pub(super) fn kinds() -> Vec<&'static str> {
    RegistryKind::ALL.map(RegistryKind::name).to_vec()
}

impl JsonSchema for SetValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SetValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean", "integer"] })
    }
}

/// TOML has no null: a key that is optional is left out.
#[derive(Clone)]
struct WithoutNull;

impl Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        transform_subschemas(self, schema);
    }
}

/// Doc comments are wrapped for the source code; an editor wraps a description itself.
#[derive(Clone)]
struct OneLine;

impl Transform for OneLine {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ");
        }
        transform_subschemas(self, schema);
    }
}

fn generate() -> String {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let generator = settings.with_transform(WithoutNull).with_transform(OneLine).into_generator();
    let mut schema = generator.into_root_schema_for::<RawList>();
    schema.insert(
        "$comment".to_owned(),
        json!("generated by tests from xtask/chart-mirror/src/list/raw.rs; do not edit"),
    );
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[test]
fn the_schema_file_is_what_the_types_say() {
    assert_kept("schemas/images.schema.json", &generate());
}
