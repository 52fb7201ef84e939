//! Tables of texts, and what the search finds in them.

use std::collections::BTreeSet;

use super::*;
use crate::chart::found::{FoundImage, MentionKind};

mod declared;
mod fields;
mod limits;
mod mentions;
mod outer_parts;
mod secrets;
mod shells;
mod templates;

fn references_in(rendered: &Rendered) -> Result<Vec<FoundImage>, UnreadableManifest> {
    Ok(discover(rendered, None, &BTreeSet::new())?.images)
}

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn rendered(text: &str) -> Rendered {
    let text = text.replace("DIGEST", DIGEST);
    Rendered { rendering: "default".to_owned(), text, warnings: String::new() }
}

fn found(text: &str) -> Vec<(String, String)> {
    let found = references_in(&rendered(text)).unwrap();
    found.into_iter().map(|found| (found.written, found.place.path)).collect()
}

/// Each text with the references in it and where they are.
fn check(table: &[(&str, &[(&str, &str)])]) {
    for (text, expected) in table {
        let expected: Vec<_> = expected
            .iter()
            .map(|(written, path)| (written.replace("DIGEST", DIGEST), (*path).to_owned()))
            .collect();
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn a_reference_is_found_in_every_notation() {
    check(&[
        ("image: quay.io/stackstate/wait:1.0.6", &[("quay.io/stackstate/wait:1.0.6", "image")]),
        ("image: \"quay.io/a/b:1\"", &[("quay.io/a/b:1", "image")]),
        ("image: 'quay.io/a/b:2.7.2-so10'", &[("quay.io/a/b:2.7.2-so10", "image")]),
        ("image: a/b:1 # remark", &[("a/b:1", "image")]),
        ("image: >-\n  quay.io/a/b:1\n", &[("quay.io/a/b:1", "image")]),
        ("a: {name: x, image: a/b:1}", &[("a/b:1", "a.image")]),
        ("image: x@DIGEST", &[("x@DIGEST", "image")]),
        ("image: dp.apps.rancher.io/a/b@DIGEST", &[("dp.apps.rancher.io/a/b@DIGEST", "image")]),
        ("image: quay.io/a/kafka:3.9@DIGEST", &[("quay.io/a/kafka:3.9@DIGEST", "image")]),
        ("image: chartmuseum/chartmuseum:v0.12.0", &[("chartmuseum/chartmuseum:v0.12.0", "image")]),
        ("containers: [{image: busybox}]", &[("busybox", "containers[0].image")]),
        ("sidecars: [{image: busybox, command: [sh]}]", &[("busybox", "sidecars[0].image")]),
        ("image: gcr.io/pause:3.9", &[("gcr.io/pause:3.9", "image")]),
        ("image: localhost:5000/a/wait:1.0.6", &[("localhost:5000/a/wait:1.0.6", "image")]),
        ("image: registry.suse.com/a/b/c/d:1", &[("registry.suse.com/a/b/c/d:1", "image")]),
        ("image: quay.io/a/b:1e94", &[("quay.io/a/b:1e94", "image")]),
    ]);
}

#[test]
fn a_reference_is_found_in_every_kind_of_object() {
    check(&[
        (
            "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {initContainers: [{image: a/b:1}]}}}}}",
            &[("a/b:1", "spec.jobTemplate.spec.template.spec.initContainers[0].image")],
        ),
        (
            "- image: \"a/b:1\"\n  name: x\n- image: a/c:1",
            &[("a/b:1", "[0].image"), ("a/c:1", "[1].image")],
        ),
        (
            "kind: ClickHouseInstallation\nspec:\n  templates:\n    podTemplates:\n    - spec:\n        containers:\n        - image: a/b:1",
            &[("a/b:1", "spec.templates.podTemplates[0].spec.containers[0].image")],
        ),
        (
            "waitImage: a/b:1\nsidecar-image: a/c:1",
            &[("a/b:1", "waitImage"), ("a/c:1", "sidecar-image")],
        ),
        ("proxy.image: acme/proxy", &[("acme/proxy", "[\"proxy.image\"]")]),
        ("image: {registry: quay.io, repository: a/b, tag: '1'}", &[("quay.io/a/b:1", "image")]),
        (
            "image: {repository: quay.io/a/b, tag: 2, pullPolicy: Always}",
            &[("quay.io/a/b:2", "image")],
        ),
        (
            "image: {registry: quay.io, repository: a/b, digest: DIGEST}",
            &[("quay.io/a/b@DIGEST", "image")],
        ),
        (
            "image: {repository: a/b, tag: '1', digest: '', busyImage: c/d}",
            &[("a/b:1", "image"), ("c/d", "image.busyImage")],
        ),
        ("images: {wait: {repository: a/b, tag: '1'}}", &[("a/b:1", "images.wait")]),
        ("images: [a/b:1, 'c@DIGEST']", &[("a/b:1", "images[0]"), ("c@DIGEST", "images[1]")]),
        ("relatedImages: [{name: wait, image: a/b:1}]", &[("a/b:1", "relatedImages[0].image")]),
        ("env: [{name: KUBERNETES_IMAGE, value: 'a/b:1'}]", &[("a/b:1", "env[0].value")]),
        ("env: [{name: RELATED_IMAGE_WAIT, value: 'a/b:1'}]", &[("a/b:1", "env[0].value")]),
        (
            "kind: PodList\nitems: [{kind: Pod, spec: {image: a/b:1}}]",
            &[("a/b:1", "items[0].spec.image")],
        ),
        ("a: &x {image: a/b:1}\nb: *x", &[("a/b:1", "a.image"), ("a/b:1", "b.image")]),
        ("image: a/b:1\nimage: a/c:1", &[("a/b:1", "image"), ("a/c:1", "image")]),
    ]);
}

#[test]
fn a_reference_is_found_in_texts_that_contain_manifests() {
    let secret = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, "a: 1\nimage: a/b:1\n");
    let secret = format!("kind: Secret\ndata: {{config: {secret}, other: gICA}}");
    check(&[
        (
            "kind: ConfigMap\ndata:\n  config.yaml: |\n    a:\n      - waitImage: a/b:1\n",
            &[("a/b:1", "data[\"config.yaml\"] > a[0].waitImage")],
        ),
        (
            "data:\n  a: |\n    ---\n    b: |\n      image: a/b:1\n      x: 1\n    ---\n    image: 'a/c:1'\n",
            &[("a/b:1", "data.a > b > image"), ("a/c:1", "data.a > image")],
        ),
        ("data: {a: '{\"image\": \"a/b:1\"}'}", &[("a/b:1", "data.a > image")]),
        (
            "kind: Secret\nstringData:\n  a: |\n    image: a/b:1\n    b: 1\n",
            &[("a/b:1", "stringData.a > image")],
        ),
        (&secret, &[("a/b:1", "data.config > image")]),
        (
            "data:\n  run.sh: |\n    # image: not/this:1\n    cat <<EOF\n    kind: Job\n    - image: \"quay.io/a/b:1\" # remark\n      \"image\": 'a/c:1',\n    EOF\n    echo image: none image: a/d:1\n    x: {{ y }}\n",
            &[
                ("quay.io/a/b:1", "data[\"run.sh\"] > line 4"),
                ("a/c:1", "data[\"run.sh\"] > line 5"),
            ],
        ),
    ]);
}

#[test]
fn texts_that_only_look_like_images_are_ignored() {
    check(&[
        ("# image: a/b:1\na: 1 # image: a/b:1", &[]),
        ("description: 'the image: quay.io/a/b:1 is old'", &[]),
        ("text: |\n  Pull image: done\n  image: what you see is the image:\n", &[]),
        ("image: \"\"\nwaitImage:\ntestImage: true", &[]),
        ("imagePullPolicy: Always\nimagePullSecrets: [{name: a}]", &[]),
        ("properties: {image: {type: string, description: 'the image: x'}}", &[]),
        (
            "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nspec: {properties: {image: {type: string}}, image: a/b:1}",
            &[],
        ),
        ("image: {{ .Values.image }}\n".replace("{{", "'{{").replace("}}", "}}'").as_str(), &[]),
        ("logoImage: images/logo.png\nbackground-image: url(x.png)", &[]),
        ("images: [small, large]", &[]),
    ]);
}

#[test]
fn a_reference_has_the_location_of_its_object_and_template() {
    let text = "---\n# Source: a/templates/b.yaml\nkind: Job\nmetadata: {name: c-17}\nspec: {containers: [{image: a/b:1}]}\n\
                ---\n# Source: a/crds/d.yaml\nkind: CustomResourceDefinition\n---\nkind: X\nimage: a/b:1\n";
    let found = references_in(&rendered(text)).unwrap();
    let places: Vec<_> = found.iter().map(|found| found.place.to_string()).collect();
    assert_eq!(
        places,
        ["Job/c-17 spec.containers[0].image (a/templates/b.yaml)", "X image (a/crds/d.yaml)"]
    );
}

#[test]
fn names_of_objects_cannot_contain_terminal_escapes() {
    let text = "# Source: a\u{202e}b.yaml\nkind: \"K\\e[31m\"\nmetadata: {name: \"n\\nx\\e[2J\"}\n\"k\\u009b\": {image: a/b:1}\n";
    let place = references_in(&rendered(text)).unwrap().remove(0).place.to_string();
    assert!(place.starts_with("K[31m/n x[2J ") && place.ends_with(" (ab.yaml)"), "{place}");
    assert!(!place.contains(char::is_control), "{place:?}");
    let broken = "# Source: a\u{1b}[31m.yaml\n\"\\e[2J\": b: c\n";
    let error = references_in(&rendered(broken)).unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn the_last_of_two_kinds_decides_whether_an_object_is_a_definition() {
    let text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nkind: Pod\nspec: {containers: [{image: a/b:1}]}\n";
    assert_eq!(found(text).len(), 1);
    assert_eq!(found("apiVersion: apiextensions.k8s.io/v1\nkind: Pod\nkind: CustomResourceDefinition\nimage: a/b:1\n").len(), 0);
}

#[test]
fn an_unreadable_document_is_reported_with_template_and_line() {
    let text = "---\n# Source: a/b.yaml\na: 1\n---\n# Source: a/c.yaml\nb: c: d\n";
    let error = references_in(&rendered(text)).unwrap_err();
    let message = error.to_string();
    let start = "rendering `default`: a/c.yaml: line 6 of helm's output is not valid YAML: ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn an_invalid_image_of_a_container_is_malformed() {
    let text = "containers:\n- image: mirror.example.com//wait:1\n- image: ''\n- image: a/b:1\nimage: a//b\n";
    let malformed = discover(&rendered(text), None, &BTreeSet::new()).unwrap().malformed;
    let found: Vec<_> =
        malformed.iter().map(|found| (found.written.as_str(), found.place.path.as_str())).collect();
    assert_eq!(found, [("mirror.example.com//wait:1", "containers[0].image")]);
}

#[test]
fn a_mention_is_a_whole_host_or_a_reference() {
    let hosts = ["quay.io", "localhost:5000"].into();
    let mentions = |text: &str| {
        let found = discover(&rendered(text), None, &hosts).unwrap().mentions;
        let found = found.into_iter().map(|mention| (mention.written, mention.place.path));
        found.collect::<Vec<_>>()
    };
    let table: [(&str, Option<(&str, &str)>); 14] = [
        ("args: ['pull (quay.io/a),']", Some(("quay.io/a", "args[0]"))),
        ("url: https://a:b@quay.io:443/?c=d", Some(("https://quay.io:443/", "url"))),
        ("text: see quay.io.", Some(("quay.io", "text"))),
        ("a: localhost:5000/x", Some(("localhost:5000/x", "a"))),
        ("text: see quay.io/a/b:1 there", Some(("quay.io/a/b:1", "text"))),
        ("data:\n  a: |\n    b: quay.io\n    image: a/b:1\n", Some(("quay.io", "data.a > b"))),
        ("data:\n  a: |\n    x {{\n    image quay.io\n", Some(("quay.io", "data.a > line 2"))),
        ("data:\n  a: |\n    x\n    y quay.io\n", Some(("quay.io", "data.a > line 2"))),
        ("image: quay.io/a/b:1", None),
        ("args: [--image=quay.io/a/b:1]", None),
        ("a: myquay.io", None),
        ("a: quay.io.example.com", None),
        ("a: my.quay.io", None),
        ("# quay.io\nquay.io: x", None),
    ];
    for (text, expected) in table {
        let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(mentions(text), Vec::from_iter(expected), "{text}");
    }
}

#[test]
fn no_place_of_an_image_is_left_out() {
    let secret = base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        "password=x tool=quay.io/a/b:1\nplugin: ghcr.io/a/c:2\n",
    );
    let secret = format!("kind: Secret\ndata: {{config: {secret}}}");
    check(&[
        (
            "kind: Pod\nspec: {volumes: [{image: {reference: 'quay.io/a/w:7b', pullPolicy: Always}}]}",
            &[("quay.io/a/w:7b", "spec.volumes[0].image.reference")],
        ),
        (
            "containers: [{args: ['--config-reloader=quay.io/a/b:1', --image, 'busybox:1']}]",
            &[("quay.io/a/b:1", "containers[0].args[0]"), ("busybox:1", "containers[0].args[2]")],
        ),
        (
            "command: [sh, -c, 'kubectl run x --image=quay.io/a/b:1']",
            &[("quay.io/a/b:1", "command[2]")],
        ),
        (
            "env: [{name: ACME_DB_IMAGES, value: \"8=quay.io/a/b:8\\n9=acme/db:9\\n\"}]",
            &[("quay.io/a/b:8", "env[0].value"), ("acme/db:9", "env[0].value")],
        ),
        ("env: [{name: TOOL, value: 'quay.io/a/b:8'}]", &[("quay.io/a/b:8", "env[0].value")]),
        (
            "env: [{name: X_IMAGE, value: quay.io/a/b}, {name: X_IMAGE_TAG, value: '1'}]",
            &[("quay.io/a/b:1", "env")],
        ),
        (
            "env: [{name: ACME_DB_IMAGE, value: quay.io/a/db}, {name: DB_VERSION, value: '1.9'}]",
            &[("quay.io/a/db:1.9", "env")],
        ),
        (
            "kind: Cluster\nspec: {imageName: 'ghcr.io/a/pg:16', notebook: {image: {name: quay.io/a/n, tag: '4'}}}",
            &[("ghcr.io/a/pg:16", "spec.imageName"), ("quay.io/a/n:4", "spec.notebook.image")],
        ),
        (
            "kind: Policy\nspec: {driver: {repository: nvcr.io/acme, image: driver, version: '1'}}",
            &[("nvcr.io/acme/driver:1", "spec.driver")],
        ),
        ("image: {url: 'quay.io/a/b:1'}", &[("quay.io/a/b:1", "image.url")]),
        (
            "kind: ConfigMap\ndata: {plugin: 'ghcr.io/acme/plugin:v3', ROOK_IMAGE: 'rook/ceph:v1'}",
            &[("ghcr.io/acme/plugin:v3", "data.plugin"), ("rook/ceph:v1", "data.ROOK_IMAGE")],
        ),
        (
            "kind: ConfigMap\ndata:\n  config.toml: |\n    [runners.kubernetes]\n      image = \"ghcr.io/o/build:22.04\"\n",
            &[("ghcr.io/o/build:22.04", "data[\"config.toml\"] > line 2")],
        ),
        (
            &secret,
            &[("quay.io/a/b:1", "data.config > line 1"), ("ghcr.io/a/c:2", "data.config > line 2")],
        ),
        (
            "kind: WidgetList\nspec: {image: a/b:1}\nitems: [{kind: Pod, spec: {image: a/c:1}}]",
            &[("a/b:1", "spec.image"), ("a/c:1", "items[0].spec.image")],
        ),
        (
            "kind: CustomResourceDefinition\napiVersion: acme.io/v1\nspec: {image: a/b:1}",
            &[("a/b:1", "spec.image")],
        ),
        (
            "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n\
             spec: {x: {properties: {image: {type: string, default: 'a/b:1'}, tag: {default: v1}}}}",
            &[("a/b:1", "spec.x.properties.image.default")],
        ),
        (
            "metadata: {annotations: {sidecar: 'quay.io/a/b:1'}}",
            &[("quay.io/a/b:1", "metadata.annotations.sidecar")],
        ),
        ("a: {'quay.io/a/b:1': true}", &[("quay.io/a/b:1", "a")]),
    ]);
}

#[test]
fn obvious_other_values_are_no_images() {
    check(&[
        ("containers: [{image: auto}]", &[]),
        ("spec: {osImage: ubuntu-2204, backgroundImage: none, bootImage: rhel-9}", &[]),
        ("spec: {image: ami-0123456789}", &[]),
        ("manager: {repository: '', image: vgpu-manager, version: ''}", &[]),
        ("kind: ConfigMap\ndata: {_example: 'image: quay.io/a/b:1'}", &[]),
        ("args: ['--taint=example.com/gpu:NoSchedule']", &[]),
    ]);
}

#[test]
fn descriptions_and_comments_are_mentions() {
    let text = "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n\
                spec: {properties: {image: {description: 'Defaults to quay.io/a/b:1.'}}}\n\
                ---\nkind: ConfigMap\ndata:\n  a.yaml: |\n    # image: quay.io/a/c:1\n    image: a/d:1\n";
    let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
    let mentions = found.mentions.iter().map(|it| (it.written.as_str(), it.kind));
    let expected =
        [("quay.io/a/b:1", MentionKind::Documentation), ("quay.io/a/c:1", MentionKind::Text)];
    assert_eq!(mentions.collect::<Vec<_>>(), expected);
    assert_eq!(found.images.len(), 1);
}
