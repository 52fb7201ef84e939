//! The check `list`: what images.toml says by itself. Pure.

use super::findings::Findings;
use crate::commands::verify::finding::{Finding, Location};
use crate::list::code::{Check, Code};
use crate::list::{Image, ImageList, Place, Problem};

const CHECK: Check = Check::List;

pub(super) fn check(list: &ImageList, findings: &mut Findings<'_>) {
    for image in list.images() {
        if image.digest.is_none() {
            let message = "no digest: whatever the tag names is copied".to_owned();
            let finding = findings.about(CHECK, Code::Unpinned, image, message);
            let command = findings.command();
            findings.add(
                finding.hint(format!("`{command} pin` writes the digests that the tags name now")),
            );
        }
        if is_floating(image.tag.as_str()) {
            let message = format!("the tag `{}` names no version", image.tag);
            let finding = findings.about(CHECK, Code::TagFloating, image, message);
            findings.add(finding.hint("list the tag of a version, which is not moved"));
        }
        if !is_allowed(&list.policy().allowed_registries, image) {
            let message = format!("`{}` is not allowed as a source", image.source);
            let finding = findings.about(CHECK, Code::RegistryNotAllowed, image, message);
            findings.add(finding.hint(format!(
                "`allowed-registries` of `[policy]` has `{}`",
                list.policy().allowed_registries.join("`, `")
            )));
        }
    }
}

/// A problem of a list that cannot be used.
pub(super) fn unusable(file: &str, problem: &Problem) -> Finding {
    let mut finding = Finding::new(CHECK, Code::ListInvalid, problem.message.clone());
    finding.hint.clone_from(&problem.hint);
    let place = Place { line: problem.line, column: problem.column };
    finding.location = Some(Location { file: file.to_owned(), place });
    finding
}

/// Versions have a number in them; `stable`, `main`, `nightly` and `release` do not.
fn is_floating(tag: &str) -> bool {
    !tag.contains(|c: char| c.is_ascii_digit())
}

fn is_allowed(allowed: &[String], image: &Image) -> bool {
    let source = image.source.to_string();
    let holds = |place: &String| {
        source
            .strip_prefix(place.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    allowed.is_empty() || allowed.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_without_a_number_floats() {
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
    fn a_source_is_allowed_by_its_registry_or_by_whole_parts_of_its_path() {
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
