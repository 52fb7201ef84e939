//! The variables of a container, which Kubernetes puts in place of `$(NAME)` in its arguments and in later
//! variables; pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use super::image_fields::Field;
use crate::chart::node::{Node, value_of};

/// The longest text that variables are put into, in bytes: each may double the length of the next.
const LONGEST: usize = 64 << 10;

/// The variables with known values.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(Rc<HashMap<String, String>>);

impl Environment {
    /// Takes the variables of a map, and returns those of the map around it. A container without variables
    /// does not have those of the object around it.
    pub(super) fn enter(&mut self, entries: &[(String, Node)], field: Field) -> Self {
        let own = match value_of(entries, "env") {
            Some(Node::List(items)) => Self::of(items),
            _ if field == Field::Container => Self::default(),
            _ => return self.clone(),
        };
        std::mem::replace(self, own)
    }

    fn of(items: &[Node]) -> Self {
        let mut known = Self::default();
        for (name, value) in literals(items) {
            let value = known.expand(value).into_owned();
            Rc::make_mut(&mut known.0).insert(name.to_owned(), value);
        }
        known
    }

    /// The names and values of variables.
    pub(super) fn expanded(&self, items: &[Node]) -> Vec<(String, Node)> {
        let variables = items.iter().filter_map(|item| {
            let value = item.get("value")?;
            let value = match value {
                Node::Text(text) => Node::Text(self.expand(text).into_owned()),
                other => other.clone(),
            };
            Some((item.get("name")?.text()?.to_owned(), value))
        });
        variables.collect()
    }

    /// A text with the values of the variables that are known. As in Kubernetes, `$$` protects.
    pub(super) fn expand<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() || !text.contains("$(") {
            return Cow::Borrowed(text);
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            let is_protected = rest[..at].ends_with('$');
            let name =
                rest[at + 2..].split(|c: char| c.is_whitespace() || "$()".contains(c)).next();
            let name = name.unwrap_or_default();
            let end = at + 2 + name.len();
            let value = self.0.get(name).filter(|_| rest[end..].starts_with(')') && !is_protected);
            match value {
                Some(value) if expanded.len() + value.len() <= LONGEST.max(text.len()) => {
                    expanded.push_str(&rest[..at]);
                    expanded.push_str(value);
                    rest = &rest[end + 1..];
                }
                _ => {
                    expanded.push_str(&rest[..end]);
                    rest = &rest[end..];
                }
            }
        }
        expanded.push_str(rest);
        Cow::Owned(expanded)
    }
}

/// Variables whose values are in the manifest, and not in another object.
fn literals(items: &[Node]) -> impl Iterator<Item = (&str, &str)> {
    items.iter().filter_map(|item| Some((item.get("name")?.text()?, item.get("value")?.scalar()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let item = |(name, value): &(&str, &str)| {
            let text = |text: &str| Node::Text(text.to_owned());
            Node::Map(vec![("name".to_owned(), text(name)), ("value".to_owned(), text(value))])
        };
        Environment::of(&variables.iter().map(item).collect::<Vec<_>>())
    }

    #[test]
    fn known_variables_are_put_in_place_of_their_names() {
        let known = environment(&[("A", "1"), ("B", "x$(A)y"), ("C", "$(D)"), ("D", "2")]);
        let table = [
            ("q.io/a:$(A)", "q.io/a:1"),
            ("$(B) $(A)$(A)", "x1y 11"),
            ("$(C) $(E) $(A", "$(D) $(E) $(A"),
            ("$$(A) $A ${A}", "$$(A) $A ${A}"),
            ("$(A b)", "$(A b)"),
            ("$($(A))", "$(1)"),
            ("no", "no"),
        ];
        for (text, expected) in table {
            assert_eq!(known.expand(text), expected, "{text}");
        }
    }

    #[test]
    fn variables_cannot_multiply_a_text() {
        let names: Vec<String> = (0..64).map(|number| format!("V{number}")).collect();
        let mut variables = vec![("V0".to_owned(), "x".repeat(100))];
        for pair in names.windows(2) {
            variables.push((pair[1].clone(), format!("$({0})$({0})$({0})", pair[0])));
        }
        let variables: Vec<_> = variables.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let known = environment(&variables);
        assert!(known.0.values().all(|value| value.len() <= LONGEST + 100));
    }
}
