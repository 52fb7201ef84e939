//! The values of a destination: printed, written and checked. `tests/real` proves them with helm.

use std::path::Path;

use chart_mirror::list::ImageList;

use crate::support::xtask::{Finished, Xtask};

const IMAGES: &str = include_str!("../../images.toml");

/// Runs `xtask values` on a list, in the folder of that list.
fn values(xtask: &Xtask, list: &str, arguments: &[&str]) -> Finished {
    let file = xtask.directory().join("images.toml");
    if !file.exists() {
        std::fs::write(&file, list).unwrap();
    }
    let arguments: Vec<&str> =
        ["--images", file.to_str().unwrap(), "values"].iter().chain(arguments).copied().collect();
    xtask.run(&arguments, &[("HELM", "/no/helm")])
}

#[test]
fn printed_values_correct_the_steps_in_the_documentation() {
    let registry = "57413481473.dkr.ecr.eu-west-1.amazonaws.com";
    let printed = values(&Xtask::new(), IMAGES, &["-d", registry]);
    assert_eq!(printed.exit_code, 0, "{}", printed.stderr);
    let values: serde_yaml::Value = serde_yaml::from_str(&printed.stdout).unwrap();
    let expected = format!(
        "global: {{imageRegistry: {registry}}}\n\
         elasticsearch: {{prometheus-elasticsearch-exporter: {{image: {{repository: {registry}/stackstate/elasticsearch-exporter}}}}}}\n\
         minio: {{image: {{repository: {registry}/stackstate/minio}}}}\n"
    );
    assert_eq!(values, serde_yaml::from_str::<serde_yaml::Value>(&expected).unwrap());
}

#[test]
fn values_for_some_platforms_contain_their_recorded_digest() {
    let digest = |c: char| format!("sha256:{}", c.to_string().repeat(64));
    let list = |subsets: &str| {
        format!(
            "[destinations.mine]\nregistry = \"r.io\"\nplatforms = [\"linux/amd64\"]\n\
             [[image]]\nsource = \"q.io/a\"\ntag = \"1\"\ndigest = \"{}\"\n{subsets}\
             [image.values]\n\"a.digest\" = \"{{digest}}\"\n",
            digest('a')
        )
    };
    let refused = values(&Xtask::new(), &list(""), &["-d", "mine"]);
    assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
    for words in ["error: ", "`a.digest`", "`q.io/a:1` for linux/amd64", "not recorded\nhint: "] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let record = format!(
        "[image.subsets]\nindex = \"{}\"\n\"linux/amd64\" = \"{}\"\n",
        digest('a'),
        digest('b')
    );
    let printed = values(&Xtask::new(), &list(&record), &["-d", "mine"]);
    assert!(printed.stdout.contains(&format!("digest: \"{}\"", digest('b'))), "{printed:?}");
    assert!(printed.stdout.contains("# They are copied for linux/amd64 only.\n"), "{printed:?}");
}

#[test]
fn values_files_are_written_once_and_checked_with_a_diff() {
    let named = format!("{IMAGES}\n[destinations.mine]\nregistry = \"m.example.com\"\n");
    let xtask = Xtask::new();
    assert_eq!(values(&xtask, &named, &["--check"]).exit_code, 1);
    assert!(values(&xtask, "", &["--write"]).stdout.starts_with("written"));
    let file = xtask.directory().join("values/mine.yaml");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("`values -d mine --write`"), "{written}");
    assert!(values(&xtask, "", &["--write"]).stdout.starts_with("up to date"));
    assert_eq!(values(&xtask, "", &["--check"]).exit_code, 0);

    std::fs::write(&file, written.replace("m.example.com", "old.example.com")).unwrap();
    let checked = values(&xtask, "", &["--check"]);
    assert_eq!(checked.exit_code, 1);
    assert!(checked.stdout.contains("-  imageRegistry: \"old.example.com\""), "{}", checked.stdout);
    let hint = |rest: &str| {
        let list = xtask.directory().join("images.toml");
        format!("hint: run `chart-mirror --images {} values{rest} --write`\n", list.display())
    };
    assert!(checked.stdout.ends_with(&hint("")), "{}", checked.stdout);
    let missing = values(&xtask, "", &["--check", "-d", "r.io/x"]);
    assert!(missing.stdout.starts_with("missing "), "{}", missing.stdout);
    assert!(missing.stdout.ends_with(&hint(" -d r.io/x")), "{}", missing.stdout);
    assert_eq!(missing.stderr, "");
}

#[test]
fn the_values_files_of_this_repository_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let list = ImageList::parse("images.toml", IMAGES).unwrap();
    for file in
        chart_mirror::commands::values::of_all(&list, &root.join("images.toml"), &[]).unwrap()
    {
        assert_eq!(
            file.check().unwrap(),
            chart_mirror::commands::values::Difference::None,
            "{}",
            file.file.display()
        );
    }
    let kept = std::fs::read_dir(root.join("values")).unwrap().flatten();
    let files: Vec<_> =
        kept.map(|entry| entry.file_name()).filter(|name| name != "README.md").collect();
    assert_eq!(files.len(), list.destinations().len(), "files without a destination: {files:?}");
}
