//! `values --format` for nodes: printed, written and checked, with what a format cannot do.

use crate::support::xtask::{Finished, Xtask};

const LIST: &str = r#"
[chart]
name = "acme"
[destinations.mine]
registry = "r.io/m"
[destinations.other]
registry = "other.io"
[[image]]
source = "quay.io/team/app"
tag = "1"
[[image]]
source = "quay.io/team/tool"
tag = "1"
target = "tool"
[[image]]
source = "docker.io/library/nginx"
tag = "1.25"
"#;

fn nodes(list: &str) -> Xtask {
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
    xtask
}

fn values(xtask: &Xtask, arguments: &[&str]) -> Finished {
    let arguments = [&["values"], arguments].concat();
    xtask.run(&arguments, &[("HELM", "/no/helm")])
}

#[test]
fn a_configuration_is_printed_and_images_that_it_leaves_out_are_an_error() {
    let xtask = nodes(LIST);
    let printed = values(&xtask, &["--format", "containerd", "-d", "mine"]);
    assert_eq!(printed.exit_code, 1, "{}", printed.stderr);
    for words in [
        "# docker.io/hosts.toml\n# containerd: ",
        "\n# quay.io/hosts.toml\n",
        "`values -d mine --format containerd --write`",
        "[host.\"https://r.io/v2/m\"]\n  capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n",
    ] {
        assert!(printed.stdout.contains(words), "{words}: {}", printed.stdout);
    }
    for words in [
        "error: containerd cannot redirect 1 image to mine\n",
        "  quay.io/team/tool:1: its target is `r.io/m/tool:1`, not `r.io/m/team/tool`",
        "\nhint: ",
        "`chart-mirror values --format kyverno`",
    ] {
        assert!(printed.stderr.contains(words), "{words}: {}", printed.stderr);
    }
    for format in ["registries-conf", "registries-yaml", "openshift", "kyverno"] {
        let printed = values(&xtask, &["--format", format, "-d", "r.example.com"]);
        assert_eq!((printed.exit_code, printed.stderr.as_str()), (0, ""), "{format}");
        assert!(printed.stdout.contains("r.example.com/tool") || format == "registries-yaml");
        let header = format!("run `values -d r.example.com --format {format} --write`.\n");
        assert!(printed.stdout.contains(&header), "{}", printed.stdout);
    }
}

#[test]
fn files_are_written_once_for_each_destination_and_compared() {
    let xtask = nodes(LIST);
    let file = |name: &str| xtask.directory().join("values/nodes").join(name);
    for (format, name) in [
        ("containerd", "mine/certs.d/quay.io/hosts.toml"),
        ("containerd", "other/certs.d/docker.io/hosts.toml"),
        ("registries-conf", "mine/registries.conf.d/acme-mine.conf"),
        ("registries-yaml", "other/registries.yaml"),
        ("openshift", "mine/openshift.yaml"),
        ("kyverno", "mine/kyverno.yaml"),
    ] {
        let exit = i32::from(format == "containerd");
        let format = ["--format", format];
        let check = [&format[..], &["--check"]].concat();
        let write = [&format[..], &["--write"]].concat();
        let _ = std::fs::remove_file(file(name));
        let missing = values(&xtask, &check);
        assert_eq!(missing.exit_code, 1, "{name}");
        assert!(missing.stdout.contains("missing "), "{}", missing.stdout);
        let hint = format!("hint: run `chart-mirror values --format {} --write`", format[1]);
        assert!(missing.stdout.contains(&hint), "{}", missing.stdout);
        let written = values(&xtask, &write);
        assert_eq!(written.exit_code, exit, "{name}: {}", written.stderr);
        let line = format!("written     values/nodes/{name}\n");
        assert!(written.stdout.contains(&line), "{}", written.stdout);
        let same = values(&xtask, &check);
        assert_eq!(same.exit_code, exit, "{name}: {}", same.stdout);
        let text = std::fs::read_to_string(file(name)).unwrap();
        std::fs::write(file(name), text + "# edited\n").unwrap();
        let stale = values(&xtask, &check);
        assert!(stale.stdout.contains("\n-# edited\n") && stale.exit_code == 1, "{}", stale.stdout);
    }
    // The Helm values are not touched.
    assert!(!xtask.directory().join("values/mine.yaml").exists());
}

#[test]
fn files_that_are_not_needed_any_more_are_removed_by_name_and_others_kept() {
    let xtask = nodes(LIST);
    let format = ["-d", "mine", "--format", "containerd"];
    let run = |flag: &str| values(&xtask, &[&format[..], &[flag]].concat());
    assert_eq!(run("--write").exit_code, 1, "one image is left out");
    let folder = xtask.directory().join("values/nodes/mine/certs.d");
    std::fs::create_dir(folder.join("ghcr.io")).unwrap();
    std::fs::write(folder.join("ghcr.io/hosts.toml"), "server = \"https://ghcr.io\"\n").unwrap();
    let start = LIST.rfind("[[image]]").unwrap();
    std::fs::write(xtask.directory().join("images.toml"), &LIST[..start]).unwrap();

    let checked = run("--check").stdout;
    assert!(
        checked.contains("obsolete    values/nodes/mine/certs.d/docker.io/hosts.toml\n"),
        "{checked}"
    );
    assert!(folder.join("docker.io/hosts.toml").exists());
    let written = run("--write").stdout;
    assert!(
        written.contains("removed     values/nodes/mine/certs.d/docker.io/hosts.toml\n"),
        "{written}"
    );
    assert!(!folder.join("docker.io").exists() && folder.join("ghcr.io/hosts.toml").exists());
    assert!(!run("--check").stdout.contains("obsolete"));
}

#[test]
fn proof_and_probe_are_about_helm_values() {
    for flag in ["--prove", "--probe"] {
        let refused = values(&nodes(LIST), &["--format", "kyverno", flag]);
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
        assert!(refused.stderr.contains("`--format kyverno`"), "{}", refused.stderr);
    }
}

#[test]
fn digests_that_the_destination_lacks_are_a_warning() {
    let list = "[destinations.d]\nregistry = \"r.io\"\nplatforms = [\"linux/amd64\"]\n\
                [[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n";
    let digest = format!("digest = \"sha256:{}\"\n", "a".repeat(64));
    let printed = values(&nodes(&(list.to_owned() + &digest)), &["--format", "openshift"]);
    assert_eq!(printed.exit_code, 0, "{}", printed.stderr);
    for words in
        ["warning: d has other digests", "only linux/amd64: q.io/a:1\n", "hint: a pod that names"]
    {
        assert!(printed.stderr.contains(words), "{words}: {}", printed.stderr);
    }
    let unpinned = values(&nodes(list), &["--format", "openshift"]);
    assert_eq!((unpinned.exit_code, unpinned.stderr.as_str()), (0, ""));
}
