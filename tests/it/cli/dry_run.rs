//! `mirror -t` prints the documented lines and sends no request.

use super::{assert_says, write};
use crate::support::xtask::Xtask;

/// The images of StackState 4.5.6, in the order of images.toml.
const IMAGES: [&str; 22] = [
    "stackstate-correlate-stable:4.5.6",
    "stackstate-kafka-to-es-stable:4.5.6",
    "stackstate-receiver-stable:4.5.6",
    "stackstate-server-stable:4.5.6",
    "stackstate-ui-stable:4.5.6",
    "spotlight:4.5.6",
    "hadoop:2.10.1-java11-4",
    "hbase-master:4.2.19",
    "hbase-regionserver:4.2.19",
    "stackgraph-console:4.2.19",
    "tephra-server:4.2.19",
    "elasticsearch-exporter:v1.2.1",
    "elasticsearch:7.6.2-sts.20220316.0825",
    "jmx-exporter:0.15.0-focal-20220316-r138.20220405.1513",
    "kafka:2.3.1-focal-20220316-r41.1",
    "kafka:2.8.0-focal-20220316-r108.20220405.1511",
    "zookeeper:3.6.3-focal-20220316-r302.20220411.1232",
    "minio:2021.2.19-focal-20220316-r5.20220405.1533",
    "container-tools:1.1.3",
    "envoy-alpine:v1.19.1-sts.20211207.0748",
    "nginx-prometheus-exporter:0.9.0",
    "wait:1.0.6",
];

/// A proxy that does not exist, so that every request fails.
const NO_NETWORK: [(&str, &str); 3] = [
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("HTTP_PROXY", "http://127.0.0.1:1"),
    ("ALL_PROXY", "http://127.0.0.1:1"),
];

#[test]
fn a_dry_run_prints_the_documented_line_for_every_image_without_a_network() {
    const REGISTRY: &str = "57413481473.dkr.ecr.eu-west-1.amazonaws.com";
    let finished = Xtask::with_shipped_list().run(&["mirror", "-d", REGISTRY, "-t"], &NO_NETWORK);
    let expected: String = IMAGES
        .iter()
        .map(|image| {
            format!(
                "Copying quay.io/stackstate/{image} to {REGISTRY}/stackstate/{image} (dry-run)\n"
            )
        })
        .collect();
    assert_eq!(finished.stdout, expected);
    assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    // ECR does not create repositories on push. The two tags of Kafka share one.
    let lines: Vec<_> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 21, "{lines:?}");
    assert!(lines.contains(
        &"would create, if missing: 57413481473.dkr.ecr.eu-west-1.amazonaws.com/stackstate/wait"
    ));
}

#[test]
fn a_dry_run_reports_the_repositories_that_it_would_create_in_ecr() {
    let xtask = Xtask::new();
    let list = "[destinations.ecr]\nregistry = \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/m\"\n\
                ecr = { tags = { team = \"a\" }, immutable-tags = true, encryption = \"KMS\", kms-key = \"k\" }\n\
                [[image]]\nsource = \"quay.io/stackstate/wait\"\ntag = \"1\"\n";
    let images = write(&xtask, "images.toml", list);
    let json = ["mirror", "--images", &images, "-t", "--format", "json"];
    let finished = xtask.run(&json, &NO_NETWORK);
    assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let expected = serde_json::json!({
        "create": true, "names": ["m/stackstate/wait"], "tags": {"team": "a"}, "scan-on-push": null,
        "immutable-tags": true, "encryption": "KMS", "kms-key": "k", "lifecycle-policy-file": null
    });
    assert_eq!(report["repositories"], expected);
    let human = xtask.run(&["mirror", "--images", &images, "-t"], &NO_NETWORK);
    let line = "would create, if missing: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/m/stackstate/wait \
                (tags team=a, immutable tags, KMS with k)\n";
    assert_eq!((human.exit_code, human.stderr.as_str()), (0, line));
}

#[test]
fn a_dry_run_needs_no_credentials_and_reads_none() {
    let half = [("DST_REGISTRY_USERNAME", "u"), ("DOCKER_CONFIG", "/nonexistent")];
    let finished =
        Xtask::with_shipped_list().run(&["mirror", "-d", "mirror.example.com/a", "-t"], &half);
    assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""));
    assert_says(&finished.stdout, &[" to mirror.example.com/a/stackstate/wait:1.0.6 (dry-run)\n"]);
}

#[test]
fn a_dry_run_prints_only_selected_images() {
    let run = |only: &[&str]| {
        let arguments = [&["mirror", "-d", "mirror.example.com", "-t"][..], only].concat();
        Xtask::with_shipped_list().run(&arguments, &NO_NETWORK).stdout.lines().count()
    };
    assert_eq!(run(&["--only", "kafka"]), 2);
    assert_eq!(run(&["--only", "kafka:2.8.0*", "--only", "*:4.2.19"]), 5);
}

#[test]
fn a_dry_run_as_json_prints_nothing_else() {
    let arguments = ["mirror", "-d", "mirror.example.com", "-t", "--format", "json"];
    let finished = Xtask::with_shipped_list().run(&arguments, &NO_NETWORK);
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["command"], "mirror");
    assert_eq!(report["dry-run"], true);
    assert_eq!(report["destination"], "mirror.example.com");
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 22);
    assert_eq!(images[21]["source"], "quay.io/stackstate/wait:1.0.6");
    assert_eq!(images[21]["target"], "mirror.example.com/stackstate/wait:1.0.6");
    assert!(images[21].get("pin").is_some());
}

#[test]
fn a_destination_with_one_path_for_two_images_is_refused_before_copying() {
    let xtask = Xtask::new();
    let list = "[destinations.sorted]\nregistry = \"r.io\"\ntarget = \"{registry}/{path}\"\n\
                platforms = [\"linux/arm64\", \"linux/amd64\"]\n\
                [[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n\
                [[image]]\nsource = \"docker.io/a/b\"\ntag = \"1\"\n";
    let images = write(&xtask, "images.toml", list);
    let run = |arguments: &[&str]| {
        xtask.run(&[&["mirror", "-t", "--images", &images][..], arguments].concat(), &NO_NETWORK)
    };
    let refused = run(&["-d", "r.io/m"]);
    assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
    let error =
        "error: `quay.io/a/b:1` and `docker.io/a/b:1` have the same target `r.io/m/a/b:1`\nhint: ";
    assert!(refused.stderr.starts_with(error), "{}", refused.stderr);
    assert_eq!(
        run(&[]).stdout,
        "Copying quay.io/a/b:1 to r.io/quay.io/a/b:1 (dry-run)\n\
         Copying docker.io/a/b:1 to r.io/docker.io/a/b:1 (dry-run)\n"
    );
    let report: serde_json::Value =
        serde_json::from_str(&run(&["--format", "json"]).stdout).unwrap();
    let platforms = serde_json::json!(["linux/amd64", "linux/arm64"]);
    assert_eq!(report["images"][0]["platforms"], platforms);
    assert!(report["images"][0]["recorded"].is_null());
}

#[test]
fn the_only_destination_of_a_list_is_the_default() {
    let xtask = Xtask::new();
    let list = "[destinations.ecr]\nregistry = \"mirror.example.com/team\"\n\
                [[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n";
    let images = write(&xtask, "images.toml", list);
    let expected = "Copying quay.io/a/b:1 to mirror.example.com/team/a/b:1 (dry-run)\n";
    for named in [&[][..], &["-d", "ecr"]] {
        let arguments = [&["mirror", "-t", "--images", &images][..], named].concat();
        assert_eq!(xtask.run(&arguments, &[]).stdout, expected);
    }
}
