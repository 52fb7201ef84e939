//! The part of a report about repositories in Amazon ECR.

use std::fmt::Write as _;

use crate::ecr::{RepositoryPlan, RepositoryReport, SettingDifference, describe};
use crate::list::Creation;

/// A line for each repository that a run would create if it does not exist. A dry run does not find out.
pub fn dry_run(plan: &RepositoryPlan) -> String {
    if plan.creation == Creation::Leave {
        return String::new();
    }
    let options = match describe(&plan.options).join(", ") {
        none if none.is_empty() => none,
        options => format!(" ({options})"),
    };
    let registry = &plan.registry;
    let line = |path| format!("would create, if missing: {registry}/{path}{options}\n");
    plan.repositories.iter().map(line).collect()
}

/// The repositories that were created, and settings of existing ones that are not as in the list.
pub(super) fn human(report: &RepositoryReport) -> String {
    let mut text = String::new();
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {}", warning.to_string().replace("\nhint", "\n  hint"));
    }
    for SettingDifference { repository, setting, expected, actual } in &report.differences {
        let setting = setting.name();
        text += &format!(
            "warning: the repository `{repository}` has `{setting}` {actual}, but images.toml has {expected}; \
             it is unchanged\n"
        );
    }
    for repository in &report.created {
        let _ = writeln!(text, "created the repository {repository}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::Setting;
    use messages::Advice;

    #[test]
    fn each_new_or_different_repository_is_a_line() {
        let report = RepositoryReport {
            created: vec!["team/a".to_owned()],
            differences: vec![SettingDifference {
                repository: "team/b".to_owned(),
                setting: Setting::ImmutableTags,
                expected: "true".to_owned(),
                actual: "false".to_owned(),
            }],
            warnings: vec![Advice::new("m").with_hint("h")],
        };
        assert_eq!(
            human(&report),
            "warning: m\n  hint: h\n\
             warning: the repository `team/b` has `immutable-tags` false, but images.toml has true; it is \
             unchanged\n\
             created the repository team/a\n"
        );
        assert_eq!(human(&RepositoryReport::default()), "");
    }
}
