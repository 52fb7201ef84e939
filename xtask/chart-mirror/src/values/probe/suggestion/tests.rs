//! Suggestions for handwritten results of probing.

use super::*;
use crate::chart::ManifestLocation;
use crate::values::probe::chart_list::{Unsupported, lists};

const A: &str = "quay.io/team/a:1";
const B: &str = "quay.io/team/b:2";
const OTHER: &str = "ghcr.io/other/c:3";

fn list(values: &str, of_a: &str) -> ImageList {
    let text = format!(
        "[values]\n{values}\n\
         [[image]]\nsource = \"quay.io/team/a\"\ntag = \"1\"\n[image.values]\n{of_a}\n\
         [[image]]\nsource = \"quay.io/team/b\"\ntag = \"2\"\n"
    );
    ImageList::parse("images.toml", &text).unwrap()
}

fn place(image: &str, keys: &[(&str, ReferencePart)]) -> ProbedPlace {
    let key = |(path, part): &(&str, ReferencePart)| ReferenceKey {
        path: path.parse().unwrap(),
        part: *part,
    };
    let place = ManifestLocation {
        rendering: "default".to_owned(),
        template: Some("c/templates/x.yaml".to_owned()),
        kind: "Pod".to_owned(),
        name: "x".to_owned(),
        path: "spec.containers[0].image".to_owned(),
    };
    ProbedPlace { image: image.to_owned(), place, keys: keys.iter().map(key).collect() }
}

fn probed(places: Vec<ProbedPlace>, values: &str) -> ProbeResult {
    let whole = serde_yaml::from_str(values).unwrap();
    ProbeResult { places, lists: lists(&whole), ..ProbeResult::default() }
}

/// Every entry as `owner: line`.
fn entries(suggestion: &Suggestion) -> Vec<String> {
    let line = crate::list::edit::value_line;
    let of_all =
        suggestion.values.iter().map(|(path, value)| format!("all: {}", line(path, value)));
    let of_images = suggestion.image_values.iter().flat_map(|(image, values)| {
        values.iter().map(move |(path, value)| format!("{image}: {}", line(path, value)))
    });
    of_all.chain(of_images).collect()
}

#[test]
fn the_fewest_keys_that_move_everything_are_suggested() {
    use ReferencePart::{Reference, Registry, RegistryAndRepository, Repository, Tag};
    let global = ("global.imageRegistry", Registry);
    let table: [(Vec<ProbedPlace>, &[&str]); 6] = [
        // One key for all images is better than one for each.
        (
            vec![place(A, &[global, ("a.registry", Registry)]), place(B, &[global])],
            &[r#"all: "global.imageRegistry" = "{registry}""#],
        ),
        // Images without the common key have their own.
        (
            vec![place(A, &[global]), place(B, &[("b.repository", RegistryAndRepository)])],
            &[
                r#"quay.io/team/a:1: "global.imageRegistry" = "{registry}""#,
                r#"quay.io/team/b:2: "b.repository" = "{registry}/{repository}""#,
            ],
        ),
        // Just the registry is better than the whole reference.
        (
            vec![place(A, &[("a.image", Reference), ("a.registry", Registry)])],
            &[r#"quay.io/team/a:1: "a.registry" = "{registry}""#],
        ),
        // A repository can belong to only one image.
        (
            vec![
                place(A, &[("r", RegistryAndRepository), ("a.r", RegistryAndRepository)]),
                place(B, &[("r", RegistryAndRepository), ("b.image", Reference)]),
            ],
            &[
                r#"quay.io/team/a:1: "a.r" = "{registry}/{repository}""#,
                r#"quay.io/team/b:2: "b.image" = "{registry}/{repository}:{tag}""#,
            ],
        ),
        // These two do not move an image to another registry, and the other image is not listed.
        (vec![place(A, &[("a.name", Repository), ("a.tag", Tag)]), place(OTHER, &[global])], &[]),
        // The shorter of two equivalent keys.
        (
            vec![place(A, &[("a.b.registry", Registry), ("z.registry", Registry)])],
            &[r#"quay.io/team/a:1: "z.registry" = "{registry}""#],
        ),
    ];
    for (places, expected) in table {
        let description = format!("{places:?}");
        assert_eq!(
            entries(&suggest(&list("", ""), &probed(places, "{}"))),
            expected,
            "{description}"
        );
    }
}

#[test]
fn a_repository_shared_by_two_images_is_reported_and_not_suggested() {
    let shared = [("r", ReferencePart::RegistryAndRepository)];
    let places = vec![place(A, &shared), place(OTHER, &shared)];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    assert_eq!(entries(&suggestion), [""; 0]);
    assert_eq!(suggestion.inseparable, [(A.to_owned(), "r".parse().unwrap())].into());
}

#[test]
fn a_registry_shared_with_an_unlisted_image_is_for_all() {
    let shared = [("r", ReferencePart::Registry)];
    let places = vec![place(A, &shared), place(OTHER, &shared)];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    assert_eq!(entries(&suggestion), [r#"all: "r" = "{registry}""#]);
}

#[test]
fn present_values_are_not_suggested_again() {
    let places =
        vec![place(A, &[("a.registry", ReferencePart::Registry), ("g", ReferencePart::Registry)])];
    let present = list("", "\"a.registry\" = \"{registry}\"");
    assert_eq!(entries(&suggest(&present, &probed(places, "{}"))), [""; 0]);
}

#[test]
fn values_that_move_nothing_or_too_much_are_reported() {
    let places = vec![
        place(A, &[("a.registry", ReferencePart::Registry)]),
        place(B, &[("a.registry", ReferencePart::Registry)]),
    ];
    let present = list(
        "\"gone\" = \"{registry}\"\n\"allow\" = true\n\"word\" = \"plain\"",
        "\"a.registry\" = \"{registry}\"",
    );
    let suggestion = suggest(&present, &probed(places, "{}"));
    let path = |text: &str| text.parse::<ValuePath>().unwrap();
    assert_eq!(suggestion.dead, [path("gone")], "a constant is not expected to move anything");
    assert_eq!(suggestion.broad, [(path("a.registry"), [B.to_owned()].into())]);
}

#[test]
fn images_that_no_value_moves_and_unlisted_images_are_reported() {
    let pinned = format!("quay.io/team/a:1@sha256:{}", "0".repeat(64));
    let places = vec![
        place(A, &[("a.tag", ReferencePart::Tag)]),
        place(OTHER, &[]),
        place("docker.io/library/moved:1", &[("m.registry", ReferencePart::Registry)]),
        place(&pinned, &[("a.registry", ReferencePart::Registry)]),
    ];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    let fixed: Vec<&str> = suggestion.hard_coded.iter().map(|(image, _)| image.as_str()).collect();
    assert_eq!(fixed, [OTHER, A]);
    assert!(suggestion.hard_coded.iter().all(|(_, template)| template.is_some()));
    let unlisted: Vec<&str> = suggestion.unlisted.iter().map(String::as_str).collect();
    assert_eq!(
        unlisted,
        ["docker.io/library/moved:1", OTHER],
        "the tag identifies an image with a digest"
    );
}

const PACKS: &str = "
packs:
- {registry: quay.io, repository: team/a, tag: '1', on: true, port: 80, none: null}
- {registry: quay.io, repository: team/b, tag: 2-debian, name: b}
- {registry: ghcr.io, repository: other/c, tag: '3'}
";

fn packs() -> Vec<ProbedPlace> {
    let item = |image: &str, index: usize| {
        let keys = ["registry", "repository", "tag"].map(|key| format!("packs[{index}].{key}"));
        let holds = [ReferencePart::Registry, ReferencePart::Repository, ReferencePart::Tag];
        let keys: Vec<_> = keys.iter().map(String::as_str).zip(holds).collect();
        place(image, &keys)
    };
    vec![item(A, 0), item(B, 1), item(OTHER, 2)]
}

#[test]
fn a_list_is_suggested_as_a_whole_with_each_item_at_its_image() {
    let whole = [
        r#"all: "packs[2].registry" = "ghcr.io""#,
        r#"all: "packs[2].repository" = "other/c""#,
        r#"all: "packs[2].tag" = "3""#,
        r#"quay.io/team/a:1: "packs[0].registry" = "{registry}""#,
        r#"quay.io/team/a:1: "packs[0].repository" = "{repository}""#,
        r#"quay.io/team/a:1: "packs[0].tag" = "{tag}""#,
        r#"quay.io/team/a:1: "packs[0].on" = true"#,
        r#"quay.io/team/a:1: "packs[0].port" = 80"#,
        r#"quay.io/team/b:2: "packs[1].registry" = "{registry}""#,
        r#"quay.io/team/b:2: "packs[1].repository" = "{repository}""#,
        r#"quay.io/team/b:2: "packs[1].tag" = "2-debian""#,
        r#"quay.io/team/b:2: "packs[1].name" = "b""#,
    ];
    let nothing = suggest(&list("", ""), &probed(packs(), PACKS));
    assert_eq!(entries(&nothing), whole);

    // Present entries are completed.
    let present = list("\"packs[2].tag\" = \"3\"", "\"packs[0].registry\" = \"{registry}\"");
    let rest: Vec<&str> = whole
        .into_iter()
        .filter(|line| !line.contains("[2].tag") && !line.contains("[0].registry"))
        .collect();
    let suggestion = suggest(&present, &probed(packs(), PACKS));
    assert_eq!(entries(&suggestion), rest);
    assert_eq!(suggestion.dead, []);
}

#[test]
fn a_list_is_not_suggested_if_a_key_outside_moves_the_image() {
    let mut places = packs();
    for place in &mut places {
        place
            .keys
            .insert(ReferenceKey { path: "g".parse().unwrap(), part: ReferencePart::Registry });
    }
    let suggestion = suggest(&list("", ""), &probed(places, PACKS));
    assert_eq!(entries(&suggestion), [r#"all: "g" = "{registry}""#]);
}

#[test]
fn an_unsupported_list_is_reported_with_the_reasons() {
    let table = [
        ("on: true", "on: {}", "packs[0].on", Unsupported::EmptyMap),
        ("on: true", "on: 'yes'", "packs[0].on", Unsupported::Ambiguous),
        ("port: 80", "port: 0.5", "packs[0].port", Unsupported::NotInteger),
        ("name: b", "name: '{{ .x }}'", "packs[1].name", Unsupported::Brace),
    ];
    for (old, new, path, reason) in table {
        let suggestion = suggest(&list("", ""), &probed(packs(), &PACKS.replace(old, new)));
        assert_eq!(entries(&suggestion), [""; 0], "{new}");
        let [(list, values)] = suggestion.unsupported.as_slice() else { panic!("{new}") };
        let [value] = values.as_slice() else { panic!("{new}: {values:?}") };
        assert_eq!((list.to_string().as_str(), value.path.to_string().as_str()), ("packs", path));
        assert_eq!(value.reason, reason);
    }
}

#[test]
fn a_path_that_the_list_lacks_moves_nothing() {
    let present = list("", "\"packs[0].registri\" = \"{registry}\"\n\"packs[0].tag\" = \"{tag}\"");
    let suggestion = suggest(&present, &probed(packs(), PACKS));
    assert_eq!(suggestion.dead, ["packs[0].registri".parse().unwrap()]);
}
