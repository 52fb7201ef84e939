//! Fixtures that both integration test targets use: the tool, registries, and what stands between.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use registry_in_memory::InMemoryRegistry;
use registry_in_memory::content::{Content, Layer};

pub(crate) mod entry_points;
pub(crate) mod example;
pub(crate) mod pages;
pub(crate) mod proxy;
pub(crate) mod publish;
pub(crate) mod requests;
pub(crate) mod scene;
pub(crate) mod script;
pub(crate) mod signing;
pub(crate) mod stage;
pub(crate) mod tls;
pub(crate) mod wide_index;
pub(crate) mod xtask;

use xtask::Xtask;

/// The environment of a program under test, without the credentials, proxies and settings of the machine.
///
/// Only what a program needs to be found and to write temporary files is taken from `inherited`;
/// a list of variables to remove would always miss one.
pub(crate) fn clean_environment(
    inherited: impl Iterator<Item = (OsString, OsString)>,
    home: &Path,
) -> BTreeMap<OsString, OsString> {
    let mut environment: BTreeMap<_, _> = inherited
        .filter(|(variable, _)| ["PATH", "TMPDIR"].iter().any(|kept| variable == kept))
        .collect();
    environment.insert("HOME".into(), home.into());
    environment.insert("DOCKER_CONFIG".into(), home.join(".docker").into());
    environment
}

/// Writes a file in the directory of a tool, and returns its path.
pub(crate) fn write(xtask: &Xtask, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = xtask.directory().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Asserts that a text contains each of these.
pub(crate) fn assert_says(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "`{part}` is missing:\n{text}");
    }
}

/// Puts content into a registry without a request.
pub(crate) fn store(registry: &InMemoryRegistry, repository: &str, tag: &str, content: &Content) {
    registry.store().publish(repository, tag, content);
}

/// Small layers with content that depends on their names.
pub(crate) fn layers(names: &[&str]) -> Vec<Layer> {
    names.iter().map(|&name| Layer::new(name, 3000)).collect()
}

#[test]
fn a_program_under_test_inherits_no_settings() {
    let inherited = [
        ("PATH", "/bin"),
        ("HOME", "/home/user"),
        ("DOCKER_CONFIG", "/home/user/.docker"),
        ("REGISTRY_AUTH_FILE", "/run/auth.json"),
        ("https_proxy", "http://proxy:3128"),
        ("STS_REGISTRY_PASSWORD", "secret"),
        ("DST_REGISTRY_PASSWORD", "secret"),
    ];
    let inherited = inherited.map(|(variable, value)| (variable.into(), value.into()));
    let environment = clean_environment(inherited.into_iter(), Path::new("/fresh"));
    let expected = [("DOCKER_CONFIG", "/fresh/.docker"), ("HOME", "/fresh"), ("PATH", "/bin")];
    assert_eq!(environment, expected.map(|(name, value)| (name.into(), value.into())).into());
}
