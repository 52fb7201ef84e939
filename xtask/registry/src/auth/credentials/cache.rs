//! Asking programs for logins: in which folders they are, how long they are waited for, and each
//! question once per run, whoever waits for the answer.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::cloud::CloudLogin;
use super::files;
use super::helper;
use super::helper::ProgramName;
use super::{Credentials, Environment};
use process::find_program;

/// The variable with the longest time to wait for a program, in seconds.
const DEADLINE_VARIABLE: &str = "XTASK_CREDENTIAL_HELPER_SECONDS";

/// The programs of a run, and what they have answered.
pub(crate) struct Asking {
    search_path: String,
    deadline: Duration,
    /// By the question.
    asked: Mutex<HashMap<String, Asked>>,
}

/// What a program has answered; whoever comes first asks.
type Asked = Arc<OnceCell<Result<Option<Credentials>, String>>>;

impl Asking {
    /// # Errors
    /// When the time to wait is none.
    pub(crate) fn new(environment: &dyn Environment) -> Result<Self, String> {
        Ok(Self {
            search_path: environment.variable("PATH").unwrap_or_default(),
            deadline: deadline(environment)?,
            asked: Mutex::default(),
        })
    }

    /// The command for a registry of a cloud, if there is one and its program is here.
    pub(crate) fn cloud(&self, host: &str) -> Option<CloudLogin> {
        let login = CloudLogin::of(host)?;
        find_program(login.program(), &self.search_path).map(|_| login)
    }

    /// The login that a credential helper has for a host.
    pub(crate) async fn helper(
        &self,
        helper: &ProgramName,
        host: &str,
    ) -> Result<Option<Credentials>, String> {
        let server = files::server_of(host).to_owned();
        let question = format!("{helper} get, for {server}");
        let (helper, path, deadline) = (helper.clone(), self.search_path.clone(), self.deadline);
        self.once(question, move || helper.ask(&server, &path, deadline)).await
    }

    /// The login that a command of a cloud gives. Registries that it is the same for share it.
    pub(crate) async fn command(&self, login: &CloudLogin) -> Result<Option<Credentials>, String> {
        let found = find_program(login.program(), &self.search_path);
        let (command, deadline) = (login.clone(), self.deadline);
        let ask = move || match found {
            Some(path) => command.ask(path, deadline).map(Some),
            None => Err(format!("`{}` is not on PATH", command.program())),
        };
        self.once(login, ask).await
    }

    async fn once(
        &self,
        question: impl Display,
        ask: impl FnOnce() -> Result<Option<Credentials>, String> + Send + 'static,
    ) -> Result<Option<Credentials>, String> {
        let question = question.to_string();
        let asked = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(asked.entry(question.clone()).or_default())
        };
        let answer = asked.get_or_init(|| async {
            tracing::debug!("{question}");
            // It may wait for its user: the runtime goes on meanwhile.
            let answered = tokio::task::spawn_blocking(ask).await;
            answered.unwrap_or_else(|error| Err(error.to_string()))
        });
        answer.await.clone()
    }
}

fn deadline(environment: &dyn Environment) -> Result<Duration, String> {
    let Some(text) = environment.variable(DEADLINE_VARIABLE) else { return Ok(helper::DEADLINE) };
    match text.parse() {
        Ok(seconds) if (1..=600).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`{DEADLINE_VARIABLE}` is not a number of seconds from 1 to 600")),
    }
}
