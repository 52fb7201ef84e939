//! Commands that cannot run: exit code 2, nothing on stdout, and a message with a hint.

use super::{assert_says, assert_well_formed, write};
use crate::support::xtask::Xtask;

const IMAGE: &str = "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n";

/// Asserts that `mirror -t` refuses a list with these words.
fn refused(list: &[u8], arguments: &[&str], words: &[&str]) {
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", list);
    let arguments = [&["mirror", "-t", "--images", &images][..], arguments].concat();
    let finished = xtask.run(&arguments, &[]);
    assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
    assert_well_formed(&finished.stderr);
    assert_says(&finished.stderr, words);
}

#[test]
fn an_invalid_destination_is_explained() {
    let table: [(&[&str], &[&str]); 9] = [
        (&[], &["no destination", "hint: name a registry: `-d "]),
        (&["-d", "https://mirror.example.com"], &["`-d https://mirror.example.com`", "no scheme"]),
        (&["-d", "Mirror.example.com/Team"], &["`-d Mirror.example.com/Team`", "lowercase"]),
        (&["-d", "mirror.example.com/a:1"], &["neither tag nor digest"]),
        (&["-d", ""], &["`-d `"]),
        (&["-d", "mirror.example.com:99999"], &["`-d mirror.example.com:99999`"]),
        (&["-d", "-"], &["`-d -`"]),
        (&["-d", "quay.io"], &["would be copied onto itself", "hint: "]),
        (&["-d", "mirror.example.com", "--only", "kafak"], &["selects no image", "hint: "]),
    ];
    for (arguments, words) in table {
        refused(IMAGE.as_bytes(), arguments, words);
    }
}

#[test]
fn the_error_about_an_unknown_destination_names_the_known_ones() {
    let list = format!(
        "[destinations.ecr]\nregistry = \"a.example.com\"\n\
         [destinations.harbor]\nregistry = \"b.example.com\"\n{IMAGE}"
    );
    refused(
        list.as_bytes(),
        &["-d", "erc"],
        &[
            "no destination `erc`, and it is not a registry: ",
            "\nhint: the list has `-d ecr`, `-d harbor`",
        ],
    );
    refused(list.as_bytes(), &[], &["several destinations", "`-d ecr`, `-d harbor`"]);
}

#[test]
fn only_a_mistyped_command_is_corrected() {
    let table = [
        ("mirorr", Some("mirror")),
        ("verfy", Some("verify")),
        ("pinn", Some("pin")),
        ("plan", None),
        ("copy", None),
        ("update", None),
    ];
    for (word, suggested) in table {
        let finished = Xtask::new().run(&[word], &[]);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
        assert_says(&finished.stderr, &[&format!("unrecognized subcommand '{word}'"), "Usage:"]);
        let tip = suggested.map(|command| format!("similar subcommand exists: '{command}'"));
        match tip {
            Some(tip) => assert_says(&finished.stderr, &[&tip]),
            None => assert!(!finished.stderr.contains("similar"), "{}", finished.stderr),
        }
    }
}

#[test]
fn the_list_is_found_upward_from_the_current_folder() {
    let xtask = Xtask::new();
    let list = format!("[destinations.mine]\nregistry = \"r.io\"\n{IMAGE}");
    write(&xtask, "images.toml", list);
    write(&xtask, "charts/acme/Chart.yaml", "");
    let finished = xtask.run_in("charts/acme", &["values", "--write"], &[]);
    let written = "written     ../../values/mine.yaml\n";
    assert_eq!((finished.exit_code, finished.stdout.as_str()), (0, written));
    // The nearest list wins.
    write(
        &xtask,
        "charts/images.toml",
        format!("[destinations.near]\nregistry = \"n.io\"\n{IMAGE}"),
    );
    let finished = xtask.run_in("charts/acme", &["values", "--write"], &[]);
    assert_says(&finished.stdout, &["../values/near.yaml"]);
}

#[test]
fn a_folder_without_a_list_is_reported_with_both_ways_out() {
    let xtask = Xtask::new();
    for command in ["mirror", "values", "verify", "images", "pin", "doctor"] {
        let finished = xtask.run(&[command], &[]);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
        assert_says(
            &finished.stderr,
            &["no images.toml in `", "`chart-mirror init -c CHART`", "--images"],
        );
    }
}

#[test]
fn a_list_in_another_place_is_named_in_hints_as_a_shell_reads_it() {
    let xtask = Xtask::new();
    write(&xtask, "my lists/a.toml", IMAGE);
    let arguments =
        ["mirror", "--images", "my lists/a.toml", "-t", "-d", "r.io", "--only", "nothing"];
    let finished = xtask.run(&arguments, &[]);
    assert_says(
        &finished.stderr,
        &["`chart-mirror --images 'my lists/a.toml' mirror -t` lists all"],
    );
}

#[test]
fn a_missing_list_is_reported_with_the_cause_before_the_hint() {
    let finished = Xtask::new().run(&["mirror", "--images", "nope.toml"], &[]);
    let (cause, hint) = finished.stderr.split_once('\n').unwrap();
    assert!(cause.starts_with("error: cannot read the image list `nope.toml`: No such"), "{cause}");
    assert_eq!(hint, "hint: name another with `--images FILE`\n");
    let xtask = Xtask::new();
    write(&xtask, "web/images.toml", IMAGE);
    let finished = xtask.run(&["mirror", "--images", "web"], &[]);
    assert_eq!(finished.exit_code, 2, "{finished:?}");
    assert_says(&finished.stderr, &["`web` is a folder", "`web/images.toml`"]);
}

#[test]
fn possible_passwords_are_not_repeated() {
    let lists = [
        format!("{IMAGE}[registries.\"quay.io\"]\npassword = \"hunter2\"\n"),
        format!("{IMAGE}[registries.\"quay.io\"]\nauth = {{ user = 1, pw = \"hunter2\" }}\n"),
        IMAGE.replace("quay.io", "user:hunter2@quay.io"),
        format!("{IMAGE}[destinations.a]\nregistry = \"user:hunter2@a.io/x\"\n"),
        IMAGE.to_owned(),
    ];
    for list in lists {
        let xtask = Xtask::new();
        let images = write(&xtask, "images.toml", list.as_bytes());
        let arguments = ["mirror", "-t", "--images", &images, "-d", "user:hunter2@r.io/x"];
        let finished = xtask.run(&arguments, &[]);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
        assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
        let words = ["secrets do not belong", "credentials"];
        assert!(words.iter().any(|word| finished.stderr.contains(word)), "{}", finished.stderr);
    }
}

#[test]
fn control_characters_are_refused_wherever_they_would_be_printed() {
    let table = [
        "[chart]\nname = \"x\\nevil: y\"\n",
        "[chart]\nname = \"x\"\nversion = \"1\\u001b[2J\"\n",
        "[[chart.rendering]]\nname = \"a\\u0007\"\n[chart]\nname = \"x\"\n",
        "[chart]\nname = \"x\"\n[[chart.rendering]]\nname = \"a\"\nset = { \"a\\nb\" = 1 }\n",
        "[values]\n\"a.b\" = \"x\\u001b\"\n",
    ];
    for text in table {
        let list = format!("{text}{IMAGE}");
        refused(
            list.as_bytes(),
            &["-d", "r.io"],
            &["this contains a control character", "images.toml:"],
        );
    }
    let lines =
        "[chart]\nname = \"x\"\n[[chart.rendering]]\nname = \"a\"\nset = { a = \"1\\n2\" }\n";
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", format!("{lines}{IMAGE}").as_bytes());
    let finished = xtask.run(&["mirror", "-t", "--images", &images, "-d", "r.io"], &[]);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
}

#[test]
fn an_invalid_list_is_refused_with_line_numbers() {
    let target = "target = \"x/y\"\n";
    let twice = format!("{IMAGE}{target}{}{target}", IMAGE.replace("a/b", "c/d"));
    let table: [(&[u8], &[&str]); 9] = [
        (b"", &["images.toml", "image"]),
        (b"\n# only words\n", &["images.toml", "image"]),
        (
            b"[[image]]\nsorce = \"quay.io/a/b\"\ntag = \"1\"\n",
            &["sorce", "source", "images.toml:2"],
        ),
        (twice.as_bytes(), &["x/y:1", "images.toml:"]),
        (b"[[image]]\nsource = \"quay.io/a/b\"\ntag = \"latest\"\n", &["latest", "images.toml:3"]),
        (b"[[image]]\nsource = \"quay.io/a/b\"\n", &["tag", "images.toml:"]),
        (b"[[image]]\nsource = \"quay.io/A/b\"\ntag = \"1\"\n", &["images.toml:2"]),
        (b"[[image]\nsource = \"quay.io/a/b\"\n", &["images.toml:1"]),
        (b"# caf\xe9\n[[image]]\n", &["images.toml", "not UTF-8"]),
    ];
    for (list, words) in table {
        refused(list, &["-d", "mirror.example.com"], words);
    }
}

#[test]
fn a_missing_list_is_reported_with_the_flag_that_names_another() {
    let xtask = Xtask::new();
    for missing in ["nowhere/images.toml", "."] {
        let arguments = ["mirror", "-t", "-d", "mirror.example.com", "--images", missing];
        let finished = xtask.run(&arguments, &[]);
        assert_eq!(finished.exit_code, 2);
        assert_well_formed(&finished.stderr);
        assert_says(&finished.stderr, &[&format!("`{missing}`"), "hint: ", "`--images FILE`"]);
    }
}

#[test]
fn the_help_of_every_command_names_its_flags() {
    let table: [(&[&str], &[&str]); 5] = [
        (
            &["--help"],
            &[
                "mirror",
                "values",
                "Exit codes:\n  0 ",
                "\n  2    the command could not run",
                "\n  130 ",
            ],
        ),
        (
            &["mirror", "--help"],
            &["--destination", "--dry-run", "--only", "--attachments", "chart-mirror mirror -d "],
        ),
        (&["values", "--help"], &["--destination"]),
        (&["pin", "--help"], &["[IMAGE]...", "--check", "--update", "--format"]),
        (&["demo", "--help"], &["chart-mirror demo"]),
    ];
    for (arguments, words) in table {
        let finished = Xtask::new().run(arguments, &[]);
        assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""), "{arguments:?}");
        assert_says(&finished.stdout, words);
        assert!(finished.stdout.lines().next().is_some_and(|line| !line.is_empty()));
    }
}

#[test]
fn unknown_flags_are_reported_on_stderr() {
    let table: [(&[&str], &[&str]); 7] = [
        (&[], &["Usage: chart-mirror"]),
        (&["mirorr"], &["'mirorr'", "mirror"]),
        (&["mirror", "--dryrun"], &["--dryrun", "--dry-run"]),
        (&["mirror", "--jobs", "0"], &["--jobs", "1..=1000"]),
        (&["mirror", "--format", "yaml"], &["human", "json"]),
        (&["pin", "--check", "--update"], &["--check", "--update"]),
        (&["mirror", "--password", "x"], &["--password"]),
    ];
    for (arguments, words) in table {
        let finished = Xtask::new().run(arguments, &[]);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{arguments:?}");
        assert_says(&finished.stderr, words);
    }
}

#[test]
fn contradictory_credentials_are_refused_before_any_request() {
    let config = r#"{"auths":{"127.0.0.1:1":{"auth":"not base64!"}}}"#;
    let table = [
        ("STS_REGISTRY_USERNAME", "u", "`STS_REGISTRY_PASSWORD` is not"),
        ("DST_REGISTRY_PASSWORD", "p", "`DST_REGISTRY_USERNAME` is not"),
        ("config.json", config, "not valid base64"),
        ("config.json", "{", "hint: fix the file"),
        ("config.json", r#"{"credsStore":"../x"}"#, "not the name of a credential helper"),
    ];
    for (name, value, words) in table {
        let xtask = Xtask::new();
        let images = write(&xtask, "images.toml", IMAGE.replace("quay.io", "127.0.0.1:2"));
        let mut variables = vec![(name, value)];
        if name == "config.json" {
            write(&xtask, ".docker/config.json", value);
            variables.clear();
        }
        let arguments = ["mirror", "--images", &images, "-d", "127.0.0.1:1"];
        let finished = xtask.run(&arguments, &variables);
        assert_eq!((finished.exit_code, finished.stdout.as_str()), (2, ""), "{finished:?}");
        assert_well_formed(&finished.stderr);
        assert_says(&finished.stderr, &[words]);
    }
}
