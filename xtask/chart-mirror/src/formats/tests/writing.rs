//! Snapshots, in the shapes that the tools parse.

use super::*;

const LIST: &str = r#"
[chart]
name = "stackstate"
repository = "https://helm.example.com"
version = "4.5.6"

[destinations.production]
registry = "registry.example.com/mirror"

[[image]]
source = "quay.io/stackstate/wait"
tag = "1.10"
digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
target = "tools/wait"
[image.values]
"wait.image" = "{repository}"

[[image]]
source = "busybox"
tag = "1.37"
"#;
const PIN: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn assert_written(format: ListFormat, expected: &str, lost: &[(Loss, usize)]) {
    let list = parsed(LIST);
    let written = written(&list, format, &["production"]);
    assert_eq!(body(&written), expected.replace("{PIN}", PIN), "{format}");
    assert_eq!(losses(&written), lost, "{format}: {:?}", written.left_out);
    if format != ListFormat::Plain {
        let command = format!("`images --format {format} -d production`");
        assert!(written.text.contains(&command), "{}", written.text);
    }
}

#[test]
fn plain_has_a_pinned_reference_in_each_line() {
    let expected = "quay.io/stackstate/wait:1.10@{PIN}\ndocker.io/library/busybox:1.37\n";
    let lost = [(Loss::Values, 1), (Loss::Destinations, 1), (Loss::Targets, 1)];
    assert_written(ListFormat::Plain, expected, &lost);
}

#[test]
fn regsync_copies_each_pinned_image_to_its_target() {
    let expected = r#"version: 1
sync:
  - source: "quay.io/stackstate/wait:1.10@{PIN}"
    target: "registry.example.com/mirror/tools/wait:1.10"
    type: image
  - source: "docker.io/library/busybox:1.37"
    target: "registry.example.com/mirror/library/busybox:1.37"
    type: image
"#;
    assert_written(ListFormat::Regsync, expected, &[(Loss::Values, 1)]);
}

#[test]
fn regsync_has_the_platforms_and_attachments_of_each_destination() {
    let list = parsed(
        "[destinations.a]\nregistry = 'a.io'\nplatforms = ['linux/amd64']\nattachments = 'copy'\n\
         [destinations.b]\nregistry = 'b.io'\nplatforms = ['linux/amd64', 'linux/arm64']\nattachments = 'required'\n\
         [[image]]\nsource = 'q.io/x'\ntag = '1'\n",
    );
    let written = written(&list, ListFormat::Regsync, &["a", "b"]);
    let expected = r#"version: 1
sync:
  - source: "q.io/x:1"
    target: "a.io/x:1"
    type: image
    platform: "linux/amd64"
    digestTags: true
    referrers: true
  - source: "q.io/x:1"
    target: "b.io/x:1"
    type: image
    platforms: ["linux/amd64", "linux/arm64"]
    digestTags: true
    referrers: true
"#;
    assert_eq!(body(&written), expected);
    assert_eq!(losses(&written), [(Loss::Platforms, 1), (Loss::Attachments, 1)]);
}

#[test]
fn skopeo_has_the_tags_of_each_repository() {
    let expected = r#""docker.io":
  images:
    "library/busybox": ["1.37"]
"quay.io":
  images:
    "stackstate/wait": ["1.10"]
"#;
    let lost = [(Loss::Values, 1), (Loss::Digests, 1), (Loss::Destinations, 1), (Loss::Targets, 2)];
    assert_written(ListFormat::Skopeo, expected, &lost);
}

#[test]
fn skopeo_is_called_so_that_it_keeps_the_targets_if_it_can() {
    let table = [
        ("{name}", "a/x", "b/y", "--preserve-digests --src", 0),
        ("{registry}/{path}", "a/x", "b/y", "--preserve-digests --scoped --src", 0),
        ("{path}", "a/x", "b/y", "--preserve-digests --src", 2),
        // Two images would get one name.
        ("{path}", "a/x", "b/x", "--preserve-digests --scoped --src", 2),
    ];
    for (template, first, second, command, lost) in table {
        let list = parsed(&format!(
            "[destinations.d]\nregistry = 'r.io/m'\ntarget = '{template}'\n\
             [[image]]\nsource = 'q.io/{first}'\ntag = '1'\n[[image]]\nsource = 'q.io/{second}'\ntag = '1'\n"
        ));
        let written = written(&list, ListFormat::Skopeo, &["d"]);
        assert!(written.text.contains(command), "{template}: {}", written.text);
        assert!(written.text.contains(" --dest docker FILE r.io/m`"), "{}", written.text);
        let targets = written.left_out.iter().find(|it| it.what == Loss::Targets);
        assert_eq!(targets.map_or(0, |it| it.items.len()), lost, "{template}");
    }
}

#[test]
fn skopeo_verifies_the_hosts_that_the_list_verifies() {
    let list = parsed(
        "[registries.\"http.io\"]\nplain-http = true\n[registries.\"tls.io\"]\nconcurrency = 2\n\
         [[image]]\nsource = 'http.io/x'\ntag = '1'\n[[image]]\nsource = 'tls.io/y'\ntag = '1'\n",
    );
    let expected = r#""http.io":
  tls-verify: false
  images:
    "x": ["1"]
"tls.io":
  images:
    "y": ["1"]
"#;
    assert_eq!(body(&written(&list, ListFormat::Skopeo, &[])), expected);
}

#[test]
fn hauler_has_images_with_their_paths_and_the_chart() {
    let expected = r#"apiVersion: content.hauler.cattle.io/v1
kind: Images
metadata:
  name: "stackstate"
spec:
  images:
    - name: "quay.io/stackstate/wait:1.10"
      rewrite: "tools/wait:1.10"
    - name: "docker.io/library/busybox:1.37"
---
apiVersion: content.hauler.cattle.io/v1
kind: Charts
metadata:
  name: "stackstate"
spec:
  charts:
    - name: "stackstate"
      repoURL: "https://helm.example.com"
      version: "4.5.6"
"#;
    let lost = [(Loss::Values, 1), (Loss::Digests, 1), (Loss::Destinations, 1)];
    assert_written(ListFormat::Hauler, expected, &lost);
}

#[test]
fn hauler_has_one_platform_and_no_path_that_looks_like_a_registry() {
    let list = parsed(
        "[destinations.a]\nregistry = 'a.io'\nplatforms = ['linux/amd64']\ntarget = '{registry}/{path}'\n\
         [[image]]\nsource = 'q.io/x'\ntag = '1'\n",
    );
    let written = written(&list, ListFormat::Hauler, &["a"]);
    assert!(written.text.contains("      platform: \"linux/amd64\"\n"), "{}", written.text);
    assert!(!written.text.contains("rewrite"), "{}", written.text);
    assert_eq!(losses(&written), [(Loss::Targets, 1), (Loss::Destinations, 1)]);
}

#[test]
fn zarf_has_a_component_with_the_chart_and_its_images() {
    let expected = r#"apiVersion: zarf.dev/v1alpha1
kind: ZarfPackageConfig
metadata:
  name: "stackstate"
components:
  - name: "stackstate"
    required: true
    charts:
      - name: "stackstate"
        version: "4.5.6"
        url: "https://helm.example.com"
        namespace: "stackstate"
    images:
      - "quay.io/stackstate/wait:1.10"
      - "docker.io/library/busybox:1.37"
"#;
    let lost = [(Loss::Values, 1), (Loss::Digests, 1), (Loss::Destinations, 1), (Loss::Targets, 1)];
    assert_written(ListFormat::Zarf, expected, &lost);
}

#[test]
fn dt_has_no_digests_because_the_list_does_not_know_those_of_platforms() {
    let expected = r#"apiVersion: v0
kind: ImagesLock
metadata:
  generatedBy: chart-mirror
chart:
  name: "stackstate"
  version: "4.5.6"
  appVersion: ""
images:
  - name: "wait"
    image: "quay.io/stackstate/wait:1.10"
    chart: "stackstate"
    digests: []
  - name: "busybox"
    image: "docker.io/library/busybox:1.37"
    chart: "stackstate"
    digests: []
"#;
    let lost = [
        (Loss::PlatformDigests, 2),
        (Loss::Digests, 1),
        (Loss::Values, 1),
        (Loss::Destinations, 1),
        (Loss::Targets, 1),
    ];
    assert_written(ListFormat::Dt, expected, &lost);
}

#[test]
fn kustomize_has_an_entry_for_each_way_to_write_a_name() {
    let mut expected = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages:\n  \
                        - name: \"quay.io/stackstate/wait\"\n    \
                        newName: \"registry.example.com/mirror/tools/wait\"\n    \
                        newTag: \"1.10\"\n    digest: \"{PIN}\"\n"
        .to_owned();
    for name in ["docker.io/library/busybox", "library/busybox", "docker.io/busybox", "busybox"] {
        let entry = format!(
            "  - name: \"{name}\"\n    newName: \"registry.example.com/mirror/library/busybox\"\n    newTag: \"1.37\"\n"
        );
        expected.insert_str(expected.find("  - name: \"quay").unwrap(), &entry);
    }
    // Sorted by name, and within a name in the order above.
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let list = parsed(LIST);
    let written = written(&list, ListFormat::Kustomize, &["production"]);
    assert_eq!(lines(&body(&written)), lines(&expected.replace("{PIN}", PIN)));
    assert_eq!(losses(&written), []);
}

#[test]
fn kustomize_has_one_new_name_for_a_name_where_pods_pull_it() {
    let head = "[destinations.d]\nregistry = 'push.io'\npull-registry = 'pull.io/v'\n";
    let image =
        |tag: &str, more: &str| format!("[[image]]\nsource = 'q.io/x'\ntag = '{tag}'\n{more}");
    let same = format!("{head}{}{}", image("1", &format!("digest = '{PIN}'\n")), image("2", ""));
    let written_same = written(&parsed(&same), ListFormat::Kustomize, &["d"]);
    assert!(
        body(&written_same)
            .ends_with("images:\n  - name: \"q.io/x\"\n    newName: \"pull.io/v/x\"\n"),
        "{}",
        written_same.text
    );
    assert_eq!(losses(&written_same), [(Loss::Tags, 2)]);

    let different = format!("{head}{}{}", image("1", ""), image("2", "target = 'y'\n"));
    let written = written(&parsed(&different), ListFormat::Kustomize, &["d"]);
    assert_eq!(losses(&written), [(Loss::Images, 2)]);
    assert!(!written.text.contains("newName"), "{}", written.text);
}

#[test]
fn kustomize_has_the_digest_that_the_destination_has() {
    let subset = Digest::of(b"subset");
    let list = |recorded: &str| {
        parsed(&format!(
            "[destinations.d]\nregistry = 'r.io'\nplatforms = ['linux/amd64']\n\
             [[image]]\nsource = 'q.io/x'\ntag = '1'\ndigest = '{PIN}'\n{recorded}"
        ))
    };
    let recorded = format!("[image.subsets]\nindex = '{PIN}'\n\"linux/amd64\" = '{subset}'\n");
    let with = written(&list(&recorded), ListFormat::Kustomize, &["d"]);
    assert!(with.text.contains(&format!("    digest: \"{subset}\"\n")), "{}", with.text);
    let without = written(&list(""), ListFormat::Kustomize, &["d"]);
    assert!(!without.text.contains("digest:"), "{}", without.text);
    assert_eq!(losses(&without), [(Loss::Digests, 1)]);
}

#[test]
fn lists_are_joined_unless_they_contradict_each_other() {
    let image = |name: &str, digest: &str| {
        parsed(&format!("[[image]]\nsource = 'q.io/{name}'\ntag = '1'\n{digest}"))
    };
    let pin = format!("digest = '{PIN}'\n");
    let (first, second) = (image("x", ""), image("y", &pin));
    let both = [to_write(&first, &[]), to_write(&second, &[]), to_write(&first, &[])];
    let text = write(ListFormat::Plain, &both).unwrap().text;
    assert_eq!(text, format!("q.io/x:1\nq.io/y:1@{PIN}\n"));
    let other = image("x", &pin);
    let error = write(ListFormat::Plain, &[to_write(&first, &[]), to_write(&other, &[])]);
    assert!(error.unwrap_err().message.contains("`q.io/x:1` has one digest"));
}

#[test]
fn a_chart_is_named_as_each_tool_finds_it() {
    let table = [
        ("name = './chart'", "name: \"chart\"\n      repoURL: \".\"", "localPath: \"./chart\""),
        (
            "name = 'oci://r.io/charts/shop'\nversion = '1.2.0'",
            "name: \"shop\"\n      repoURL: \"oci://r.io/charts\"\n      version: \"1.2.0\"",
            "url: \"oci://r.io/charts/shop\"",
        ),
        ("name = 'team/shop'\nversion = '1.2.0'", "", ""),
    ];
    for (chart, of_hauler, of_zarf) in table {
        let list = parsed(&format!("[chart]\n{chart}\n[[image]]\nsource = 'q.io/x'\ntag = '1'\n"));
        for (format, expected) in [(ListFormat::Hauler, of_hauler), (ListFormat::Zarf, of_zarf)] {
            let written = written(&list, format, &[]);
            assert!(written.text.contains(expected), "{chart}: {}", written.text);
            let is_lost = losses(&written).contains(&(Loss::Charts, 1));
            assert_eq!(is_lost, expected.is_empty(), "{chart}: {format}");
        }
    }
}

#[test]
fn what_a_list_requires_besides_is_left_out_by_name() {
    let list = parsed(
        "[registries.\"q.io\"]\nplain-http = true\n\
         [[policy.signatures]]\nsources = ['q.io/*']\nkeys = ['a.pub']\n\
         [[image]]\nsource = 'q.io/x'\ntag = '1'\nkeep = 'an operator starts it'\n",
    );
    let written = written(&list, ListFormat::Plain, &[]);
    let lost = [(Loss::Signatures, 1), (Loss::Registries, 1), (Loss::Replacements, 1)];
    assert_eq!(losses(&written), lost);
    assert_eq!(written.left_out[0].items, ["q.io/*"]);
}
