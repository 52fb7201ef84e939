//! Repositories in Amazon ECR, which pushes do not create. `Repositories` creates the missing ones with
//! the AWS CLI, once per run, before the first push.

mod aws_cli;
mod command;
mod plan;
mod repositories;
mod response;

pub use plan::{RepositoryPlan, Service, describe};
pub(crate) use repositories::Repositories;
pub use repositories::RepositoryReport;
pub use response::{Setting, SettingDifference};
