//! `Repositories`: creates the missing repositories of a run before its first push, and reports what
//! it found. A run that pushes nothing does not start the AWS CLI.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::aws_cli::{AwsCli, CreateOutcome};
use super::command::{AwsCommand, line_to_create};
use super::plan::RepositoryPlan;
use super::response::SettingDifference;
use crate::list::Creation;
use messages::Advice;
use oci::RepositoryPath;
use registry::{Cause, Error, ErrorCode, Side};

/// The repositories of a run.
pub(crate) struct Repositories {
    plan: Arc<RepositoryPlan>,
    search_path: String,
    creates: Creates,
    preparation: OnceCell<Preparation>,
}

/// What is done about missing repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creates {
    All,
    /// They are reported.
    None,
}

/// What was done before the first push.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RepositoryReport {
    pub created: Vec<String>,
    /// Settings of repositories that existed before.
    pub differences: Vec<SettingDifference>,
    /// What was not done, and how to do it.
    pub warnings: Vec<Advice>,
}

#[derive(Default)]
struct Preparation {
    report: RepositoryReport,
    /// The repositories that could not be created, with the reason.
    missing: BTreeMap<RepositoryPath, String>,
    /// Why it is unknown which repositories exist.
    unknown: Option<String>,
}

impl Repositories {
    pub(crate) fn new(plan: RepositoryPlan, search_path: String, creates: Creates) -> Self {
        Self { plan: Arc::new(plan), search_path, creates, preparation: OnceCell::new() }
    }

    /// Waits until a repository can be pushed to. The first call prepares all of them.
    ///
    /// # Errors
    /// When the repository is missing and could not be created.
    pub(crate) async fn ready(&self, repository: &RepositoryPath) -> Result<(), Error> {
        if self.plan.creation == Creation::Leave {
            return Ok(());
        }
        let preparation = self.preparation.get_or_init(|| self.prepare()).await;
        let Some(why) = preparation.missing.get(repository) else { return Ok(()) };
        let operation = format!("create the repository `{repository}`");
        Err(Error::new(Side::Destination, operation, self.no_repository(repository, why)))
    }

    /// Adds the command that creates the repository to the error of a push, if the push failed because
    /// the repository does not exist.
    pub(crate) fn explain(&self, repository: &RepositoryPath, error: Error) -> Error {
        let is_about_repository =
            error.side == Side::Destination && error.has_code(&ErrorCode::NameUnknown);
        let (true, Cause::Status(response)) = (is_about_repository, &error.cause) else {
            return error;
        };
        let mut message = response.to_string();
        let unknown = self.preparation.get().and_then(|preparation| preparation.unknown.as_ref());
        if let Some(why) = unknown {
            message += &format!(" (it was not created: {why})");
        }
        Error { cause: self.no_repository(repository, &message), ..error }
    }

    /// What was done; `None` if nothing had to be pushed.
    pub(crate) fn report(&self) -> Option<RepositoryReport> {
        self.preparation.get().map(|preparation| preparation.report.clone())
    }

    fn no_repository(&self, repository: &RepositoryPath, why: &str) -> Cause {
        let hint = format!("create it: `{}`", line_to_create(&self.plan, repository));
        Cause::NoRepository(Box::new(Advice::new(why).with_hint(hint)))
    }

    async fn prepare(&self) -> Preparation {
        let Some(cli) = AwsCli::find(Arc::clone(&self.plan), &self.search_path) else {
            return self.unknown("`aws` is not on PATH".to_owned());
        };
        let existing = match cli.existing().await {
            Ok(existing) => existing,
            Err(error) => return self.unknown(error.message),
        };
        let mut preparation = Preparation::default();
        let options = &self.plan.options;
        let differences =
            existing.iter().flat_map(|(path, it)| it.differences(path.as_str(), options));
        preparation.report.differences = differences.collect();
        let is_missing = |path: &&RepositoryPath| !existing.contains_key(*path);
        let missing: Vec<RepositoryPath> =
            self.plan.repositories.iter().filter(is_missing).cloned().collect();
        if self.creates == Creates::None {
            preparation.report.created = missing.iter().map(ToString::to_string).collect();
            return preparation;
        }
        for (path, outcome) in cli.create(missing).await {
            let report = &mut preparation.report;
            match outcome {
                CreateOutcome::AlreadyExists => {}
                CreateOutcome::Created => report.created.push(path.to_string()),
                CreateOutcome::CreatedWithoutPolicy(error) => {
                    report.created.push(path.to_string());
                    report.warnings.push(self.without_policy(&path, &error.message));
                }
                CreateOutcome::Failed(error) => {
                    preparation.missing.insert(path, error.message);
                }
            }
        }
        preparation
    }

    fn unknown(&self, why: String) -> Preparation {
        let registry = &self.plan.registry;
        let message = format!("the repositories of {registry} could not be checked: {why}");
        let warning = Advice::new(message).with_hint(
            "give the AWS CLI credentials and the permissions `ecr:DescribeRepositories` and \
             `ecr:CreateRepository`, or set `create-repositories = false`",
        );
        let report = RepositoryReport { warnings: vec![warning], ..RepositoryReport::default() };
        Preparation { report, unknown: Some(why), ..Preparation::default() }
    }

    fn without_policy(&self, path: &RepositoryPath, why: &str) -> Advice {
        let command = AwsCommand::put_lifecycle_policy(&self.plan, path);
        let hint = command.map(|command| format!("`{}`", command.line()));
        Advice { message: format!("`{path}` has no lifecycle policy: {why}"), hint }
    }
}
