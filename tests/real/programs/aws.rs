//! The real AWS CLI, and moto, which imitates the API of ECR. `cargo xtask ci` installs both.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use duct::ReaderHandle;
use serde_json::Value;
use tempfile::TempDir;

use super::installed;
use crate::support::clean_environment;

/// The account of every user of moto.
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// The API of ECR, without a registry. Stops when it is dropped.
pub(crate) struct Moto {
    process: ReaderHandle,
    address: String,
    home: TempDir,
}

/// The folder of the programs. The test fails if they are missing.
pub(crate) fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = root.join("target/tools/aws/bin");
    assert!(folder.join("moto_server").is_file(), "moto is not installed: run cargo xtask ci");
    assert!(folder.join("aws").is_file(), "aws is not installed: run cargo xtask ci");
    folder
}

impl Moto {
    /// Starts an account without repositories, and waits until it responds.
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let serve = duct::cmd!(folder().join("moto_server"), "-H", "127.0.0.1", "-p", "0")
            .full_env(clean_environment(std::env::vars_os(), home.path()))
            .env("PYTHONUNBUFFERED", "1")
            .stdin_null()
            .stderr_to_stdout()
            .unchecked();
        let process = installed("moto_server", serve.reader());
        let mut output = String::new();
        for line in BufReader::new(&process).lines() {
            let line = line.unwrap();
            if let Some((_, address)) = line.split_once("Running on ") {
                let address = address.trim().to_owned();
                return Self { process, address, home };
            }
            output += &format!("{line}\n");
        }
        panic!("moto ended before it responded:\n{output}");
    }

    /// The environment that makes the CLI use only this server.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "canary-of-amazon"),
            ("AWS_ENDPOINT_URL", &self.address),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("NO_PROXY", "127.0.0.1"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Runs `aws ecr ...`, as another user of the account would; it must succeed.
    pub(crate) fn ecr(&self, arguments: &[&str]) -> Value {
        let fixed = ["ecr", "--region", REGION, "--output", "json"];
        let mut environment = clean_environment(std::env::vars_os(), self.home.path());
        environment.extend(self.variables().into_iter().map(|(name, it)| (name.into(), it.into())));
        let run = duct::cmd(folder().join("aws"), [&fixed, arguments].concat());
        let answer = run.full_env(environment).stdin_null().read().unwrap();
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
    }

    /// The repositories, sorted by name.
    pub(crate) fn repositories(&self) -> Vec<Value> {
        let answer = self.ecr(&["describe-repositories"]);
        let mut all = answer["repositories"].as_array().unwrap().clone();
        all.sort_by_key(|repository| repository["repositoryName"].to_string());
        all
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}
