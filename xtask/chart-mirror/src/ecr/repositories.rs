//! `Repositories`: makes what is missing before the first push of a run, and tells what it found.
//!
//! A run with nothing to push asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::account::{Account, Creation as Created};
use super::answer::Difference;
use super::command::{Command, line_to_create};
use super::plan::RepositoryPlan;
use crate::list::Creation;
use messages::Advice;
use oci::RepositoryPath;
use registry::{Cause, Error, ErrorCode, Side};

/// The repositories of a run.
pub(crate) struct Repositories {
    plan: Arc<RepositoryPlan>,
    search_path: String,
    prepared: OnceCell<Preparation>,
}

/// What was done before the first push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    pub created: Vec<String>,
    /// Of repositories that were there.
    pub differences: Vec<Difference>,
    pub warnings: Vec<Unprepared>,
}

/// What was not done, and why. A hint for whoever is to do it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unprepared {
    pub message: String,
    pub hint: String,
}

#[derive(Default)]
struct Preparation {
    told: Prepared,
    /// Those that are known to be missing, and why nobody made them.
    missing: BTreeMap<RepositoryPath, String>,
    /// Why nobody knows what is missing.
    unknown: Option<String>,
}

impl Repositories {
    pub(crate) fn new(plan: RepositoryPlan, search_path: String) -> Self {
        Self { plan: Arc::new(plan), search_path, prepared: OnceCell::new() }
    }

    /// Waits until a repository can be pushed to. The first one that asks prepares all.
    ///
    /// # Errors
    /// When it is missing and could not be made.
    pub(crate) async fn ready(&self, repository: &RepositoryPath) -> Result<(), Error> {
        if self.plan.creation == Creation::Leave {
            return Ok(());
        }
        let prepared = self.prepared.get_or_init(|| self.prepare()).await;
        let Some(why) = prepared.missing.get(repository) else { return Ok(()) };
        let operation = format!("create the repository `{repository}`");
        let hint = self.hint(repository);
        Err(Error::new(
            Side::Destination,
            operation,
            Cause::NoRepository(Box::new(Advice::new(why).with_hint(hint))),
        ))
    }

    /// The error of a push, with what to do if it was refused for its repository.
    pub(crate) fn explain(&self, repository: &RepositoryPath, error: Error) -> Error {
        let is_about_repository =
            error.side == Side::Destination && error.has_code(&ErrorCode::NameUnknown);
        let (true, Cause::Status(response)) = (is_about_repository, &error.cause) else {
            return error;
        };
        let mut message = response.to_string();
        if let Some(why) = self.prepared.get().and_then(|prepared| prepared.unknown.as_ref()) {
            message += &format!(" (nobody made it: {why})");
        }
        let advice = Advice::new(message).with_hint(self.hint(repository));
        Error { cause: Cause::NoRepository(Box::new(advice)), ..error }
    }

    /// What was done, if anything had to be pushed.
    pub(crate) fn prepared(&self) -> Option<Prepared> {
        self.prepared.get().map(|prepared| prepared.told.clone())
    }

    fn hint(&self, repository: &RepositoryPath) -> String {
        format!("create it: `{}`", line_to_create(&self.plan, repository))
    }

    async fn prepare(&self) -> Preparation {
        let unknown = |why: String| {
            let registry = &self.plan.registry;
            let message = format!("nobody looked which repositories {registry} lacks: {why}");
            let hint = "give the AWS CLI its login and the rights `ecr:DescribeRepositories` and \
                        `ecr:CreateRepository`; or write `create-repositories = false`";
            let warnings = vec![Unprepared { message, hint: hint.to_owned() }];
            let told = Prepared { warnings, ..Prepared::default() };
            Preparation { told, unknown: Some(why), ..Preparation::default() }
        };
        let Some(account) = Account::new(Arc::clone(&self.plan), &self.search_path) else {
            return unknown("`aws` is not on PATH".to_owned());
        };
        let there = match account.look().await {
            Ok(there) => there,
            Err(refused) => return unknown(refused.words),
        };
        let differences = there
            .iter()
            .flat_map(|(path, found)| found.differences(path.as_str(), &self.plan.options));
        let mut preparation = Preparation::default();
        preparation.told.differences = differences.collect();
        let is_missing = |path: &&RepositoryPath| !there.contains_key(*path);
        let missing: Vec<_> = self.plan.repositories.iter().filter(is_missing).cloned().collect();
        for (path, creation) in account.create(missing).await {
            match creation {
                Created::WasThere => {}
                Created::Created => preparation.told.created.push(path.to_string()),
                Created::WithoutPolicy(refused) => {
                    preparation.told.created.push(path.to_string());
                    preparation.told.warnings.push(self.without_policy(&path, &refused.words));
                }
                Created::Refused(refused) => {
                    preparation.missing.insert(path, refused.words);
                }
            }
        }
        preparation
    }

    fn without_policy(&self, path: &RepositoryPath, why: &str) -> Unprepared {
        let command = Command::put_lifecycle_policy(&self.plan, path);
        let hint = command.map_or(String::new(), |command| format!("`{}`", command.line()));
        Unprepared { message: format!("`{path}` has no lifecycle policy: {why}"), hint }
    }
}
