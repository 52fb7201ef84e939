//! Runs the AWS CLI to describe and create repositories. Nothing here blocks the runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::command::{AwsCommand, name};
use super::plan::{RepositoryPlan, Service};
use super::response::{AwsError, AwsErrorKind, Repository, parse};
use oci::RepositoryPath;
use process::{Program, find_program};

/// The CLI repeats a throttled request by itself, which takes time.
const DEADLINE: Duration = Duration::from_secs(120);
/// The longest response, in bytes. A registry may have thousands of repositories, each with some 500 bytes.
const LONGEST: u64 = 64 << 20;
/// The most names in one request (API reference of ECR, DescribeRepositories).
const MOST_NAMES: usize = 100;
/// Commands at a time. Each is a Python program that uses one core for a second.
const AT_A_TIME: usize = 4;

/// The AWS CLI, for one registry.
pub(super) struct AwsCli {
    plan: Arc<RepositoryPlan>,
    program: Program,
}

/// The result of creating one repository.
pub(super) enum CreateOutcome {
    Created,
    /// Another process created it in the meantime.
    AlreadyExists,
    CreatedWithoutPolicy(AwsError),
    Failed(AwsError),
}

impl AwsCli {
    /// `None` if there is no `aws` on the search path.
    pub(super) fn find(plan: Arc<RepositoryPlan>, search_path: &str) -> Option<Self> {
        let path = find_program("aws", search_path)?;
        Some(Self { plan, program: Program::new(path, DEADLINE, LONGEST) })
    }

    /// The repositories of the plan that exist.
    pub(super) async fn existing(&self) -> Result<BTreeMap<RepositoryPath, Repository>, AwsError> {
        let mut existing = BTreeMap::new();
        for paths in self.plan.repositories.chunks(MOST_NAMES) {
            match self.describe(paths).await {
                Ok(found) => existing.extend(found),
                // If one of them is missing, Amazon returns nothing about the others.
                Err(error) if error.kind == AwsErrorKind::NotFound => {
                    return match self.run(AwsCommand::describe_all(&self.plan)).await {
                        Ok(all) => Ok(self.by_path(&self.plan.repositories, parse(&all)?)),
                        // The account may have permissions for some repositories only.
                        Err(_) => self.existing_one_by_one().await,
                    };
                }
                Err(error) => return Err(error),
            }
        }
        Ok(existing)
    }

    async fn existing_one_by_one(&self) -> Result<BTreeMap<RepositoryPath, Repository>, AwsError> {
        let describe = |path: RepositoryPath| async move {
            match self.describe(std::slice::from_ref(&path)).await {
                Err(error) if error.kind == AwsErrorKind::NotFound => Ok(BTreeMap::new()),
                described => described,
            }
        };
        let paths = stream::iter(self.plan.repositories.clone());
        let found: Vec<_> = paths.map(describe).buffered(AT_A_TIME).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn describe(
        &self,
        paths: &[RepositoryPath],
    ) -> Result<BTreeMap<RepositoryPath, Repository>, AwsError> {
        let response = self.run(AwsCommand::describe(&self.plan, paths)).await?;
        Ok(self.by_path(paths, parse(&response)?))
    }

    /// Creates repositories. Returns one result for each.
    pub(super) async fn create(
        &self,
        missing: Vec<RepositoryPath>,
    ) -> Vec<(RepositoryPath, CreateOutcome)> {
        let create = |path: RepositoryPath| async move {
            let outcome = match self.run(AwsCommand::create(&self.plan, &path)).await {
                Ok(_) => self.put_policy(&path).await,
                Err(error) if error.kind == AwsErrorKind::AlreadyExists => {
                    CreateOutcome::AlreadyExists
                }
                Err(error) => CreateOutcome::Failed(error),
            };
            (path, outcome)
        };
        stream::iter(missing).map(create).buffered(AT_A_TIME).collect().await
    }

    async fn put_policy(&self, path: &RepositoryPath) -> CreateOutcome {
        let Some(command) = AwsCommand::put_lifecycle_policy(&self.plan, path) else {
            return CreateOutcome::Created;
        };
        match self.run(command).await {
            Ok(_) => CreateOutcome::Created,
            Err(error) => CreateOutcome::CreatedWithoutPolicy(error),
        }
    }

    fn by_path(
        &self,
        paths: &[RepositoryPath],
        mut found: BTreeMap<String, Repository>,
    ) -> BTreeMap<RepositoryPath, Repository> {
        let take =
            |path: &RepositoryPath| Some((path.clone(), found.remove(&name(&self.plan, path))?));
        paths.iter().filter_map(take).collect()
    }

    /// Runs a command and returns its stdout.
    pub(super) async fn run(&self, command: AwsCommand) -> Result<Vec<u8>, AwsError> {
        tracing::debug!("{}", command.line());
        // Disable the pager and prompts: there is no terminal.
        let mut variables = vec![("AWS_PAGER", ""), ("AWS_CLI_AUTO_PROMPT", "off")];
        if let Service::Private(host) = &self.plan.service {
            variables.extend(host.variables());
        }
        let program = self.program.clone().arguments(command.arguments()).variables(&variables);
        match tokio::task::spawn_blocking(move || program.run()).await {
            Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
            Ok(Ok(output)) => Err(AwsError::from_stderr(&output.stderr)),
            Ok(Err(error)) => Err(AwsError::new(format!("`aws`: {error}"))),
            Err(error) => Err(AwsError::new(error.to_string())),
        }
    }
}
