//! What is told of repositories in Amazon's ECR, to people and to programs.

use std::fmt::Write as _;

use crate::ecr::{RepositoryPlan, RepositoryReport, describe};
use crate::list::Creation;

/// A line for each repository that a run would make if it is not there. A dry run asks nobody.
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

/// What was made, and what is not as the list wants it.
pub(super) fn human(prepared: &RepositoryReport) -> String {
    let mut text = String::new();
    for warning in &prepared.warnings {
        let _ = writeln!(text, "warning: {}", warning.to_string().replace("\nhint", "\n  hint"));
    }
    for difference in &prepared.differences {
        let _ = writeln!(
            text,
            "warning: the repository `{}` was there with `{}` {}, and images.toml says {}: it is left as it is",
            difference.repository,
            difference.setting.name(),
            difference.actual,
            difference.expected,
        );
    }
    for repository in &prepared.created {
        let _ = writeln!(text, "created the repository {repository}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::{Setting, SettingDifference};

    fn prepared() -> RepositoryReport {
        RepositoryReport {
            created: vec!["team/a".to_owned()],
            differences: vec![SettingDifference {
                repository: "team/b".to_owned(),
                setting: Setting::ImmutableTags,
                expected: "true".to_owned(),
                actual: "false".to_owned(),
            }],
            warnings: vec![messages::Advice::new("m").with_hint("h")],
        }
    }

    #[test]
    fn people_read_a_line_for_each_repository_that_is_new_or_different() {
        assert_eq!(
            human(&prepared()),
            "warning: m\n  hint: h\n\
             warning: the repository `team/b` was there with `immutable-tags` false, and images.toml says \
             true: it is left as it is\n\
             created the repository team/a\n"
        );
        assert_eq!(human(&RepositoryReport::default()), "");
    }
}
