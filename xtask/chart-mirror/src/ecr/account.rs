//! Asks the AWS CLI about repositories, and lets it make them. Nothing here blocks the runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};

use super::answer::{RefusalKind, Refused, Repository, read};
use super::command::{Command, name};
use super::plan::{RepositoryPlan, Service};
use oci::RepositoryPath;
use process::{Program, find_program};

/// One command tries several times by itself when Amazon wants it to slow down.
const DEADLINE: Duration = Duration::from_secs(120);
/// Of an answer, in bytes. A registry may have thousands of repositories, at some 500 bytes each.
const LONGEST: u64 = 64 << 20;
/// Names in one question (API reference of ECR, DescribeRepositories).
const MOST_NAMES: usize = 100;
/// Commands at a time: each is a Python program that takes a second of a core.
const AT_A_TIME: usize = 4;

/// The AWS CLI, told of one registry.
pub(super) struct Account {
    plan: Arc<RepositoryPlan>,
    program: Program,
}

/// What became of one repository that was missing.
pub(super) enum Creation {
    Created,
    /// Somebody was faster.
    WasThere,
    /// Made, but without its lifecycle policy.
    WithoutPolicy(Refused),
    Refused(Refused),
}

impl Account {
    /// `None` if the CLI is not among the folders of a `PATH`.
    pub(super) fn new(plan: Arc<RepositoryPlan>, search_path: &str) -> Option<Self> {
        let path: PathBuf = find_program("aws", search_path)?;
        Some(Self { plan, program: Program::new(path, DEADLINE, LONGEST) })
    }

    /// Those of the plan that are there, by their paths.
    pub(super) async fn look(&self) -> Result<BTreeMap<RepositoryPath, Repository>, Refused> {
        let mut there = BTreeMap::new();
        for names in self.plan.repositories.chunks(MOST_NAMES) {
            match self.run(Command::describe(&self.plan, names)).await.and_then(|it| read(&it)) {
                Ok(found) => there.extend(self.by_path(names, found)),
                // One that is missing hides what is known of all the others.
                Err(refused) if refused.kind == RefusalKind::NotFound => {
                    return match self.run(Command::describe_all(&self.plan)).await {
                        Ok(all) => Ok(self.by_path(&self.plan.repositories, read(&all)?)),
                        // Rights may be given for some repositories only.
                        Err(_) => self.look_at_each().await,
                    };
                }
                Err(refused) => return Err(refused),
            }
        }
        Ok(there)
    }

    async fn look_at_each(&self) -> Result<BTreeMap<RepositoryPath, Repository>, Refused> {
        let look = |path: RepositoryPath| async move {
            let names = std::slice::from_ref(&path);
            match self.run(Command::describe(&self.plan, names)).await.and_then(|it| read(&it)) {
                Ok(found) => Ok(self.by_path(names, found)),
                Err(refused) if refused.kind == RefusalKind::NotFound => Ok(BTreeMap::new()),
                Err(refused) => Err(refused),
            }
        };
        let mut looks = stream::iter(self.plan.repositories.clone()).map(look).buffered(AT_A_TIME);
        let mut there = BTreeMap::new();
        while let Some(found) = looks.next().await {
            there.extend(found?);
        }
        Ok(there)
    }

    /// Makes repositories; one result for each.
    pub(super) async fn create(
        &self,
        missing: Vec<RepositoryPath>,
    ) -> Vec<(RepositoryPath, Creation)> {
        let create = |path: RepositoryPath| async move {
            let creation = match self.run(Command::create(&self.plan, &path)).await {
                Ok(_) => self.put_policy(&path).await,
                Err(refused) if refused.kind == RefusalKind::AlreadyExists => Creation::WasThere,
                Err(refused) => Creation::Refused(refused),
            };
            (path, creation)
        };
        stream::iter(missing).map(create).buffered(AT_A_TIME).collect().await
    }

    async fn put_policy(&self, path: &RepositoryPath) -> Creation {
        let Some(command) = Command::put_lifecycle_policy(&self.plan, path) else {
            return Creation::Created;
        };
        match self.run(command).await {
            Ok(_) => Creation::Created,
            Err(refused) => Creation::WithoutPolicy(refused),
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

    /// What a command prints.
    async fn run(&self, command: Command) -> Result<Vec<u8>, Refused> {
        tracing::debug!("{}", command.line());
        // Neither a pager nor a question: nobody sits there.
        let mut variables = vec![("AWS_PAGER", ""), ("AWS_CLI_AUTO_PROMPT", "off")];
        if let Service::Private(host) = &self.plan.service {
            variables.extend(host.variables());
        }
        let program = self.program.clone().arguments(command.words()).variables(&variables);
        match tokio::task::spawn_blocking(move || program.run()).await {
            Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
            Ok(Ok(output)) => Err(Refused::read(&output.stderr)),
            Ok(Err(error)) => Err(Refused::new(format!("`aws`: {error}"))),
            Err(error) => Err(Refused::new(error.to_string())),
        }
    }
}
