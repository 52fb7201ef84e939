//! Renderings without and with values, and the gaps between them.

use super::*;
use oci::Digest;

const LIST: &str = r#"
    [[image]]
    source = "quay.io/stackstate/wait"
    tag = "1.0.6"
    [[image]]
    source = "quay.io/stackstate/minio"
    tag = "2021"
    [[image]]
    source = "quay.io/stackstate/elasticsearch-exporter"
    tag = "v1.2.1"
"#;

fn rendered(text: &str) -> Rendered {
    Rendered { rendering: "default".to_owned(), text: text.to_owned(), warnings: String::new() }
}

/// The proof of one rendering, without and with the values.
fn judge(before: &str, after: &str) -> Proof {
    let list = ImageList::parse("images.toml", LIST).unwrap();
    let (before, after) = ([rendered(before)], [rendered(after)]);
    prove(&list, &"r.io".parse().unwrap(), &before, &after).unwrap()
}

/// A pod with these images.
fn pod(images: &[&str]) -> String {
    let head =
        "---\n# Source: c/templates/a.yaml\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n";
    let images = images.iter().map(|image| format!("  - image: \"{image}\"\n"));
    head.to_owned() + &images.collect::<String>()
}

#[test]
fn a_mention_is_a_gap_if_it_is_listed_or_changed() {
    // Without and with the values, the number of gaps and of mentions.
    let table = [
        ("see quay.io/stackstate/wait:1.0.6", "see quay.io/stackstate/wait:1.0.6", 1, 0),
        ("see quay.io/stackstate/wait:1.0.6", "see r.io/stackstate/wait:1.0.6", 0, 0),
        ("see x.io/a/b:1", "see x.io/a/b:1", 0, 1),
        ("see x.io/a/b:1", "see r.io/a/b:1", 1, 0),
        ("see x.io/a/b:1", "see none", 1, 0),
        ("from quay.io.", "from quay.io.", 0, 1),
        ("at https://quay.io/x", "at https://quay.io/x", 0, 1),
        ("at quay.io/stackstate/wait", "at quay.io/stackstate/wait", 1, 0),
        ("at r.io", "at r.io", 0, 0),
        ("quay.io/stackstate/wait:$(V)", "quay.io/stackstate/wait:$(V)", 1, 0),
        ("quay.io/stackstate/wait:$(V)", "r.io/stackstate/wait:$(V)", 1, 0),
        ("quay.io/stackstate/$N:1", "r.io/stackstate/$N:1", 1, 0),
        ("x.io/a/b:%s", "x.io/a/b:%s", 0, 1),
        ("x.io/a/b:%s", "r.io/a/b:%s", 1, 0),
    ];
    for (before, after, gaps, mentions) in table {
        let proof = judge(
            &format!("image: quay.io/stackstate/wait:1.0.6\nnote: {before}"),
            &format!("image: r.io/stackstate/wait:1.0.6\nnote: {after}"),
        );
        let found = (proof.gaps.len(), proof.mentions.len());
        assert_eq!(found, (gaps, mentions), "{before}: {proof:?}");
        assert_eq!(proof.holds(), gaps == 0, "{before}");
    }
}

#[test]
fn a_registry_without_a_version_has_to_move_or_is_not_judged() {
    // Without and with the values, the number of gaps and of mentions.
    let table = [
        ("docker.io/acme", "docker.io/acme", 0, 1),
        ("docker.io/acme", "r.io/acme", 0, 0),
        ("docker.io/acme", "ghcr.io/acme", 1, 0),
        ("docker.io/acme", "none", 1, 0),
        ("quay.io/stackstate", "quay.io/stackstate", 0, 1),
        ("quay.io/stackstate", "r.io/stackstate", 0, 0),
        ("quay.io/stackstate", "r.io/other", 1, 0),
        ("quay.io/stackstate/wait", "quay.io/stackstate/wait", 1, 0),
        ("docker.io/a/x,ghcr.io/a/y", "docker.io/a/x,r.io/a/y", 0, 1),
        ("quay.io", "quay.io", 0, 1),
        ("quay.io", "r.io", 0, 0),
        ("docker.io", "docker.io", 0, 1),
        ("docker.io", "r.io", 0, 0),
        ("none", "ghcr.io/acme", 1, 0),
        ("none", "r.io/acme", 0, 0),
        ("none", "r.io", 0, 0),
        ("quay.io", "none", 1, 0),
        ("quay.io", "", 1, 0),
        ("quay.io", "other.example.com", 1, 0),
        ("--registry=quay.io", "--registry=r.io", 0, 0),
        ("--registry=quay.io", "--registry=other.example.com", 1, 0),
        ("https://quay.io/v2", "https://r.io/v2", 0, 0),
        ("docker.io,quay.io", "r.io,r.io", 0, 0),
        ("docker.io,quay.io", "docker.io,r.io", 0, 1),
        ("docker.io,quay.io", "r.io,ghcr.io", 1, 0),
        ("docker.io,quay.io", "r.io", 1, 0),
        ("github.com/acme/x", "github.com/acme/x", 0, 0),
    ];
    for (before, after, gaps, mentions) in table {
        let proof = judge(
            &format!("image: quay.io/stackstate/wait:1.0.6\nenv: [{{name: X, value: '{before}'}}]"),
            &format!("image: r.io/stackstate/wait:1.0.6\nenv: [{{name: X, value: '{after}'}}]"),
        );
        let found = (proof.gaps.len(), proof.mentions.len());
        assert_eq!(found, (gaps, mentions), "{before} {after}: {proof:?}");
    }
}

#[test]
fn a_program_finds_the_listed_images_below_a_registry_that_the_values_move() {
    let list = format!(
        "{LIST}[[image]]\nsource = \"ghcr.io/acme/tool\"\ntag = \"2\"\ntarget = \"own/tool\"\n\
         keep = \"an operator creates its pods\"\n"
    );
    // The destination, the text without and with the values, and the kind of the gap.
    let table = [
        ("r.io/p", "quay.io", "r.io/p", ""),
        ("r.io/p", "quay.io", "r.io", "Outside"),
        ("r.io/p", "quay.io/stackstate", "r.io/stackstate", "Outside"),
        ("r.io/p", "quay.io/stackstate", "r.io/p/stackstate", ""),
        ("r.io/p", "quay.io/stackstate", "r.io/p", "OtherTarget"),
        ("r.io/p", "none", "r.io", "Outside"),
        ("r.io/p", "none", "r.io/p", ""),
        ("r.io", "ghcr.io", "r.io", "OtherTarget"),
        ("r.io", "ghcr.io:443", "r.io", "OtherTarget"),
        ("r.io", "ghcr.io/acme", "r.io/acme", "OtherTarget"),
        ("r.io", "ghcr.io/acme", "r.io/own", ""),
        ("r.io", "ghcr.io/acme/tool", "r.io/acme/tool", "OtherTarget"),
        ("r.io", "ghcr.io/acme/tool", "r.io/own/tool", ""),
    ];
    let list = ImageList::parse("images.toml", &list).unwrap();
    for (destination, before, after, expected) in table {
        let root = destination;
        let text = |image: &str, value: &str| {
            let image = format!("image: {image}/stackstate/wait:1.0.6");
            rendered(&format!("{image}\nenv: [{{name: X, value: '{value}'}}]"))
        };
        let destination = destination.parse().unwrap();
        let without = [text("quay.io", before)];
        let proof = prove(&list, &destination, &without, &[text(root, after)]).unwrap();
        let kinds: Vec<String> = proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect();
        assert_eq!(kinds.len(), usize::from(!expected.is_empty()), "{before} {after}: {kinds:?}");
        assert!(kinds.iter().all(|kind| kind.contains(expected)), "{before} {after}: {kinds:?}");
    }
}

#[test]
fn a_text_that_grows_keeps_its_mentions() {
    let text = |host: &str, lines: &str| {
        let data = format!("{lines}see quay.io/stackstate\n      pull from {host}");
        format!("image: {host}/stackstate/wait:1.0.6\ndata: {{a: 'x\n\n      {data}'}}\n")
    };
    let proof = judge(&text("quay.io", ""), &text("r.io", "a\n\n      "));
    assert!(proof.gaps.is_empty() && proof.mentions.len() == 1, "{proof:?}");
}

#[test]
fn a_copy_without_its_registry_is_not_judged() {
    let text = |image: &str, copy: &str| {
        format!("{}    env: [{{name: X_IMAGE, value: '{copy}'}}]\n", pod(&[image]))
    };
    let copy = "stackstate/wait:1.0.6";
    let proof = judge(
        &text("quay.io/stackstate/wait:1.0.6", copy),
        &text("r.io/stackstate/wait:1.0.6", copy),
    );
    assert!(proof.holds() && proof.mentions.len() == 1, "{proof:?}");
    assert!(matches!(proof.mentions[0].kind, GapKind::Copy), "{proof:?}");
    let proof = judge(
        &text("quay.io/stackstate/wait:1.0.6", copy),
        &text("r.io/stackstate/wait:1.0.6", "ghcr.io/stackstate/wait:1.0.6"),
    );
    assert!(!proof.holds(), "{proof:?}");
}

#[test]
fn latest_is_not_proven_by_the_version_of_another_place() {
    let (latest, wait) = ("quay.io/stackstate/wait:latest", "quay.io/stackstate/wait:1.0.6");
    let moved = "r.io/stackstate/wait:1.0.6";
    assert!(judge(&pod(&[latest]), &pod(&[moved])).holds());
    for latest in [latest, "quay.io/stackstate/wait"] {
        let proof = judge(&pod(&[latest, wait]), &pod(&[moved, moved]));
        assert!(
            matches!(&proof.gaps[..], [gap] if matches!(gap.kind, GapKind::Latest { .. })),
            "{proof:?}"
        );
        let text = proof.gaps[0].to_string() + &proof.gaps[0].advice().hint.unwrap();
        assert!(
            text.contains(latest) && text.contains(moved) && text.contains("`1.0.6`"),
            "{text}"
        );
    }
}

#[test]
fn every_place_has_to_keep_its_image() {
    let (wait, minio) = ("quay.io/stackstate/wait:1.0.6", "quay.io/stackstate/minio:2021");
    let (new_wait, new_minio) = ("r.io/stackstate/wait:1.0.6", "r.io/stackstate/minio:2021");
    let table: [(&[&str], &[&str], &[&str]); 9] = [
        (&[wait, minio], &[new_wait, new_minio], &[]),
        // Swapped.
        (&[wait, minio], &[new_minio, new_wait], &["OtherImage", "OtherImage"]),
        // Held back, or ahead of the list.
        (&["quay.io/stackstate/wait:1.0.7"], &[new_wait], &["Unlisted"]),
        (&[wait], &["r.io/stackstate/wait:1.0.7"], &["NotCopied"]),
        (&[wait, minio], &[new_wait], &["Vanished"]),
        (&[wait], &[new_wait, new_minio], &["Appeared"]),
        (&[wait], &["r.io//stackstate/wait:1.0.6"], &["Malformed"]),
        (&["busybox:1"], &["busybox:1"], &["NotRelocated { listed: false }"]),
        // A reference without a version stands for the listed one.
        (&["quay.io/stackstate/wait"], &[new_wait], &[]),
    ];
    for (before, after, expected) in table {
        let proof = judge(&pod(before), &pod(after));
        let kinds: Vec<String> = proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect();
        assert_eq!(kinds.len(), expected.len(), "{before:?} {after:?}: {kinds:?}");
        for (kind, expected) in kinds.iter().zip(expected) {
            assert!(kind.contains(expected), "{before:?} {after:?}: {kinds:?}");
        }
    }
    let swapped = judge(&pod(&[wait, minio]), &pod(&[new_minio, new_wait]));
    let message = swapped.gaps[0].to_string();
    assert!(message.contains(wait) && message.contains(new_minio), "{message}");
}

#[test]
fn a_place_keeps_its_digest() {
    let [pin, other] = [b"1", b"2"].map(|content| Digest::of(content));
    let list = format!(
        "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\ndigest = \"{pin}\"\n\
         [[image]]\nsource = \"quay.io/a/b\"\ntag = \"2\"\n"
    );
    let list = ImageList::parse("images.toml", &list).unwrap();
    let table = [
        (format!(":1@{pin}"), format!(":1@{pin}"), ""),
        (format!(":1@{pin}"), ":1".to_owned(), ""),
        (format!(":1@{other}"), ":1".to_owned(), "OtherDigest"),
        (format!(":1@{other}"), format!(":1@{other}"), "OtherDigest"),
        (format!("@{pin}"), ":1".to_owned(), ""),
        (format!("@{pin}"), ":2".to_owned(), "OtherImage"),
        (format!("@{other}"), ":1".to_owned(), "OtherImage"),
    ];
    for (before, after, expected) in table {
        let texts = [("quay.io", &before), ("r.io", &after)];
        let [before, after] =
            texts.map(|(host, it)| [rendered(&pod(&[&format!("{host}/a/b{it}")]))]);
        let proof = prove(&list, &"r.io".parse().unwrap(), &before, &after).unwrap();
        let kinds: Vec<String> = proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect();
        assert_eq!(
            kinds.len(),
            usize::from(!expected.is_empty()),
            "{before:?} {after:?} {kinds:?}"
        );
        assert!(kinds.iter().all(|kind| kind.contains(expected)), "{before:?} {after:?} {kinds:?}");
    }
}

#[test]
fn an_argument_is_proven_like_a_field() {
    let text =
        |host: &str| format!("args: ['--wait={host}/stackstate/wait:1.0.6', '--x=ghcr.io/a/b:1']");
    let proof = judge(&text("quay.io"), &text("r.io"));
    assert_eq!(proof.proven.len(), 1);
    assert!(matches!(proof.gaps[0].kind, GapKind::NotRelocated { listed: false }), "{proof:?}");
}

#[test]
fn a_destination_on_the_host_of_a_source_hides_nothing() {
    let list = ImageList::parse("images.toml", LIST).unwrap();
    let text =
        "image: quay.io/stackstate/wait:1.0.6\nnote: see quay.io/stackstate/minio:2021 there";
    let destination = "quay.io/mirror".parse().unwrap();
    let proof = prove(&list, &destination, &[rendered(text)], &[rendered(text)]).unwrap();
    assert_eq!(proof.gaps.len(), 2, "{proof:?}");
}

#[test]
fn a_gap_is_reported_once_with_the_number_of_other_places() {
    let text = "image: quay.io/stackstate/minio:2021";
    let text = format!("{text}\n---\n{text}\n---\n{text}\n");
    let proof = judge(&text, &text);
    assert_eq!(proof.gaps.len(), 1, "{proof:?}");
    let message = proof.gaps[0].to_string();
    assert!(message.ends_with("rendering `default`\n  and at 2 more places"), "{message}");
}

#[test]
fn a_proof_of_no_reference_does_not_hold() {
    let proof = judge("kind: Service", "kind: Service");
    assert!(proof.gaps.is_empty() && !proof.holds());
    let report = crate::report::proof::text(&proof, "r.io");
    assert!(report.starts_with("error: nothing is proven"), "{report}");
}

/// The gaps if each image of the chart is an unlisted one before.
fn kinds(images: &[&str], destination: &str) -> Vec<String> {
    kinds_at(LIST, images, &destination.parse().unwrap())
}

fn kinds_at(list: &str, images: &[&str], destination: &Destination) -> Vec<String> {
    let list = ImageList::parse("images.toml", list).unwrap();
    let before: Vec<&str> = images.iter().map(|_| "example.com/other:1").collect();
    let (before, after) = ([rendered(&pod(&before))], [rendered(&pod(images))]);
    let proof = prove(&list, destination, &before, &after).unwrap();
    proof.gaps.iter().map(|gap| format!("{:?}", gap.kind)).collect()
}

#[test]
fn mistakes_in_handwritten_values_are_found() {
    let table = [
        // The two in StackState's documentation: an old exporter, and minio left out.
        (
            "r.io/justwatch/elasticsearch_exporter:v1.2.1",
            "nearest: Some(\"r.io/stackstate/elasticsearch-exporter:v1.2.1\")",
        ),
        ("quay.io/stackstate/minio:2021", "NotRelocated { listed: true }"),
        ("busybox", "NotRelocated { listed: false }"),
        ("r.io/stackstate/wait:1.0.7", "NotCopied"),
        ("r.io/stackstate/wait:1.0.6", "Unlisted"),
        ("r.io/stackstate/wait", "NotCopied"),
        ("r.io/quay.io/stackstate/wait:1.0.6", "Malformed"),
        ("r.io//stackstate/wait:1.0.6", "Malformed"),
        ("r.io.evil.example/stackstate/wait:1.0.6", "NotRelocated { listed: false }"),
    ];
    for (image, expected) in table {
        let kinds = kinds(&[image], "r.io");
        assert!(kinds.len() == 1 && kinds[0].contains(expected), "{image}: {kinds:?}");
    }
    assert!(kinds(&["r.io/stackstate/wait:1.0.6"], "r.io/p")[0].contains("NotRelocated"));
}

#[test]
fn a_reference_is_judged_by_the_pull_address_and_the_digest_there() {
    let (whole, subset) = (Digest::of(b"whole"), Digest::of(b"subset"));
    let text = format!(
        "[destinations.d]\nregistry = \"push.io/a\"\npull-registry = \"pull.io/v\"\n\
         target = \"{{registry}}/{{name}}\"\nplatforms = [\"linux/amd64\"]\n\
         [[image]]\nsource = \"q.io/team/one\"\ntag = \"1\"\ndigest = \"{whole}\"\n\
         [image.subsets]\nindex = \"{whole}\"\n\"linux/amd64\" = \"{subset}\"\n\
         [[image]]\nsource = \"q.io/team/two\"\ntag = \"1\"\ntarget = \"own/two\"\n"
    );
    let list = ImageList::parse("images.toml", &text).unwrap();
    let subset_digest = format!("pull.io/v/q.io/one:1@{subset}");
    let whole_digest = format!("pull.io/v/q.io/one:1@{whole}");
    let table = [
        ("pull.io/v/q.io/one:1", "Unlisted"),
        ("pull.io/v/own/two:1", "Unlisted"),
        (subset_digest.as_str(), "Unlisted"),
        (whole_digest.as_str(), "NotCopied"),
        ("push.io/a/q.io/one:1", "PushAddress { pull: \"pull.io/v\" }"),
        ("pull.io/v/team/one:1", "nearest: Some(\"pull.io/v/q.io/one:1\")"),
        ("push.io/one:1", "NotRelocated { listed: false }"),
        ("q.io/team/one:1", "NotRelocated { listed: true }"),
    ];
    for (image, expected) in table {
        let kinds = kinds_at(&text, &[image], &list.destinations()["d"]);
        let found = kinds.first().map_or("", String::as_str);
        assert!(
            found.contains(expected) && kinds.is_empty() == expected.is_empty(),
            "{image}: {kinds:?}"
        );
    }
}
