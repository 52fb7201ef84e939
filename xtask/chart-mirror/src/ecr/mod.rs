//! Repositories in Amazon's ECR, which no push makes: `plan` says which and how, `command` is what the
//! AWS CLI is told, `answer` what it says, `account` asks it; `repositories` brings that together for a
//! run, once, when the first image is on its way.

mod account;
mod answer;
mod command;
mod plan;
mod repositories;

pub use answer::{Difference, Setting};
pub use plan::{RepositoryPlan, Service, described};
pub(crate) use repositories::Repositories;
pub use repositories::{Prepared, Unprepared};
