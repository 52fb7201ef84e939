//! The proof of small charts with the real helm: what is an error, and what is not judged.

use crate::small_chart::{Case, pods};

const LIST_OF_VALUES: &str = "[values]\n\"registry\" = \"{registry}\"\n";

/// A chart whose only image `registry` moves.
fn movable(more_templates: &str, rendering: &str) -> Case {
    let template = pods(&["{{ .Values.registry }}/acme/app:1"]) + more_templates;
    let images = ["quay.io/acme/app:1"];
    Case::new("registry: quay.io", &template, &images, &format!("{rendering}{LIST_OF_VALUES}"))
}

#[test]
fn a_mention_that_is_not_judged_is_an_error_only_if_strict() {
    let note = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\n\
                data: {note: \"see ghcr.io/acme/other:2 for more\"}\n";
    let table = [(note, 1, "error: `ghcr.io/acme/other:2`"), ("", 0, "proven: in 1 rendering")];
    for (template, strict, expected) in table {
        let case = movable(template, "");
        let proven = case.values(&["--prove", "-d", "m.example.com"]);
        assert_eq!(proven.exit_code, 0, "{}{}", proven.stdout, proven.stderr);
        let strictly = case.values(&["--prove", "--strict", "-d", "m.example.com"]);
        assert_eq!(strictly.exit_code, strict, "{}{}", strictly.stdout, strictly.stderr);
        assert!(strictly.stdout.contains(expected), "{}", strictly.stdout);
    }
    assert_eq!(movable("", "").values(&["--strict"]).exit_code, 2);
}

#[test]
fn a_values_file_with_other_values_is_not_proven() {
    let case = movable("", "");
    let on = ["-d", "m.example.com"];
    let prove = || case.values(&[&["--prove"], &on[..]].concat());
    assert_eq!(prove().exit_code, 0, "there is no file yet");
    assert_eq!(case.values(&[&["--write"], &on[..]].concat()).exit_code, 0);
    assert_eq!(prove().exit_code, 0);
    let text = case.values(&on).stdout;
    case.write("values/m.example.com.yaml", &text.replace("\"m.example", "\"other.example"));
    let refused = prove();
    assert_eq!(refused.exit_code, 1, "{}", refused.stdout);
    let words = ["m.example.com.yaml` differs", "values -d m.example.com --write"];
    assert!(words.iter().all(|words| refused.stdout.contains(words)), "{}", refused.stdout);
}

#[test]
fn a_rendering_that_fails_only_with_the_values_is_a_gap_and_a_finding() {
    let guard = "{{ if and .Values.guarded (ne .Values.registry \"quay.io\") }}{{ fail \"only quay.io\" }}{{ end }}";
    let renderings = "[[chart.rendering]]\nname = \"free\"\n\
                      [[chart.rendering]]\nname = \"guarded\"\nset = { guarded = true }\n";
    let case = movable(guard, renderings);
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 1, "{}{}", proven.stdout, proven.stderr);
    for expected in ["`guarded`", "only quay.io", "not proven: 1 gap; 1 image is pulled"] {
        assert!(proven.stdout.contains(expected), "{expected}\n{}", proven.stdout);
    }
    assert!(!proven.stdout.contains("`free`"), "{}", proven.stdout);
    let verified = case.run(&["verify", "--only", "chart", "-d", "m.example.com"]);
    assert_eq!(verified.exit_code, 1, "{}{}", verified.stdout, verified.stderr);
    for expected in ["chart-fails", "`guarded`", "only quay.io"] {
        assert!(verified.stdout.contains(expected), "{expected}\n{}", verified.stdout);
    }
}

const RESOURCE: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: databases.example.com}
spec:
  versions:
  - name: v1
    schema:
      openAPIV3Schema:
        properties:
          spec: {properties: {image: {type: string, default: 'quay.io/acme/db:2'}}}
";

#[test]
fn the_hint_for_a_default_of_a_custom_resource_is_the_rule_that_excludes_it() {
    let case = movable("", "");
    case.write("chart/crds/database.yaml", RESOURCE);
    let db = "[[image]]\nsource = \"quay.io/acme/db\"\ntag = \"2\"\n";
    case.write("images.toml", &format!("{}{db}", case.list()));
    let rule = [
        r#"template = "small/crds/database.yaml""#,
        r#"path = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.image.default""#,
        r#"text = "quay.io/acme/db:2""#,
    ];
    for command in [&["--prove", "-d", "m.example.com"][..], &["--probe"]] {
        let run = case.values(command);
        assert_eq!(run.exit_code, 1, "{}{}", run.stdout, run.stderr);
        let hint = run.stdout.lines().find(|line| line.contains("`[[chart.ignore]]` with"));
        let hint = hint.unwrap_or_else(|| panic!("{}", run.stdout));
        assert!(rule.iter().all(|line| hint.contains(&format!("`{line}`"))), "{hint}");
    }
    let rule = format!("[[chart.ignore]]\n{}\nreason = \"ours set it\"\n", rule.join("\n"));
    case.write("images.toml", &case.list().replacen("[values]", &format!("{rule}[values]"), 1));
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 0, "{}{}", proven.stdout, proven.stderr);
    assert!(proven.stdout.contains("1 ignored by a rule"), "{}", proven.stdout);
}

#[test]
fn a_tag_that_only_a_rendering_sets_is_an_error_until_the_values_set_it() {
    let template = pods(&["{{ .Values.registry }}/acme/app:{{ .Values.tag }}"]);
    let rendering = "[[chart.rendering]]\nname = \"eight\"\nset = { tag = \"8\" }\n";
    let images = ["quay.io/acme/app:8", "quay.io/acme/app:9"];
    let list = format!("{rendering}{LIST_OF_VALUES}");
    let case = Case::new("{registry: quay.io, tag: latest}", &template, &images, &list);
    let unused = "tag = \"9\"\nkeep = \"an operator creates it\"\n";
    case.write("images.toml", &case.list().replacen("tag = \"9\"\n", unused, 1));
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 1, "{}{}", proven.stdout, proven.stderr);
    for expected in ["`m.example.com/acme/app:latest`", "without `tag=8`"] {
        assert!(proven.stdout.contains(expected), "{expected}\n{}", proven.stdout);
    }
    let verified = case.run(&["verify", "--only", "chart", "-d", "m.example.com"]);
    assert_eq!(verified.exit_code, 1, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("without `tag=8`"), "{}", verified.stdout);

    let set = "tag = \"8\"\nvalues = { tag = \"{tag}\" }\n";
    case.write("images.toml", &case.list().replacen("tag = \"8\"\n", set, 1));
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 0, "{}{}", proven.stdout, proven.stderr);
}

#[test]
fn a_malformed_image_is_reported_by_the_probe_and_the_proof_with_its_probable_cause() {
    let template =
        pods(&["{{ .Values.registry }}/acme/app:1", "quay.io/acme/api:{{ .Values.tag }}"]);
    let case = Case::new(
        "{registry: quay.io, tag: 29111998}",
        &template,
        &["quay.io/acme/app:1"],
        LIST_OF_VALUES,
    );
    for (command, summary) in
        [(&["--probe"][..], "1 image,"), (&["--prove", "-d", "m.example.com"], "not proven: 1 gap")]
    {
        let finished = case.values(command);
        assert_eq!(finished.exit_code, 1, "{}{}", finished.stdout, finished.stderr);
        for expected in ["`quay.io/acme/api:2.9111998e+07`", "quote the tag", summary] {
            assert!(finished.stdout.contains(expected), "{expected}\n{}", finished.stdout);
        }
    }
}

#[test]
fn a_switch_is_suggested_for_values_that_the_list_has_already() {
    let guard = "{{ if and (ne .Values.registry \"quay.io\") (not .Values.allowForeign) }}\
                 {{ fail \"unrecognized image: set allowForeign to true\" }}{{ end }}";
    let template = pods(&["{{ .Values.registry }}/acme/app:1"]) + guard;
    let values = "{registry: quay.io, allowForeign: false}";
    let case = Case::new(values, &template, &["quay.io/acme/app:1"], LIST_OF_VALUES);
    let probed = case.values(&["--probe", "--write"]);
    assert_eq!(probed.exit_code, 0, "{}{}", probed.stdout, probed.stderr);
    assert!(case.list().contains("\"allowForeign\" = true"), "{}\n{}", case.list(), probed.stdout);
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 0, "{}{}", proven.stdout, proven.stderr);
}

#[test]
fn the_command_that_repeats_a_failed_rendering_has_no_secrets() {
    let case = Case::new(
        "{registry: quay.io}",
        "{{ fail \"never\" }}",
        &["quay.io/acme/app:1"],
        "[[chart.rendering]]\nname = \"x\"\nset = { \"auth.password\" = \"hunter2\", tag = \"plain\" }\n",
    );
    let failed = case.values(&["--prove", "-d", "m.example.com"]);
    assert_ne!(failed.exit_code, 0);
    let output = format!("{}{}", failed.stdout, failed.stderr);
    assert!(output.contains("tag=plain") && output.contains("auth.password=***"), "{output}");
    assert!(!output.contains("hunter2"), "{output}");
}
