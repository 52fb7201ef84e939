//! What needs the AWS CLI in Amazon ECR. Pushes do not create repositories: `Repositories` creates the missing ones, once
//! per run, before the first push. The registry API deletes nothing: `CloudImages` deletes tags.

mod aws_cli;
mod command;
mod images;
mod plan;
mod push_time;
mod repositories;
mod response;

pub use images::{CloudImages, MOST_DELETED};
pub use plan::{RepositoryPlan, Service, describe};
pub use repositories::RepositoryReport;
pub(crate) use repositories::{Creates, Repositories};
pub use response::{Setting, SettingDifference};
