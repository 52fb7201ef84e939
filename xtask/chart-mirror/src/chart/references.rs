//! Finds the image references in a rendered chart; pure.
//!
//! Searching for `image:` would match prose and comments and miss `waitImage:`. One walk answers three
//! questions: which images the manifests name, which of those names are malformed, and which other
//! texts mention a registry.

use super::found::{FoundImage, MalformedReference, Mention};
use super::manifests::UnreadableManifest;
use super::renderer::Rendered;
use super::walk::{Role, walk};

/// Every occurrence of an image reference, in the order of the text.
///
/// # Errors
/// If a document is not valid YAML.
pub fn references_in(rendered: &Rendered) -> Result<Vec<FoundImage>, UnreadableManifest> {
    let mut found = Vec::new();
    walk(rendered, &mut |role, written, place| {
        if let Role::Reference(reference) = role {
            let (written, place) = (written.to_owned(), place.location());
            found.push(FoundImage { reference, written, place });
        }
    })?;
    Ok(found)
}

/// The images of containers that are not valid references.
///
/// # Errors
/// If a document is not valid YAML.
pub fn malformed_in(rendered: &Rendered) -> Result<Vec<MalformedReference>, UnreadableManifest> {
    let mut found = Vec::new();
    walk(rendered, &mut |role, written, place| {
        if let Role::Malformed(reason) = role {
            let (written, place) = (written.to_owned(), place.location());
            found.push(MalformedReference { written, reason, place });
        }
    })?;
    Ok(found)
}

/// Other texts (arguments, variables, annotations, scripts) that name one of the registry hosts. Does not
/// include what [`references_in`] finds.
///
/// # Errors
/// If a document is not valid YAML.
pub fn mentions_in(
    rendered: &Rendered,
    hosts: &[&str],
) -> Result<Vec<Mention>, UnreadableManifest> {
    let mut found = Vec::new();
    walk(rendered, &mut |role, text, place| {
        if !matches!(role, Role::Plain) {
            return;
        }
        // Most texts contain none of the hosts, and splitting them into words would take longest.
        let hosts: Vec<&str> = hosts.iter().copied().filter(|host| text.contains(host)).collect();
        if hosts.is_empty() {
            return;
        }
        for word in text.split_whitespace() {
            if let Some(host) = hosts.iter().find(|host| contains_host(word, host)) {
                let written = word.trim_matches(['"', '\'', ',', ';', '(', ')']).to_owned();
                let host = (*host).to_owned();
                found.push(Mention { written, host, place: place.location() });
            }
        }
    })?;
    Ok(found)
}

/// Whether a word contains a host as a whole: `myquay.io` and `quay.io.example.com` do not contain
/// `quay.io`.
fn contains_host(word: &str, host: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    word.match_indices(host).any(|(start, _)| {
        let before = word[..start].chars().next_back();
        let mut after = word[start + host.len()..].chars();
        let ends = match after.next() {
            Some('.') => !after.next().is_some_and(is_part),
            after => !after.is_some_and(is_part),
        };
        ends && !before.is_some_and(|c| is_part(c) || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (
                "image: chartmuseum/chartmuseum:v0.12.0",
                &[("chartmuseum/chartmuseum:v0.12.0", "image")],
            ),
            ("image: busybox", &[("busybox", "image")]),
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
            ("proxy.image: busybox", &[("busybox", "[\"proxy.image\"]")]),
            (
                "image: {registry: quay.io, repository: a/b, tag: '1'}",
                &[("quay.io/a/b:1", "image")],
            ),
            (
                "image: {repository: quay.io/a/b, tag: 2, pullPolicy: Always}",
                &[("quay.io/a/b:2", "image")],
            ),
            (
                "image: {registry: quay.io, repository: a/b, digest: DIGEST}",
                &[("quay.io/a/b@DIGEST", "image")],
            ),
            (
                "image: {repository: a/b, tag: '1', digest: '', busyImage: c}",
                &[("a/b:1", "image"), ("c", "image.busyImage")],
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
        let secret =
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, "a: 1\nimage: a/b:1\n");
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
                "kind: CustomResourceDefinition\nspec: {properties: {image: {default: a/b:1}}, image: a/b:1}",
                &[],
            ),
            (
                "image: {{ .Values.image }}\n".replace("{{", "'{{").replace("}}", "}}'").as_str(),
                &[],
            ),
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
        let text =
            "kind: CustomResourceDefinition\nkind: Pod\nspec: {containers: [{image: a/b:1}]}\n";
        assert_eq!(found(text).len(), 1);
        assert_eq!(found("kind: Pod\nkind: CustomResourceDefinition\nimage: a/b:1\n").len(), 0);
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
        let malformed = malformed_in(&rendered(text)).unwrap();
        let found: Vec<_> = malformed
            .iter()
            .map(|found| (found.written.as_str(), found.place.path.as_str()))
            .collect();
        assert_eq!(found, [("mirror.example.com//wait:1", "containers[0].image")]);
    }

    #[test]
    fn a_mention_is_a_whole_host() {
        let mentions = |text: &str| {
            let found = mentions_in(&rendered(text), &["quay.io", "localhost:5000"]).unwrap();
            let found = found.into_iter().map(|m| (m.written, m.host, m.place.path));
            found.collect::<Vec<_>>()
        };
        let table = [
            (
                "args: [--image=quay.io/a/b:1]",
                Some(("--image=quay.io/a/b:1", "quay.io", "args[0]")),
            ),
            ("args: ['pull (quay.io/a),']", Some(("quay.io/a", "quay.io", "args[0]"))),
            ("url: https://quay.io:443/", Some(("https://quay.io:443/", "quay.io", "url"))),
            ("text: see quay.io.", Some(("quay.io.", "quay.io", "text"))),
            ("a: localhost:5000/x", Some(("localhost:5000/x", "localhost:5000", "a"))),
            ("image: quay.io//a", Some(("quay.io//a", "quay.io", "image"))),
            (
                "data:\n  a: |\n    b: quay.io\n    image: a/b:1\n",
                Some(("quay.io", "quay.io", "data.a > b")),
            ),
            (
                "data:\n  a: |\n    x {{\n    image quay.io\n",
                Some(("quay.io", "quay.io", "data.a > line 2")),
            ),
            ("data:\n  a: |\n    x\n    y quay.io\n", Some(("quay.io", "quay.io", "data.a"))),
            ("image: quay.io/a/b:1", None),
            ("a: myquay.io", None),
            ("a: quay.io.example.com", None),
            ("a: my.quay.io", None),
            ("# quay.io\nquay.io: x", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
            assert_eq!(mentions(text), Vec::from_iter(expected), "{text}");
        }
    }
}
