//! Parts of a reference that a map has for the images below it.

use super::check;

#[test]
fn a_registry_of_an_outer_map_goes_with_the_images_below_it() {
    check(&[
        (
            "kind: ConfigMap\ndata:\n  a.yaml: |\n    base: quay.io/acme\n    components:\n      server:\n        tag: v1.29.1\n        image: acme-server\n      csi: {image: csi, tag: 2}\n",
            &[
                ("quay.io/acme/acme-server:v1.29.1", "data[\"a.yaml\"] > components.server"),
                ("quay.io/acme/csi:2", "data[\"a.yaml\"] > components.csi"),
            ],
        ),
        // One tag for several images, and names of machines, which are no images.
        (
            "kind: ConfigMap\ndata:\n  a.yaml: |\n    base: quay.io/acme\n    components:\n      loader:\n        tag: v9\n        image: noble\n        match: [{osImage: centos-7, image: centos7}, {osImage: 'Red Hat 8', image: alma8}]\n",
            &[
                ("quay.io/acme/noble:v9", "data[\"a.yaml\"] > components.loader"),
                ("quay.io/acme/centos7:v9", "data[\"a.yaml\"] > components.loader.match[0]"),
                ("quay.io/acme/alma8:v9", "data[\"a.yaml\"] > components.loader.match[1]"),
            ],
        ),
        (
            "kind: ConfigMap\ndata: {values: '{\"global\": {\"hub\": \"docker.io/acme\", \"proxy\": {\"image\": \"proxy2\", \"env\": {}}, \"tag\": \"1.30\"}}'}",
            &[("docker.io/acme/proxy2:1.30", "data.values > global.proxy")],
        ),
        (
            "kind: Mesh\nspec: {hub: 'localhost:5000/x', tag: 1.2, pilot: {image: acme/pilot, hub: ''}, other: {image: a, tag: 3}}",
            &[
                ("localhost:5000/x/acme/pilot:1.2", "spec.pilot"),
                ("localhost:5000/x/a:3", "spec.other"),
            ],
        ),
        (
            "kind: Stack\nspec: {imageRegistry: registry.example.com, parts: [{image: {repository: acme/db, tag: '1'}}]}",
            &[("registry.example.com/acme/db:1", "spec.parts[0].image")],
        ),
        // The nearest one counts, and a reference that is whole needs none.
        (
            "kind: Stack\nspec: {registry: a.io/x, deep: {registry: b.io/y, one: {image: c, tag: '1'}}, two: {image: d.io/e, tag: '1'}, three: {image: 'e.io/f:2'}, four: {registry: g.io, image: h, tag: '4'}}",
            &[
                ("b.io/y/c:1", "spec.deep.one"),
                ("d.io/e:1", "spec.two"),
                ("e.io/f:2", "spec.three.image"),
                ("g.io/h:4", "spec.four"),
            ],
        ),
        // Nothing shows which of two registries a program takes.
        (
            "kind: Mesh\nspec: {hub: docker.io/acme, imageRegistry: r.io/acme, registry: r.io/acme/, tag: '1', proxy: {image: proxy}}",
            &[("docker.io/acme/proxy:1", "spec.proxy"), ("r.io/acme/proxy:1", "spec.proxy")],
        ),
        (
            "kind: Mesh\nspec: {image: {registry: quay.io, repository: a/b, tag: '1', image: 'r.io/a/b:1'}}",
            &[("quay.io/a/b:1", "spec.image"), ("r.io/a/b:1", "spec.image.image")],
        ),
    ]);
}

#[test]
fn what_an_outer_map_has_is_not_always_a_part() {
    check(&[
        // The kubelet takes the image of a container as it is.
        (
            "kind: Stack\nspec: {registry: a.io/x, tag: '2', containers: [{image: 'acme/b:1'}, {image: c}]}",
            &[("acme/b:1", "spec.containers[0].image"), ("c", "spec.containers[1].image")],
        ),
        // A directory, a page, source code, or a whole image of its own.
        ("kind: S\nspec: {base: ./dir/x, one: {image: a, tag: '1'}}", &[("a:1", "spec.one")]),
        (
            "kind: S\nspec: {base: 'https://a.io/x', one: {image: a, tag: '1'}}",
            &[("a:1", "spec.one")],
        ),
        ("kind: S\nspec: {base: example.com, one: {image: a, tag: '1'}}", &[("a:1", "spec.one")]),
        (
            "kind: S\nspec: {repository: github.com/a/b, one: {image: a, tag: '1'}}",
            &[("a:1", "spec.one")],
        ),
        (
            "kind: S\nspec: {repository: a.io/b/c, tag: '3', one: {image: d, tag: '1'}}",
            &[("a.io/b/c:3", "spec"), ("d:1", "spec.one")],
        ),
        // Without a version, or with a value that names no image.
        ("kind: S\nspec: {registry: a.io/x, one: {image: a}, two: {image: auto, tag: '1'}}", &[]),
        // Another document of the text.
        (
            "kind: ConfigMap\ndata:\n  a: |\n    base: a.io/x\n    b: 1\n    ---\n    image: c\n    tag: 1\n",
            &[("c:1", "data.a > ")],
        ),
    ]);
}
