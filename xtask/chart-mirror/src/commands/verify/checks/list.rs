//! The check `list`: the content of images.toml itself. Pure.

use crate::commands::publications::TargetConflict;
use crate::commands::verify::{
    Input,
    finding::{Finding, Location},
    findings::Findings,
};
use crate::list::finding_code::{Check, Code};
use crate::list::{Image, ImageList, Place, Problem, pattern_matches};
use messages::program::command;
use oci::Reference;

const CHECK: Check = Check::List;

pub(in crate::commands::verify) fn check(list: &ImageList, findings: &mut Findings<'_>) {
    for image in list.images() {
        if image.digest.is_none() {
            let message = "no digest: the tag decides what is copied";
            let hint = format!("{} records the digests of all tags", command("pin"));
            findings.add(findings.about(CHECK, Code::Unpinned, image, message).hint(hint));
        }
        if image.has_stale_subsets() {
            let message = "`[image.subsets]` has the digests of another index than `digest`";
            let hint = format!("{} records them again", command("pin"));
            findings.add(findings.about(CHECK, Code::SubsetsStale, image, message).hint(hint));
        }
        if is_floating(image.tag.as_str()) {
            let message = format!("`{}` is a moving tag, not a version", image.tag);
            let hint = "list the tag of a version, which does not move";
            findings.add(findings.about(CHECK, Code::TagFloating, image, message).hint(hint));
        }
        let allowed = &list.policy().allowed_registries;
        if !is_allowed(allowed, image) {
            let message = format!("`{}` is not allowed as a source", image.source);
            let allowed = allowed.join("`, `");
            let hint = format!("`allowed-registries` in `[policy]` allows `{allowed}`");
            findings
                .add(findings.about(CHECK, Code::RegistryNotAllowed, image, message).hint(hint));
        }
    }
    check_signature_rules(list, findings);
}

/// Targets that a run would overwrite.
pub(in crate::commands::verify) fn check_targets(input: Input<'_>, findings: &mut Findings<'_>) {
    for TargetConflict { image, advice } in input.conflicts {
        let mut images = input.list.images().iter();
        let image = images.find(|listed| Some(listed.reference()) == *image);
        let finding = findings.about(CHECK, Code::TargetConflict, image, &advice.message);
        findings.add(Finding { hint: advice.hint.clone(), ..finding });
    }
}

/// A pattern with a typing error would let unsigned images pass. Those of a workspace need not match in every
/// member.
fn check_signature_rules(list: &ImageList, findings: &mut Findings<'_>) {
    let references: Vec<Reference> = list.images().iter().map(Image::reference).collect();
    let rules = list.policy().signatures.iter();
    for rule in rules.filter(|rule| rule.defined_at != Place::NOWHERE) {
        for pattern in &rule.sources {
            if references.iter().any(|source| pattern_matches(pattern, source)) {
                continue;
            }
            let message = format!("`{pattern}` in `[[policy.signatures]]` matches no image");
            let hint = "correct it or remove it; sources are written in full, as `docker.io/library/nginx`";
            let location = findings.in_list(rule.defined_at);
            findings.add(Finding {
                location: Some(location),
                ..Finding::new(CHECK, Code::RuleUnused, message).hint(hint)
            });
        }
    }
}

/// The finding for one problem of a list that cannot be used.
pub(in crate::commands::verify) fn problem_finding(file: &str, problem: &Problem) -> Finding {
    Finding {
        hint: problem.hint.clone(),
        location: Some(Location { file: file.to_owned(), place: problem.place }),
        ..Finding::new(CHECK, Code::ListInvalid, problem.message.clone())
    }
}

/// Versions contain a digit; `stable`, `main`, `nightly` and `release` do not.
fn is_floating(tag: &str) -> bool {
    !tag.contains(|c: char| c.is_ascii_digit())
}

fn is_allowed(allowed: &[String], image: &Image) -> bool {
    let source = image.source.to_string();
    let contains = |place: &String| {
        let rest = source.strip_prefix(place.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    allowed.is_empty() || allowed.iter().any(contains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_without_a_digit_is_a_moving_tag() {
        let table = [
            ("stable", true),
            ("main", true),
            ("latest-alpine", true),
            ("v1", false),
            ("1.0.6", false),
            ("2_0", false),
        ];
        for (tag, expected) in table {
            assert_eq!(is_floating(tag), expected, "{tag}");
        }
    }

    #[test]
    fn a_source_is_allowed_by_its_registry_or_by_leading_path_components() {
        let table = [
            (&[][..], true),
            (&["quay.io"][..], true),
            (&["quay.io/team"][..], true),
            (&["quay.io/team/app"][..], true),
            (&["docker.io", "quay.io/team"][..], true),
            (&["quay.io/te"][..], false),
            (&["quay.i"][..], false),
            (&["quay.io/team/app/x"][..], false),
            (&["docker.io"][..], false),
        ];
        let text = "[[image]]\nsource = \"quay.io/team/app\"\ntag = \"1\"\n";
        let list = ImageList::parse("images.toml", text).unwrap();
        for (allowed, expected) in table {
            let allowed: Vec<String> = allowed.iter().map(|&place| place.to_owned()).collect();
            assert_eq!(is_allowed(&allowed, &list.images()[0]), expected, "{allowed:?}");
        }
    }
}
