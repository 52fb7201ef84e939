//! Values that a template uses for an image, and those that it also uses for something else.

use super::chart::{Template, TestChart};
use crate::values::probe::UnsettledReason;
use crate::values::probe::result::Outcome;

#[test]
fn a_value_that_also_changes_addresses_is_no_suggestion() {
    let template: Template = |values| Ok(vec![values.fill("<host>/acme/x:1")]);
    let chart =
        |values: &str| TestChart { ingress: Some("host"), ..TestChart::new(values, template) };
    let probed = chart("{host: quay.io}").probe();
    assert_eq!(probed.lines(), [""; 0]);
    let [unsettled] = probed.suggestion.unsettled.as_slice() else { panic!("one place") };
    assert!(unsettled.problem.contains("`host`"), "{}", unsettled.problem);
    assert!(unsettled.problem.contains("Ingress"), "{}", unsettled.problem);
    // Another value does without that.
    let template: Template = |values| {
        let registry = values.first(&["image.registry", "host"]);
        Ok(vec![format!("{registry}/acme/x:1")])
    };
    let other = TestChart::new("{host: quay.io, image: {registry: ''}}", template);
    let probed = TestChart { ingress: Some("host"), ..other }.probe();
    assert_eq!(probed.lines(), ["image.registry={registry}"]);
}

/// A chart whose image only its template shows how to move.
fn check_text(values: &str, text: &'static str, template: Template, expected: &str) {
    let probed = TestChart::new(values, template).with_text(text).probe();
    let found = format!("{} {}", probed.outcomes(), probed.lines().join(" "));
    assert_eq!(found.trim(), expected, "{text}");
}

#[test]
fn values_that_a_template_uses_for_an_image_are_tried_whatever_their_name() {
    check_text(
        "{x: 1}",
        "image: {{ (.Values.global).mirror | default `quay.io` }}/acme/web:1",
        |values| {
            let mirror = values.get("global.mirror");
            Ok(vec![format!("{}/acme/web:1", if mirror.is_empty() { "quay.io" } else { &mirror })])
        },
        "moved global.mirror={registry}",
    );
    check_text(
        "{auth: {image: {url: quay.io/acme/auth}}}",
        "image: {{ .Values.auth.image.url }}:1",
        |values| Ok(vec![values.fill("<auth.image.url>:1")]),
        "moved auth.image.url={registry}/{repository}",
    );
    check_text(
        "{address: 'https://quay.io'}",
        "image: {{ trimPrefix \"https://\" .Values.address }}/acme/web:1",
        |values| Ok(vec![values.fill("<address>/acme/web:1").replace("https://", "")]),
        "moved address={registry}",
    );
}

#[test]
fn an_image_is_not_fixed_while_its_template_uses_what_was_not_tried() {
    let by_switch: Template = |values| {
        let is_on = values.get("mirror") == "true";
        Ok(vec![format!("{}/acme/x:1", if is_on { "r.example.com" } else { "quay.io" })])
    };
    let text =
        "kind: Pod\nimage: {{ if .Values.mirror }}r.example.com{{ else }}quay.io{{ end }}/acme/x:1";
    let probed = TestChart::new("{mirror: false, port: 1}", by_switch).with_text(text).probe();
    let Outcome::Unsettled { untried, reason } = &probed.result.places[0].outcome else {
        panic!("{}", probed.outcomes())
    };
    assert_eq!(*reason, UnsettledReason::UsedByTemplate);
    let [only] = untried.as_slice() else { panic!("{untried:?}") };
    assert_eq!(only.path.as_ref().unwrap().to_string(), "mirror");
    assert_eq!(only.used_at.as_deref(), Some("templates/0.yaml:2"));
    // A literal is fixed, whatever else its template uses.
    let literal: Template = |_| Ok(vec!["quay.io/acme/x:1".to_owned()]);
    let text = "port: {{ .Values.port }}\nimage: quay.io/acme/x:1";
    check_text("{mirror: false, port: 1}", text, literal, "fixed");
    check_text("{mirror: false}", "{{ .Values.other | toYaml }}", literal, "unsettled");
}
