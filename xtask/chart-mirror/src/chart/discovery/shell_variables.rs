//! The variables that a script assigns: `R=quay.io; docker pull $R/a/b:1`. Pure, and linear in the length of the
//! text.

use std::borrow::Cow;
use std::collections::HashMap;

use super::environment::{Environment, LONGEST};

/// The longest value, in bytes: no part of a reference is longer.
const LONGEST_VALUE: usize = 255;

/// A script with the values of the variables that it assigns, or that its container has. A variable with several
/// values stays, because it is not known which of them counts.
pub(super) fn expand<'t>(text: &'t str, environment: &Environment) -> Cow<'t, str> {
    if !text.contains('$') || !text.trim().contains(char::is_whitespace) {
        return Cow::Borrowed(text);
    }
    let variables = Variables { assigned: assigned(text, environment), environment };
    if variables.assigned.is_empty() && environment.is_empty() {
        return Cow::Borrowed(text);
    }
    variables.put_into(text)
}

/// The variables that a text assigns; `None` if the value is not known.
fn assigned<'t>(text: &'t str, environment: &Environment) -> HashMap<&'t str, Option<String>> {
    let mut variables = Variables { assigned: HashMap::new(), environment };
    for (at, _) in text.match_indices('=') {
        let Some((name, written)) = assignment(text, at) else { continue };
        let value = variables.value(name, written);
        let known = variables.assigned.get(name).is_none_or(|known| *known == value);
        variables.assigned.insert(name, value.filter(|_| known));
    }
    variables.assigned
}

/// The name before an equals sign and the value behind it, if a command starts with the name.
fn assignment(text: &str, equals: usize) -> Option<(&str, &str)> {
    let before = &text[..equals];
    let start = before
        .rfind(|c: char| !is_name(c))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let name = &before[start..];
    let is_start = before[..start].ends_with(|c: char| c.is_whitespace() || ";&|({".contains(c));
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !(is_start || start == 0)
    {
        return None;
    }
    let value = &text[equals + 1..];
    let limit = value.char_indices().nth(LONGEST_VALUE).map_or(value.len(), |(at, _)| at);
    let value = &value[..limit];
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    Some(match quote {
        Some(quote) => (name, value[1..].split([quote, '\n']).next().unwrap_or_default()),
        None => (name, value.split(ends_value).next().unwrap_or_default()),
    })
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || ";&|()`\"'<>".contains(c)
}

struct Variables<'a, 't> {
    assigned: HashMap<&'t str, Option<String>>,
    environment: &'a Environment,
}

impl Variables<'_, '_> {
    fn get(&self, name: &str) -> Option<&str> {
        match self.assigned.get(name) {
            Some(value) => value.as_deref(),
            None => self.environment.get(name),
        }
    }

    /// The value of an assignment; `None` if it is more than a part of a reference.
    fn value(&self, name: &str, written: &str) -> Option<String> {
        // `R=${R:-quay.io}` keeps the value of the container.
        let kept = written.strip_prefix("${").and_then(|it| it.strip_prefix(name));
        let default = kept.and_then(|it| it.strip_prefix(":-").or_else(|| it.strip_prefix('-')));
        let value = match default.and_then(|it| it.strip_suffix('}')) {
            Some(default) => self.environment.get(name).unwrap_or(default).to_owned(),
            None => self.put_into(written).into_owned(),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        (!value.is_empty() && value.len() <= LONGEST_VALUE && value.chars().all(is_part))
            .then_some(value)
    }

    /// A text with the known values in place of `$NAME` and `${NAME}`.
    fn put_into<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut expanded = String::new();
        let (mut position, mut searched) = (0, 0);
        while let Some(at) = text[searched..].find('$') {
            let at = searched + at;
            searched = at + 1;
            let is_protected = text[..at].ends_with(['\\', '$']);
            let Some((name, end)) = name_at(text, at).filter(|_| !is_protected) else { continue };
            if let Some(value) = self.get(name)
                && expanded.len() + value.len() <= LONGEST.max(text.len()) * 2
            {
                expanded.push_str(&text[position..at]);
                expanded.push_str(value);
                position = end;
            }
            searched = end;
        }
        if position == 0 {
            return Cow::Borrowed(text);
        }
        expanded.push_str(&text[position..]);
        Cow::Owned(expanded)
    }
}

/// The name behind a `$`, and where its variable ends.
fn name_at(text: &str, dollar: usize) -> Option<(&str, usize)> {
    let rest = &text[dollar + 1..];
    let (inner, extra) = match rest.strip_prefix('{') {
        Some(inner) => (inner, 2),
        None => (rest, 0),
    };
    let length = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
    let is_closed = extra == 0 || inner[length..].starts_with('}');
    (length > 0 && is_closed).then(|| (&inner[..length], dollar + 1 + length + extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_script_are_put_in_place_of_their_names() {
        let table = [
            ("R=q.io\nrun $R/a:1 ${R}/b:1", "R=q.io\nrun q.io/a:1 q.io/b:1"),
            ("export R=\"q.io\"; V=1; run $R/a:$V", "export R=\"q.io\"; V=1; run q.io/a:1"),
            ("R=q.io; I=$R/a; run $I:1", "R=q.io; I=q.io/a; run q.io/a:1"),
            ("R=${R:-q.io}\nrun $R/a:1", "R=${R:-q.io}\nrun q.io/a:1"),
            // Not known.
            ("R=q.io\nR=r.io\nrun $R/a:1", "R=q.io\nR=r.io\nrun $R/a:1"),
            ("R=$(cat x)\nrun $R/a:1", "R=$(cat x)\nrun $R/a:1"),
            ("R=q.io; run \\$R $$R $RR ${R:-x} $(R)", "R=q.io; run \\$R $$R $RR ${R:-x} $(R)"),
            ("run --R=q.io $R/a:1", "run --R=q.io $R/a:1"),
            ("R = q.io\n$R/a", "R = q.io\n$R/a"),
            ("é=$ü 1=x $1", "é=$ü 1=x $1"),
            ("$R/a:1", "$R/a:1"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &Environment::default()), expected, "{text}");
        }
    }

    #[test]
    fn variables_cannot_multiply_a_script() {
        let value = "x".repeat(200);
        let text = format!("A={value}\n{}", "$A ".repeat(1_000_000));
        let expanded = expand(&text, &Environment::default());
        assert!(expanded.len() <= text.len() * 4);
        expand(&"$A=$B ".repeat(200_000), &Environment::default());
    }
}
