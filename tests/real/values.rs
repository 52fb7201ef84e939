//! The proof and the probing of values, with the real helm on the charts in tests/data.

use chart_mirror::chart::render_all;
use chart_mirror::commands::chart_run::prove_with;
use chart_mirror::list::{ImageList, Rendering};
use chart_mirror::values::GapKind;
use chart_mirror::values::proof::Proof;

use crate::programs::helm::{charts, helm, program};
use crate::support::xtask::{Finished, Xtask};

const IMAGES: &str = include_str!("../../images.toml");
const SHAPES: &str = "stackstate-shapes";

/// The list of this repository without values.
fn without_values() -> String {
    let mut text = String::new();
    let mut dropped = false;
    for line in IMAGES.lines() {
        dropped = match line {
            "[values]" | "[image.values]" => true,
            "" => false,
            _ => dropped,
        };
        if !dropped {
            text += line;
            text.push('\n');
        }
    }
    assert!(!text.contains("{registry}") && text.contains("[[image]]"), "{text}");
    text
}

/// Runs `xtask values` on a list, in the folder of that list, with the real helm.
fn values(xtask: &Xtask, list: &str, arguments: &[&str]) -> Finished {
    let file = xtask.directory().join("images.toml");
    if !file.exists() {
        std::fs::write(&file, list).unwrap();
    }
    let arguments: Vec<&str> =
        ["--images", file.to_str().unwrap(), "values"].iter().chain(arguments).copied().collect();
    let helm = program().canonicalize().unwrap();
    xtask.run(&arguments, &[("HELM", helm.to_str().unwrap())])
}

fn chart(name: &str) -> String {
    charts().canonicalize().unwrap().join(name).display().to_string()
}

fn prove(overlay: &str) -> Proof {
    let list = ImageList::parse("images.toml", IMAGES).unwrap();
    let renderings: &[Rendering] = &list.chart().unwrap().renderings;
    let helm = helm(SHAPES);
    let without_values = render_all(&helm, renderings, None);
    prove_with(
        &helm,
        renderings,
        &list,
        &"m.example.com".parse().unwrap(),
        overlay,
        &without_values,
    )
    .unwrap()
}

#[test]
fn probing_finds_the_values_of_the_shipped_list() {
    let xtask = Xtask::new();
    let probed = values(&xtask, &without_values(), &["--probe", "--write", "-c", &chart(SHAPES)]);
    assert_eq!(probed.exit_code, 0, "{}", probed.stderr);
    for line in [
        "  registry + repository  minio.image.repository",
        "  registry               global.imageRegistry, hbase.wait.image.registry, stackstate.components.wait.image.registry",
        "  repository             stackstate.components.all.image.repositorySuffix, stackstate.components.correlate.image.repository",
        "  tag                    hbase.stackgraph.image.tag",
    ] {
        assert!(probed.stdout.lines().any(|have| have == line), "{line}\n{}", probed.stdout);
    }
    let printed = values(&xtask, "", &["-d", "m.example.com"]);
    let by_hand = values(&Xtask::new(), IMAGES, &["-d", "m.example.com"]);
    assert_eq!(printed.stdout, by_hand.stdout);
    let proven = values(&xtask, "", &["--prove", "-d", "m.example.com", "-c", &chart(SHAPES)]);
    assert_eq!((proven.exit_code, proven.stderr.as_str()), (0, ""), "{}", proven.stdout);
    assert!(
        proven.stdout.starts_with("proven: in 2 renderings all 22 images"),
        "{}",
        proven.stdout
    );

    let again = values(&xtask, "", &["--probe", "--write", "-c", &chart(SHAPES)]);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    assert!(!again.stdout.contains("lacks"), "{}", again.stdout);
}

#[test]
fn both_mistakes_in_the_documentation_are_caught() {
    let page = "global: {imageRegistry: m.example.com}\n\
        elasticsearch: {prometheus-elasticsearch-exporter: {image: {repository: m.example.com/justwatch/elasticsearch_exporter}}}\n";
    let proof = prove(page);
    let gaps: Vec<String> =
        proof.gaps.iter().map(|gap| format!("{gap} {}", gap.advice())).collect();
    let has = |words: &[&str]| gaps.iter().any(|gap| words.iter().all(|word| gap.contains(word)));
    assert!(
        has(&[
            "justwatch/elasticsearch_exporter:v1.2.1` is not copied",
            "`m.example.com/stackstate/elasticsearch-exporter:v1.2.1`"
        ]),
        "{gaps:#?}"
    );
    assert!(
        has(&[
            "`quay.io/stackstate/minio:",
            "is not pulled from the destination",
            "rendering `backup`"
        ]),
        "{gaps:#?}"
    );
    let names: std::collections::BTreeSet<_> = proof.gaps.iter().map(|gap| &gap.written).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_doubled_registry_and_a_trailing_slash_are_caught() {
    let table = [
        (
            "global: {imageRegistry: m.example.com}\nminio: {image: {repository: m.example.com/quay.io/stackstate/minio}}\n",
            "m.example.com/quay.io/stackstate/minio",
        ),
        ("global: {imageRegistry: m.example.com/}\n", "m.example.com//stackstate"),
    ];
    for (overlay, written) in table {
        let proof = prove(overlay);
        let malformed = proof.gaps.iter().find(|gap| gap.written.starts_with(written));
        assert!(
            malformed.is_some_and(|gap| matches!(gap.kind, GapKind::Malformed { .. })),
            "{:#?}",
            proof.gaps
        );
    }
}

#[test]
fn a_misspelled_key_fails_the_proof_and_names_the_image() {
    let list = IMAGES.replace("\"minio.image.repository\" =", "\"minio.image.repositry\" =");
    let xtask = Xtask::new();
    let proven = values(&xtask, &list, &["--prove", "-d", "m.example.com", "-c", &chart(SHAPES)]);
    assert_eq!(proven.exit_code, 1);
    assert!(proven.stdout.contains("error: `quay.io/stackstate/minio:"), "{}", proven.stdout);
    assert!(proven.stdout.contains("charts/minio/templates/"), "{}", proven.stdout);
    let probed = values(&xtask, "", &["--probe", "-c", &chart(SHAPES)]);
    assert!(
        probed.stdout.contains("warning: `minio.image.repositry` in images.toml moves no image"),
        "{}",
        probed.stdout
    );
    assert!(
        probed
            .stdout
            .contains("[image.values] \"minio.image.repository\" = \"{registry}/{repository}\"")
    );
}

#[test]
fn an_image_that_no_value_moves_is_reported() {
    let image = "[[image]]\nsource = \"docker.io/example/prepare\"\ntag = \"5.0\"\n";
    let probed = values(&Xtask::new(), image, &["--probe", "-c", &chart("relocation")]);
    assert_eq!(probed.exit_code, 1, "{}", probed.stderr);
    let warning = "warning: no value moves `docker.io/example/prepare:5.0` in ";
    assert!(probed.stdout.contains(warning), "{}", probed.stdout);
}

#[test]
fn values_and_proof_use_the_pull_address_and_mirror_the_push_address() {
    let mine = "[destinations.mine]\nregistry = \"push.example.com/team\"\nprefix = \"charts\"\n\
                pull-registry = \"pull.example.com/virtual\"\n";
    let xtask = Xtask::new();
    let prove = ["--prove", "-d", "mine", "-c", &chart(SHAPES)];
    let proven = values(&xtask, &format!("{IMAGES}\n{mine}"), &prove);
    assert_eq!((proven.exit_code, proven.stderr.as_str()), (0, ""), "{}", proven.stdout);
    let all = "all 22 images are pulled from pull.example.com/virtual, each";
    assert!(proven.stdout.contains(all), "{}", proven.stdout);
    let printed = values(&xtask, "", &["-d", "mine"]).stdout;
    let header = "\
# pull.example.com/virtual.
# They are pushed to push.example.com/team/charts.
# Generated from `images.toml`: change that file, then run `values -d mine --write`.
global:
  imageRegistry: \"pull.example.com/virtual\"
";
    assert!(printed.contains(header), "{printed}");
    let list = xtask.directory().join("images.toml");
    let list = ["--images", list.to_str().unwrap()];
    let mirror = [&["mirror", "-t", "-d", "mine", "--only", "wait"], &list[..]].concat();
    assert_eq!(
        xtask.run(&mirror, &[]).stdout,
        "Copying quay.io/stackstate/wait:1.0.6 to push.example.com/team/charts/stackstate/wait:1.0.6 (dry-run)\n"
    );

    // One registry for all images does not match the targets of this destination.
    let xtask = Xtask::new();
    let deep = format!("{IMAGES}\n{mine}target = \"{{registry}}/{{path}}\"\nmax-path-depth = 4\n");
    let proven = values(&xtask, &deep, &prove);
    assert_eq!(proven.exit_code, 1, "{}", proven.stdout);
    let gap = "hint: the nearest target of the list is `pull.example.com/virtual/quay.io/stackstate-wait:1.0.6`";
    assert!(proven.stdout.contains(gap), "{}", proven.stdout);
    let two = "2 images are pulled from pull.example.com/virtual";
    assert!(proven.stdout.ends_with(&format!("{two}\n")), "{}", proven.stdout);
}

#[test]
fn values_are_written_to_the_folder_of_the_list() {
    let xtask = Xtask::new();
    let named = format!("{IMAGES}\n[destinations.mine]\nregistry = \"m.example.com\"\n");
    std::fs::write(xtask.directory().join("p.toml"), named).unwrap();
    let helm = program().canonicalize().unwrap();
    let workspace = xtask.directory().join("workspace/xtask");
    std::fs::create_dir_all(&workspace).unwrap();
    let variables =
        [("HELM", helm.to_str().unwrap()), ("CARGO_MANIFEST_DIR", workspace.to_str().unwrap())];
    let run = |arguments: &[&str]| {
        let arguments = [&["--images", "p.toml", "values"], arguments].concat();
        xtask.run(&arguments, &variables)
    };
    let proven = run(&["--prove", "-c", &chart(SHAPES)]);
    assert_eq!((proven.exit_code, proven.stderr.as_str()), (0, ""), "{}", proven.stdout);
    let log = run(&["--prove", "-v", "-c", &chart(SHAPES)]).stderr;
    assert!(log.contains("helm template release ") && log.contains("Password=***"), "{log}");
    assert_eq!(run(&["--write"]).exit_code, 0);
    let written = std::fs::read_to_string(xtask.directory().join("values/mine.yaml")).unwrap();
    assert!(written.contains("from `p.toml`: change that"), "{written}");
    assert!(!workspace.parent().unwrap().join("values").exists());
}

#[test]
fn helm_reads_every_text_in_the_values_literally() {
    let tricky = ["1.10", "yes", "2024_10_01", "1_000", "7e6", "0x1F", "null", "~", "a: b", "# no"];
    let mut list = String::from("[values]\n");
    for (number, text) in tricky.iter().enumerate() {
        list += &format!("\"probe.key{number}\" = \"{text}\"\n");
    }
    list += "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n";
    let xtask = Xtask::new();
    let overlay = values(&xtask, &list, &["-d", "r.io"]).stdout;
    let chart = xtask.directory().join("echo");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: echo\nversion: 0.1.0\n")
        .unwrap();
    let template = "kind: ConfigMap\nmetadata: {name: x}\ndata: {json: {{ .Values.probe | toJson | quote }}}\n";
    std::fs::write(chart.join("templates/all.yaml"), template).unwrap();
    std::fs::write(xtask.directory().join("overlay.yaml"), overlay).unwrap();
    let printed = duct::cmd!(
        program().canonicalize().unwrap(),
        "template",
        "r",
        "echo",
        "-f",
        "overlay.yaml"
    )
    .dir(xtask.directory())
    .read()
    .unwrap();
    let document: serde_yaml::Value = serde_yaml::from_str(&printed).unwrap();
    let read: serde_json::Value =
        serde_json::from_str(document["data"]["json"].as_str().unwrap()).unwrap();
    for (number, text) in tricky.iter().enumerate() {
        assert_eq!(
            read[format!("key{number}")],
            serde_json::Value::String((*text).to_owned()),
            "{text}"
        );
    }
}
