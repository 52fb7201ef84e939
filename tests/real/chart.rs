//! Charts from tests/data rendered with the real helm, and the references in them.

use std::collections::BTreeSet;

use chart_mirror::chart::{Helm, Rendered, Renderer as _, discover, render_all};
use chart_mirror::list::{ImageList, Rendering, SetValue};

use crate::programs::helm::helm;

mod fetching;
mod mirrored;

const IMAGES: &str = include_str!("../../images.toml");
const RELOCATE: &str = "global:\n  imageRegistry: mirror.example.com/a\n";

#[test]
fn the_renderings_of_the_list_name_exactly_the_images_of_the_list() {
    let list = ImageList::parse("images.toml", IMAGES).unwrap();
    let listed: BTreeSet<_> =
        list.images().iter().map(|image| image.reference().to_string()).collect();
    let renderings = &list.chart().unwrap().renderings;

    let rendered = render_all(&helm("stackstate-shapes"), renderings, None);

    let rendered: Vec<_> = rendered.into_iter().map(Result::unwrap).collect();
    let [default, backup] = rendered.as_slice() else { panic!("two renderings are listed") };
    assert_eq!((default.rendering.as_str(), backup.rendering.as_str()), ("default", "backup"));
    assert_eq!(references(backup), listed);
    let missing: Vec<_> = listed.difference(&references(default)).cloned().collect();
    assert_eq!(missing, ["quay.io/stackstate/minio:2021.2.19-focal-20220316-r5.20220405.1533"]);
    assert!(references(default).is_subset(&listed));
    assert_eq!((references(default).len(), references(backup).len()), (21, 22));
}

#[test]
fn the_global_registry_moves_all_images_but_the_two_that_have_values_of_their_own() {
    let list = ImageList::parse("images.toml", IMAGES).unwrap();
    let renderings = &list.chart().unwrap().renderings;

    let rendered = helm("stackstate-shapes").render(&renderings[1], Some(RELOCATE)).unwrap();

    let left: Vec<_> = references(&rendered)
        .into_iter()
        .filter(|reference| !reference.starts_with("mirror.example.com/a/stackstate/"))
        .collect();
    assert_eq!(
        left,
        [
            "quay.io/stackstate/elasticsearch-exporter:v1.2.1",
            "quay.io/stackstate/minio:2021.2.19-focal-20220316-r5.20220405.1533"
        ]
    );
}

#[test]
fn references_are_found_in_every_kind_of_object() {
    let rendered = helm("relocation").render(&rendering(), None).unwrap();
    let found = discover(&rendered, None, &BTreeSet::new()).unwrap().images;
    let mut found: Vec<_> = found
        .iter()
        .map(|found| {
            let template =
                found.place.template.as_deref().unwrap().trim_start_matches("relocation/");
            format!("{} {} {} {}", found.written, found.place.kind, template, found.place.path)
        })
        .collect();
    found.sort();
    let containers = "spec.template.spec.containers[0].image";
    let expected = [
        format!("docker.io/example/cache:6.2 StatefulSet charts/cache/templates/cache.yaml {containers}"),
        format!("docker.io/example/prepare:5.0 Job templates/hook.yaml {containers}"),
        format!("quay.io/example/app:1.2.0 Deployment templates/app.yaml {containers}"),
        "quay.io/example/database:24.8-alpine Installation templates/resource.yaml spec.templates[0].spec.containers[0].image".to_owned(),
        format!("quay.io/example/exporter:v1.2.1 DaemonSet charts/exporter/templates/exporter.yaml {containers}"),
        "quay.io/example/in-a-schema:1 CustomResourceDefinition crds/installation.yaml spec.versions[0].schema.openAPIV3Schema.properties.image.default".to_owned(),
        format!("quay.io/example/migration:3.1 ConfigMap templates/configuration.yaml data[\"job.yaml\"] > {containers}"),
        "quay.io/example/migration:3.1 ConfigMap templates/configuration.yaml data[\"run.sh\"] > line 8".to_owned(),
        format!("quay.io/example/migration:3.1 Job templates/migration.yaml {containers}"),
        "quay.io/example/operand:7 Installation templates/resource.yaml spec.image".to_owned(),
        "quay.io/example/pack-one:2024_10_01 Deployment templates/app.yaml spec.template.spec.initContainers[0].image".to_owned(),
        "quay.io/example/pack-two:1.10 Deployment templates/app.yaml spec.template.spec.initContainers[1].image".to_owned(),
        "quay.io/example/proxy:4 Secret templates/configuration.yaml data[\"settings.yaml\"] > proxyImage".to_owned(),
        format!("quay.io/example/search:7.6 StatefulSet charts/index/templates/search.yaml {containers}"),
        "quay.io/example/sidecar:0.9.1 ConfigMap templates/configuration.yaml data[\"sidecar.yaml\"] > inject.sidecarImage".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_overlay_moves_references_and_mentions_list_the_rest() {
    let rendered = helm("relocation").render(&rendering(), Some(RELOCATE)).unwrap();
    let left =
        references(&rendered).into_iter().filter(|r| !r.starts_with("mirror.example.com/a/"));
    assert_eq!(
        left.collect::<Vec<_>>(),
        [
            "docker.io/example/prepare:5.0",
            "quay.io/example/exporter:v1.2.1",
            "quay.io/example/in-a-schema:1",
            "quay.io/example/sidecar:0.9.1"
        ]
    );
    let hosts = ["quay.io", "docker.io"].into();
    let mentions = discover(&rendered, None, &hosts).unwrap().mentions;
    let mentions: Vec<_> =
        mentions.iter().map(|m| (m.written.as_str(), m.place.path.as_str())).collect();
    assert_eq!(
        mentions,
        [
            // In a script, comments count as well.
            ("quay.io/example/commented:1", "data[\"run.sh\"] > line 2"),
            ("quay.io/example/exporter", "spec.template.spec.containers[0].args[0]"),
            ("quay.io/example/prose", "metadata.annotations[\"example.com/documentation\"]"),
        ]
    );
}

#[test]
fn values_override_files_and_set_overrides_values() {
    let set = vec![("echo.a".to_owned(), text("set"))];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file.yaml");
    std::fs::write(&file, "echo: {a: file, b: file}\n").unwrap();
    let file = Rendering { values: vec![file.to_str().unwrap().to_owned()], ..rendering() };
    let set = Rendering { set, ..file.clone() };
    let mut with_json = set.clone();
    let json = serde_json::json!({"a": "json", "c": null, "d": [1]});
    with_json.set.push(("echo".to_owned(), SetValue::Json(json)));
    let null = ("echo.b".to_owned(), SetValue::Json(serde_json::Value::Null));
    let without_b = Rendering { set: vec![null], ..file.clone() };
    let values = Some("echo: {a: values}\n");
    let table = [
        (&file, None, r#"{"a":"file","b":"file"}"#),
        (&file, values, r#"{"a":"values","b":"file"}"#),
        (&set, values, r#"{"a":"set","b":"file"}"#),
        // JSON sets a path as a whole, and before the others.
        (&with_json, values, r#"{"a":"set","c":null,"d":[1]}"#),
        (&without_b, values, r#"{"a":"values","b":null}"#),
    ];
    for (rendering, values, expected) in table {
        assert_eq!(echo(&helm("relocation"), rendering, values), expected);
    }
}

#[test]
fn set_values_reach_the_chart_literally() {
    let awkward = r#"a,b=c\d {e} [0] "f" 'g' $h"#;
    let set = [
        ("echo.boolean", SetValue::Boolean(true)),
        ("echo.integer", SetValue::Integer(-3)),
        ("echo.number", text("1")),
        ("echo.word", text("true")),
        ("echo.null", text("null")),
        ("echo.list", text("{a,b}")),
        ("echo.empty", text("")),
        ("echo.awkward", text(awkward)),
        ("echo.lines", text("a\nb")),
        (r"echo.dotted\.key", text("x")),
        ("echo.comma,key", text("x")),
        ("echo.items[1].name", text("x")),
        ("echo.json,key", SetValue::Json(serde_json::json!([1.5, {"a": "b,{c}=\\"}]))),
    ];
    let set = set.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let set_string = vec![("echo.string".to_owned(), "0123".to_owned())];
    let rendering = Rendering { set, set_string, ..rendering() };
    let received: serde_json::Value =
        serde_json::from_str(&echo(&helm("relocation"), &rendering, None)).unwrap();
    let expected = serde_json::json!({
        "boolean": true, "integer": -3, "number": "1", "word": "true", "null": "null",
        "list": "{a,b}", "empty": "", "awkward": awkward, "lines": "a\nb", "dotted.key": "x",
        "comma,key": "x", "items": [null, {"name": "x"}], "string": "0123",
        "json,key": [1.5, {"a": "b,{c}=\\"}],
    });
    assert_eq!(received, expected);
}

#[test]
fn values_files_and_versions_of_a_rendering_reach_the_chart() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a, \"b\".yaml"), "echo: {a: 1}\n").unwrap();
    let chart = crate::programs::helm::charts().join("relocation").canonicalize().unwrap();
    let source = crate::programs::helm::source(chart.to_str().unwrap());
    let program = crate::programs::helm::program().canonicalize().unwrap();
    let helm = Helm::new(source, directory.path()).with_program(program);
    let rendering = Rendering {
        values: vec!["a, \"b\".yaml".to_owned()],
        kube_version: Some("1.25.3".to_owned()),
        api_versions: vec!["example.com/v1".to_owned()],
        ..rendering()
    };
    assert_eq!(echo(&helm, &rendering, None), r#"{"a":1}"#);
    let rendered = helm.render(&rendering, None).unwrap();
    assert!(rendered.text.contains("capabilities: \"v1.25.3 true\""), "{}", rendered.text);
}

#[test]
fn default_values_of_subcharts_have_the_keys_that_set_them() {
    let values = helm("relocation").default_values().unwrap();
    let paths: Vec<_> = values.iter().map(|values| values.path.join(".")).collect();
    assert_eq!(paths, ["", "cache", "exporter", "index"]);
    assert!(values[3].text.contains("imageRepository: example/search"), "{values:?}");

    let values = helm("stackstate-shapes").default_values().unwrap();
    let exporter = ["elasticsearch", "prometheus-elasticsearch-exporter"];
    let exporter = values.iter().find(|values| values.path == exporter).unwrap();
    assert!(exporter.text.contains("justwatch/elasticsearch_exporter"), "{exporter:?}");
    assert_eq!(values.len(), 8);
}

#[test]
fn a_failing_chart_is_reported_with_its_message_and_the_command_to_repeat() {
    let set = vec![
        ("stackstate.license.key".to_owned(), text("hunter2")),
        ("stackstate.note".to_owned(), text("it's")),
    ];
    let error =
        helm("stackstate-shapes").render(&Rendering { set, ..rendering() }, None).unwrap_err();
    let error = error.to_string();
    let (message, hint) = error.split_once("\nhint: ").unwrap();
    assert!(message.starts_with("rendering `default`: execution error at "), "{error}");
    assert!(message.ends_with("stackstate.baseUrl is required"), "{error}");
    let command = "stackstate-shapes --include-crds --set-string \
                   'stackstate.license.key=***' --set-string 'stackstate.note=it'\\''s'`";
    // The path is one that works from the current folder.
    assert!(hint.contains("`helm template release /") && hint.contains(command), "{error}");
    assert!(hint.ends_with("a `[[chart.rendering]]` can `set` what the chart requires"), "{error}");
}

#[test]
fn a_missing_chart_is_reported_without_running_helm() {
    let error = helm("no-such-chart").render(&rendering(), None).unwrap_err().to_string();
    assert!(
        error.starts_with("finding the chart: there is no chart `no-such-chart` in "),
        "{error}"
    );
    assert!(error.contains("\nhint: give the path of a folder or a `.tgz`"), "{error}");
}

fn rendering() -> Rendering {
    Rendering { name: "default".to_owned(), ..Rendering::default() }
}

fn text(text: &str) -> SetValue {
    SetValue::String(text.to_owned())
}

fn references(rendered: &Rendered) -> BTreeSet<String> {
    let found = discover(rendered, None, &BTreeSet::new()).unwrap().images;
    found.into_iter().map(|found| found.reference.to_string()).collect()
}

/// The value `echo` as the chart `relocation` received it.
fn echo(helm: &Helm, rendering: &Rendering, values: Option<&str>) -> String {
    let rendered = helm.render(rendering, values).unwrap();
    let line = rendered.text.lines().find_map(|line| line.trim().strip_prefix("echo.json: "));
    serde_json::from_str(line.unwrap()).unwrap()
}
