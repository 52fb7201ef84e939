//! Images in lists of a chart's values, with the real helm: found, written and proven.

use std::path::PathBuf;

use chart_mirror::list::ImageList;

use crate::programs::helm::{charts, program};
use crate::support::xtask::{Finished, Xtask};

const IMAGES: &str = r#"
[[image]]
source = "quay.io/example/app"
tag = "1.2.0"

[[image]]
source = "quay.io/example/pack-one"
tag = "2024_10_01"

[[image]]
source = "quay.io/example/pack-two"
tag = "1.10.0"
target = "packs/two"

[[image]]
source = "quay.io/example/sidecar"
tag = "0.9"

[[image]]
source = "quay.io/example/proxy"
tag = "4"

[[image]]
source = "ghcr.io/team/pack-three"
tag = "v3"
"#;

/// Values without the list that images.toml cannot express.
const WITHOUT_JOBS: &str = "jobs: []";

struct Case {
    xtask: Xtask,
}

impl Case {
    fn new(images: &str) -> Self {
        let case = Self { xtask: Xtask::new() };
        std::fs::write(case.images(), images).unwrap();
        std::fs::create_dir(case.xtask.directory().join("package")).unwrap();
        std::fs::write(case.xtask.directory().join("no-jobs.yaml"), WITHOUT_JOBS).unwrap();
        case
    }

    fn images(&self) -> PathBuf {
        self.xtask.directory().join("images.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.images()).unwrap()
    }

    fn values(&self, arguments: &[&str]) -> Finished {
        let images = self.images();
        let arguments: Vec<&str> = ["--images", images.to_str().unwrap(), "values"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let helm = program().canonicalize().unwrap();
        let root = self.xtask.directory().join("package");
        let variables =
            [("HELM", helm.to_str().unwrap()), ("CARGO_MANIFEST_DIR", root.to_str().unwrap())];
        self.xtask.run(&arguments, &variables)
    }

    /// The containers that helm renders with the values of a destination.
    fn rendered(&self) -> Vec<serde_yaml::Value> {
        let overlay = self.values(&["-d", "m.example.com"]);
        assert_eq!(overlay.exit_code, 0, "{}", overlay.stderr);
        std::fs::write(self.xtask.directory().join("overlay.yaml"), overlay.stdout).unwrap();
        let chart = charts().canonicalize().unwrap().join("listed");
        let helm = program().canonicalize().unwrap();
        let printed =
            duct::cmd!(helm, "template", "r", chart, "-f", "no-jobs.yaml", "-f", "overlay.yaml")
                .dir(self.xtask.directory())
                .read()
                .unwrap();
        let document: serde_yaml::Value = serde_yaml::from_str(&printed).unwrap();
        let containers = &document["spec"]["template"]["spec"]["containers"];
        containers.as_sequence().unwrap().clone()
    }
}

/// The list with a chart, which is rendered without the list of jobs.
fn images() -> String {
    let chart = charts().canonicalize().unwrap().join("listed").display().to_string();
    format!(
        "{IMAGES}\n[chart]\nname = \"{chart}\"\n[[chart.rendering]]\nname = \"default\"\nvalues = [\"no-jobs.yaml\"]\n"
    )
}

fn without(text: &str, start: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(start)).collect();
    assert!(lines.len() < text.lines().count(), "no line starts with {start}:\n{text}");
    lines.join("\n") + "\n"
}

/// A list with the values that probing found.
fn probed() -> Case {
    let case = Case::new(&images());
    let probed = case.values(&["--probe", "--write"]);
    assert_eq!(probed.exit_code, 0, "{}", probed.stderr);
    case
}

#[test]
fn probing_writes_complete_lists_and_the_proof_holds() {
    let case = probed();
    let list = ImageList::parse("images.toml", &case.text()).unwrap();
    let of = |number: usize| -> Vec<String> {
        let values = list.images()[number].values.iter();
        values.map(|(path, _)| path.to_string()).collect()
    };
    assert_eq!(
        of(1),
        ["name", "registry", "repository", "tag", "enabled"]
            .map(|key| format!("packs.images[0].{key}"))
    );
    assert_eq!(of(3), ["sidecars[0]"]);
    let unlisted: Vec<String> = list.values().iter().map(|(path, _)| path.to_string()).collect();
    assert!(unlisted.contains(&"packs.images[3].enabled".to_owned()), "{unlisted:?}");

    let proven = case.values(&["--prove", "-d", "m.example.com/p"]);
    assert_eq!((proven.exit_code, proven.stderr.as_str()), (0, ""), "{}", proven.stdout);
    assert!(proven.stdout.contains("all 6 images"), "{}", proven.stdout);

    let again = case.values(&["--probe", "--write"]);
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    assert!(!again.stdout.contains("warning"), "{}", again.stdout);
}

#[test]
fn only_the_registry_and_path_of_items_change() {
    let containers = probed().rendered();
    let of = |key: &str| -> Vec<String> {
        let field = |container: &serde_yaml::Value| container[key].as_str().unwrap().to_owned();
        containers.iter().map(field).collect()
    };
    assert_eq!(of("name"), ["app", "first", "second", "third", "sidecar-0", "sidecar-1"]);
    let images = [
        "example/app:1.2.0",
        "example/pack-one:2024_10_01",
        "packs/two:1.10.0",
        "team/pack-three:v3",
        "example/sidecar:0.9",
        "example/proxy:4",
    ];
    assert_eq!(of("image"), images.map(|image| format!("m.example.com/{image}")));
    assert_eq!(containers[2]["ports"][0]["containerPort"], 8080);
    assert_eq!(containers[2]["args"][1], "--level=3");
}

#[test]
fn an_item_that_images_toml_lacks_is_not_dropped_silently() {
    let case = probed();
    let whole = case.text();

    std::fs::write(case.images(), without(&whole, "\"packs.images[1].")).unwrap();
    for arguments in [&["-d", "m.example.com"][..], &["--prove", "-d", "m.example.com"]] {
        let refused = case.values(arguments);
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
        assert!(
            refused.stderr.contains("`packs.images`, but not `packs.images[1]`\nhint: "),
            "{}",
            refused.stderr
        );
    }
    let repaired = case.values(&["--probe", "--write"]);
    assert_eq!(repaired.exit_code, 0, "{}", repaired.stderr);
    assert_eq!(case.values(&["--prove", "-d", "m.example.com"]).exit_code, 0);

    // Without its last item a list has no gap: only the rendering shows what is lost.
    std::fs::write(case.images(), without(&whole, "\"sidecars[1]\"")).unwrap();
    let proven = case.values(&["--prove", "-d", "m.example.com"]);
    assert_eq!(proven.exit_code, 1, "{}", proven.stderr);
    assert!(
        proven.stdout.contains("error: `quay.io/example/proxy:4` is lost"),
        "{}",
        proven.stdout
    );
    assert!(proven.stdout.contains("not proven: 1 gap;"), "{}", proven.stdout);
    let probed = case.values(&["--probe"]);
    assert!(
        probed.stdout.contains("quay.io/example/proxy:4: [image.values] \"sidecars[1]\" = \"{registry}/{repository}:{tag}\""),
        "{}",
        probed.stdout
    );
}

#[test]
fn unsupported_lists_and_unlisted_images_are_reported() {
    let with_jobs = images().replace("values = [\"no-jobs.yaml\"]", "");
    let less =
        with_jobs.replace("quay.io/example/proxy", "quay.io/example/job").replace("\"4\"", "\"1\"");
    let probed = Case::new(&less).values(&["--probe"]);
    assert_eq!(probed.exit_code, 1, "{}", probed.stderr);
    for line in [
        "warning: the list `jobs` ",
        "  `jobs[0].labels`: it is an empty map",
        "warning: images.toml does not list `quay.io/example/proxy:4`",
        "  hint: `chart-mirror --images ",
        "  [values] \"sidecars[1]\" = \"quay.io/example/proxy:4\"",
    ] {
        let found = probed.stdout.lines().any(|printed| printed.starts_with(line));
        assert!(found, "{line}\n{}", probed.stdout);
    }
}
