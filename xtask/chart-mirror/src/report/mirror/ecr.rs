//! The part of a report about repositories in Amazon ECR.

use std::fmt::Write as _;

use crate::ecr::{RepositoryPlan, RepositoryReport, describe};
use crate::list::Creation;

/// A line for each repository that a run would create if it does not exist. A dry run does not ask.
pub fn dry_run(plan: &RepositoryPlan) -> String {
    let mut text = String::new();
    if plan.creation == Creation::Leave {
        return text;
    }
    let options = describe(&plan.options);
    let options =
        if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) };
    for repository in &plan.repositories {
        let _ = writeln!(text, "would create, if missing: {}/{repository}{options}", plan.registry);
    }
    text
}

/// The repositories that were created, and settings of existing ones that are not as in the list.
pub(super) fn human(report: &RepositoryReport) -> String {
    let mut text = String::new();
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {}", warning.to_string().replace("\nhint", "\n  hint"));
    }
    for difference in &report.differences {
        let _ = writeln!(
            text,
            "warning: the repository `{}` has `{}` {}, but images.toml has {}; it is unchanged",
            difference.repository,
            difference.setting.name(),
            difference.actual,
            difference.expected,
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
    use crate::ecr::{Setting, SettingDifference};
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
