//! The variables of a container, which Kubernetes puts in place of `$(NAME)` in its arguments and in later
//! variables; pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use super::image_fields::Field;
use super::sources::Sources;
use crate::chart::node::{Node, value_of};

/// The longest text that variables are put into, in bytes: each may double the length of the next.
pub(super) const LONGEST: usize = 64 << 10;

/// The variables with known values.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(Rc<HashMap<String, String>>);

impl Environment {
    /// Takes the variables of a map, and returns those of the map around it. A container without variables
    /// does not have those of the object around it.
    pub(super) fn enter(
        &mut self,
        entries: &[(String, Node)],
        field: Field,
        sources: &Sources,
    ) -> Self {
        let items = |key| match value_of(entries, key) {
            Some(Node::List(items)) => Some(items.as_slice()),
            _ => None,
        };
        let own = match (items("envFrom"), items("env")) {
            (None, None) if field == Field::Container => Self::default(),
            (None, None) => return self.clone(),
            (objects, items) => {
                Self::of(objects.unwrap_or_default(), items.unwrap_or_default(), sources)
            }
        };
        std::mem::replace(self, own)
    }

    /// `objects` are those of which all keys are variables.
    fn of(objects: &[Node], items: &[Node], sources: &Sources) -> Self {
        let mut known: HashMap<String, String> = HashMap::new();
        for object in objects {
            let prefix = object.get("prefix").and_then(Node::text).unwrap_or_default();
            let values = sources.values_of(object).into_iter().flatten();
            known.extend(values.map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
        }
        let mut known = Self(Rc::new(known));
        for item in items {
            let Some(name) = item.get("name").and_then(Node::text) else { continue };
            let value = match item.get("value").and_then(Node::scalar) {
                Some(value) => Some(known.expand(value).into_owned()),
                None => item.get("valueFrom").and_then(|from| sources.value_of(from)).cloned(),
            };
            let variables = Rc::make_mut(&mut known.0);
            match value {
                Some(value) => variables.insert(name.to_owned(), value),
                None => variables.remove(name),
            };
        }
        known
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let item = |(name, value): &(&str, &str)| {
            let text = |text: &str| Node::Text(text.to_owned());
            Node::Map(vec![("name".to_owned(), text(name)), ("value".to_owned(), text(value))])
        };
        let items: Vec<_> = variables.iter().map(item).collect();
        Environment::of(&[], &items, &Sources::default())
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
