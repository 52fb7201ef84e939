//! Texts that name a registry or a repository, or repeat an image, and are no images.

use std::collections::BTreeSet;

use super::super::discover;
use super::rendered;
use crate::chart::found::MentionKind;
use crate::list::ImageList;

fn repositories(text: &str) -> Vec<String> {
    let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap().mentions;
    let found = found.into_iter().filter(|it| it.kind == MentionKind::Repository);
    found.map(|mention| format!("{} {}", mention.written, mention.place.path)).collect()
}

#[test]
fn a_value_that_is_only_a_registry_or_repository_is_a_mention() {
    let table: [(&str, &[&str]); 21] = [
        ("env: [{name: SOME_REPO_URL, value: docker.io/acme}]", &["docker.io/acme env[0].value"]),
        ("env: [{name: ANY, value: quay.io/acme/db}]", &["quay.io/acme/db env[0].value"]),
        (
            "env: [{name: DB_REPOSITORY, value: 'mirror.gcr.io/a/db,images.example.com/a/db'}]",
            &["mirror.gcr.io/a/db env[0].value", "images.example.com/a/db env[0].value"],
        ),
        (
            "kind: ConfigMap\ndata: {db.repository: ghcr.io/a/db}",
            &["ghcr.io/a/db data[\"db.repository\"]"],
        ),
        (
            "kind: ConfigMap\ndata:\n  a.yaml: |\n    container-registry: docker.elastic.co\n    x: 1\n",
            &["docker.elastic.co data[\"a.yaml\"] > container-registry"],
        ),
        (
            "args: ['--registry=docker.io', --db, ghcr.io/a/db]",
            &["docker.io args[0]", "ghcr.io/a/db args[2]"],
        ),
        (
            "kind: Scan\nspec: {dbRepository: example.com/a/db}",
            &["example.com/a/db spec.dbRepository"],
        ),
        ("kind: S\nspec: {base: quay.io/acme, one: {image: a, tag: '1'}}", &[]),
        // Labels, packages, groups of APIs, pages, charts and code.
        ("metadata: {annotations: {x: quay.io/a/b}, labels: {y: docker.io}}", &[]),
        ("env: [{name: PACKAGE, value: github.com/acme/x}]", &[]),
        ("env: [{name: GROUP, value: acme.example.com/gpu}]", &[]),
        ("env: [{name: CHART_REPO, value: charts.example.com/stable}]", &[]),
        ("env: [{name: REGISTRY, value: 'https://quay.io/acme'}]", &[]),
        ("env: [{name: RESOURCE, value: app.kubernetes.io/name}]", &[]),
        ("env: [{name: HOST, value: docker.com}]", &[]),
        ("env: [{name: NOTE, value: see quay.io/a/b there}]", &[]),
        ("kind: Role\nrules: [{apiGroups: [acme.io, example.com/x]}]", &[]),
        ("kind: X\nspec: {path: /etc/docker.io/x, file: a.txt/b}", &[]),
        ("image: quay.io/a/b:1", &[]),
        ("kind: ConfigMap\ndata: {x: 'registry.k8s.io/a/b:1'}", &[]),
        (
            "kind: Secret\nstringData: {.dockerconfigjson: '{\"auths\": {\"quay.io\": {\"auth\": \"eA==\"}}, \"r\": \"quay.io\"}'}",
            &[],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(repositories(text), expected, "{text}");
    }
}

/// What is found, with the listed images.
fn copies(text: &str, listed: &[&str]) -> (Vec<String>, Vec<String>) {
    let list: String = listed
        .iter()
        .map(|image| {
            let (source, tag) = image.rsplit_once(':').unwrap();
            format!("[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n")
        })
        .collect();
    let mut found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
    found.demote_copies_of(&ImageList::parse("images.toml", &list).unwrap());
    let copies = found.mentions.into_iter().filter(|it| it.kind == MentionKind::Copy);
    (
        found.images.into_iter().map(|found| found.written).collect(),
        copies.map(|found| found.written).collect(),
    )
}

#[test]
fn a_text_without_a_registry_may_repeat_another_image() {
    let variable = |value: &str| format!("env: [{{name: CONSOLE_IMAGE, value: '{value}'}}]");
    let pod = |image: &str, value: &str| {
        format!("spec: {{containers: [{{image: '{image}', {}}}]}}", variable(value))
    };
    type Words<'a> = &'a [&'a str];
    let table: [(String, Words<'_>, Words<'_>, Words<'_>); 8] = [
        (
            pod("q.io/a/console:1", "a/console:1"),
            &["x.io/x:1"],
            &["q.io/a/console:1"],
            &["a/console:1"],
        ),
        // Another version, the same registry, or a registry of its own.
        (
            pod("q.io/a/console:1", "a/console:2"),
            &["x.io/x:1"],
            &["q.io/a/console:1", "a/console:2"],
            &[],
        ),
        (
            pod("docker.io/a/console:1", "a/console:1"),
            &["x.io/x:1"],
            &["docker.io/a/console:1", "a/console:1"],
            &[],
        ),
        (
            pod("q.io/a/console:1", "r.io/a/console:1"),
            &["x.io/x:1"],
            &["q.io/a/console:1", "r.io/a/console:1"],
            &[],
        ),
        // A field is never a copy.
        (
            "spec: {image: a/b:1, containers: [{image: 'q.io/a/b:1'}]}".to_owned(),
            &["x.io/x:1"],
            &["a/b:1", "q.io/a/b:1"],
            &[],
        ),
        // The list tells it, too.
        (variable("a/console:1"), &["q.io/a/console:1"], &[], &["a/console:1"]),
        (
            variable("a/console:1"),
            &["q.io/a/console:1", "docker.io/a/console:2"],
            &["a/console:1"],
            &[],
        ),
        (variable("a/console:1"), &["q.io/b/console:1"], &["a/console:1"], &[]),
    ];
    for (text, listed, images, mentions) in table {
        let (found, demoted) = copies(&text, listed);
        assert_eq!(
            (found.as_slice(), demoted.as_slice()),
            (
                images.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>().as_slice(),
                mentions.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>().as_slice(),
            ),
            "{text}"
        );
    }
}
