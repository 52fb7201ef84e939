//! What is told of repositories in Amazon's ECR, to people and to programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::ecr::{RepositoryPlan, RepositoryReport, describe};
use crate::list::{Creation, Encryption};

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

/// The same for programs.
pub fn dry_run_value(plan: &RepositoryPlan) -> Value {
    let options = &plan.options;
    let key = match &options.encryption {
        Some(Encryption::Kms { key }) => key.as_deref(),
        _ => None,
    };
    let paths: Vec<_> = plan.repositories.iter().map(|path| path.as_str()).collect();
    json!({
        "create": plan.creation == Creation::Create,
        "names": paths,
        "tags": options.tags,
        "scan-on-push": options.scan_on_push,
        "immutable-tags": options.immutable_tags,
        "encryption": options.encryption.as_ref().map(Encryption::name),
        "kms-key": key,
        "lifecycle-policy-file": options.lifecycle_policy_file,
    })
}

/// What was made, and what is not as the list wants it.
pub fn human(prepared: &RepositoryReport) -> String {
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

/// The same for programs.
pub fn value(prepared: &RepositoryReport) -> Value {
    json!({
        "created": prepared.created,
        "differences": prepared.differences,
        "warnings": prepared.warnings.iter().map(warning_value).collect::<Vec<_>>(),
    })
}

fn warning_value(warning: &messages::Advice) -> Value {
    json!({ "message": warning.message, "hint": warning.hint })
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

    #[test]
    fn programs_are_told_the_same() {
        let expected = json!({
            "created": ["team/a"],
            "differences": [{
                "repository": "team/b", "setting": "immutable-tags", "wanted": "true", "there": "false"
            }],
            "warnings": [{ "message": "m", "hint": "h" }],
        });
        assert_eq!(value(&prepared()), expected);
    }
}
