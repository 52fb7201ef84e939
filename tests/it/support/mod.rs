//! What the integration tests share: real programs around the tool, and the tool itself.
//!
//! A program that is not installed fails the test; a test that skips itself proves nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

pub(crate) mod aws;
pub(crate) mod docker_registry;
pub(crate) mod helm;
pub(crate) mod skopeo;
pub(crate) mod xtask;

/// The environment of a program under test: nobody's credentials, proxies or settings reach it.
///
/// Only what a program needs to be found and to write temporary files is taken from `inherited`;
/// a list of what to remove would always miss one.
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

/// The value, or the end of the test when the program of that name could not be started.
pub(crate) fn installed<T>(program: &str, started: io::Result<T>) -> T {
    match started {
        Ok(value) => value,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("{program} is not installed: run cargo xtask ci")
        }
        Err(error) => panic!("{program} could not be started: {error}"),
    }
}

#[test]
fn a_program_under_test_inherits_no_settings() {
    let inherited = [
        ("PATH", "/bin"),
        ("HOME", "/home/somebody"),
        ("DOCKER_CONFIG", "/home/somebody/.docker"),
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

#[test]
#[should_panic(expected = "no-such-program is not installed: run cargo xtask ci")]
fn a_missing_program_fails_the_test_with_the_command_that_installs_it() {
    installed("no-such-program", duct::cmd!("no-such-program").run());
}
