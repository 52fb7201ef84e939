//! Who we are where: files, credential helpers, tokens, and what `doctor` tells of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod canaries;
mod doctor;
mod files;
mod helpers;
mod sweep;
mod tokens;

use std::path::{Path, PathBuf};

use registry_in_memory::{Authentication, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::stage::Stage;

/// A place for docker's configuration and for credential helpers.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Docker's configuration, closed to others.
    fn config(&self, config: &Value) -> &Self {
        let file = self.path("config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        set_mode(&file, 0o600);
        self
    }

    /// A program `docker-credential-NAME`, which writes down what it is asked.
    fn helper(&self, name: &str, script: &str) -> &Self {
        let calls = self.path("calls");
        let text = format!(
            "#!/bin/sh\nserver=$(cat)\necho \"$* $server\" >> '{}'\n{script}\n",
            calls.display()
        );
        let source = self.path("helper.sh");
        std::fs::write(&source, text).unwrap();
        // Made by another process: what this one has written cannot be run while a thread of ours forks.
        let program = self.path(&format!("docker-credential-{name}"));
        duct::cmd!("install", "-m", "755", source, program).run().unwrap();
        self
    }

    /// What the helpers were asked, in order.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Lets a stage find it all.
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

fn asking(authentication: Authentication) -> Options {
    Options { authentication, ..Options::default() }
}

/// A stage whose two sides want the same login, by tokens.
async fn stage_with_tokens() -> Stage {
    let options = asking(Authentication::bearer("u", "right"));
    Stage::with(options.clone(), options).await
}

/// An entry for each side of a stage.
fn for_both(stage: &Stage, entry: &Value) -> Value {
    let hosts = [stage.source.address(), stage.destination.address()];
    hosts.map(|host| (host.to_owned(), entry.clone())).into_iter().collect()
}

/// What a helper prints that knows the login.
fn answer(username: &str, secret: &str) -> String {
    let answer = json!({"ServerURL": "x", "Username": username, "Secret": secret});
    format!("echo 'a warning' >&2\necho '{answer}'")
}
