//! `HelperCache`: runs credential helpers and the command lines of clouds. Each command runs at most once
//! per run, however many tasks need its credentials.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messages::Advice;
use oci::Registry;
use process::find_program;
use tokio::sync::OnceCell;

use super::cloud_cli::CloudCli;
use super::helper::{self, HelperName};
use super::{Credentials, Environment};
use crate::lock::lock;

/// The variable with the deadline of a program, in seconds.
const DEADLINE_VARIABLE: &str = "XTASK_CREDENTIAL_HELPER_SECONDS";

/// The credentials that the programs of a run printed.
pub(crate) struct HelperCache {
    search_path: String,
    deadline: Duration,
    /// By command.
    results: Mutex<HashMap<String, CachedResult>>,
}

/// The result of a command. The first task that needs it starts the program.
type CachedResult = Arc<OnceCell<Result<Option<Credentials>, Advice>>>;

impl HelperCache {
    /// # Errors
    /// If the variable with the deadline is not a number of seconds.
    pub(crate) fn new(environment: &dyn Environment) -> Result<Self, Advice> {
        Ok(Self {
            search_path: environment.variable("PATH").unwrap_or_default(),
            deadline: deadline(environment)?,
            results: Mutex::default(),
        })
    }

    /// The command for a registry of a cloud, if its program is installed.
    pub(crate) fn cloud_cli(&self, host: &Registry) -> Option<CloudCli> {
        let cli = CloudCli::of(host)?;
        find_program(cli.program(), &self.search_path).map(|_| cli)
    }

    /// The credentials that a credential helper has for a registry.
    pub(crate) async fn run_helper(
        &self,
        helper: &HelperName,
        host: &Registry,
    ) -> Result<Option<Credentials>, Advice> {
        let server = helper::server_of(host).to_owned();
        let command = format!("{helper} get, for {server}");
        let (helper, path, deadline) = (helper.clone(), self.search_path.clone(), self.deadline);
        self.once(command, move || helper.get(&server, &path, deadline)).await
    }

    /// The credentials that the command line of a cloud prints. Registries with the same command share
    /// its result.
    pub(crate) async fn run_cloud_cli(
        &self,
        cli: &CloudCli,
    ) -> Result<Option<Credentials>, Advice> {
        let (command, path, deadline) = (cli.clone(), self.search_path.clone(), self.deadline);
        self.once(cli, move || command.get(&path, deadline).map(Some)).await
    }

    async fn once(
        &self,
        command: impl Display,
        run: impl FnOnce() -> Result<Option<Credentials>, Advice> + Send + 'static,
    ) -> Result<Option<Credentials>, Advice> {
        let command = command.to_string();
        let cached = Arc::clone(lock(&self.results).entry(command.clone()).or_default());
        let result = cached.get_or_init(|| async {
            tracing::debug!("{command}");
            // The program may wait for its user, so it must not block the runtime.
            let finished = tokio::task::spawn_blocking(run).await;
            finished.unwrap_or_else(|error| Err(Advice::new(error.to_string())))
        });
        result.await.clone()
    }
}

fn deadline(environment: &dyn Environment) -> Result<Duration, Advice> {
    let Some(text) = environment.variable(DEADLINE_VARIABLE) else { return Ok(helper::DEADLINE) };
    match text.parse() {
        Ok(seconds) if (1..=600).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(Advice::new(format!(
            "`{DEADLINE_VARIABLE}` is not a number of seconds from 1 to 600"
        ))),
    }
}
