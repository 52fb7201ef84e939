//! Images in arguments, commands and scripts.

use std::collections::BTreeSet;

use super::super::discover;
use super::{check, rendered};

#[test]
fn images_of_commands_are_found_as_a_shell_reads_them() {
    let table: [(&str, &[&str]); 14] = [
        ("kubectl run x --image=\"busybox:1.36\" -- true", &["busybox:1.36"]),
        ("kubectl run x --image \\\n  'busybox:1.36'", &["busybox:1.36"]),
        ("kubectl set image deploy/x \\\n c=busybox:1.36", &["busybox:1.36"]),
        ("export IMAGE=\"busybox:1.36\"; run", &["busybox:1.36"]),
        ("docker run --rm alpine:3.19 true", &["alpine:3.19"]),
        ("bash -c \"podman pull 'alpine:3.19'\"", &["alpine:3.19"]),
        ("skopeo copy docker://busybox:1.36 docker://r.io/b:1", &["busybox:1.36", "r.io/b:1"]),
        ("x=$(crane digest busybox:1.36)", &["busybox:1.36"]),
        ("echo 'quay.io/a/b:1' | xargs docker pull", &["quay.io/a/b:1"]),
        ("run --images=\"a/b:1,a/c:2\"", &["a/b:1", "a/c:2"]),
        ("echo \"don't\"; docker pull a/b:1", &["a/b:1"]),
        ("# docker pull quay.io/a/b:1\ntrue", &["mention quay.io/a/b:1"]),
        (
            "run --image=quay.io/a/b:$V --x=q.io/a:${W}",
            &["mention quay.io/a/b:$V", "mention q.io/a:${W}"],
        ),
        ("curl x:80/y -d a:b --port=80:80", &[]),
    ];
    for (script, expected) in table {
        for text in [
            format!("containers: [{{command: [sh, -c, {script:?}]}}]"),
            format!("kind: ConfigMap\ndata: {{run.sh: {:?}}}", format!("#!/bin/bash\n{script}\n")),
        ] {
            let found = discover(&rendered(&text), None, &BTreeSet::new()).unwrap();
            let mentions = found.mentions.into_iter().map(|it| format!("mention {}", it.written));
            let images = found.images.into_iter().map(|it| it.written);
            assert_eq!(images.chain(mentions).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}

#[test]
fn arguments_form_one_command() {
    check(&[
        (
            "containers: [{args: [set, image, deploy/x, c=busybox:1]}]",
            &[("busybox:1", "containers[0].args[3]")],
        ),
        (
            "containers: [{command: [docker, run, --rm, 'alpine:3']}]",
            &[("alpine:3", "containers[0].command[3]")],
        ),
        ("args: ['--node-image=calico/node:v3']", &[("calico/node:v3", "args[0]")]),
        ("args: ['docker://busybox:1', 'run', 'a:1']", &[]),
    ]);
}

#[test]
fn variables_of_the_container_are_put_into_its_arguments() {
    check(&[
        (
            "containers: [{env: [{name: V, value: '2'}, {name: SIDE, value: 'q.io/a:$(V)'}], args: ['--x=q.io/b:$(V)', --image, 'c:$(V)']}]",
            &[
                ("q.io/a:2", "containers[0].env[1].value"),
                ("q.io/b:2", "containers[0].args[0]"),
                ("c:2", "containers[0].args[2]"),
            ],
        ),
        (
            "containers: [{env: [{name: R, value: q.io}, {name: X_IMAGE_REPOSITORY, value: '$(R)/a/x'}, {name: X_IMAGE_TAG, value: '1'}]}]",
            &[("q.io/a/x:1", "containers[0].env")],
        ),
        // Variables of another container.
        (
            "containers: [{env: [{name: V, value: '2'}], image: a}, {image: b, args: ['--x=q.io/b:$(V)']}]",
            &[("a", "containers[0].image"), ("b", "containers[1].image")],
        ),
    ]);
}

#[test]
fn a_reference_with_an_unknown_variable_is_a_mention() {
    let table = [
        ("args: ['--x=reg.acme.io/a/b:$(V)']", "reg.acme.io/a/b:$(V)"),
        ("args: [--image, '$(R)/a/b:1']", "$(R)/a/b:1"),
        ("command: [sh, -c, 'x --image=\"q.io/a/b:${V}\"']", "q.io/a/b:${V}"),
        ("args: ['--image=q.io/a/b:$(V)']", "q.io/a/b:$(V)"),
        ("env: [{name: SIDE_IMAGE, value: 'reg.acme.io/a/b:$(V)'}]", "reg.acme.io/a/b:$(V)"),
        ("env: [{name: SIDE, value: 'reg.acme.io/a/b@${V}'}]", "reg.acme.io/a/b@${V}"),
    ];
    for (text, expected) in table {
        let found = discover(&rendered(text), None, &BTreeSet::new()).unwrap();
        let mentions: Vec<_> = found.mentions.iter().map(|it| it.written.as_str()).collect();
        assert_eq!((mentions.as_slice(), found.images.len()), ([expected].as_slice(), 0), "{text}");
    }
}

#[test]
fn arguments_and_lines_with_parts_of_an_image_are_joined() {
    check(&[
        (
            "containers: [{args: ['--x-repository=q.io/a/b', -v, '--x-tag=1', '--y=q.io/c:2']}]",
            &[("q.io/a/b:1", "containers[0].args[0]"), ("q.io/c:2", "containers[0].args[3]")],
        ),
        (
            "containers: [{command: [sh, -c, 'run --x-image q.io/a/b --x-version 1']}]",
            &[("q.io/a/b:1", "containers[0].command[2]")],
        ),
        (
            "kind: ConfigMap\ndata: {x: \"a=1\\nx.repository=q.io/a/b\\nx.tag=2\\n\"}",
            &[("q.io/a/b:2", "data.x > line 2")],
        ),
        (
            "kind: ConfigMap\ndata: {x: \"[x]\\nimage = 'q.io/a/b'\\ntag = '2'\\n\"}",
            &[("q.io/a/b:2", "data.x > line 2")],
        ),
    ]);
}

#[test]
fn variables_of_other_objects_and_of_scripts_are_known() {
    let map = "kind: ConfigMap\nmetadata: {name: x}\ndata: {R: q.io}\n---\n";
    let secret = "kind: Secret\nmetadata: {name: x}\ndata: {R: cS5pbw==, P: aHVudGVyMg==}\n---\n";
    let argument = "args: ['--image=$(R)/a:1']";
    check(&[
        (
            &format!("{map}containers: [{{{argument}, envFrom: [{{configMapRef: {{name: x}}}}]}}]"),
            &[("q.io/a:1", "containers[0].args[0]")],
        ),
        (
            &format!(
                "containers: [{{{argument}, envFrom: [{{secretRef: {{name: x}}}}]}}]\n---\n{secret}"
            ),
            &[("q.io/a:1", "containers[0].args[0]")],
        ),
        (
            &format!(
                "{map}containers: [{{{argument}, env: [{{name: R, valueFrom: {{configMapKeyRef: {{name: x, key: R}}}}}}]}}]"
            ),
            &[("q.io/a:1", "containers[0].args[0]")],
        ),
        (
            &format!(
                "{map}containers: [{{args: ['--image=$(P_R)/a:1'], envFrom: [{{prefix: P_, configMapRef: {{name: x}}}}]}}]"
            ),
            &[("q.io/a:1", "containers[0].args[0]")],
        ),
        // `env` overrides `envFrom`.
        (
            &format!(
                "{map}containers: [{{{argument}, env: [{{name: R, value: r.io}}], envFrom: [{{configMapRef: {{name: x}}}}]}}]"
            ),
            &[("r.io/a:1", "containers[0].args[0]")],
        ),
        (
            "containers: [{env: [{name: R, value: q.io}], command: [sh, -c, 'run --image=$R/a:1']}]",
            &[("q.io/a:1", "containers[0].command[2]")],
        ),
        (
            "containers: [{command: [sh, -c, \"export R=q.io\\ndocker run ${R}/a:1\"]}]",
            &[("q.io/a:1", "containers[0].command[2] > line 2")],
        ),
        (
            "kind: ConfigMap\ndata: {x: \"R=quay.io\\nrun x --image=$R/a/b:9\\n\"}",
            &[("quay.io/a/b:9", "data.x > line 2")],
        ),
    ]);
    let text = format!(
        "{secret}containers: [{{args: ['--image=$(P)'], envFrom: [{{secretRef: {{name: x}}}}]}}]"
    );
    let found = discover(&rendered(&text), None, &BTreeSet::new()).unwrap();
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}
