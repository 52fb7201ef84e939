//! The pipelines and the action: what they use is fixed to a commit.

use crate::support::assert_says;

const FILES: [(&str, &str); 4] = [
    ("ci.yml", include_str!("../../.github/workflows/ci.yml")),
    ("release.yml", include_str!("../../.github/workflows/release.yml")),
    ("github.yml", include_str!("../../templates/ci/github.yml")),
    ("action.yml", include_str!("../../action.yml")),
];

#[test]
fn every_action_is_fixed_to_the_commit_of_one_version() {
    let mut versions = std::collections::BTreeMap::new();
    for (file, text) in FILES {
        let uses: Vec<_> = text.lines().filter_map(|line| line.split_once("uses: ")).collect();
        assert!(!uses.is_empty(), "{file}");
        for (_, action) in uses {
            let (name, commit) = action.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap_or_else(|| panic!("{action}"));
            assert!(
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
                "{action}"
            );
            assert_eq!(version.split('.').count(), 3, "{action}");
            // The same everywhere: a bump must not forget a file.
            assert_eq!(*versions.entry(name).or_insert(action), action, "{file}");
        }
    }
}

#[test]
fn each_workflow_restricts_its_token() {
    for (file, text) in &FILES[..3] {
        assert_says(text, &["\npermissions:"]);
        assert!(!text.contains("write-all"), "{file}");
    }
}
