//! The pipelines and the action: what they use is fixed to a commit, and which files start them.

use globset::{GlobBuilder, GlobSet};

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

const GITLAB: &str = include_str!("../../templates/ci/gitlab.yml");

/// The patterns of the files that start a pipeline, for each time that the template has the key.
fn filters(template: &str, key: &str) -> Vec<GlobSet> {
    let lists = template.split(key).skip(1);
    let lists =
        lists.map(|rest| rest.split(']').next().unwrap().trim_start().trim_start_matches('['));
    let glob = |pattern: &str| {
        let pattern = pattern.trim().trim_matches('"');
        GlobBuilder::new(pattern).literal_separator(true).build().unwrap()
    };
    let set = |list: &str| {
        list.split(',').fold(GlobSet::builder(), |mut set, pattern| {
            set.add(glob(pattern));
            set
        })
    };
    lists.map(|list| set(list).build().unwrap()).collect()
}

#[test]
fn a_change_of_a_list_its_values_or_its_chart_starts_the_pipeline_in_any_folder() {
    let starts = [
        "images.toml",
        "values/production.yaml",
        "Chart.yaml",
        "web/images.toml",
        "web/values.yaml",
        "web/values.schema.json",
        "web/values/north.yaml",
        "apps/web/Chart.lock",
        "apps/web/templates/deep/app.yaml",
        "apps/web/charts/sub/files/app.conf",
        "apps/web/crds/app.yaml",
        "vendor/shop-1.2.3.tgz",
        "xtask/src/main.rs",
        "Cargo.lock",
    ];
    let filters = [filters(FILES[2].1, "    paths: ["), filters(GITLAB, "changes: &changes")];
    assert_eq!(filters.each_ref().map(Vec::len), [2, 1]);
    for filter in filters.iter().flatten() {
        for file in starts {
            assert!(filter.is_match(file), "{file}");
        }
        for file in ["README.md", "docs/page.md", "web/src/main.go", "images.toml.orig"] {
            assert!(!filter.is_match(file), "{file}");
        }
    }
}
