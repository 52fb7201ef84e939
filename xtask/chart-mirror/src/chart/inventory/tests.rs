//! Inventories of lists and charts.

use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// `source:tag`, and a digest and a target if they are there: `q.io/a:1@A > x/a`.
fn list(images: &[&str]) -> ImageList {
    let mut text = String::new();
    for image in images {
        let (reference, target) = image.split_once(" > ").unwrap_or((image, ""));
        let (reference, digest) = reference.split_once('@').unwrap_or((reference, ""));
        let (source, tag) = reference.rsplit_once(':').unwrap();
        text += &format!("[[image]]\nsource = '{source}'\ntag = '{tag}'\n");
        for (key, value) in [("digest", spelled(digest)), ("target", target.to_owned())] {
            if !value.is_empty() {
                text += &format!("{key} = '{value}'\n");
            }
        }
    }
    ImageList::parse("x", &text).unwrap()
}

fn spelled(text: &str) -> String {
    text.replace('A', A).replace('B', B)
}

/// Two renderings of one pod each.
fn take(listed: &[&str], renderings: [&[&str]; 2]) -> Inventory {
    let render = |(name, images): (&str, &[&str])| {
        let mut text = "# Source: c/templates/a.yaml\nkind: Pod\nspec:\n  containers:\n".to_owned();
        for image in images {
            text += &format!("  - image: \"{}\"\n", spelled(image));
        }
        Rendered { rendering: name.to_owned(), text, warnings: String::new() }
    };
    let renderings: Vec<_> = ["one", "two"].into_iter().zip(renderings).map(render).collect();
    Inventory::take(&list(listed), &renderings).unwrap()
}

/// Each entry as `reference [digest] renderings mismatch`.
fn entries(inventory: &Inventory) -> Vec<String> {
    let lines = inventory.entries.iter().map(|entry| {
        let digest = entry.digest.as_ref().map_or("", |digest| &digest.as_str()[7..8]);
        let mark = entry.mismatch().map_or(String::new(), |mark| format!("{mark:?}"));
        let reference = entry.reference().replace(A, "A").replace(B, "B");
        format!("{reference} [{digest}] {} {mark}", entry.renderings().join("+"))
    });
    lines.map(|line| line.trim_end().to_owned()).collect()
}

fn images(images: &[Image]) -> Vec<String> {
    let lines = images.iter().map(|image| {
        let digest = image.digest.as_ref().map_or("", |digest| &digest.as_str()[7..8]);
        format!("{}@{digest} > {}", image.reference(), image.path())
    });
    lines.collect()
}

#[test]
fn entries_have_their_renderings_and_mismatches() {
    let listed = ["q.io/a:1", "q.io/b:2@B", "q.io/c:3"];
    let inventory =
        take(&listed, [&["q.io/a:1", "q.io/b:2", "e:1"], &["q.io/a:1", "q.io/a:2", "q.io/d:4@A"]]);
    let expected = [
        "docker.io/library/e:1 [] one Unlisted",
        "q.io/a:1 [] one+two",
        "q.io/a:2 [] two Unlisted",
        "q.io/b:2 [b] one",
        "q.io/c:3 []  Unused",
        "q.io/d:4 [a] two Unlisted",
    ];
    assert_eq!(entries(&inventory), expected);
    assert_eq!((inventory.count(Mismatch::Unlisted), inventory.count(Mismatch::Unused)), (3, 1));
    let place = &inventory.entries[1].found[1].place;
    assert_eq!(
        (place.rendering.as_str(), place.path.as_str()),
        ("two", "spec.containers[0].image")
    );
}

#[test]
fn the_list_supplies_target_and_pin_and_new_images_keep_their_paths() {
    let listed = ["q.io/z:1 > x/z", "q.io/a:1@A", "q.io/unused:1", "q.io/c:1"];
    let inventory = take(
        &listed,
        [&["q.io/a:1", "minio/mc:1", "q.io/z:1"], &["q.io/new:1@B", "busybox:1", "q.io/c:1@A"]],
    );
    let expected = [
        "q.io/z:1@ > x/z",
        "q.io/a:1@a > a",
        "q.io/c:1@a > c",
        "docker.io/library/busybox:1@ > library/busybox",
        "docker.io/minio/mc:1@ > minio/mc",
        "q.io/new:1@b > new",
    ];
    assert_eq!(
        images(&inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other).unwrap()),
        expected
    );
    let changes = inventory.changes(UnusedEntries::Remove);
    assert_eq!(images(&changes.added), expected[3..]);
    assert_eq!((changes.obstacles, changes.updated), (vec![], vec![]));
    assert_eq!(images(&changes.removed), ["q.io/unused:1@ > unused"]);
    assert_eq!(inventory.changes(UnusedEntries::Keep).removed, []);
}

#[test]
fn references_without_a_version_are_those_of_the_list() {
    let table: [(&str, &[&str], &[&str]); 8] = [
        ("busybox", &["busybox:1"], &["docker.io/library/busybox:1 [] one+two"]),
        ("busybox:latest", &["busybox:1"], &["docker.io/library/busybox:1 [] one+two"]),
        (
            "busybox",
            &["busybox:1", "busybox:2"],
            &["docker.io/library/busybox:1 [] one+two", "docker.io/library/busybox:2 [] one+two"],
        ),
        ("q.io/a@A", &["q.io/a:1@A"], &["q.io/a:1 [a] one+two"]),
        ("q.io/a:latest@A", &["q.io/a:1@A"], &["q.io/a:1 [a] one+two"]),
        ("q.io/a@A", &["q.io/a:1@B"], &["q.io/a:1 [b]  Unused", "q.io/a@A [a] one+two Unlisted"]),
        ("q.io/a@A", &["q.io/a:1"], &["q.io/a:1 []  Unused", "q.io/a@A [a] one+two Unlisted"]),
        ("q.io/a", &["r.io/a:1"], &["q.io/a [] one+two Unlisted", "r.io/a:1 []  Unused"]),
    ];
    for (reference, listed, expected) in table {
        let inventory = take(listed, [&[reference], &[reference]]);
        assert_eq!(entries(&inventory), expected, "{reference} {listed:?}");
    }
    // A digest is also matched with a tag in another place of the chart.
    let inventory = take(&["q.io/x:1"], [&["q.io/a@A"], &["q.io/a:1@A"]]);
    assert_eq!(
        images(&inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other).unwrap()),
        ["q.io/a:1@a > a"]
    );
}

#[test]
fn all_obstacles_are_reported_at_once_with_place_and_hint() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a str);
    let table: [Row<'_>; 9] = [
        (
            &["q.io/a:8 > x", "q.io/a:9 > y"],
            &["q.io/a:2"],
            &["Unclear"],
            "the list has `q.io/a:8`, `q.io/a:9`, and the chart names `q.io/a:2`",
        ),
        (&["x:1"], &["busybox"], &["NoTag"], "`docker.io/library/busybox` has no tag"),
        (&["x:1"], &["busybox:latest"], &["MovingTag"], "source = \"docker.io/library/busybox\""),
        (&["x:1"], &["q.io/a@A"], &["OnlyDigest"], A),
        (&["x:1"], &["q.io/a:latest@A"], &["OnlyDigest"], "`digest = "),
        (&["x:1"], &["q.io/a:1@A", "q.io/a:1@B"], &["TwoDigests"], "spec.containers[1].image"),
        (&["q.io/a:1@A"], &["q.io/a:1@B"], &["OtherThanPinned"], "write `digest = \"sha256:bb"),
        (
            &["q.io/a:1"],
            &["q.io/a:1", "r.io/a:1"],
            &["SameTarget"],
            "`r.io/a:1` would be `m.io/a:1`",
        ),
        (
            &["x:1"],
            &["busybox", "q.io/a:1", "q.io/b:latest", "r.io/a:1"],
            &["NoTag", "MovingTag", "SameTarget"],
            "would `q.io/a:1`\n  at Pod spec.containers[3].image (c/templates/a.yaml), rendering `one`\nhint: if it is",
        ),
    ];
    for (listed, named, kinds, expected) in table {
        let obstacles = take(listed, [named, &[]])
            .images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other)
            .unwrap_err();
        let found: Vec<_> =
            obstacles.0.iter().map(|obstacle| format!("{:?}", obstacle.kind)).collect();
        assert!(
            found.len() == kinds.len()
                && found.iter().zip(kinds).all(|(kind, it)| kind.starts_with(it)),
            "{named:?}: {found:?}"
        );
        let text = obstacles.to_string();
        assert!(text.contains(expected), "{named:?}: {text}");
        assert_eq!(text.matches("\nhint: ").count(), kinds.len(), "{text}");
    }
}

#[test]
fn a_tag_of_several_entries_without_targets_of_their_own_has_the_usual_target() {
    let inventory = take(&["q.io/a:8", "q.io/a:9"], [&["q.io/a:2"], &[]]);
    assert_eq!(
        images(&inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other).unwrap()),
        ["q.io/a:2@ > a"]
    );
}

#[test]
fn an_unused_image_keeps_its_target_until_it_is_removed() {
    let inventory = take(&["q.io/a:1"], [&["r.io/a:1"], &[]]);
    assert_eq!(
        images(&inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other).unwrap()),
        ["r.io/a:1@ > a"]
    );
    let of_own_chart = inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Listed);
    let obstacles = of_own_chart.unwrap_err();
    assert!(obstacles.to_string().contains("add `replaces = {"), "{obstacles}");
    let ListChanges { added: new, obstacles, .. } = inventory.changes(UnusedEntries::Keep);
    assert_eq!((new.len(), obstacles.len()), (0, 1));
    assert!(obstacles[0].to_string().starts_with("`r.io/a:1` would be `a:1`"), "{}", obstacles[0]);
    let ListChanges { added: new, obstacles, .. } = inventory.changes(UnusedEntries::Remove);
    assert_eq!((new.len(), obstacles.len()), (1, 0));
}

#[test]
fn latest_is_not_the_version_that_the_chart_names_elsewhere() {
    let table: [(&[&str], &[&str], &[&str]); 4] = [
        (&["q.io/a:latest"], &["q.io/a:1"], &["q.io/a:1 [] one"]),
        (
            &["q.io/a:latest", "q.io/a:1"],
            &["q.io/a:1"],
            &["q.io/a:1 [] one", "q.io/a:latest [] one Unlisted"],
        ),
        (
            &["q.io/a:latest", "q.io/a:1"],
            &["q.io/a:1", "q.io/a:9"],
            &["q.io/a:1 [] one", "q.io/a:9 [] one"],
        ),
        (&["q.io/a", "q.io/a:1"], &["q.io/a:1"], &["q.io/a [] one Unlisted", "q.io/a:1 [] one"]),
    ];
    for (named, listed, expected) in table {
        assert_eq!(entries(&take(listed, [named, &[]])), expected, "{named:?} {listed:?}");
    }
}

#[test]
fn a_variable_without_a_version_does_not_name_latest() {
    let text = "kind: Pod\nspec: {containers: [{image: 'q.io/x:1', env: [{name: DB_IMAGE, value: q.io/db}]}]}\n";
    let rendered =
        [Rendered { rendering: "one".to_owned(), text: text.to_owned(), warnings: String::new() }];
    let obstacles = |list: &ImageList| {
        let inventory = Inventory::take(list, &rendered).unwrap();
        assert_eq!(inventory.unused_rules.len(), 0);
        inventory.changes(UnusedEntries::Keep).obstacles
    };
    let found = obstacles(&list(&["q.io/x:1"]));
    assert!(matches!(&found[..], [only] if only.kind == ObstacleKind::NoVersion), "{found:?}");
    let text = found[0].to_string();
    assert!(
        !text.contains("latest") && text.contains("`keep`") && text.contains("chart.ignore"),
        "{text}"
    );
    let kept = "[[image]]\nsource = \"q.io/x\"\ntag = \"1\"\n\
                [[image]]\nsource = \"q.io/db\"\ntag = \"7\"\nkeep = \"the operator starts it\"\n";
    assert_eq!(obstacles(&ImageList::parse("x", kept).unwrap()), []);
}

#[test]
fn malformed_references_are_kept_apart() {
    let inventory = take(&["q.io/a:1"], [&["q.io//a:1", "q.io/a:1"], &[]]);
    assert_eq!(entries(&inventory), ["q.io/a:1 [] one"]);
    assert_eq!(inventory.malformed.len(), 1);
    assert_eq!(inventory.malformed[0].written, "q.io//a:1");
}

#[test]
fn new_images_need_a_target_of_their_own_at_every_destination() {
    let text =
        "Source: c/templates/a.yaml\nkind: Pod\nspec:\n  containers:\n  - image: p.io/x/b:1\n";
    let rendering = "one".to_owned();
    let rendered = [Rendered { rendering, text: text.to_owned(), warnings: String::new() }];
    let obstacle = |destination: &str| {
        let text = format!("{destination}\n[[image]]\nsource = 'q.io/x/b'\ntag = '1'\n");
        let list = ImageList::parse("x", &text).unwrap();
        let ListChanges { added, obstacles, .. } =
            Inventory::take(&list, &rendered).unwrap().changes(UnusedEntries::Keep);
        assert_eq!(added.len() + obstacles.len(), 1);
        obstacles.first().map(|obstacle| obstacle.kind.clone())
    };
    let same = |target: &str| {
        let (target, other) = (target.to_owned(), "q.io/x/b:1".to_owned());
        Some(ObstacleKind::SameTarget { target, other })
    };
    let named = "[destinations.d]\nregistry = 'r.io/m'\n";
    assert_eq!(obstacle(""), same("x/b:1"));
    assert_eq!(obstacle(named), same("r.io/m/x/b:1"));
    let apart = format!("{named}target = '{{registry}}/{{path}}'\n");
    assert_eq!(obstacle(&apart), None);
    // Two destinations may have the same address.
    let other = named.replace(".d]", ".e]");
    assert_eq!(obstacle(&format!("{apart}{other}")), same("r.io/m/x/b:1"));
}

#[test]
fn a_repository_that_an_operator_knows_stands_for_the_versions_of_the_chart() {
    let text = "kind: Pod\nspec: {containers: [{image: quay.io/a/b:1}]}\n---\nkind: Agent\n\
                spec: {image: quay.io/a/b, toolImage: 'quay.io/a/b:latest'}\n";
    let rendered = Rendered {
        rendering: "default".to_owned(),
        text: text.to_owned(),
        warnings: String::new(),
    };
    let list = "[[image]]\nsource = \"quay.io/a/other\"\ntag = \"1\"\n";
    let list = ImageList::parse("images.toml", list).unwrap();
    let inventory = Inventory::take(&list, &[rendered]).unwrap();
    let found = inventory.entries.iter().map(|entry| (entry.reference(), entry.found.len()));
    let expected = [("quay.io/a/b:1", 2), ("quay.io/a/b:latest", 1), ("quay.io/a/other:1", 0)];
    let expected = expected.map(|(reference, places)| (reference.to_owned(), places));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

/// `old > new`, with digest and target of the new one.
fn updates(changes: &ListChanges) -> Vec<String> {
    let lines = changes.updated.iter();
    lines
        .map(|(from, to)| format!("{} > {}", from.tag, images(std::slice::from_ref(to))[0]))
        .collect()
}

#[test]
fn another_tag_of_the_same_source_updates_the_entry() {
    let listed = ["q.io/a:1@A > x/a", "q.io/b:1", "q.io/c:1", "q.io/d:1@B"];
    let chart = ["q.io/a:2", "q.io/b:1", "q.io/b:2", "q.io/d:2@A"];
    let inventory = take(&listed, [&chart, &[]]);
    let expected = [
        "q.io/a:1 [a]  Outdated",
        "q.io/a:2 [] one Update",
        "q.io/b:1 [] one",
        "q.io/b:2 [] one Unlisted",
        "q.io/c:1 []  Unused",
        "q.io/d:1 [b]  Outdated",
        "q.io/d:2 [a] one Update",
    ];
    assert_eq!(entries(&inventory), expected);
    let changes = inventory.changes(UnusedEntries::Remove);
    assert_eq!(updates(&changes), ["1 > q.io/a:2@ > x/a", "1 > q.io/d:2@a > d"]);
    assert_eq!(images(&changes.added), ["q.io/b:2@ > b"]);
    assert_eq!(images(&changes.removed), ["q.io/c:1@ > c"]);
    assert_eq!(changes.obstacles, []);
    // A copy of this chart has the targets of the list as well.
    let copied = inventory.images_of_chart(&"m.io".parse().unwrap(), ChartOrigin::Other).unwrap();
    assert!(images(&copied).contains(&"q.io/a:2@ > x/a".to_owned()), "{:?}", images(&copied));
}

#[test]
fn tags_that_may_belong_together_in_several_ways_are_reported_and_nothing_is_removed() {
    let table: [(&[&str], &[&str], usize); 3] = [
        (&["q.io/a:1", "q.io/b:1"], &["q.io/a:2", "q.io/a:3"], 2),
        (&["q.io/a:1", "q.io/a:2"], &["q.io/a:3"], 1),
        (&["q.io/a:1", "q.io/a:2"], &["q.io/a:3", "q.io/a:4"], 2),
    ];
    for (listed, named, count) in table {
        let changes = take(listed, [named, &[]]).changes(UnusedEntries::Remove);
        assert_eq!((changes.added, changes.updated), (vec![], vec![]), "{listed:?}");
        assert!(images(&changes.removed).iter().all(|image| image.starts_with("q.io/b:")));
        assert_eq!(changes.obstacles.len(), count);
        let text = changes.obstacles[0].to_string();
        assert!(text.contains("q.io/a:1") && text.contains(named[0]), "{text}");
        assert!(text.contains("\nhint: set `tag`"), "{text}");
    }
}

#[test]
fn an_update_that_needs_more_than_a_tag_is_reported() {
    let digest = format!("digest = '{A}'\n");
    let table = [
        (
            format!("{digest}[image.values]\n\"a.digest\" = \"{{digest}}\"\n"),
            "the digest of the new tag is not known",
            "pin --update q.io/a:2`",
        ),
        (
            "source = 'm.io/moved'\n[image.replaces]\nsource = 'q.io/a'\ntag = '1'\nreason = 'r'\n"
                .to_owned(),
            "replaces another tag",
            "set `tag` and the `tag` in `replaces`",
        ),
    ];
    for (rest, message, hint) in table {
        let source = if rest.starts_with("source") { "" } else { "source = 'q.io/a'\n" };
        let list = format!("[[image]]\ntag = '1'\n{source}{rest}");
        let list = ImageList::parse("x", &list).unwrap();
        let text = "kind: Pod\nspec: {containers: [{image: 'q.io/a:2'}]}\n".to_owned();
        let rendered = Rendered { rendering: "one".to_owned(), text, warnings: String::new() };
        let changes = Inventory::take(&list, &[rendered]).unwrap().changes(UnusedEntries::Remove);
        assert_eq!((changes.updated, changes.removed), (vec![], vec![]));
        let text = changes.obstacles[0].to_string();
        assert!(text.contains(message) && text.contains(hint), "{text}");
    }
}
