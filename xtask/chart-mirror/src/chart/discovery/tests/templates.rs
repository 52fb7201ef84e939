//! Templates in texts, and references with variables in them.

use std::collections::BTreeSet;

use super::super::discover;
use super::rendered;
use crate::chart::found::MentionKind;

fn config_map(text: &str) -> String {
    format!("kind: ConfigMap\ndata: {{x: {text:?}}}")
}

/// The images and mentions in a text of a ConfigMap.
fn found(text: &str) -> Vec<String> {
    let hosts = BTreeSet::from(["reg.acme.io"]);
    let found = discover(&rendered(&config_map(text)), None, &hosts).unwrap();
    let images = found.images.into_iter().map(|it| it.written);
    images.chain(found.mentions.into_iter().map(|it| format!("mention {}", it.written))).collect()
}

#[test]
fn what_an_action_names_is_a_mention() {
    let table: [(&str, &[&str]); 9] = [
        (
            "spec:\n  image: {{ default \"quay.io/a/b:1\" .x }}\n  args: [a]\n",
            &["mention quay.io/a/b:1"],
        ),
        ("sideImage: {{ .x | default \"a/b:1\" | quote }}\n", &["mention a/b:1"]),
        ("- {image: {{ default \"quay.io/a/b:1\" .x }}, name: a}\n", &["mention quay.io/a/b:1"]),
        ("{\"image\": {{ default \"quay.io/a/b:1\" .x | toJson }}}", &["mention quay.io/a/b:1"]),
        ("image:\n  repository: {{ default \"quay.io/a/b\" .x }}\n", &["mention quay.io/a/b"]),
        (
            "image: \"{{ annotation .x `a.io/image` `quay.io/a/b:1` }}\"\n",
            &["mention quay.io/a/b:1"],
        ),
        (
            "a:\n  image: \"{{ annotation .x \"a.io/image\" \"a/b:1\" }}\"\n  side: x\n",
            &["mention a/b:1"],
        ),
        (
            "image: {{ if .x }}\n  quay.io/a/b:1\n{{ else }}\n  c\n{{ end }}\n",
            &["mention quay.io/a/b:1"],
        ),
        (
            "a: 1\nb: {{ default \"reg.acme.io\" .x }}\nimage: c/d:1\n",
            &["c/d:1", "mention reg.acme.io"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn an_action_that_nothing_closes_hides_nothing_else() {
    for text in [
        "a: {{ x\nimage: quay.io/a/b:1\n",
        "a: 1\n---\n{{ broken\n---\nspec:\n  containers:\n  - image: quay.io/a/b:1\n",
        "a: 1\n---\n{{ broken\nimage: quay.io/a/b:1\n",
        "a: {{ x\nimage: quay.io/a/b:1\nb: {{ y }}\n",
    ] {
        assert_eq!(found(text), ["quay.io/a/b:1"], "{text}");
    }
    let unclosed = "{{ a\n".repeat(200_000);
    assert_eq!(found(&format!("{unclosed}image: quay.io/a/b:1\n")), ["quay.io/a/b:1"]);
}

#[test]
fn a_variable_hides_no_reference_wherever_it_is_pulled_from() {
    for host in ["quay.io", "reg.acme.io", "reg.acme.io/mirror", "other.acme.io"] {
        for (text, expected) in [
            ("run --image=HOST/a/b:$(V)", "HOST/a/b:$(V)"),
            ("run --image=HOST/a/b:%s", "HOST/a/b:%s"),
            ("x HOST/a/b:<tag> y", "HOST/a/b:<tag>"),
            ("image: \"HOST/a/b:%(ver)s\"\n", "HOST/a/b:%(ver)s"),
            ("image: HOST/a/b:${V}\n", "HOST/a/b:${V}"),
            ("img = fmt(\"HOST/a/b:%s\", v)", "HOST/a/b:%s"),
            ("image: \"HOST/a/b:{{ .Values.tag }}\"\n", "HOST/a/b:{{ .Values.tag }}"),
            ("image: HOST/a/b:{{ .Values.tag }}\n", "HOST/a/b:{{ .Values.tag }}"),
            ("set image deploy/x c=HOST/a/b:$(cat /v)", "HOST/a/b:$(cat /v)"),
        ] {
            let text = config_map(&text.replace("HOST", host));
            let hosts = BTreeSet::from(["reg.acme.io"]);
            let found = discover(&rendered(&text), None, &hosts).unwrap();
            let found: Vec<_> =
                found.mentions.iter().map(|it| (it.written.clone(), it.kind)).collect();
            let expected = [(expected.replace("HOST", host), MentionKind::Variable)];
            assert_eq!(found, expected, "{text}");
        }
    }
    for text in
        ["set image deploy/x c=reg.acme.io/a/$N:9", "image = \"reg.acme.io/a/\" + n + \":9\"\n"]
    {
        let hosts = BTreeSet::from(["reg.acme.io"]);
        let found = discover(&rendered(&config_map(text)), None, &hosts).unwrap();
        assert_eq!(found.mentions[0].kind, MentionKind::Variable, "{text}: {found:?}");
    }
}
