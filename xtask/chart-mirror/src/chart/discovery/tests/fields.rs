//! Fields that hold an image although their names or values are not the usual ones, and the other way round.

use std::collections::BTreeSet;

use super::super::discover;
use super::{check, rendered};
use crate::chart::found::{Evidence, MentionKind};

#[test]
fn the_image_of_a_volume_needs_no_version_to_count() {
    for text in [
        "kind: Pod\nspec: {volumes: [{name: v, image: {reference: q.io/a/b, pullPolicy: Always}}]}",
        "kind: Pod\nspec: {volumes: [{image: {reference: artifact}}]}",
    ] {
        let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
        assert_eq!(found.images.len(), 1, "{found:?}");
        assert_eq!(found.images[0].evidence, Evidence::Container);
    }
}

#[test]
fn images_of_machines_are_known_by_their_fields_and_names() {
    check(&[
        (
            "containers: [{image: 'ami-tools/exporter:1'}, {image: ami-tools}, {image: ami-0a1b}]",
            &[
                ("ami-tools/exporter:1", "containers[0].image"),
                ("ami-tools", "containers[1].image"),
                ("ami-0a1b", "containers[2].image"),
            ],
        ),
        (
            "kind: Web\nspec: {image: 'ami-tools/exporter:1'}",
            &[("ami-tools/exporter:1", "spec.image")],
        ),
        (
            "kind: Web\nspec: {image: ami-0a1b2c3d, sourceImage: projects/x/global/images/y, bootImage: global/images/family/z}",
            &[],
        ),
        (
            "env: [{name: NODE_IMAGE, value: 'calico/node:v3'}, {name: OS_IMAGE, value: 'a/os:2'}]",
            &[("calico/node:v3", "env[0].value"), ("a/os:2", "env[1].value")],
        ),
        (
            "kind: M\nspec: {osImage: 'ubuntu:22.04', diskImage: 'q.io/disks/fedora:39'}",
            &[("q.io/disks/fedora:39", "spec.diskImage")],
        ),
    ]);
}

#[test]
fn keys_with_the_word_image_need_a_certain_value() {
    check(&[
        (
            "kind: Web\nspec: {image1: 'a/a:1', imageOverride: 'a/b:1', containerimage: 'a/c:1', imageWithTag: 'a/d:1', img: 'a/e:1'}",
            &[
                ("a/a:1", "spec.image1"),
                ("a/b:1", "spec.imageOverride"),
                ("a/c:1", "spec.containerimage"),
                ("a/d:1", "spec.imageWithTag"),
                ("a/e:1", "spec.img"),
            ],
        ),
        (
            "env: [{name: WORKERIMAGE, value: 'a/w:1'}, {name: IMG, value: 'a/i:1'}, {name: IMAGE_NGINX, value: 'nginx:1.25'}, {name: RELATED_IMAGE_REDIS, value: 'redis:7'}]",
            &[
                ("a/w:1", "env[0].value"),
                ("a/i:1", "env[1].value"),
                ("nginx:1.25", "env[2].value"),
                ("redis:7", "env[3].value"),
            ],
        ),
        (
            "env: [{name: IMAGE_SERVICE_ADDR, value: 'imgproxy:8080'}, {name: IMAGE_SCAN_TIME, value: '03:00'}, {name: IMAGE_PROXY, value: 'thumbor:80'}, {name: IMAGE_ASPECT, value: '16:9'}]",
            &[],
        ),
        ("kind: Web\nspec: {images: ['front:80']}", &[("front:80", "spec.images[0]")]),
    ]);
}

#[test]
fn merged_maps_hold_images() {
    check(&[
        ("containers: [{<<: {name: x, image: nginx}}]", &[("nginx", "containers[0].image")]),
        (
            "x-base: &b {command: [x], image: nginx}\ncontainers: [{name: x, <<: *b}]",
            &[("nginx", "x-base.image"), ("nginx", "containers[0].image")],
        ),
        (
            "kind: ConfigMap\ndata: {a: \"x: &x {repository: q.io/a}\\nimage: {<<: *x, tag: v1}\\n\"}",
            &[("q.io/a:v1", "data.a > image")],
        ),
    ]);
}

#[test]
fn the_container_of_a_workflow_needs_no_version() {
    check(&[
        (
            "kind: Workflow\nspec: {templates: [{container: {name: x, image: busybox}}, {sidecars: [{name: y, image: nginx}]}]}",
            &[
                ("busybox", "spec.templates[0].container.image"),
                ("nginx", "spec.templates[1].sidecars[0].image"),
            ],
        ),
        (
            "kind: Web\nspec: {container: {image: {repository: a/b, tag: '1'}}, sidecars: [{image: c, tag: '2'}]}",
            &[("a/b:1", "spec.container.image"), ("c:2", "spec.sidecars[0]")],
        ),
    ]);
}

#[test]
fn default_values_of_a_definition_may_be_in_parts() {
    let definition = |fields: &str| {
        format!(
            "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\nspec: {{properties: {{{fields}}}}}"
        )
    };
    check(&[
        (
            &definition(
                "image: {properties: {repository: {type: string, default: a/db}, tag: {default: '8'}}}",
            ),
            &[("a/db:8", "spec.properties.image.properties")],
        ),
        (
            &definition(
                "db: {properties: {registry: {default: q.io}, repository: {default: a/db}, tag: {default: 8}, image: {default: q.io/a/x:1}}}",
            ),
            &[
                ("q.io/a/db:8", "spec.properties.db.properties"),
                ("q.io/a/x:1", "spec.properties.db.properties.image.default"),
            ],
        ),
        (
            &definition("image: {items: {type: string, default: 'a/db:8'}}"),
            &[("a/db:8", "spec.properties.image.items.default")],
        ),
        (
            &definition("images: {additionalProperties: {default: 'q.io/a/db:8'}}"),
            &[("q.io/a/db:8", "spec.properties.images.additionalProperties.default")],
        ),
        (
            &definition("x: {properties: {image: {default: {repository: a/b, tag: '1'}}}}"),
            &[("a/b:1", "spec.properties.x.properties.image.default")],
        ),
        (
            &definition("image: {properties: {repository: {type: string}, tag: {default: '8'}}}"),
            &[],
        ),
    ]);
}

#[test]
fn charts_and_source_code_are_no_images() {
    check(&[
        (
            "kind: Application\nspec: {source: {repoURL: quay.io/a/charts, chart: x, targetRevision: '1'}}",
            &[],
        ),
        (
            "kind: HelmRelease\nspec: {chart: {repository: quay.io/a/charts, name: x, chart: y, version: '1'}}",
            &[],
        ),
        ("kind: Web\nspec: {repository: acme/infra, version: '1.2'}", &[]),
        (
            "kind: Web\nspec: {repository: q.io/acme/infra, version: '1.2'}",
            &[("q.io/acme/infra:1.2", "spec")],
        ),
    ]);
}

#[test]
fn a_name_without_a_version_is_a_mention() {
    let table: [(&str, &[&str]); 15] = [
        ("kind: Web\nspec: {image: nginx, sideImage: redis}", &["nginx", "redis"]),
        ("metadata: {annotations: {sidecar.acme.io/image: nginx}}", &["nginx"]),
        ("args: ['--init-image=busybox', --helper-image, helper]", &["busybox", "helper"]),
        ("command: [sh, -c, 'kubectl run x --image=busybox']", &["busybox"]),
        ("env: [{name: IMAGE_REGISTRY, value: reg.acme.io}]", &["reg.acme.io"]),
        ("env: [{name: IMAGE_PREFIX, value: reg.acme.io/acme}]", &["reg.acme.io/acme"]),
        ("env: [{name: IMAGE_MIRROR, value: 'reg.acme.io:5000/'}]", &["reg.acme.io:5000"]),
        (
            "args: ['--image-registry=reg.acme.io', --hub, reg.acme.io/x]",
            &["reg.acme.io", "reg.acme.io/x"],
        ),
        ("args: ['--image-prefix=reg.acme.io/acme']", &["reg.acme.io/acme"]),
        ("kind: ConfigMap\ndata: {operand.registry: reg.acme.io}", &["reg.acme.io"]),
        (
            "kind: Application\nspec: {source: {repoURL: registry-1.docker.io/charts, chart: x, targetRevision: '1'}}",
            &[],
        ),
        ("kind: Web\nspec: {image: none, logoImage: x.png, image.size: big}", &[]),
        ("kind: ConfigMap\ndata: {a: \"image: hero\\nb: 1\\n\"}", &[]),
        ("env: [{name: NPM_REGISTRY, value: npm.acme.io}, {name: HOST, value: www.acme.io}]", &[]),
        ("args: [--host, reg.acme.io]", &[]),
    ];
    for (text, expected) in table {
        let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
        let mentions = found.mentions.iter().filter(|it| it.kind == MentionKind::Repository);
        let mentions: Vec<_> = mentions.map(|it| it.written.as_str()).collect();
        assert_eq!((mentions.as_slice(), found.images.len()), (expected, 0), "{text}");
    }
}

#[test]
fn white_space_around_the_image_of_a_container_is_malformed() {
    for text in [
        "containers: [{image: ' q.io/a/b:1'}]",
        "containers: [{image: \"q.io/a/b:1\\n\"}]",
        "kind: Pod\nspec: {volumes: [{image: {reference: \"\\tq.io/a/b:1\"}}]}",
    ] {
        let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
        assert_eq!((found.images.len(), found.malformed.len()), (0, 1), "{text}");
    }
    check(&[(
        "containers:\n- image: >-\n    q.io/a/b:1\n",
        &[("q.io/a/b:1", "containers[0].image")],
    )]);
}

#[test]
fn a_digest_alone_is_no_image_and_belongs_to_the_one_beside_it() {
    check(&[
        ("kind: Web\nspec: {imageDigest: 'DIGEST', imageId: 'DIGEST', images: ['DIGEST']}", &[]),
        ("kind: Web\nspec: {image: 'q.io/a:1', digest: 'DIGEST'}", &[("q.io/a:1@DIGEST", "spec")]),
        (
            "env: [{name: X_IMAGE, value: 'q.io/a:1'}, {name: X_SHA256, value: 'DIGEST'}]",
            &[("q.io/a:1@DIGEST", "env")],
        ),
        ("env: [{name: X, value: 'a/b:1@DIGEST'}]", &[("a/b:1@DIGEST", "env[0].value")]),
    ]);
}

#[test]
fn machines_sources_and_labels_are_no_images() {
    check(&[
        (
            "kind: Web\nspec: {image: {name: debian-11, project: x}, images: [{name: x, size: 3}]}",
            &[],
        ),
        ("kind: Web\nspec: {git: {repository: github.com/a/b, version: v1}}", &[]),
        ("kind: Web\nspec: {helm: {registry: ghcr.io, repository: a/charts/b, version: '1'}}", &[]),
        (
            "kind: Web\nspec: {helm: {repository: q.io/a/helm, tag: '3'}}",
            &[("q.io/a/helm:3", "spec.helm")],
        ),
        ("metadata: {labels: {image: 'v1'}}\nspec: {selector: {matchLabels: {image: v1}}}", &[]),
        ("kind: ConfigMap\ndata: {x: 'info{image!=\"a/b:1\", image=~\"a/c:1\"}'}", &[]),
    ]);
    let text = "metadata: {labels: {image: v1}}";
    assert!(discover(&rendered(text), None, &BTreeSet::new()).unwrap().mentions.is_empty());
}

#[test]
fn maps_and_texts_that_are_named_like_images_hold_images() {
    check(&[
        ("env: [{name: X_IMAGES, value: '{\"a\": \"a/x:1\"}'}]", &[("a/x:1", "env[0].value > a")]),
        (
            "env: [{name: X_IMAGES, value: '[\"a/x:1\", \"a/y:2\"]'}]",
            &[("a/x:1", "env[0].value > [0]"), ("a/y:2", "env[0].value > [1]")],
        ),
        (
            "env: [{name: IMAGES, value: \"a: a/x:1\\nb: a/y:2\\n\"}]",
            &[("a/x:1", "env[0].value > a"), ("a/y:2", "env[0].value > b")],
        ),
        (
            "env: [{name: IMAGE_MAP, value: 'a=a/x:1;b=a/y:2'}]",
            &[("a/x:1", "env[0].value"), ("a/y:2", "env[0].value")],
        ),
        (
            "kind: ConfigMap\ndata: {images.json: '{\"o\": \"a/q:1\", \"p\": {\"ref\": \"a/r:2\"}, \"n\": 3, \"t\": \"03:00\"}'}",
            &[("a/q:1", "data[\"images.json\"] > o"), ("a/r:2", "data[\"images.json\"] > p.ref")],
        ),
        (
            "kind: Web\nspec: {imageVersions: {'1.0': 'a/z:1.0'}}",
            &[("a/z:1.0", "spec.imageVersions[\"1.0\"]")],
        ),
        (
            "kind: ImageStream\nspec: {tags: [{from: {kind: DockerImage, name: 'a/y:1'}}]}",
            &[("a/y:1", "spec.tags[0].from.name")],
        ),
        (
            "kind: ConfigMap\ndata: {x: '[{\"op\": \"replace\", \"path\": \"/spec/image\", \"value\": \"a/x:1\"}]'}",
            &[("a/x:1", "data.x > [0].value")],
        ),
        (
            "kind: Kustomization\nspec: {images: [{name: nginx, newName: q.io/a, newTag: '1'}]}",
            &[("q.io/a:1", "spec.images[0]")],
        ),
    ]);
}
