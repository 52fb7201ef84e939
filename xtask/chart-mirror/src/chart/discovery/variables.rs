//! Variables that stand for a part of a reference: `$(VERSION)`, `${VERSION}`, `%s`, `<tag>`, `{{ .tag }}`,
//! `"quay.io/a/b:" + version`. Pure.

use crate::chart::image_reference::ImageReference;

/// How each notation starts and ends.
const NOTATIONS: [(&str, &str); 7] =
    [("$(", ")"), ("${", "}"), ("{{", "}}"), ("%(", ")"), ("%{", "}"), ("{", "}"), ("<", ">")];
/// Placeholders of format strings.
const PLACEHOLDERS: [&str; 3] = ["%s", "%v", "%d"];
/// How strings are joined.
const OPERATORS: [&str; 3] = ["+", "..", "~"];
/// The longest variable, in characters.
const LONGEST: usize = 100;

/// The length of the rest of a reference if it starts with a variable for the version or the last part of the name:
/// `:$(VERSION)`, `/$NAME:1`.
pub(super) fn version_or_name(text: &str) -> Option<usize> {
    let rest = text.strip_prefix([':', '@', '/'])?;
    let rest = start(rest).lines().next().unwrap_or_default();
    if let Some(after) = rest.strip_prefix(['"', '\'']) {
        let after = after.trim_start();
        return OPERATORS.iter().any(|it| after.starts_with(it)).then_some(1);
    }
    let length = length(rest)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-$(){}:@%/".contains(c);
    let more = rest[length..].find(|c| !is_part(c)).unwrap_or(rest.len() - length);
    Some(1 + length + more)
}

/// As much of a text as a variable may have.
fn start(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// The length of a variable at the start of a text.
fn length(text: &str) -> Option<usize> {
    let text = start(text);
    let between = NOTATIONS.iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(open)?;
        let length = inner.find(close).filter(|length| *length > 0)?;
        Some(open.len() + length + close.len())
    });
    let placeholder = || PLACEHOLDERS.iter().find(|it| text.starts_with(*it)).map(|it| it.len());
    let name = || {
        let name = text.strip_prefix('$')?;
        // `$` alone stands for an action that was left out.
        Some(1 + name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len()))
    };
    between.or_else(placeholder).or_else(name)
}

/// Whether a text has a variable in it, and is not only `$NAME` or `<name>`.
pub(super) fn are_in(text: &str) -> bool {
    text.contains("$(") || text.contains("${") || (text.contains('/') && first(text).is_some())
}

/// The repository of a reference whose version is a variable.
pub(super) fn repository_before(text: &str) -> Option<ImageReference> {
    text[..first(text)?].strip_suffix([':', '@'])?.parse().ok()
}

/// Where the first variable starts.
fn first(text: &str) -> Option<usize> {
    let mut starts = text.match_indices(['$', '%', '<', '{']).map(|(at, _)| at);
    starts.find(|at| length(&text[*at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_in_every_notation() {
        let table = [
            (":$(V)", Some(5)),
            (":${V:-9}-x y", Some(10)),
            ("@$V", Some(3)),
            (":$", Some(2)),
            (":%s\", v)", Some(3)),
            (":%(ver)s'", Some(8)),
            (":<tag>", Some(6)),
            (":{{ .Values.tag }}", Some(18)),
            (":$(cat /v)", Some(10)),
            ("/$NAME:9 x", Some(8)),
            ("/\" + name", Some(1)),
            (":' .. v", Some(1)),
            ("", None),
            (":", None),
            (":1", None),
            ("/\", x", None),
            (":</b>", Some(5)),
            ("/%20x", None),
            (":$(\n)", Some(3)),
        ];
        for (text, expected) in table {
            assert_eq!(version_or_name(text), expected, "{text}");
        }
    }

    #[test]
    fn the_repository_in_front_of_a_variable_is_known() {
        let table = [
            ("q.io/a/b:$V", Some("q.io/a/b")),
            ("q.io/a/b@%s", Some("q.io/a/b")),
            ("q.io/a/$N:1", None),
            ("$R/a:$V", None),
        ];
        for (text, expected) in table {
            assert!(are_in(text), "{text}");
            assert_eq!(repository_before(text).map(|it| it.to_string()).as_deref(), expected);
        }
        for text in ["$IMAGE", "<image>", "q.io/a/b:1", "a%2Fb/c"] {
            assert!(!are_in(text), "{text}");
        }
    }
}
