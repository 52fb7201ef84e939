//! Probing of charts in Rust: one for each kind of chart that was once probed wrongly.

mod chart;
mod used;

use std::sync::atomic::Ordering;

use chart::{Probed, Template, TestChart, Values};

use super::UnsettledReason;
use super::result::Outcome;

/// A chart with one line of the suggestion for each value that its images need.
fn check(values: &str, template: Template, expected: &[&str]) -> Probed {
    let probed = TestChart::new(values, template).probe();
    assert_eq!(probed.lines(), expected, "{values}");
    assert_eq!(probed.suggestion.unsettled, [], "{values}");
    probed
}

#[test]
fn references_without_a_registry_get_one() {
    check(
        "{image: {repository: acme/server, tag: '1'}}",
        |values| Ok(vec![values.fill("<image.repository>:<image.tag>")]),
        &["image.repository={registry}/{repository}"],
    );
    check(
        "{box: {image: 'busybox:1.36'}}",
        |values| Ok(vec![values.get("box.image")]),
        &["box.image={registry}/{repository}:{tag}"],
    );
    // The default is in the template.
    check(
        "{operator: {image: {repository: '', tag: '1'}}}",
        |values| {
            let repository = values.get("operator.image.repository");
            let repository = if repository.is_empty() { "ghcr.io/acme/op" } else { &repository };
            Ok(vec![format!("{repository}:{}", values.get("operator.image.tag"))])
        },
        &["operator.image.repository={registry}/{repository}"],
    );
    check(
        "{operator: {image: null}}",
        |values| {
            let image = values.get("operator.image");
            Ok(vec![if image.is_empty() { "ghcr.io/acme/op:2".to_owned() } else { image }])
        },
        &["operator.image={registry}/{repository}:{tag}"],
    );
}

#[test]
fn values_that_only_templates_name_are_tried() {
    let template: Template = |values| {
        let registry = values.get("sidecar.image.hub");
        let slash = if registry.is_empty() { "" } else { "/" };
        Ok(vec![format!("{registry}{slash}acme/side:1")])
    };
    let chart = TestChart::new("{sidecar: {on: true}}", template);
    let chart = chart.with_text("{{ with .Values.sidecar.image.hub }}{{ . }}/{{ end }}acme/side:1");
    assert_eq!(chart.probe().lines(), ["sidecar.image.hub={registry}"]);
}

#[test]
fn a_value_that_others_hide_is_found_everywhere() {
    let chain: Template = |values| {
        let image = |component: &str| values.first(&[component, "common.image"]);
        Ok(vec![values.get("common.image"), image("a.image"), image("b.image")])
    };
    let values = "{common: {image: 'quay.io/acme/app:1'}, a: {image: null}, b: {image: ''}}";
    check(values, chain, &["common.image={registry}/{repository}:{tag}"]);

    let registries: Template = |values| {
        let image = |name: &str| {
            let own = format!("{name}.registry");
            let registry = values.first(&["global.imageRegistry", &own, "image.registry"]);
            format!("{registry}/acme/{name}:1")
        };
        Ok(["one", "two", "three"].map(image).to_vec())
    };
    let values = "{image: {registry: quay.io}, one: {registry: ''}, two: {registry: ''}}";
    let probed = check(values, registries, &["global.imageRegistry={registry}"]);
    assert_eq!(probed.moving()[&0], ["global.imageRegistry", "one.registry"]);
}

#[test]
fn a_digest_does_not_hide_the_other_values() {
    for (values, template) in [
        (
            "{image: {registry: quay.io, name: acme/db, tag: '1', sha: ''}}",
            "<image.registry>/<image.name>:<image.tag>",
        ),
        (
            "{image: {registry: quay.io, name: acme/db, tag: '1', digest: ''}}",
            "<image.registry>/<image.name>",
        ),
    ] {
        let with_sha: Template = |values| {
            let sha = values.first(&["image.sha", "image.digest"]);
            let start = values.fill("<image.registry>/<image.name>:<image.tag>");
            // One chart adds the algorithm, and breaks if the value has it already.
            let at = if values.get("image.sha").is_empty() { "@" } else { "@sha256:" };
            Ok(vec![if sha.is_empty() { start } else { format!("{start}{at}{sha}") }])
        };
        let probed = check(values, with_sha, &["image.registry={registry}"]);
        let keys: Vec<String> =
            probed.result.places[0].keys.iter().map(|key| key.path.to_string()).collect();
        assert_eq!(keys.len(), 4, "{template}: {keys:?}");
    }
}

#[test]
fn a_tag_may_hold_a_digest() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let values = format!("{{image: {{repo: quay.io/acme/db, tag: '1.0@{digest}'}}}}");
    check(
        &values,
        |values| Ok(vec![values.fill("<image.repo>:<image.tag>")]),
        &["image.repo={registry}/{repository}"],
    );
}

const GUARDED: &str = "{global: {imageRegistry: '', security: {allowForeign: false}}, \
                        image: {registry: docker.io, repository: acme/db}}";

fn guarded(values: &Values) -> Result<Vec<String>, String> {
    let registry = values.first(&["global.imageRegistry", "image.registry"]);
    let image = format!("{registry}/{}:1", values.get("image.repository"));
    if image != "docker.io/acme/db:1" && values.get("global.security.allowForeign") != "true" {
        return Err(format!(
            "\n\nERROR: unknown containers\n - {image}\nSet global.security.allowForeign=true."
        ));
    }
    Ok(vec![image])
}

#[test]
fn a_switch_that_the_chart_names_is_part_of_the_suggestion() {
    let probed = check(
        GUARDED,
        guarded,
        &["global.security.allowForeign=true", "global.imageRegistry={registry}"],
    );
    assert_eq!(probed.outcomes(), "switch");
    let words = &probed.suggestion.switches[0].words;
    assert_eq!(words, "Set global.security.allowForeign=true.");
    // Nothing is missing if images.toml has the switch.
    let image = "[[image]]\nsource = \"docker.io/acme/db\"\ntag = \"1\"\n";
    let list = format!("[values]\n\"global.security.allowForeign\" = true\n{image}");
    let probed = TestChart::new(GUARDED, guarded).probe_with(&list);
    assert_eq!(probed.lines(), ["global.imageRegistry={registry}"]);
    assert_eq!(probed.outcomes(), "moved");
}

#[test]
fn a_value_that_the_chart_refuses_is_reported_with_its_words() {
    let template: Template = |values| match values.get("image.repository").as_str() {
        "quay.io/acme/db" => Ok(vec!["quay.io/acme/db:1".to_owned()]),
        _ => Err("only the image of the vendor is supported".to_owned()),
    };
    let values = "{image: {repository: quay.io/acme/db, tag: '1'}}";
    let probed = TestChart::new(values, template).probe();
    let Outcome::Refused(refusal) = &probed.result.places[0].outcome else {
        panic!("{:?}", probed.result.places)
    };
    assert_eq!(refusal.path.to_string(), "image.repository");
    assert_eq!(refusal.words, "only the image of the vendor is supported");
    assert_eq!(probed.lines(), [""; 0]);
}

#[test]
fn a_refused_value_does_not_hide_the_others() {
    // Neither the message nor the sentinel says which value is wrong.
    let template: Template = |values| {
        for name in ["c", "f"] {
            if values.get(&format!("{name}.image")) != "x" {
                return Err("no".to_owned());
            }
        }
        Ok(vec![values.fill("<d.image.registry>/acme/d:1")])
    };
    let values = "{a: {image: x}, b: {image: x}, c: {image: x}, d: {image: {registry: q.io}}, e: {image: x}, f: {image: x}}";
    let probed = check(values, template, &["d.image.registry={registry}"]);
    let refused: Vec<String> =
        probed.result.refused.iter().map(|refusal| refusal.path.to_string()).collect();
    assert_eq!(refused, ["c.image", "f.image"]);
}

#[test]
fn a_value_is_set_to_what_the_chart_does_not_add() {
    check(
        "{registry: quay.io/acme, image: {name: node}}",
        |values| Ok(vec![values.fill("<registry>/<image.name>:1")]),
        &["registry={registry}/acme"],
    );
    check(
        "{hub: docker.io/acme, one: {image: pilot}, two: {image: proxy}}",
        |values| Ok(vec![values.fill("<hub>/<one.image>:1"), values.fill("<hub>/<two.image>:1")]),
        &["hub={registry}/acme"],
    );
    check(
        "{image: {repository: quay.io/acme/db, suffix: -debian}}",
        |values| Ok(vec![values.fill("<image.repository>-server:1<image.suffix>")]),
        &["image.repository={registry}/acme/db"],
    );
    check(
        "{image: {registry: docker.io, repository: traefik, tag: '3'}}",
        |values| Ok(vec![values.fill("<image.registry>/<image.repository>:<image.tag>")]),
        &["image.registry={registry}", "image.repository={repository}"],
    );
    // The default of a template has a registry of its own.
    check(
        "{global: {registry: ''}, image: {repository: ''}}",
        |values| {
            let repository = values.first(&["image.repository"]);
            let repository =
                if repository.is_empty() { "ghcr.io/acme/op".to_owned() } else { repository };
            let registry = values.get("global.registry");
            let slash = if registry.is_empty() { "" } else { "/" };
            Ok(vec![format!("{registry}{slash}{repository}:1")])
        },
        &["global.registry={registry}", "image.repository={repository}"],
    );
}

#[test]
fn a_part_of_a_host_moves_nothing() {
    let probed = TestChart::new("{location: us, image: {location: us}}", |values| {
        Ok(vec![values.fill("<image.location>-docker.pkg.dev/acme/app:1")])
    });
    let text = "image: {{ .Values.image.location }}-docker.pkg.dev/acme/app:1";
    let probed = probed.with_text(text).probe();
    assert_eq!((probed.outcomes().as_str(), probed.lines()), ("fixed", vec![]));
    // A host and a port are two values.
    let probed = TestChart::new("{registry: {host: q.io, port: '5000'}}", |values| {
        Ok(vec![values.fill("<registry.host>:5000/acme/app:1")])
    });
    let text = "image: {{ .Values.registry.host }}:5000/acme/app:1";
    assert_eq!(probed.with_text(text).probe().outcomes(), "fixed");
}

#[test]
fn one_value_serves_several_tags_of_a_repository() {
    check(
        "{default: {image: {repository: ghcr.io/acme/demo}}}",
        |values| {
            let image = |tag: &str| values.fill("<default.image.repository>:") + tag;
            Ok(vec![image("1-api"), image("1-ui"), image("1-job")])
        },
        &["default.image.repository={registry}/acme/demo"],
    );
    // One place has no version, so no list can have its image.
    let chart = TestChart::new("{image: {name: quay.io/acme/app}}", |values| {
        Ok(vec![values.fill("<image.name>:1"), values.fill("<image.name>")])
    });
    let probed = chart.probe_with("[[image]]\nsource = \"quay.io/acme/app\"\ntag = \"1\"\n");
    assert_eq!(probed.lines(), ["image.name={registry}/acme/app"]);
}

#[test]
fn fixed_means_that_every_value_was_tried() {
    // The repository of a fixed registry hides nothing else.
    let probed = TestChart::new(
        "{image: {repository: acme/app, tag: '1'}, other: {image: {registry: quay.io}}}",
        |values| Ok(vec![values.fill("ghcr.io/<image.repository>:<image.tag>")]),
    );
    let text = "image: ghcr.io/{{ .Values.image.repository }}:{{ .Values.image.tag }}";
    let probed = probed.with_text(text).probe();
    assert_eq!((probed.outcomes().as_str(), probed.lines()), ("fixed", vec![]));
    // A name that also is an ordinary word is tried before an image is called fixed.
    let values = "{mode: app, where: {place: app}}";
    let probed = TestChart::new(values, |values| Ok(vec![values.fill("<where.place>:1")])).probe();
    assert_eq!(probed.lines(), ["where.place={registry}/{repository}"]);
}

#[test]
fn a_suggestion_that_comes_out_wrong_is_not_made() {
    // Another registry has the image under another name.
    let template: Template = |values| {
        let registry = values.get("image.registry");
        let name = if registry == "quay.io" { "acme/app" } else { "third-party/app" };
        Ok(vec![format!("{registry}/{name}:1")])
    };
    let probed = TestChart::new("{image: {registry: quay.io}}", template).probe();
    assert_eq!(probed.lines(), [""; 0]);
    let [unsettled] = probed.suggestion.unsettled.as_slice() else { panic!("one place") };
    assert!(unsettled.problem.contains("third-party/app:1`, not `"), "{}", unsettled.problem);
}

#[test]
fn a_value_that_breaks_another_image_is_avoided() {
    // The common registry is put before references that have one.
    let template: Template = |values| {
        let common = values.get("global.imageRegistry");
        let slash = if common.is_empty() { "" } else { "/" };
        let a = values.first(&["global.imageRegistry", "a.image.registry"]);
        Ok(vec![format!("{a}/acme/a:1"), format!("{common}{slash}{}", values.get("b.image"))])
    };
    let values = "{a: {image: {registry: quay.io}}, b: {image: 'ghcr.io/acme/b:1'}}";
    let expected = ["b.image={registry}/{repository}:{tag}", "a.image.registry={registry}"];
    check(values, template, &expected);

    // With a value for the path, the common registry can stay.
    let template: Template = |values| {
        let common = values.get("global.imageRegistry");
        let slash = if common.is_empty() { "" } else { "/" };
        let a = values.first(&["global.imageRegistry", "a.image.registry"]);
        let b = values.get("b.image.repository");
        Ok(vec![format!("{a}/acme/a:1"), format!("{common}{slash}{b}:1")])
    };
    let values = "{a: {image: {registry: quay.io}}, b: {image: {repository: ghcr.io/acme/b}}}";
    let expected = ["global.imageRegistry={registry}", "b.image.repository={repository}"];
    check(values, template, &expected);
}

#[test]
fn renderings_that_run_out_are_reported() {
    // Every value is refused, for a reason that names none of them.
    let template: Template = |values| {
        let all = (0..200).map(|number| values.get(&format!("c{number}.image")));
        let is_changed = all.into_iter().any(|text| text != "x");
        if is_changed { Err("no".to_owned()) } else { Ok(vec!["quay.io/acme/app:1".to_owned()]) }
    };
    let values: String = (0..200).map(|number| format!("c{number}: {{image: x}}\n")).collect();
    let chart = TestChart::new(&values, template);
    let probed = chart.probe();
    let Outcome::Unsettled { untried, reason } = &probed.result.places[0].outcome else {
        panic!("{}", probed.outcomes())
    };
    assert_eq!(*reason, UnsettledReason::RenderingsRanOut);
    assert!(untried.len() > 100, "{untried:?}");
    assert_eq!(probed.result.exhausted.len(), 1);
    assert!(chart.renderings.load(Ordering::Relaxed) <= 60);
}

#[test]
fn thousands_of_candidates_take_a_few_renderings() {
    let mut values = "global: {registry: ''}\n".to_owned();
    for number in 0..3000 {
        values += &format!("c{number}: {{image: {{repository: acme/app{number}, tag: '1'}}}}\n");
    }
    let chart = TestChart::new(&values, |values| {
        let registry = values.get("global.registry");
        let registry = if registry.is_empty() { "quay.io" } else { &registry };
        let image = |number| values.fill(&format!("<c{number}.image.repository>:1"));
        Ok((0..20).map(|number| format!("{registry}/{}", image(number))).collect())
    });
    let start = std::time::Instant::now();
    let probed = chart.probe();
    assert_eq!(probed.lines(), ["global.registry={registry}"]);
    assert!(probed.result.candidates > 6000);
    assert!(chart.renderings.load(Ordering::Relaxed) <= 8);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_value_that_removes_a_place_is_found_and_does_not_hide_what_moves_it() {
    let template: Template = |values| {
        let mut images = vec!["quay.io/acme/fixed:1".to_owned()];
        if values.get("d.image.name").is_empty() {
            images.push(values.fill("<f.image.registry>/acme/app:1"));
        }
        Ok(images)
    };
    let text = "image: quay.io/acme/fixed:1\n{{ if not .Values.d.image.name }}\n\
                image: {{ .Values.f.image.registry }}/acme/app:1\n{{ end }}";
    let values = "{a: {image: a}, b: {image: b}, c: {image: c}, d: {image: {name: ''}}, e: {image: e}, f: {image: {registry: quay.io}}}";
    let probed = TestChart::new(values, template).with_text(text).probe();
    assert_eq!(probed.outcomes(), "fixed moved");
    assert_eq!(probed.lines(), ["f.image.registry={registry}"]);
}

#[test]
fn a_common_value_is_known_at_a_place_that_another_value_removes() {
    let template: Template = |values| {
        let registry = |own: &str| values.first(&["registry", own]);
        let a = format!("{}/acme/a:1", registry("a.image.registry"));
        let b = format!("{}/acme/b:1", registry("b.image.registry"));
        let is_whole = values.get("z.image.profile") == "none";
        Ok(if is_whole { vec![a, b] } else { vec![a] })
    };
    let values = "{registry: '', a: {image: {registry: quay.io}}, b: {image: {registry: quay.io}}, z: {image: {profile: none}}}";
    let probed = TestChart::new(values, template).probe();
    assert_eq!(probed.lines(), ["registry={registry}"]);
}
