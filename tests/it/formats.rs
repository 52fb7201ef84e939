//! `images --format` for other tools, and `init --from-list`: what is written, what is reported, and what is refused.
//! Without helm and without a registry.

use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

const PIN: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const FORMATS: [&str; 7] = ["regsync", "skopeo", "hauler", "zarf", "plain", "dt", "kustomize"];

fn list() -> String {
    format!(
        "[chart]\nname = './no-chart'\n[destinations.mine]\nregistry = 'r.io/m'\n\
         [[image]]\nsource = 'quay.io/team/app'\ntag = '1.10'\ndigest = '{PIN}'\n\
         [image.values]\n'app.image' = '{{repository}}'\n\
         [[image]]\nsource = 'quay.io/team/tool'\ntag = '1'\ntarget = 'tool'\n"
    )
}

fn folder(list: &str) -> Xtask {
    let xtask = Xtask::new();
    write(&xtask, "images.toml", list);
    xtask
}

fn run(xtask: &Xtask, arguments: &[&str]) -> Finished {
    xtask.run(arguments, &[("HELM", "/no/helm")])
}

fn refused(xtask: &Xtask, arguments: &[&str], words: &[&str]) {
    let finished = run(xtask, arguments);
    assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
    assert_says(&finished.stderr, words);
}

#[test]
fn a_list_is_written_without_its_chart_and_each_loss_is_one_line() {
    let xtask = folder(&list());
    let plain = run(&xtask, &["images", "--format", "plain"]);
    let lines = format!("quay.io/team/app:1.10@{PIN}\nquay.io/team/tool:1\n");
    assert_eq!((plain.exit_code, plain.stdout), (0, lines), "{}", plain.stderr);
    let warnings: Vec<_> = plain.stderr.lines().collect();
    assert_eq!(warnings.len(), 3, "{}", plain.stderr);
    assert!(warnings.iter().all(|line| line.starts_with("warning: left out: ")), "{warnings:?}");
    let words = [
        "1 Helm value (app.image): ",
        "1 destination (mine): ",
        "1 target (quay.io/team/tool:1): ",
    ];
    assert_says(&plain.stderr, &words);
    let quiet = run(&xtask, &["images", "--format", "plain", "--quiet"]);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn many_losses_are_counted_and_three_are_named() {
    let image = |number: usize| {
        format!("[[image]]\nsource = 'quay.io/a/b{number}'\ntag = '1'\ndigest = '{PIN}'\n")
    };
    let xtask = folder(&(0..5).map(image).collect::<String>());
    let skopeo = run(&xtask, &["images", "--format", "skopeo"]);
    let named = "5 digests (quay.io/a/b0:1, quay.io/a/b1:1, quay.io/a/b2:1, and 2 more): ";
    assert_says(&skopeo.stderr, &[named]);
    assert_eq!(skopeo.stderr.lines().count(), 1, "{}", skopeo.stderr);
}

#[test]
fn formats_with_targets_need_a_destination_and_only_some_take_several() {
    let without = list().replace("[destinations.mine]\nregistry = 'r.io/m'\n", "");
    for format in FORMATS {
        let xtask = folder(&without);
        let finished = run(&xtask, &["images", "--format", format]);
        let needs_one = ["regsync", "kustomize"].contains(&format);
        assert_eq!(finished.exit_code, if needs_one { 2 } else { 0 }, "{format}: {finished:?}");
        let named = run(&xtask, &["images", "--format", format, "-d", "s.io/x"]);
        assert_eq!(named.exit_code, 0, "{format}: {named:?}");
        let has_target = named.stdout.contains("s.io/x/tool");
        assert_eq!(has_target, needs_one, "{format}: {}", named.stdout);
    }
    let xtask = folder(&list());
    let both = ["images", "--format", "regsync", "-d", "mine", "-d", "s.io"];
    let finished = run(&xtask, &both);
    assert_says(&finished.stdout, &["\"r.io/m/tool:1\"", "\"s.io/tool:1\"", " -d mine -d s.io`"]);
    let both = ["images", "--format", "kustomize", "-d", "mine", "-d", "s.io"];
    refused(&xtask, &both, &["needs one destination", "hint: name one: `-d NAME`"]);
    let layout = ["images", "--format", "regsync", "-d", "oci:out"];
    refused(&xtask, &layout, &["images --format regsync` needs a registry"]);
}

#[test]
fn an_image_that_is_left_out_is_a_failure() {
    let xtask = folder(
        "[destinations.mine]\nregistry = 'r.io'\n[[image]]\nsource = 'q.io/a'\ntag = '1'\n\
         [[image]]\nsource = 'q.io/a'\ntag = '2'\ntarget = 'b'\n",
    );
    let finished = run(&xtask, &["images", "--format", "kustomize"]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    assert_says(&finished.stderr, &["left out: 2 images (q.io/a:1, q.io/a:2): "]);
}

#[test]
fn a_chart_is_no_part_of_the_list_and_a_destination_none_of_the_inventory() {
    let xtask = folder(&list());
    refused(
        &xtask,
        &["images", "--format", "plain", "-c", "./chart"],
        &["`--format plain` writes the list", "--format lines`"],
    );
    refused(
        &xtask,
        &["images", "-d", "mine"],
        &["--format", "`chart-mirror images --format regsync -d NAME`"],
    );
}

#[test]
fn a_workspace_is_written_as_one_list_unless_the_format_is_for_one_chart() {
    let xtask = folder("[workspace]\nmembers = ['*']\n[destinations.mine]\nregistry = 'r.io'\n");
    for (name, images) in [("a", "[[image]]\nsource = 'q.io/a'\ntag = '1'\n"), ("b", "")] {
        let shared = "[[image]]\nsource = 'q.io/shared'\ntag = '1'\n";
        write(&xtask, &format!("{name}/images.toml"), format!("{shared}{images}"));
    }
    let plain = run(&xtask, &["images", "--format", "plain"]);
    assert_eq!(plain.stdout, "q.io/shared:1\nq.io/a:1\n", "{}", plain.stderr);
    let regsync = run(&xtask, &["images", "--format", "regsync"]);
    assert_eq!(regsync.stdout.matches("type: image").count(), 2, "{}", regsync.stdout);
    for format in ["dt", "kustomize"] {
        refused(&xtask, &["images", "--format", format], &["needs one list", "`--member NAME`"]);
        let one = run(&xtask, &["images", "--format", format, "--member", "b"]);
        assert_eq!(one.exit_code, 0, "{one:?}");
    }
    let different = format!("[[image]]\nsource = 'q.io/shared'\ntag = '1'\ndigest = '{PIN}'\n");
    write(&xtask, "b/images.toml", different);
    refused(
        &xtask,
        &["images", "--format", "plain"],
        &["`q.io/shared:1` has the target `r.io/shared:1`", "`a/images.toml`", "`b/images.toml`"],
    );
}

#[test]
fn the_name_and_the_version_of_a_chart_in_a_folder_are_those_of_its_chart_yaml() {
    let image = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";
    for (member, chart) in [("", "."), ("", "charts/shop"), ("deploy", "../charts/shop")] {
        let xtask = Xtask::new();
        let list = format!("[chart]\nname = '{chart}'\n{image}");
        write(&xtask, format!("{member}/images.toml").trim_start_matches('/'), list);
        for folder in ["", "charts/shop/"] {
            let text = "apiVersion: v2\nname: shop\nversion: 1.2.3\n";
            write(&xtask, &format!("{folder}Chart.yaml"), text);
        }
        let of = |format: &str| {
            let written = xtask.run_in(member, &["images", "--format", format], &[]);
            assert_eq!(written.exit_code, 0, "{written:?}");
            written.stdout
        };
        assert_says(&of("dt"), &["chart:\n  name: \"shop\"\n  version: \"1.2.3\"\n"]);
        let zarf = ["  - name: \"shop\"\n", "        version: \"1.2.3\"\n", "localPath: "];
        assert_says(&of("zarf"), &zarf);
    }
}

#[test]
fn a_new_member_of_a_workspace_uses_its_destinations() {
    let xtask = folder(
        "[workspace]\nmembers = ['*']\n[destinations.mine]\nregistry = 'r.io/m'\ntarget = '{name}'\n",
    );
    let text = "sync:\n- {source: 'q.io/a/b:1', target: 'r.io/m/b:1', type: image}\n\
                - {source: 'q.io/a/c:1', target: 'r.io/m/x/c:1', type: image}\n";
    write(&xtask, "shop/regsync.yml", text);
    let arguments = ["init", "--from-list", "regsync.yml"];
    let taken = xtask.run_in("shop", &arguments, &[("HELM", "/no/helm")]);
    assert_eq!(taken.exit_code, 0, "{taken:?}");
    let expected = [
        "Copying q.io/a/b:1 to r.io/m/b:1 (dry-run)",
        "Copying q.io/a/c:1 to r.io/m/x/c:1 (dry-run)",
    ];
    assert_eq!(copies(&xtask, &["--member", "shop"]), expected);
}

#[test]
fn a_chart_that_cannot_be_listed_is_left_out_with_the_reason() {
    let xtask = Xtask::new();
    let chart =
        |name: &str| format!("- {{name: {name}, url: 'https://helm.io', version: 1.2.0}}\n");
    let text = format!(
        "kind: ZarfPackageConfig\ncomponents:\n- name: a\n  images: ['q.io/a:1']\n  charts:\n  {}  {}",
        chart("''"),
        chart("shop")
    );
    write(&xtask, "zarf.yaml", text);
    let taken = run(&xtask, &["init", "--from-list", "zarf.yaml"]);
    assert_eq!(taken.exit_code, 1, "{taken:?}");
    assert_says(&taken.stdout, &["a: charts[0]: ``: it cannot be `[chart]`: "]);
    let list = std::fs::read_to_string(xtask.directory().join("images.toml")).unwrap();
    assert_says(&list, &["[chart]\nname = \"shop\"\n"]);
}

/// What `mirror -t` would copy.
fn copies(xtask: &Xtask, arguments: &[&str]) -> Vec<String> {
    let finished = run(xtask, &[&["mirror", "-t"], arguments].concat());
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let mut lines: Vec<_> = finished.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_list_that_is_written_and_taken_over_copies_the_same() {
    let xtask = folder(&list());
    let expected = copies(&xtask, &[]);
    for format in ["regsync", "kustomize"] {
        let written = run(&xtask, &["images", "--format", format]);
        write(&xtask, format, written.stdout);
        let new = format!("{format}.toml");
        let taken = run(&xtask, &["init", "--images", &new, "--from-list", format]);
        assert_eq!(taken.exit_code, 0, "{taken:?}");
        let words = [&*format!("written     {new}: 2 images, 1 pinned\n"), "next:\n"];
        assert_says(&taken.stdout, &words);
        assert_eq!(copies(&xtask, &["--images", &new]), expected, "{format}");
    }
}

#[test]
fn init_writes_a_commented_list_and_names_what_it_leaves_out() {
    let xtask = Xtask::new();
    let text = format!(
        "version: 1\ncreds: [{{registry: r.io, pass: secret}}]\nsync:\n\
         - source: quay.io/team/app:1@{PIN}\n  target: r.io/m/team/app:1\n  type: image\n\
         - source: quay.io/team/all\n  target: r.io/m/team/all\n  type: repository\n"
    );
    write(&xtask, "lists/regsync.yml", text);
    let taken = run(&xtask, &["init", "--from-list", "lists/regsync.yml"]);
    assert_eq!((taken.exit_code, taken.stderr.as_str()), (1, ""), "{taken:?}");
    let words = [
        "warning: not taken over: lists/regsync.yml: line 7: sync[1]: `quay.io/team/all`: it copies all tags",
        "note: lists/regsync.yml: `creds`",
        "written     images.toml: 1 image, 1 pinned\n",
        "values --probe --write -c CHART",
    ];
    assert_says(&taken.stdout, &words);
    assert!(!taken.stdout.contains("secret"), "{}", taken.stdout);
    let list = std::fs::read_to_string(xtask.directory().join("images.toml")).unwrap();
    let expected = format!(
        "[destinations.r]\nregistry = \"r.io/m\"\n\n[[image]]\nsource = \"quay.io/team/app\"\ntag = \"1\"\n\
         digest = \"{PIN}\"\n"
    );
    assert!(list.starts_with("# The images of `regsync.yml` (regsync)"), "{list}");
    assert!(list.ends_with(&expected), "{list}");

    refused(
        &xtask,
        &["init", "--from-list", "lists/regsync.yml"],
        &["`images.toml` exists already, and `init` overwrites nothing"],
    );
}

#[test]
fn a_destination_of_the_command_line_takes_the_images_of_a_list_without_targets() {
    let xtask = Xtask::new();
    write(&xtask, "images.txt", "quay.io/a/b:1\ndocker.io/a/b:1\nquay.io/a/c:2\n");
    let arguments = ["init", "--from-list", "images.txt", "-d", "mine=r.io/m"];
    let taken = run(&xtask, &arguments);
    assert_eq!(taken.exit_code, 1, "{taken:?}");
    let words = ["line 2: `docker.io/a/b:1`: it would have the target of `quay.io/a/b:1` at mine"];
    assert_says(&taken.stdout, &words);
    let expected = [
        "Copying quay.io/a/b:1 to r.io/m/a/b:1 (dry-run)",
        "Copying quay.io/a/c:2 to r.io/m/a/c:2 (dry-run)",
    ];
    assert_eq!(copies(&xtask, &["-d", "mine"]), expected);
}

#[test]
fn a_file_that_is_no_list_is_refused_and_nothing_is_written() {
    let xtask = Xtask::new();
    write(&xtask, "other.yml", "a: b\n");
    write(&xtask, "broken.yml", "sync:\n- source: [\n");
    write(&xtask, "untagged.txt", "quay.io/a/b\n");
    write(&xtask, "binary", [0xff, 0xfe, 0x00]);
    duct::cmd("mkfifo", [xtask.directory().join("fifo")]).run().unwrap();
    let table: [(&str, &[&str]); 7] = [
        (
            "other.yml",
            &["`other.yml`: its format was not recognised", "hint: the formats are regsync,"],
        ),
        ("broken.yml", &["`broken.yml:", "`--list-format`"]),
        ("untagged.txt", &["`untagged.txt`: its format was not recognised"]),
        ("binary", &["`binary`: it is not UTF-8 text"]),
        ("fifo", &["`fifo`: it is not a regular file"]),
        (".", &["`.`: it is a folder"]),
        ("missing", &["`missing`: "]),
    ];
    for (file, words) in table {
        refused(&xtask, &["init", "--from-list", file], words);
    }
    let forced = ["init", "--from-list", "untagged.txt", "--list-format", "plain"];
    refused(
        &xtask,
        &forced,
        &["has no image that a list can have", "line 1: `quay.io/a/b`: it has no tag"],
    );
    assert!(!xtask.directory().join("images.toml").exists());
    let both = ["init", "--from-list", "untagged.txt", "-c", "./chart"];
    refused(&xtask, &both, &["cannot be used with"]);
    refused(&xtask, &["init", "--list-format", "plain", "-c", "x"], &["cannot be used with"]);
}
