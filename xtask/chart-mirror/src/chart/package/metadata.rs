//! `ChartMetadata`: what Chart.yaml says, as helm writes it into the config of an OCI chart. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use messages::Advice;

const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";

/// The fields that helm knows, in its order: the config has the same bytes as one that helm makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChartMetadata {
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    home: String,
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    sources: Vec<String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    #[serde(deserialize_with = "items", skip_serializing_if = "Vec::is_empty")]
    maintainers: Vec<Maintainer>,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    icon: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    api_version: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    condition: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    tags: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    app_version: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deprecated: bool,
    #[serde(deserialize_with = "annotations", skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    kube_version: String,
    #[serde(deserialize_with = "items", skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<ChartDependency>,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty", rename = "type")]
    kind: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
struct Maintainer {
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    email: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    url: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", default)]
struct ChartDependency {
    #[serde(deserialize_with = "text")]
    name: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(deserialize_with = "text")]
    repository: String,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    condition: String,
    #[serde(deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enabled: bool,
    #[serde(deserialize_with = "items", skip_serializing_if = "Vec::is_empty")]
    import_values: Vec<serde_json::Value>,
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    alias: String,
}

impl ChartMetadata {
    /// Parses the text of a Chart.yaml. Unknown keys are left out, as in helm.
    ///
    /// # Errors
    /// If it is not YAML of this kind, or has no name or version.
    pub fn parse(text: &str) -> Result<Self, Advice> {
        let parsed = serde_yaml::from_str(text.trim_start_matches('\u{feff}'));
        let metadata: Self =
            parsed.map_err(|error| Advice::new(format!("Chart.yaml cannot be read: {error}")))?;
        for (key, value) in [("name", &metadata.name), ("version", &metadata.version)] {
            if value.is_empty() {
                return Err(Advice::new(format!("Chart.yaml has no `{key}`")));
            }
        }
        Ok(metadata)
    }

    /// The config of the OCI chart.
    ///
    /// # Errors
    /// If a value cannot be written as JSON.
    pub(super) fn config(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        // Go escapes these. They occur in strings only.
        let escapes = [("<", "003c"), (">", "003e"), ("&", "0026"), ("\u{2028}", "2028")];
        let escapes = escapes.into_iter().chain([("\u{2029}", "2029")]);
        Ok(escapes.fold(json, |json, (c, code)| json.replace(c, &format!("\\u{code}"))))
    }

    /// The annotations of the OCI chart: those that helm derives, without the time of creation, and those of
    /// the chart itself.
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        let of_chart = self.annotations.iter().filter(|(key, _)| *key != TITLE && *key != VERSION);
        let of_chart = of_chart.map(|(key, value)| (key.clone(), value.clone()));
        let derived = [
            ("org.opencontainers.image.description", self.description.clone()),
            (TITLE, self.name.clone()),
            (VERSION, self.version.clone()),
            ("org.opencontainers.image.url", self.home.clone()),
            ("org.opencontainers.image.source", self.sources.first().cloned().unwrap_or_default()),
            ("org.opencontainers.image.authors", self.authors()),
        ];
        let derived = derived.into_iter().filter(|(_, value)| !value.trim().is_empty());
        derived.map(|(key, value)| (key.to_owned(), value)).chain(of_chart).collect()
    }

    /// `Ada (ada@example.com), Bo`.
    fn authors(&self) -> String {
        let author = |Maintainer { name, email, .. }: &Maintainer| match email.as_str() {
            "" => name.clone(),
            email => format!("{name} ({email})"),
        };
        self.maintainers.iter().map(author).collect::<Vec<_>>().join(", ")
    }
}

/// Any scalar as text on one line.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(printable(&scalar(serde_yaml::Value::deserialize(deserializer)?)))
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values = Option::<Vec<serde_yaml::Value>>::deserialize(deserializer)?;
    Ok(values.unwrap_or_default().into_iter().map(|value| printable(&scalar(value))).collect())
}

fn items<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

fn annotations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let values = Option::<BTreeMap<String, serde_yaml::Value>>::deserialize(deserializer)?;
    let values = values.unwrap_or_default().into_iter();
    Ok(values.map(|(key, value)| (key, scalar(value))).collect())
}

/// A scalar as helm reads it where it expects text; lists and maps are not text.
fn scalar(value: serde_yaml::Value) -> String {
    match value {
        serde_yaml::Value::String(text) => text,
        serde_yaml::Value::Bool(boolean) => boolean.to_string(),
        serde_yaml::Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Without control characters, and with plain spaces, as helm makes it.
fn printable(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_has_the_fields_of_helm_in_its_order() {
        let text = "type: application\nname: web\nversion: 1.2.0\nappVersion: 7\nunknown: x\n\
                    description: |\n  a < b\n  & c\nkeywords:\nmaintainers: [{name: A, email: a@b}, {name: B}]\n\
                    dependencies: [{name: d, repository: '', import-values: [{child: a, parent: b}]}]\n\
                    annotations: {b: 1, a: \"x\\ny\"}\ndeprecated: true\napiVersion: v2\n";
        let metadata = ChartMetadata::parse(text).unwrap();
        assert_eq!(
            metadata.config().unwrap(),
            "{\"name\":\"web\",\"version\":\"1.2.0\",\"description\":\"a \\u003c b \\u0026 c \",\
             \"maintainers\":[{\"name\":\"A\",\"email\":\"a@b\"},{\"name\":\"B\"}],\
             \"apiVersion\":\"v2\",\"appVersion\":\"7\",\"deprecated\":true,\
             \"annotations\":{\"a\":\"x\\ny\",\"b\":\"1\"},\
             \"dependencies\":[{\"name\":\"d\",\"repository\":\"\",\
             \"import-values\":[{\"child\":\"a\",\"parent\":\"b\"}]}],\"type\":\"application\"}"
        );
        let annotations = metadata.annotations();
        let expected = [
            ("a", "x\ny"),
            ("b", "1"),
            ("org.opencontainers.image.authors", "A (a@b), B"),
            ("org.opencontainers.image.description", "a < b & c "),
            (TITLE, "web"),
            (VERSION, "1.2.0"),
        ];
        let annotations = annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        assert_eq!(annotations.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_chart_cannot_replace_its_title_and_version_by_annotations() {
        let text = format!("name: a\nversion: 1.0.0\nannotations: {{{TITLE}: x, {VERSION}: y}}\n");
        let annotations = ChartMetadata::parse(&text).unwrap().annotations();
        assert_eq!((annotations[TITLE].as_str(), annotations[VERSION].as_str()), ("a", "1.0.0"));
    }

    #[test]
    fn a_chart_needs_a_name_and_a_version() {
        for (text, expected) in
            [("version: 1.0.0", "`name`"), ("name: a", "`version`"), ("- a", "cannot be read")]
        {
            let error = ChartMetadata::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
