//! The reports of `mirror`: of a run, of one image while it runs, and of a dry run.

mod chart;
mod ecr;
mod files;
mod human;
pub(super) mod json;
pub(super) mod planned;

pub use ecr::dry_run as dry_run_of_ecr;
pub use files::{PartReport, PartResult, ReportFormat, html, json as json_of_parts, prometheus};
pub use human::{dry_run, human, image, summary};
pub(super) use human::{problems, totals_of};
pub use json::{dry_run_json, json};
pub use planned::planned;
