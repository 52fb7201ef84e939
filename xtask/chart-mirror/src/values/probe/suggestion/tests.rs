//! Suggestions for handwritten results of probing.

use super::*;
use crate::chart::{Evidence, ManifestLocation};
use crate::values::probe::chart_list::{Unsupported, lists};
use crate::values::probe::contribution::{Contribution, Section, Start};
use crate::values::probe::result::ReferenceKey;

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

/// What a value contributes, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    Registry,
    /// All of the path after a registry that the chart writes.
    Path,
    /// All of the path, if the chart writes no registry.
    OpenPath,
    /// Registry and path, with what the chart appends.
    Both(&'static str),
    Reference,
    Tag,
}

fn contribution(covers: Covers) -> Contribution {
    let (first, last, after, start) = match covers {
        Covers::Registry => (Section::Registry, Section::Registry, "", Start::Closed),
        Covers::Path => (Section::Path, Section::Path, "", Start::Closed),
        Covers::OpenPath => (Section::Path, Section::Path, "", Start::Open),
        Covers::Both(after) => (Section::Registry, Section::Path, after, Start::Closed),
        Covers::Reference => (Section::Registry, Section::Tag, "", Start::Closed),
        Covers::Tag => (Section::Tag, Section::Tag, "", Start::Closed),
    };
    Contribution { first, last, before: String::new(), after: after.to_owned(), start }
}

fn place(image: &str, keys: &[(&str, Covers)]) -> ProbedPlace {
    let key = |(path, covers): &(&str, Covers)| ReferenceKey {
        path: path.parse().unwrap(),
        contribution: contribution(*covers),
    };
    let place = ManifestLocation {
        rendering: "default".to_owned(),
        template: Some("c/templates/x.yaml".to_owned()),
        kind: "Pod".to_owned(),
        name: "x".to_owned(),
        path: "spec.containers[0].image".to_owned(),
    };
    let (reference, outcome) = (image.parse().unwrap(), Outcome::Movable);
    let keys = keys.iter().map(key).collect();
    ProbedPlace {
        reference,
        place,
        evidence: Some(Evidence::Container),
        is_test: false,
        keys,
        outcome,
    }
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
    use Covers::{Both, Path, Reference, Registry, Tag};
    let global = ("global.imageRegistry", Registry);
    let table: [(Vec<ProbedPlace>, &[&str]); 7] = [
        // One key for all images is better than one for each.
        (
            vec![place(A, &[global, ("a.registry", Registry)]), place(B, &[global])],
            &[r#"all: "global.imageRegistry" = "{registry}""#],
        ),
        // Images without the common key have their own.
        (
            vec![place(A, &[global]), place(B, &[("b.repository", Both(""))])],
            &[
                r#"quay.io/team/a:1: "global.imageRegistry" = "{registry}""#,
                r#"quay.io/team/b:2: "b.repository" = "{registry}/{repository}""#,
            ],
        ),
        // A registry with the start of the path serves all images below it.
        (
            vec![place(A, &[("hub", Both("/a"))]), place(B, &[("hub", Both("/b"))])],
            &[r#"all: "hub" = "{registry}/team""#],
        ),
        // Just the registry is better than the whole reference.
        (
            vec![place(A, &[("a.image", Reference), ("a.registry", Registry)])],
            &[r#"quay.io/team/a:1: "a.registry" = "{registry}""#],
        ),
        // A repository can belong to only one image.
        (
            vec![
                place(A, &[("r", Both("")), ("a.r", Both(""))]),
                place(B, &[("r", Both("")), ("b.image", Reference)]),
            ],
            &[
                r#"quay.io/team/a:1: "a.r" = "{registry}/{repository}""#,
                r#"quay.io/team/b:2: "b.image" = "{registry}/{repository}:{tag}""#,
            ],
        ),
        // These two do not move an image to another registry, and the other image is not listed.
        (vec![place(A, &[("a.name", Path), ("a.tag", Tag)]), place(OTHER, &[global])], &[]),
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

/// The suggestion for images in a list of their own.
fn suggested(images: &str, places: Vec<ProbedPlace>) -> Vec<String> {
    let list = ImageList::parse("images.toml", images).unwrap();
    entries(&suggest(&list, &probed(places, "{}")))
}

fn entry(source: &str, tag: &str, more: &str) -> String {
    format!("[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n{more}\n")
}

#[test]
fn images_of_docker_hub_keep_or_get_their_path() {
    use Covers::{OpenPath, Path, Registry};
    let images = entry("docker.io/library/traefik", "3", "")
        + &entry("docker.io/acme/server", "1", "")
        + &entry("docker.io/acme/tool", "1", "");
    let places = vec![
        // The path becomes `library/traefik`.
        place("docker.io/traefik:3", &[("t.registry", Registry), ("t.repository", Path)]),
        place("acme/server:1", &[("s.repository", OpenPath)]),
        // One value is better than two.
        place("acme/tool:1", &[("tool.registry", Registry), ("tool.repository", OpenPath)]),
    ];
    let expected = [
        r#"docker.io/acme/server:1: "s.repository" = "{registry}/{repository}""#,
        r#"docker.io/acme/tool:1: "tool.registry" = "{registry}""#,
        r#"docker.io/library/traefik:3: "t.registry" = "{registry}""#,
        r#"docker.io/library/traefik:3: "t.repository" = "{repository}""#,
    ];
    assert_eq!(suggested(&images, places), expected);
}

#[test]
fn a_target_of_its_own_takes_a_value_for_the_path() {
    use Covers::{OpenPath, Path, Registry};
    let image = entry("quay.io/team/a", "1", "target = \"own/a\"");
    let global = ("g", Registry);
    let with_path = [
        r#"quay.io/team/a:1: "a.repository" = "{repository}""#,
        r#"quay.io/team/a:1: "g" = "{registry}""#,
    ];
    let places = vec![place(A, &[global, ("a.repository", Path)])];
    assert_eq!(suggested(&image, places), with_path);
    // A combined value takes only one.
    let image = entry("docker.io/team/a", "1", "target = \"own/a\"");
    let places = vec![place("team/a:1", &[global, ("a.repository", OpenPath)])];
    let combined = [r#"docker.io/team/a:1: "a.repository" = "{registry}/{repository}""#];
    assert_eq!(suggested(&image, places), combined);
}

#[test]
fn one_value_serves_several_tags_of_a_repository() {
    let demo = |more: [&str; 2], destinations: &str| {
        let one = |tag: &str, more: &str| entry("ghcr.io/acme/demo", tag, more);
        destinations.to_owned() + &one("1-api", more[0]) + &one("1-ui", more[1])
    };
    let key = [("default.repository", Covers::Both(""))];
    let places =
        || vec![place("ghcr.io/acme/demo:1-api", &key), place("ghcr.io/acme/demo:1-ui", &key)];
    let literal = [r#"all: "default.repository" = "{registry}/acme/demo""#];
    assert_eq!(suggested(&demo(["", ""], ""), places()), literal);
    // The path is not the same at every destination.
    let destinations = "[destinations.a]\nregistry = \"a.io\"\n[destinations.b]\nregistry = \"b.io\"\ntarget = \"{name}\"\n";
    let both = [
        r#"ghcr.io/acme/demo:1-api: "default.repository" = "{registry}/{repository}""#,
        r#"ghcr.io/acme/demo:1-ui: "default.repository" = "{registry}/{repository}""#,
    ];
    assert_eq!(suggested(&demo(["", ""], destinations), places()), both);
    // The images have different targets.
    assert_eq!(suggested(&demo(["target = \"x/y\"", ""], ""), places()), [""; 0]);
}

#[test]
fn a_switch_is_added_with_its_reason() {
    let path = "global.allow".parse().unwrap();
    let words = "set global.allow\nto true".to_owned();
    let switches = vec![Switch { path, value: true, words }];
    let suggestion = Suggestion { switches, ..Suggestion::default() };
    let text = entry("q.io/a", "1", "");
    let list = ImageList::parse("images.toml", &text).unwrap();
    let added = suggestion.added_to(&text, &list).unwrap();
    let expected =
        "[values]\n# The chart requires it: set global.allow to true\n\"global.allow\" = true\n";
    assert!(added.ends_with(expected), "{added}");
}

#[test]
fn a_repository_shared_by_two_images_is_reported_and_not_suggested() {
    let shared = [("r", Covers::Both(""))];
    let places = vec![place(A, &shared), place(OTHER, &shared)];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    assert_eq!(entries(&suggestion), [""; 0]);
    assert_eq!(suggestion.inseparable, [(A.to_owned(), "r".parse().unwrap())].into());
}

#[test]
fn a_registry_shared_with_an_unlisted_image_is_for_all() {
    let shared = [("r", Covers::Registry)];
    let places = vec![place(A, &shared), place(OTHER, &shared)];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    assert_eq!(entries(&suggestion), [r#"all: "r" = "{registry}""#]);
}

#[test]
fn present_values_are_not_suggested_again() {
    let places = vec![place(A, &[("a.registry", Covers::Registry), ("g", Covers::Registry)])];
    let present = list("", "\"a.registry\" = \"{registry}\"");
    assert_eq!(entries(&suggest(&present, &probed(places, "{}"))), [""; 0]);
}

#[test]
fn values_that_move_nothing_or_too_much_are_reported() {
    let places = vec![
        place(A, &[("a.registry", Covers::Registry)]),
        place(B, &[("a.registry", Covers::Registry)]),
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
fn unlisted_images_are_reported() {
    let pinned = format!("quay.io/team/a:1@sha256:{}", "0".repeat(64));
    let places = vec![
        place(A, &[("a.tag", Covers::Tag)]),
        place(OTHER, &[]),
        place("docker.io/library/moved:1", &[("m.registry", Covers::Registry)]),
        place(&pinned, &[("a.registry", Covers::Registry)]),
    ];
    let suggestion = suggest(&list("", ""), &probed(places, "{}"));
    let unlisted: Vec<&str> = suggestion.unlisted.keys().map(String::as_str).collect();
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
        let holds = [Covers::Registry, Covers::Path, Covers::Tag];
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
        let contribution = contribution(Covers::Registry);
        place.keys.insert(ReferenceKey { path: "g".parse().unwrap(), contribution });
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
