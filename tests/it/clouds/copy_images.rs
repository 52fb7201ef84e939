//! Users of `copy_images.sh` only have to change the name of the program: runs the command lines in
//! `docs/migrating.md`, as far as they work without a network.

use crate::support::assert_says;
use crate::support::xtask::Xtask;

/// A proxy that does not exist: every request fails.
const NO_NETWORK: [(&str, &str); 6] = [
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("PATH", "/nonexistent"),
    ("STS_REGISTRY_USERNAME", "u"),
    ("STS_REGISTRY_PASSWORD", "canary"),
    ("DST_REGISTRY_USERNAME", "AWS"),
    ("DST_REGISTRY_PASSWORD", "canary"),
];

/// The command lines of both programs in `docs/migrating.md`, without the program itself.
fn lines() -> (Vec<Vec<&'static str>>, Vec<Vec<&'static str>>) {
    let page = include_str!("../../../docs/migrating.md");
    let after = |start: &str| {
        let lines = page.lines().filter_map(|line| line.strip_prefix(start));
        lines.map(|line| line.split(" #").next().unwrap().split_whitespace().collect()).collect()
    };
    (after("copy_images.sh "), after("cargo xtask mirror  "))
}

#[test]
fn the_documented_command_lines_differ_from_copy_images_in_the_program_only() {
    let (theirs, ours) = lines();
    assert_eq!(theirs, ours);
    assert_eq!(ours.len(), 3, "{ours:?}");
}

#[test]
fn the_documented_command_lines_print_the_copies_or_reach_the_network() {
    for arguments in lines().1 {
        let xtask = Xtask::with_shipped_list();
        let finished = xtask.run(&[&["mirror"], arguments.as_slice()].concat(), &NO_NETWORK);
        let output = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!output.contains("canary") && !output.contains("usage:"), "{output}");
        if arguments.contains(&"-c") {
            // helm, which is missing, would fetch the chart.
            assert_eq!(finished.exit_code, 2, "{output}");
            assert_says(&output, &["helm"]);
        } else if arguments.contains(&"-t") {
            assert_eq!(finished.exit_code, 0, "{output}");
            let copying = finished.stdout.lines().filter(|line| {
                line.starts_with("Copying quay.io/stackstate/") && line.ends_with(" (dry-run)")
            });
            assert_eq!(copying.count(), 22, "{output}");
            assert_eq!(finished.stdout.lines().count(), 22, "{output}");
            assert_eq!(
                finished.stderr.matches("would create, if missing: ").count(),
                21,
                "{output}"
            );
        } else {
            assert_eq!(finished.exit_code, 1, "{output}");
            assert_says(&output, &["22 failed", "cannot connect"]);
        }
    }
}
