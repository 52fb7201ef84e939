//! The check `chart` with the real helm, after one change to the chart or the list.

use serde_json::{Value, json};

use super::{pod, scene, sum};

const NOTHING: &str = "skipped";
const CHART: [&str; 2] = ["--only", "chart"];

fn only_chart(state: &str) -> String {
    sum([NOTHING, NOTHING, state, NOTHING, NOTHING], &format!("2 images: {state}"))
}

/// The codes, each with the image that it is about.
fn codes(findings: &Value) -> Vec<(&str, Option<&str>)> {
    let findings = findings.as_array().unwrap().iter();
    findings.map(|finding| (finding["code"].as_str().unwrap(), finding["image"].as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_added_to_the_chart_is_found_once() {
    let scene = scene().await;
    let hint = "`chart-mirror images --write` adds it, then `chart-mirror values --probe` finds its values";
    let place =
        "at Pod/new spec.containers[0].image (chart/templates/new.yaml), rendering `default`";
    // Whether the values move it or not, there is one thing to fix.
    for image in ["quay.io/team/new:3.0", "{{ .Values.global.imageRegistry }}/team/new:3.0"] {
        scene.write("chart/templates/new.yaml", &pod("new", image));
        let named = image.replace("{{ .Values.global.imageRegistry }}", "SOURCE");
        let message = format!("the chart uses `{named}`, which is not in the list");
        let human = format!(
            "error[chart-unlisted] {message}\n  {place}\n  hint: {hint}\n\n{}",
            sum(
                ["passed", "passed", "1 error", "passed", "passed"],
                "2 images: 1 error; requests: 2 to sources, 2 to the destination"
            )
        );
        let findings = json!([{
            "code": "chart-unlisted",
            "severity": "error",
            "check": "chart",
            "image": null,
            "location": null,
            "message": message,
            "details": [place],
            "hint": hint,
        }]);
        scene.verify(&[]).assert(1, &human, &findings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_chart_no_longer_names_is_one_warning() {
    let scene = scene().await;
    std::fs::remove_file(scene.path("chart/templates/tool.yaml")).unwrap();
    let unused = "check whether a `[[chart.rendering]]` is missing; if not, `chart-mirror images --write --prune` removes the image";
    let human = format!(
        "SOURCE/team/tool:2.0\n  \
           warning[chart-unused] no rendering of the chart uses this image (images.toml:15:1)\n    \
             hint: {unused}\n\n{}",
        only_chart("1 warning")
    );
    let findings = json!([{
        "code": "chart-unused",
        "severity": "warning",
        "check": "chart",
        "image": "SOURCE/team/tool:2.0",
        "location": { "file": "images.toml", "line": 15, "column": 1 },
        "message": "no rendering of the chart uses this image",
        "details": [],
        "hint": unused,
    }]);
    scene.verify(&CHART).assert(0, &human, &findings);
    // The values of the destination still have those of the image.
    let pruned = scene.run(&["images", "--write", "--prune"]);
    let text = scene.named(&pruned.stdout);
    assert!(text.contains("hint: `chart-mirror values --write`"), "{text}");
    scene.write_values();
    assert_eq!(scene.verify(&["--only", "values"]).exit_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tag_in_the_chart_is_one_error_also_if_values_have_the_tag_of_the_list() {
    let scene = scene().await;
    scene.write("chart/templates/tool.yaml", &pod("tool", "{{ .Values.tool.image }}"));
    let values = scene.chart_values().replace("repository: ", "image: ");
    scene.write("chart/values.yaml", &values.replace("/team/tool", "/team/tool:2.1"));
    scene.edit_list(
        "\"tool.repository\" = \"{registry}/{repository}\"",
        "\"tool.image\" = \"{registry}/{repository}:{tag}\"",
    );
    let findings = scene.verify(&CHART).findings;
    let image = "SOURCE/team/tool:2.0";
    assert_eq!(codes(&findings), [("chart-unlisted", Some(image))], "{findings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_moves_no_image_is_a_warning() {
    let scene = scene().await;
    let unused = "[image.values]\n\"tool.name\" = \"{repository}\"\n";
    scene.edit_list("[image.values]\n", unused);
    let dead = "`chart-mirror values --probe` finds the values that do";
    let human = format!(
        "SOURCE/team/tool:2.0\n  \
           warning[mapping-dead] `tool.name` moves no image of the chart (images.toml:20:1)\n    \
             hint: {dead}\n\n{}",
        only_chart("1 warning")
    );
    let findings = json!([{
        "code": "mapping-dead",
        "severity": "warning",
        "check": "chart",
        "image": "SOURCE/team/tool:2.0",
        "location": { "file": "images.toml", "line": 20, "column": 1 },
        "message": "`tool.name` moves no image of the chart",
        "details": [],
        "hint": dead,
    }]);
    scene.verify(&CHART).assert(0, &human, &findings);
    // The policy may ignore that an image is unused, and not that its values are.
    std::fs::remove_file(scene.path("chart/templates/tool.yaml")).unwrap();
    let policy = "[policy.severity]\nchart-unused = \"ignore\"\n\n[values]\n";
    scene.edit("images.toml", "[values]\n", policy);
    let human = scene.run(&["verify", "--only", "chart"]).stdout;
    assert_eq!(human.matches("[mapping-dead]").count(), 2, "{human}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_no_value_moves_is_found_at_its_entry() {
    let scene = scene().await;
    scene.edit_list("[image.values]\n\"tool.repository\" = \"{registry}/{repository}\"\n", "");
    let message = "`SOURCE/team/tool:2.0` is not pulled from the destination";
    let place =
        "at Pod/tool spec.containers[0].image (chart/templates/tool.yaml), rendering `default`";
    let hint = "no value in images.toml moves it: `chart-mirror values --probe` shows whether one of the chart does";
    let human = format!(
        "SOURCE/team/tool:2.0\n  \
           error[values-not-relocated] {message} (images.toml:15:1)\n    \
             {place}\n    hint: {hint}\n\n{}",
        only_chart("1 error")
    );
    let findings = json!([{
        "code": "values-not-relocated",
        "severity": "error",
        "check": "chart",
        "image": "SOURCE/team/tool:2.0",
        "location": { "file": "images.toml", "line": 15, "column": 1 },
        "message": message,
        "details": [place],
        "hint": hint,
    }]);
    scene.verify(&CHART).assert(1, &human, &findings);
    // The proof works without a named destination.
    let address = scene.destination.address();
    scene.edit("images.toml", &format!("[destinations.mirror]\nregistry = \"{address}\"\n"), "");
    assert_eq!(
        codes(&scene.verify(&CHART).findings),
        [("values-not-relocated", Some("SOURCE/team/tool:2.0"))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_finding_does_not_hide_others() {
    let scene = scene().await;
    let source = scene.source.address();
    let both = pod("other", "quay.io/team/unlisted:1.0")
        + "---\n"
        + &pod("fixed", &format!("{source}/team/app:1.0"));
    scene.write("chart/templates/both.yaml", &both);
    let app = Some("SOURCE/team/app:1.0");
    let found = scene.verify(&CHART).findings;
    assert_eq!(codes(&found), [("chart-unlisted", None), ("values-not-relocated", app)]);
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    scene.write("images.toml", &(text + "[policy.severity]\nchart-unlisted = \"ignore\"\n"));
    let verified = scene.verify(&CHART);
    // An image that is not listed is not relocated either.
    assert_eq!(
        codes(&verified.findings),
        [("values-not-relocated", None), ("values-not-relocated", app)]
    );
    assert_eq!(verified.exit_code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_the_values_drop_is_found() {
    let scene = scene().await;
    // Helm replaces lists as a whole: setting the first pack drops the second.
    let source = scene.source.address();
    let packs =
        format!("packs:\n  - repository: {source}/team/tool\n  - repository: {source}/team/tool\n");
    scene.write("chart/values.yaml", &(scene.chart_values() + &packs));
    let template = "{{ range $i, $pack := .Values.packs }}\n---\nkind: Pod\nmetadata: {name: pack}\n\
                    spec:\n  containers:\n    - image: \"{{ $pack.repository }}:2.0\"\n{{ end }}";
    scene.write("chart/templates/packs.yaml", template);
    scene.edit_list(
        "[image.values]\n",
        "[image.values]\n\"packs[0].repository\" = \"{registry}/{repository}\"\n",
    );
    let verified = scene.verify(&CHART);
    let finding = &verified.findings[0];
    assert_eq!(finding["code"], "values-image-lost", "{}", verified.human);
    assert_eq!(finding["image"], "SOURCE/team/tool:2.0");
    assert_eq!((verified.exit_code, verified.findings.as_array().unwrap().len()), (1, 1));
    assert!(verified.human.contains("error[values-image-lost] `SOURCE/team/tool:2.0` is lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_registry_in_prose_is_a_warning() {
    let scene = scene().await;
    let source = scene.source.address();
    let notes = format!(
        "kind: ConfigMap\nmetadata: {{name: notes}}\ndata:\n  about: see {source} for more\n"
    );
    scene.write("chart/templates/notes.yaml", &notes);
    let verified = scene.verify(&CHART);
    assert_eq!(codes(&verified.findings), [("chart-mention", None)]);
    assert_eq!((verified.exit_code, &verified.findings[0]["severity"]), (0, &json!("warning")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_without_a_match_is_a_warning_and_one_with_a_match_ignores_its_image() {
    let scene = scene().await;
    scene.write("chart/templates/new.yaml", &pod("new", "quay.io/team/new"));
    let rule = |name: &str| {
        format!("\n[[chart.ignore]]\nkind = \"Pod\"\nname = \"{name}\"\nreason = \"a test\"\n")
    };
    scene.edit_list(
        "name = \"./chart\"\n",
        &format!("name = \"./chart\"\n{}{}", rule("new"), rule("x")),
    );
    let verified = scene.verify(&CHART);
    assert_eq!(codes(&verified.findings), [("rule-unused", None)], "{}", verified.human);
    assert_eq!((verified.exit_code, &verified.findings[0]["severity"]), (0, &json!("warning")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_the_chart_that_cannot_be_listed_is_found() {
    let scene = scene().await;
    scene.write("chart/templates/new.yaml", &pod("new", "quay.io/team/new"));
    let other = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    let image = format!("{{{{ .Values.global.imageRegistry }}}}/team/app:1.0@{other}");
    scene.write("chart/templates/app.yaml", &pod("app", &image));
    let verified = scene.verify(&CHART);
    let expected = [("chart-unfixed", None), ("chart-pin-differs", Some("SOURCE/team/app:1.0"))];
    assert_eq!(codes(&verified.findings), expected, "{}", verified.human);
    assert_eq!(verified.exit_code, 1);
    let human = &verified.human;
    assert!(human.contains(&format!("as {other}, but images.toml pins it to APP")), "{human}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_does_not_render_and_a_missing_helm_are_errors() {
    let scene = scene().await;
    scene.write("chart/templates/app.yaml", "{{ required \"say who\" .Values.who }}");
    let verified = scene.verify(&CHART);
    assert_eq!(codes(&verified.findings), [("chart-fails", None)]);
    assert!(verified.human.contains("say who"), "{}", verified.human);
    assert_eq!(verified.exit_code, 1);

    let arguments = ["verify", "--only", "chart", "--format", "json"];
    let finished = scene.run_with(&arguments, &[("HELM", "/nowhere/helm")]);
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(codes(&document["findings"]), [("check-not-run", None)]);
    assert_eq!(finished.exit_code, 1);
}
