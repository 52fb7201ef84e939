//! Maps with parts of references, and what they form together.

use super::*;
use crate::chart::manifests::documents;

fn found(yaml: &str, under: Under) -> Vec<String> {
    let node = documents(yaml)[0].parse().unwrap().remove(0);
    let Node::Map(entries) = node else { panic!("{yaml}") };
    let forms = split_forms(&entries, under, &OuterParts::default());
    forms.into_iter().flat_map(|form| form.references).map(|(written, _)| written).collect()
}

#[test]
fn parts_are_joined_in_every_sensible_combination() {
    let hex = "1".repeat(64);
    let sha = format!("{{registry: quay.io, repository: a/b, sha256: \"{hex}\"}}");
    let pinned = format!("quay.io/a/b@sha256:{hex}");
    let beside = format!("{{image: 'quay.io/a/b:1', digest: 'sha256:{hex}'}}");
    let image_digest = format!("{{image: 'quay.io/a/b:1', imageDigest: 'sha256:{hex}'}}");
    let beside_joined = format!("quay.io/a/b:1@sha256:{hex}");
    let table: [(&str, &[&str]); 27] = [
        ("{registry: quay.io, repository: a/b, tag: '1'}", &["quay.io/a/b:1"]),
        ("{registry: quay.io, name: b, tag: '1'}", &["quay.io/b:1"]),
        ("{hub: docker.io/istio, image: pilot, tag: '1'}", &["docker.io/istio/pilot:1"]),
        ("{repository: nvcr.io/nvidia, image: driver, version: '1'}", &["nvcr.io/nvidia/driver:1"]),
        ("{image: quay.io/a/b, tag: 2}", &["quay.io/a/b:2"]),
        ("{baseImage: quay.io/a/b, version: '2'}", &["quay.io/a/b:2"]),
        ("{baseImage: quay.io/a/b, baseVersion: '2', version: '3'}", &["quay.io/a/b:2"]),
        ("{baseImage: quay.io/a/b, baseTag: '2'}", &["quay.io/a/b:2"]),
        ("{name: nginx, newName: quay.io/a/b, newTag: '2'}", &["quay.io/a/b:2"]),
        ("{name: quay.io/a/b, newTag: '2'}", &["quay.io/a/b:2"]),
        (&beside, &[&beside_joined]),
        (&image_digest, &[&beside_joined]),
        ("{image: a, versions: ['1', '2']}", &["a:1", "a:2"]),
        ("{imageRepository: quay.io/a/b, imageTag: x}", &["quay.io/a/b:x"]),
        ("{sidecarImageRepository: a/b, sidecarImageTag: x}", &["a/b:x"]),
        ("{sidecarImage: a/b, sidecarImageTag: x}", &["a/b:x"]),
        ("{sidecarImage: a/b, sidecarTag: x}", &["a/b:x"]),
        ("{imageName: a/b, imageTag: x, name: y}", &["a/b:x"]),
        ("{X_IMAGE_REPOSITORY: a/b, X_IMAGE_TAG: x}", &["a/b:x"]),
        ("{tool.repository: quay.io/a/b, tool.tag: x}", &["quay.io/a/b:x"]),
        ("{repository: quay.io/a/b, image: 'quay.io/a/b:1', tag: '1'}", &[]),
        ("{registry: r.io, repository: quay.io/a/b, tag: '1'}", &["quay.io/a/b:1"]),
        (&sha, &[&pinned]),
        ("{repository: a/b, name: sidecar, tag: '1'}", &["a/b:1"]),
        (
            "{registry: quay.io, repository: a/b, tag: '1', image: 'r.io/x/a/b:1'}",
            &["quay.io/a/b:1"],
        ),
        ("{registry: quay.io, repository: a/b, tag: '1', image: 'quay.io/a/b:1'}", &[]),
        ("{repository: a/b, tag: '1', image: 'quay.io/a/b:1'}", &[]),
    ];
    for (yaml, expected) in table {
        assert_eq!(found(yaml, Under::OtherField), expected, "{yaml}");
    }
}

#[test]
fn a_version_goes_with_the_variable_that_ends_in_its_words() {
    let table: [(&str, &[&str]); 6] = [
        (
            "{ACME_BIG_DB_IMAGE: quay.io/a/db, DB_VERSION: '1', INIT_DB_IMAGE_REPOSITORY: quay.io/a/i, \
             INIT_DB_VERSION: '2'}",
            &["quay.io/a/db:1", "quay.io/a/i:2"],
        ),
        (
            "{A_DB_IMAGE: quay.io/a/x, B_DB_IMAGE: quay.io/a/y, DB_TAG: 3}",
            &["quay.io/a/x:3", "quay.io/a/y:3"],
        ),
        ("{A_B_DB_IMAGE: quay.io/a/x, B_DB_VERSION: '1', DB_VERSION: '2'}", &["quay.io/a/x:1"]),
        // The operator takes the version of the manager from elsewhere.
        ("{MANAGER_IMAGE_REPOSITORY: quay.io/a/m, INIT_MANAGER_VERSION: '1'}", &[]),
        ("{A_DB_IMAGE: 'quay.io/a/x:2', DB_VERSION: '1'}", &[]),
        ("{A_DB_IMAGE: a/x, DB_VERSION: '1', VERSION: '2'}", &[]),
    ];
    for (yaml, expected) in table {
        assert_eq!(found(yaml, Under::Variables), expected, "{yaml}");
    }
    assert_eq!(found("{aDbImage: quay.io/a/x, dbVersion: 1}", Under::OtherField), [""; 0]);
}

#[test]
fn charts_programs_and_sources_are_not_images() {
    for yaml in [
        "{repository: 'https://charts.example.com', name: x, version: '1'}",
        "{repository: team/charts, chart: x, version: '1'}",
        "{repository: org/code, branch: main, tag: v1}",
        "{name: x, version: '1'}",
        "{repository: snapshots, version: '1'}",
        "{repository: a/b}",
        "{image: a/b}",
        "{version: '1', tag: x}",
        "{toolRepository: a/b, toolTag: x}",
        "{chartRepository: ghcr.io/a/b, chartVersion: '1'}",
        "{image: a/b, version: '>=1'}",
        "{repository: acme/infra, version: '1'}",
        "{repoURL: ghcr.io/a/charts, repository: ghcr.io/a/b, chart: x, targetRevision: '1'}",
        "{repository: ghcr.io/a/charts, chartVersion: '1', version: '2'}",
        "{repository: github.com/a/b, version: '1'}",
        "{gitRepository: gitlab.example.com/a/b, gitTag: '1'}",
        "{helmRepository: ghcr.io/a/b, helmVersion: '1'}",
        "{repository: maven.example.com/a/b, version: '1'}",
    ] {
        assert_eq!(found(yaml, Under::OtherField), [""; 0], "{yaml}");
    }
}

#[test]
fn below_an_image_field_a_name_is_enough() {
    let table: [(&str, &[&str]); 5] = [
        ("{repository: a/b}", &["a/b"]),
        ("{name: quay.io/a/b, tag: '4.1'}", &["quay.io/a/b:4.1"]),
        ("{repository: a/b, tag: '', digest: ''}", &["a/b"]),
        ("{pullPolicy: Always}", &[]),
        ("{name: debian-11, project: debian-cloud}", &[]),
    ];
    for (yaml, expected) in table {
        assert_eq!(found(yaml, Under::ImageField), expected, "{yaml}");
    }
}
