//! The search ends in a time that is linear in the length of the text, whatever is in it.

use std::collections::BTreeSet;

use super::super::discover;
use super::rendered;

#[test]
fn every_image_of_a_text_with_many_braces_is_found() {
    let lines = "{ image: quay.io/a/b:1\n    ".repeat(16_000);
    let text = format!("kind: ConfigMap\ndata:\n  a: |\n    {lines}\n");
    assert_eq!(discover(&rendered(&text), None, &BTreeSet::new()).unwrap().images.len(), 16_000);
}

#[test]
fn aliases_in_a_text_are_not_multiplied() {
    let text = |count: usize| {
        let keys: String =
            (0..count).map(|key| format!("k{key}: quay.io/acme/x:{key}, ")).collect();
        let aliases: String = (0..count).map(|key| format!("    b{key}: *a\n")).collect();
        format!("kind: ConfigMap\ndata:\n  x: |\n    image: 1\n    a: &a {{{keys}}}\n{aliases}\n")
    };
    let found = |count| discover(&rendered(&text(count)), None, &BTreeSet::new()).unwrap();
    assert_eq!(found(10).images.len(), 110);
    let many = found(1000);
    assert!((1000..20_000).contains(&(many.images.len() + many.mentions.len())));
}

#[test]
fn a_manifest_whose_aliases_multiply_is_refused_with_its_place() {
    let mut text = "# Source: c/templates/x.yaml\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{},", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{alias}]\n");
    }
    let error = discover(&rendered(&text), None, &BTreeSet::new()).unwrap_err().to_string();
    assert!(error.contains("c/templates/x.yaml") && error.contains("repeat"), "{error}");
}

#[test]
fn a_manifest_that_is_nested_too_deep_is_refused_with_its_place() {
    for (depth, open, close) in [(200, "[", "]"), (5000, "[", "]"), (200, "{a: ", "}")] {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        let text = format!("# Source: c/templates/x.yaml\na: 1\nspec: {open}{close}\n");
        let error = discover(&rendered(&text), None, &BTreeSet::new()).unwrap_err();
        assert_eq!((error.template.as_deref(), error.line), (Some("c/templates/x.yaml"), 3));
        assert!(error.reason.contains("128 levels"), "{error}");
    }
}

#[test]
fn copies_are_found_among_many_images() {
    let items = |name: &str, count: usize| {
        (0..count).map(|number| format!("{name}{number}:1,")).collect::<String>()
    };
    let images: String =
        (0..20_000).map(|number| format!("- image: q.io/a/t{number}:1\n")).collect();
    let text = format!("env: [{{name: IMAGES, value: '{}'}}]\nl:\n{images}", items("a/t", 20_000));
    let found = discover(&rendered(&text), None, &BTreeSet::new()).unwrap();
    assert_eq!((found.images.len(), found.mentions.len()), (20_000, 20_000));
}

#[test]
fn a_line_of_many_templates_is_read_once() {
    let text = "{{ a }}".repeat(100_000);
    let text = format!("kind: ConfigMap\ndata:\n  a: \"image: ]\\n{text}\"\n");
    assert!(discover(&rendered(&text), None, &BTreeSet::new()).unwrap().images.is_empty());
}

#[test]
fn long_texts_of_every_kind_are_read_once() {
    for line in [
        "x.repository=q.io/a\\n",
        "A=$A\\n",
        "[a]\\nimage=b\\n",
        "$R/a:1 ",
        "q.io/a:${ ",
        "image: {{ `a/b:1` }}\\n",
        "{{ `",
        "é//q.io/a:1:ro ",
        "--image=${/",
        "{/%",
    ] {
        let text = format!("kind: ConfigMap\ndata:\n  a: \"image: ]\\n{}\"\n", line.repeat(50_000));
        assert!(discover(&rendered(&text), None, &BTreeSet::new()).is_ok());
    }
}
