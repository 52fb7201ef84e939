//! Nothing secret is kept: of Secrets only references, and no credentials of addresses.

use std::collections::BTreeSet;

use super::super::discover;
use super::rendered;
use crate::chart::discovery::Discovery;
use crate::list::ImageList;

fn discovery(text: &str) -> Discovery {
    let found = discover(&rendered(text), None, &["quay.io"].into()).unwrap();
    assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
    found
}

/// The images and mentions of a Secret with one key, with their paths.
fn of_secret(key: &str, text: &str) -> Vec<String> {
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text);
    let places = [
        format!("kind: Secret\nstringData: {{{key:?}: {text:?}}}"),
        format!("kind: Secret\ndata: {{{key:?}: {encoded}}}"),
        format!("kind: SecretList\nitems: [{{kind: Secret, data: {{{key:?}: {encoded}}}}}]"),
        format!("kind: ConfigMap\nbinaryData: {{{key:?}: {encoded}}}"),
    ];
    let found = places.map(|place| {
        let found = discovery(&place);
        let images = found.images.into_iter().map(|it| it.written);
        let malformed = found.malformed.into_iter().map(|it| format!("malformed {}", it.written));
        let mentions = found.mentions.into_iter().map(|it| format!("mention {}", it.written));
        images.chain(malformed).chain(mentions).collect::<Vec<_>>()
    });
    assert!(found.iter().all(|it| *it == found[0]), "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_secret_shows_references_only() {
    let table: [(&str, &str, &[&str]); 19] = [
        (
            "a",
            "https://user:hunter2@quay.io/x password=hunter2 quay.io/a/b:1",
            &["mention quay.io", "mention quay.io/a/b:1"],
        ),
        ("image", "q.io/a/b:1", &["q.io/a/b:1"]),
        ("image", "a/b:1", &["a/b:1"]),
        ("a.yaml", "containers:\n- image: busybox:1\n", &["busybox:1"]),
        ("a.yaml", "b: 1\nimage: {name: traefik, tag: v3.7.8}\n", &["traefik:v3.7.8"]),
        // The place alone.
        ("image", "hunter2:hunter3", &["mention ***"]),
        ("DB_IMAGE", "hunter2:hunter3", &["mention ***"]),
        ("images", "hunter2:1,hunter3:2", &["mention ***", "mention ***"]),
        ("image.toml", "image = \"hunter2:x\"\n", &["mention ***"]),
        ("a.yaml", "sidecarImage: hunter2:x\nb: 1\n", &["mention ***"]),
        ("a.yaml", "spec:\n  image: {name: hunter2, tag: hunter3}\n", &["mention ***"]),
        ("a.yaml", "containers:\n- image: 'hunter2 Secret'\n", &["malformed ***"]),
        ("a.yaml", "containers:\n- image: 'hunter2@hunter3'\n", &["malformed ***"]),
        ("args", "--image=hunter2 --image hunter3:1", &["mention ***", "mention ***"]),
        (
            "run",
            "#!/bin/sh\ndocker run hunter2\nx --image=$(hunter3)/x\n",
            &["mention ***", "mention ***"],
        ),
        ("run", "x quay.io/a/b:$hunter2", &["mention quay.io/a/b"]),
        // Nothing: credentials are skipped.
        (
            ".dockerconfigjson",
            "{\"auths\": {\"quay.io\": {\"auth\": \"hunter2\"}}, \"image\": \"hunter3:x\"}",
            &[],
        ),
        (".dockercfg", "{\"quay.io\": {\"image\": \"hunter2/x:1\"}}", &[]),
        (
            "config.json",
            "{\"auths\": {\"quay.io\": {\"image\": \"hunter2/x:1\"}}, \"image\": \"q.io/a:1\"}",
            &["q.io/a:1"],
        ),
    ];
    for (key, text, expected) in table {
        assert_eq!(of_secret(key, text), expected, "{key}: {text}");
    }
}

#[test]
fn no_text_shows_credentials() {
    for text in [
        "args: ['--registry-url=https://bot:hunter2@quay.io/v2/']",
        "args: ['--pull=bot:hunter3@quay.io/acme/x:1', 'bot:hunter3@quay.io/acme/x']",
        "env: [{name: REGISTRY, value: 'https://bot:hunter2@quay.io/x'}]",
        "env: [{name: REGISTRY, value: 'quay.io?token=hunter4'}]",
        "env: [{name: IMAGE_PULL_CREDENTIALS, value: 'hunter2:hunter3'}]",
        "kind: ConfigMap\ndata: {a: \"url = https://bot:hunter2@quay.io/v2\\nauth quay.io:hunter5;pw=hunter6\\n\"}",
        "kind: ConfigMap\ndata: {a: \"image: x\\n# https://bot:hunter2@quay.io/\\n\"}",
        "containers: [{image: 'bot:hunter2@quay.io/x:1'}, {image: 'https://hunter2@quay.io/x:1'}]",
        "image: bot:hunter2@quay.io/x:1",
    ] {
        discovery(text);
    }
}

#[test]
fn a_rule_that_ignores_a_secret_keeps_nothing_of_it() {
    let list = "[chart]\nname = \"c\"\n[[chart.ignore]]\ntext = \"hunter*\"\nreason = \"no image\"\n\
                [[image]]\nsource = \"x.io/x\"\ntag = \"1\"\n";
    let list = ImageList::parse("images.toml", list).unwrap();
    let text = "kind: Secret\nstringData:\n  image: hunter2:hunter3\n  a: |\n    containers:\n    - image: hunter4 x\n";
    let found = discover(&rendered(text), list.chart(), &BTreeSet::new()).unwrap();
    assert_eq!((found.ignored.len(), found.mentions.len(), found.malformed.len()), (2, 0, 0));
    assert!(!format!("{found:?}").contains("hunter"), "{found:?}");
}
