//! Credentials: files, credential helpers and tokens, and what `doctor` reports about them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod canaries;
mod doctor;
mod files;
mod helpers;
mod shared_tokens;
mod sweep;
mod tokens;

use std::path::{Path, PathBuf};

use registry_in_memory::{Authentication, RegistryOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::stage::Stage;

/// A folder with docker's configuration and with credential helpers.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Writes docker's configuration, readable only by its owner.
    fn config(&self, config: &Value) -> &Self {
        let file = self.path("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        set_mode(&file, 0o600);
        self
    }

    /// Writes a program `docker-credential-NAME`, which logs its calls and then runs a script.
    fn helper(&self, name: &str, script: &str) -> &Self {
        let calls = self.path("calls");
        let text = format!(
            "#!/bin/sh\nserver=$(cat)\necho \"$* $server\" >> '{}'\n{script}\n",
            calls.display()
        );
        let source = self.path("helper.sh");
        std::fs::write(&source, text).unwrap();
        // Another process writes the program: Linux does not run a file that this process still has open
        // for writing in a thread that forks.
        let program = self.path(&format!("docker-credential-{name}"));
        duct::cmd!("install", "-m", "755", source, program).run().unwrap();
        self
    }

    /// The calls of all helpers, in order: the arguments and the server.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Makes a stage use the configuration and the helpers.
    fn serve(&self, stage: &mut Stage) {
        stage.set("DOCKER_CONFIG", self.directory.path().to_str().unwrap());
        stage.set("PATH", self.directory.path().to_str().unwrap());
        stage.set("XTASK_CREDENTIAL_HELPER_SECONDS", "20");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn requiring(authentication: Authentication) -> RegistryOptions {
    RegistryOptions { authentication, ..RegistryOptions::default() }
}

/// A stage whose two sides require the same credentials, and use tokens.
async fn stage_with_tokens() -> Stage {
    let options = requiring(Authentication::bearer("u", "right"));
    Stage::with(options.clone(), options).await
}

/// The same entry for each side of a stage.
fn for_both(stage: &Stage, entry: &Value) -> Value {
    let hosts = [stage.source.address(), stage.destination.address()];
    hosts.map(|host| (host.to_owned(), entry.clone())).into_iter().collect()
}

/// The script of a helper that has the credentials.
fn prints(username: &str, secret: &str) -> String {
    let output = json!({"ServerURL": "x", "Username": username, "Secret": secret});
    format!("echo 'a warning' >&2\necho '{output}'")
}
