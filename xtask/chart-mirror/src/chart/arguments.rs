//! The arguments of helm, with the escapes that its notations need; pure.

use super::source::ChartSource;
use crate::list::{Rendering, SetValue};
use messages::secret::sounds_like_a_secret;

/// Appears in messages and object names; no image depends on it.
const RELEASE: &str = "release";

/// The arguments of `helm template`. `chart` are the arguments that name the chart, and `values` is a
/// values file that overrides those of the rendering.
pub(super) fn template(
    chart: &[String],
    rendering: &Rendering,
    values: Option<&str>,
) -> Vec<String> {
    let release = rendering.release.as_deref().unwrap_or(RELEASE);
    let mut arguments = vec!["template".to_owned(), release.to_owned()];
    arguments.extend_from_slice(chart);
    for (is_set, flag) in [
        (!rendering.omit_crds, "--include-crds"),
        (rendering.is_upgrade, "--is-upgrade"),
        (rendering.skip_tests, "--skip-tests"),
    ] {
        arguments.extend(is_set.then(|| flag.to_owned()));
    }
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    for file in rendering.values.iter().map(String::as_str).chain(values) {
        option("-f", comma_separated(file));
    }
    for (flag, assignment) in assignments(rendering) {
        option(flag, assignment);
    }
    if let Some(namespace) = &rendering.namespace {
        option("--namespace", namespace.clone());
    }
    if let Some(version) = &rendering.kube_version {
        option("--kube-version", version.clone());
    }
    for version in &rendering.api_versions {
        option("--api-versions", comma_separated(version));
    }
    arguments
}

/// The values that a rendering sets, in the order in which helm applies them wherever they stand:
/// `--set-json`, `--set`, `--set-string`. A later one overrides an earlier one with the same key.
fn assignments(rendering: &Rendering) -> Vec<(&'static str, String)> {
    const FLAGS: [&str; 3] = ["--set-json", "--set", "--set-string"];
    let set = rendering.set.iter().map(|(key, value)| match value {
        SetValue::Json(json) => (FLAGS[0], format!("{}={json}", escaped_key(key))),
        SetValue::Boolean(_) | SetValue::Integer(_) => {
            (FLAGS[1], assignment(key, &value.to_string()))
        }
        SetValue::String(text) => (FLAGS[2], assignment(key, text)),
    });
    let texts = rendering.set_string.iter().map(|(key, text)| (FLAGS[2], assignment(key, text)));
    let mut all: Vec<_> = set.chain(texts).collect();
    all.sort_by_key(|(flag, _)| FLAGS.iter().position(|known| known == flag));
    all
}

/// The arguments that name the chart.
pub(super) fn chart(source: &ChartSource) -> Vec<String> {
    let mut arguments = Vec::new();
    match &source.repository {
        // helm accepts an OCI repository only as part of the chart's name.
        Some(repository) if repository.starts_with("oci://") => {
            arguments.push(format!("{}/{}", repository.trim_end_matches('/'), source.chart));
        }
        Some(repository) => {
            arguments.extend([source.chart.clone(), "--repo".to_owned(), repository.clone()]);
        }
        None => arguments.push(source.chart.clone()),
    }
    if let Some(version) = &source.version {
        arguments.extend(["--version".to_owned(), version.clone()]);
    }
    arguments
}

/// The same with `***` for each value whose key sounds like a secret.
pub(super) fn without_secrets(arguments: &[String]) -> Vec<String> {
    let masked = |argument: &String| match argument.split_once('=') {
        Some((key, value)) if sounds_like_a_secret(key) || holds_a_secret(value) => {
            format!("{key}=***")
        }
        _ => argument.clone(),
    };
    arguments.iter().map(masked).collect()
}

/// Whether a value is JSON with a key that sounds like a secret.
fn holds_a_secret(value: &str) -> bool {
    fn is_secret(json: &serde_json::Value) -> bool {
        match json {
            serde_json::Value::Object(entries) => {
                entries.iter().any(|(key, value)| sounds_like_a_secret(key) || is_secret(value))
            }
            serde_json::Value::Array(items) => items.iter().any(is_secret),
            _ => false,
        }
    }
    serde_json::from_str(value).is_ok_and(|json| is_secret(&json))
}

/// `key=value`, escaped so that helm takes the value literally. The key keeps its meaning for helm: a
/// dot starts a level, `\.` is a dot, `[0]` an item.
fn assignment(key: &str, value: &str) -> String {
    let mut text = escaped_key(key);
    text.push('=');
    for (index, c) in value.chars().enumerate() {
        // `{a,b}` would be a list.
        if matches!(c, ',' | '\\') || (index == 0 && c == '{') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A key of `key=value`.
fn escaped_key(key: &str) -> String {
    let mut text = String::new();
    let mut characters = key.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => text.extend(['\\', characters.next().unwrap_or('\\')]),
            ',' | '=' => text.extend(['\\', c]),
            _ => text.push(c),
        }
    }
    text
}

/// A value of an option that helm parses as comma-separated values.
fn comma_separated(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let json = r#"--set-json a={"b":[{"password":"x"}]} --set-json c={"d":1}"#;
        let masked_json = without_secrets(&json.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(masked_json.join(" "), r#"--set-json a=*** --set-json c={"d":1}"#);
        let arguments = ["--set-string", "a.adminPassword=x=y", "--set", "b.tag=1"];
        let masked = without_secrets(&arguments.map(str::to_owned));
        assert_eq!(masked, ["--set-string", "a.adminPassword=***", "--set", "b.tag=1"]);
    }

    fn source(chart: &str, repository: Option<&str>, version: Option<&str>) -> ChartSource {
        ChartSource {
            chart: chart.to_owned(),
            repository: repository.map(str::to_owned),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_chart_is_named_as_helm_expects_it() {
        let table = [
            (source("./charts/a", None, None), "./charts/a"),
            (source("a-1.0.0.tgz", None, None), "a-1.0.0.tgz"),
            (
                source("stackstate", Some("https://helm.stackstate.io"), Some("4.5.6")),
                "stackstate --repo https://helm.stackstate.io --version 4.5.6",
            ),
            (
                source("a", Some("oci://example.com/charts/"), Some("1")),
                "oci://example.com/charts/a --version 1",
            ),
            (source("oci://example.com/charts/a", None, None), "oci://example.com/charts/a"),
        ];
        for (source, expected) in table {
            assert_eq!(chart(&source).join(" "), expected);
        }
    }

    #[test]
    fn characters_with_a_meaning_for_helm_are_escaped() {
        let table = [
            ("a.b", "1", "a.b=1"),
            (r"a\.b[0].c", "x", r"a\.b[0].c=x"),
            ("a,b=c", "x", r"a\,b\=c=x"),
            (r"a\,b", "x", r"a\,b=x"),
            (r"a\", "x", r"a\\=x"),
            ("a", r"1,2=\{3}", r"a=1\,2=\\{3}"),
            ("a", "{x,y}", r"a=\{x\,y}"),
            ("a", "", "a="),
        ];
        for (key, value, expected) in table {
            assert_eq!(assignment(key, value), expected);
        }
        assert_eq!(comma_separated("a b.yaml"), "a b.yaml");
        assert_eq!(comma_separated("a,\"b\".yaml"), "\"a,\"\"b\"\".yaml\"");
    }

    #[test]
    fn arguments_are_in_the_order_of_their_precedence() {
        let rendering = Rendering {
            name: "all".to_owned(),
            set: vec![
                ("a".to_owned(), SetValue::Boolean(true)),
                ("b".to_owned(), SetValue::String("true".to_owned())),
                ("c".to_owned(), SetValue::Integer(-3)),
                ("n,x".to_owned(), SetValue::Json(serde_json::Value::Null)),
                ("n.y".to_owned(), SetValue::Json(serde_json::json!({"a": [1.5, "b,c={d}"]}))),
            ],
            set_string: vec![("d".to_owned(), "1".to_owned())],
            values: vec!["one.yaml".to_owned()],
            kube_version: Some("1.34".to_owned()),
            api_versions: vec!["a/v1".to_owned(), "b/v1".to_owned()],
            ..Rendering::default()
        };
        let arguments = template(&["chart".to_owned()], &rendering, Some("two.yaml"));
        let upgrade = Rendering {
            release: Some("prod".to_owned()),
            namespace: Some("web".to_owned()),
            is_upgrade: true,
            skip_tests: true,
            omit_crds: true,
            ..Rendering::default()
        };
        assert_eq!(
            template(&["chart".to_owned()], &upgrade, None).join(" "),
            "template prod chart --is-upgrade --skip-tests --namespace web"
        );
        assert_eq!(
            arguments.join(" "),
            "template release chart --include-crds -f one.yaml -f two.yaml --set-json n\\,x=null \
             --set-json n.y={\"a\":[1.5,\"b,c={d}\"]} --set a=true --set c=-3 --set-string b=true \
             --set-string d=1 --kube-version 1.34 --api-versions a/v1 --api-versions b/v1"
        );
    }
}
