//! What is read of files that others wrote.

use super::*;
use crate::list::Attachments;

const PIN: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// The reasons of what is refused, with their places.
fn reasons(refused: &[RefusedEntry]) -> Vec<String> {
    refused.iter().map(|it| format!("{}: {}: {}", it.place, it.written, it.reason)).collect()
}

fn assert_refused(text: &str, expected: &[(&str, &str)]) {
    let (_, read) = read(text, None).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
    let refused = reasons(&[read.refused.clone(), place(&read, &[]).refused].concat());
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for (refused, (place, reason)) in refused.iter().zip(expected) {
        assert!(refused.starts_with(&format!("{place}: ")), "{place}: {refused}");
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

fn references(list: &ImageList) -> Vec<String> {
    list.images().iter().map(|image| image.reference().to_string()).collect()
}

#[test]
fn the_format_is_recognised_by_the_content() {
    let table = [
        ("quay.io/a/b:1\n", ListFormat::Plain),
        ("# images\n\n- busybox:1\n- 'quay.io/a/b:1'\n", ListFormat::Plain),
        ("sync: []\n", ListFormat::Regsync),
        ("{\"sync\": [{\"source\": \"a:1\"}]}", ListFormat::Regsync),
        ("quay.io: {images: {a/b: [1]}}\n", ListFormat::Skopeo),
        ("quay.io:\n  images-by-semver: {a/b: '>=1'}\n", ListFormat::Skopeo),
        ("apiVersion: content.hauler.cattle.io/v1\nkind: Images\n", ListFormat::Hauler),
        ("kind: ZarfPackageConfig\n", ListFormat::Zarf),
        ("components: [{name: a, images: [b:1]}]\n", ListFormat::Zarf),
        ("apiVersion: v0\nkind: ImagesLock\n", ListFormat::Dt),
        ("images: [{name: a, newTag: '1'}]\n", ListFormat::Kustomize),
        (
            "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n",
            ListFormat::Kustomize,
        ),
        ("components: [../mirror]\nimages: [{name: a}]\n", ListFormat::Kustomize),
    ];
    for (text, expected) in table {
        let found = read(text, None).map(|(format, _)| format);
        assert_eq!(found, Ok(expected), "{text}");
    }
    for text in ["", "a: b\n", "hello world\n", "[1, 2]\n", "\u{0}", "a: [\n"] {
        assert!(read(text, None).is_err(), "{text}");
    }
}

#[test]
fn an_error_of_yaml_has_its_line() {
    let error = read("sync:\n  - source: [\n", None).unwrap_err();
    assert!(error.line.is_some_and(|line| line >= 2), "{error:?}");
    let error = read("version: 1\nsync:\n  - source: {}\n", None).unwrap_err();
    assert_eq!(error.line, Some(3), "{error:?}");
}

#[test]
fn tags_stay_as_they_are_written() {
    let (_, list, refused) =
        taken("quay.io:\n  images:\n    a/b: [1.10, 010, 1_0, '2', on, 1e3]\n");
    assert_eq!(refused, []);
    let tags: Vec<_> = list.images().iter().map(|image| image.tag.as_str()).collect();
    assert_eq!(tags, ["1.10", "010", "1_0", "2", "on", "1e3"]);
}

#[test]
fn regsync_gives_images_destinations_and_their_settings() {
    let text = format!(
        "version: 1\ncreds: [{{registry: r.io, user: u, pass: p}}]\ndefaults: {{referrers: true}}\nsync:\n\
         - {{source: 'q.io/a/b:1@{PIN}', target: 'r.io/m/a/b:1', type: image, platform: linux/amd64}}\n\
         - {{source: 'busybox:1.37', target: 'r.io/m/tools/busybox:1.37', type: image, platform: linux/amd64}}\n"
    );
    let (format, list, refused) = taken(&text);
    assert_eq!((format, refused), (ListFormat::Regsync, vec![]));
    let destination = &list.destinations()["r"];
    assert_eq!(destination.address.to_string(), "r.io/m");
    assert_eq!(destination.platforms.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(destination.attachments, Attachments::Copy);
    assert_eq!(list.images()[0].digest.as_ref().unwrap().as_str(), PIN);
    let own: Vec<_> =
        list.images().iter().map(|it| it.target.as_ref().map(|it| it.as_str())).collect();
    assert_eq!(own, [None, Some("tools/busybox")]);
    let notes = read(&text, None).unwrap().1.notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("`creds`"), "{notes:?}");
}

#[test]
fn regsync_entries_without_one_tag_are_refused() {
    let text = format!(
        "sync:\n\
         - source: q.io/all\n  target: r.io/all\n  type: repository\n\
         - source: q.io/some\n  target: r.io/some\n  type: repository\n  tags: {{allow: ['1.*']}}\n\
         - source: q.io\n  target: r.io\n  type: registry\n\
         - source: q.io/untagged\n  target: r.io/untagged\n  type: image\n\
         - source: q.io/digest@{PIN}\n  target: r.io/digest\n  type: image\n\
         - source: q.io/renamed:1\n  target: r.io/renamed:2\n  type: image\n\
         - source: ocidir://images:1\n  target: r.io/images:1\n  type: image\n\
         - source: 'q.io/{{{{env \"X\"}}}}:1'\n  target: r.io/x:1\n  type: image\n\
         - source: q.io/once:1\n  target: r.io/once:1\n  type: image\n\
         - source: q.io/once:1\n  target: r.io/once:1\n  type: image\n\
         - source: q.io/typeless:1\n  target: r.io/typeless:1\n"
    );
    let expected = [
        ("line 2: sync[0]", "all tags"),
        ("line 5: sync[1]", "patterns"),
        ("line 9: sync[2]", "whole registry"),
        ("line 12: sync[3]", "no tag"),
        ("line 15: sync[4]", "no tag"),
        ("line 18: sync[5]", "does not have the tag"),
        ("line 21: sync[6]", "not a reference"),
        ("sync[7]", "template"),
        ("line 30: sync[9]", "duplicate of the entry at line 27: sync[8]"),
        ("line 33: sync[10]", "`type`"),
    ];
    assert_refused(&text, &expected);
}

#[test]
fn one_image_for_two_registries_goes_to_two_destinations() {
    let entry =
        |target: &str| format!("- {{source: 'q.io/a/b:1', target: '{target}', type: image}}\n");
    let text = format!("sync:\n{}{}", entry("r.io/a/b:1"), entry("localhost:5000/m/a/b:1"));
    let (_, list, refused) = taken(&text);
    assert_eq!((references(&list).len(), refused), (1, vec![]));
    let addresses: Vec<_> =
        list.destinations().iter().map(|(name, it)| format!("{name} {it}")).collect();
    assert_eq!(addresses, ["local localhost:5000/m", "r r.io"]);

    // One `target` cannot express both.
    let text = format!(
        "sync:\n{}{}{}",
        entry("r.io/x:1"),
        entry("s.io/y:1"),
        "- {source: 'q.io/c:1', target: 'r.io/c:1', type: image}\n"
    );
    let (_, read) = read(&text, None).unwrap();
    let placed = place(&read, &[]);
    assert!(placed.refused[0].reason.contains("different paths"), "{:?}", placed.refused);
    assert_eq!(placed.images.len(), 1);
}

#[test]
fn the_destinations_of_the_command_line_replace_those_of_the_file() {
    let text = "sync:\n- {source: 'q.io/a/b:1', target: 'r.io/m/a/b:1', type: image}\n\
                - {source: 'q.io/c:1', target: 's.io/c:1', type: image}\n";
    let (_, read) = read(text, None).unwrap();
    let mine = KnownDestination::Address("mine".to_owned(), "r.io".parse().unwrap());
    let placed = place(&read, &[mine]);
    assert_eq!(placed.destinations.len(), 1);
    assert_eq!(placed.destinations[0].name, "mine");
    let own: Vec<_> =
        placed.images.iter().map(|it| it.target.as_ref().map(|it| it.as_str())).collect();
    assert_eq!(own, [Some("m/a/b"), None]);
    assert!(placed.notes.iter().any(|note| note.contains("below none")), "{:?}", placed.notes);
}

#[test]
fn a_destination_of_the_workspace_is_used_as_it_is() {
    let text = "sync:\n- {source: 'q.io/a/b:1', target: 'r.io/m/b:1', type: image}\n\
                - {source: 'q.io/a/c:1', target: 'r.io/m/x/c:1', type: image}\n";
    let (_, read) = read(text, None).unwrap();
    let workspace = parsed(
        "[workspace]\nmembers = ['a']\n[destinations.d]\nregistry = 'r.io/m'\ntarget = '{name}'\n",
    );
    let known = workspace.destinations()["d"].clone();
    let placed = place(&read, &[KnownDestination::Workspace("d".to_owned(), Box::new(known))]);
    let own: Vec<_> =
        placed.images.iter().map(|it| it.target.as_ref().map(|it| it.as_str())).collect();
    assert_eq!(own, [None, Some("x/c")]);
    assert!(!list_text("file", ListFormat::Regsync, &placed, None, None).contains("[destinations"));
}

#[test]
fn skopeo_patterns_digests_and_whole_repositories_are_refused() {
    let text = format!(
        "registry.io:\n  tls-verify: false\n  credentials: {{username: u, password: p}}\n  images:\n    all: []\n    \
         a/b:\n    - '1'\n    - '{PIN}'\n  images-by-tag-regex:\n    c: ^1\n  images-by-semver:\n    d: '>= 1'\n"
    );
    let expected = [
        ("line 8: registry.io: images: a/b", "no tag"),
        ("line 5: registry.io: images: all", "all tags"),
        ("line 10: registry.io", "pattern"),
        ("line 12: registry.io", "pattern"),
    ];
    assert_refused(&text, &expected);
    let (_, list, _) = taken(&text);
    assert_eq!(references(&list), ["registry.io/a/b:1"]);
}

#[test]
fn hauler_gives_images_with_paths_and_the_chart() {
    let text = "apiVersion: content.hauler.cattle.io/v1\nkind: Images\n\
                metadata: {annotations: {hauler.dev/registry: r.io}}\n\
                spec:\n  images:\n  - name: q.io/a/b:1\n    rewrite: /x/b\n  - name: c:2\n    platform: linux/amd64\n  \
                - name: q.io/d:1\n    rewrite: d:2\n---\n\
                apiVersion: content.hauler.cattle.io/v1\nkind: Charts\nspec:\n  charts:\n  \
                - {name: shop, repoURL: 'https://helm.io/', version: 1.20}\n---\n\
                apiVersion: content.hauler.cattle.io/v1\nkind: Files\nspec: {files: [{path: x}]}\n";
    let (format, list, refused) = taken(text);
    assert_eq!(format, ListFormat::Hauler);
    assert_eq!(references(&list), ["q.io/a/b:1", "r.io/c:2"]);
    assert_eq!(list.images()[0].target.as_ref().unwrap().as_str(), "x/b");
    let chart = list.chart().unwrap();
    assert_eq!((chart.name.as_str(), chart.version.as_deref()), ("shop", Some("1.20")));
    assert!(refused.len() == 1 && refused[0].reason.contains("another tag"), "{refused:?}");
    let notes = read(text, None).unwrap().1.notes.join("\n");
    assert!(notes.contains("linux/amd64") && notes.contains("`Files`"), "{notes}");
}

#[test]
fn zarf_gives_the_images_of_all_components_and_a_chart_that_helm_finds() {
    let text = "kind: ZarfPackageConfig\ncomponents:\n- name: a\n  charts:\n  \
                - {name: shop, url: 'oci://r.io/charts/shop', version: 1.2.0, namespace: a}\n  \
                - {name: other, url: 'https://x.io/y.git', gitPath: c, version: 1.0.0}\n  \
                images: [q.io/a:1, 'q.io/###ZARF_PKG_TMPL_X###:1']\n- name: b\n  images: [q.io/b:1, q.io/a:1]\n";
    let (_, list, refused) = taken(text);
    assert_eq!(references(&list), ["q.io/a:1", "q.io/b:1"]);
    assert_eq!(list.chart().unwrap().name, "oci://r.io/charts/shop");
    let refused = reasons(&refused);
    assert_eq!(refused.len(), 3, "{refused:#?}");
    for reason in ["from git", "not a reference", "duplicate of the entry at line 7: a: images[0]"]
    {
        assert!(refused.iter().any(|it| it.contains(reason)), "{reason}: {refused:#?}");
    }
}

#[test]
fn the_digests_of_dt_are_no_pins() {
    let text = format!(
        "apiVersion: v0\nkind: ImagesLock\nchart: {{name: shop, version: 1.2.0}}\nimages:\n\
         - name: a\n  image: q.io/a:1\n  chart: shop\n  digests:\n  - {{digest: '{PIN}', arch: linux/amd64}}\n"
    );
    let (_, list, refused) = taken(&text);
    assert_eq!((references(&list), refused), (vec!["q.io/a:1".to_owned()], vec![]));
    assert_eq!(list.images()[0].digest, None);
    let notes = read(&text, None).unwrap().1.notes.join("\n");
    assert!(notes.contains(" pin`") && notes.contains("`shop 1.2.0`"), "{notes}");
    let without = text.replace(", version: 1.2.0", "");
    let notes = read(&without, None).unwrap().1.notes.join("\n");
    assert!(notes.contains("the chart is `shop`; "), "{notes}");
}

#[test]
fn kustomize_needs_a_tag_and_the_spellings_of_a_name_are_one_image() {
    let text = format!(
        "images:\n- {{name: busybox, newName: r.io/m/library/busybox, newTag: '1'}}\n\
         - {{name: docker.io/library/busybox, newName: r.io/m/library/busybox, newTag: '1'}}\n\
         - {{name: q.io/a, newName: r.io/m/a, newTag: '2', digest: '{PIN}'}}\n\
         - {{name: q.io/b, newName: r.io/m/b}}\n- {{name: q.io/c, tagSuffix: -x}}\n\
         - {{name: q.io/d, digest: '{PIN}'}}\n- {{name: q.io/e, newName: 'r.io/e:1', newTag: '1'}}\n"
    );
    let (_, list, refused) = taken(&text);
    assert_eq!(references(&list), ["docker.io/library/busybox:1", "q.io/a:2"]);
    assert_eq!(list.destinations()["r"].address.to_string(), "r.io/m");
    assert_eq!(list.images()[1].digest.as_ref().unwrap().as_str(), PIN);
    let refused = reasons(&refused);
    for reason in [
        "q.io/b: it has no tag",
        "`tagSuffix`",
        "no tag; a list needs the tag",
        "`newName` has a tag",
    ] {
        assert!(refused.iter().any(|it| it.contains(reason)), "{reason}: {refused:#?}");
    }
    assert_eq!(refused.len(), 4);
}

#[test]
fn plain_lines_that_are_no_images_are_refused_with_their_numbers() {
    let text =
        format!("# a\nq.io/a:1 # why\n\nq.io/b\nq.io/A:1\nq.io/c:1@{PIN}\nq.io/a:1\nq.io/c:1\n");
    let expected = [
        ("line 4", "no tag"),
        ("line 5", "lowercase"),
        ("line 7", "duplicate of the entry at line 2"),
        ("line 8", "another digest or without one"),
    ];
    assert_refused(&text, &expected);
}

#[test]
fn a_hostile_file_is_an_error() {
    let aliases = format!("a: &a [{}]\nsync: [{}]\n", "x,".repeat(1000), "*a,".repeat(1000));
    let deep = format!("sync: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [aliases, deep] {
        assert!(read(&text, None).is_err());
    }
    let long =
        format!("sync:\n- {{source: '{}:1', target: b:1, type: image}}\n", "a".repeat(100_000));
    assert_eq!(read(&long, None).unwrap().1.refused.len(), 1);
}
