//! One file or folder per group of checks. Each examines its subject and adds findings; none knows
//! the policy.

pub(in crate::commands::verify) mod chart;
pub(in crate::commands::verify) mod list;
pub(in crate::commands::verify) mod registries;
pub(in crate::commands::verify) mod values;
