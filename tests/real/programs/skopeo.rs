//! `skopeo`, which shares no code with the tool.

use std::path::Path;

use oci::Digest;

use super::installed;
use crate::support::clean_environment;

/// Runs skopeo against registries on loopback. An error is its message.
#[derive(Clone, Copy)]
pub(crate) struct Skopeo<'a> {
    /// User and password, on both sides of a copy.
    pub(crate) credentials: Option<(&'a str, &'a str)>,
}

impl Skopeo<'static> {
    pub(crate) const ANONYMOUS: Self = Self { credentials: None };
}

impl Skopeo<'_> {
    /// The bytes of a manifest or an index, as the registry sent them.
    pub(crate) fn inspect_raw(&self, reference: &str) -> Result<Vec<u8>, String> {
        let mut arguments = words(&["inspect", "--raw", "--tls-verify=false"]);
        arguments.extend(self.login("--creds"));
        arguments.push(format!("docker://{reference}"));
        run(&arguments)
    }

    /// The digest of a manifest or an index, computed by skopeo.
    pub(crate) fn digest_of(&self, reference: &str) -> Result<Digest, String> {
        let directory = tempfile::tempdir().unwrap();
        let manifest = directory.path().join("manifest.json");
        std::fs::write(&manifest, self.inspect_raw(reference)?).unwrap();
        let printed = run(&words(&["manifest-digest", manifest.to_str().unwrap()]))?;
        Ok(String::from_utf8(printed).unwrap().trim().parse().unwrap())
    }

    /// Copies what a reference points to, with every platform of an index.
    pub(crate) fn copy_all(&self, source: &str, destination: &str) -> Result<(), String> {
        self.copy_from(&format!("docker://{source}"), destination)
    }

    /// [`Skopeo::copy_all`], from a source with its transport: `oci:DIR:NAME`.
    pub(crate) fn copy_from(&self, source: &str, destination: &str) -> Result<(), String> {
        let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        // Without it skopeo compresses uncompressed layers, and writes another manifest.
        let mut arguments = words(&["copy", "--all", "--quiet", "--preserve-digests"]);
        arguments.extend(words(&plain));
        arguments.extend(self.login("--src-creds"));
        arguments.extend(self.login("--dest-creds"));
        arguments.push(source.to_owned());
        arguments.push(format!("docker://{destination}"));
        run(&arguments).map(drop)
    }

    /// Copies an image between places that are not registries, such as `oci:DIR:REFERENCE`.
    pub(crate) fn copy_locally(&self, source: &str, destination: &str) -> Result<(), String> {
        let flags = ["copy", "--all", "--quiet", "--preserve-digests"];
        run(&words(&[&flags[..], &[source, destination]].concat())).map(drop)
    }

    fn login(&self, flag: &str) -> Option<String> {
        self.credentials.map(|(user, password)| format!("{flag}={user}:{password}"))
    }
}

/// Runs skopeo, and returns what it prints.
pub(crate) fn run(arguments: &[String]) -> Result<Vec<u8>, String> {
    run_at(tempfile::tempdir().unwrap().path(), arguments)
}

/// Like [`run`], with the settings in a home directory.
pub(crate) fn run_at(home: &Path, arguments: &[String]) -> Result<Vec<u8>, String> {
    // The signature policy of the machine is not installed everywhere.
    let arguments = [words(&["--insecure-policy"]), arguments.to_vec()].concat();
    let output = duct::cmd("skopeo", arguments)
        .full_env(clean_environment(std::env::vars_os(), home))
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run();
    let output = installed("skopeo", output);
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}
