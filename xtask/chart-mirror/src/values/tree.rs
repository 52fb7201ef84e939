//! `Tree`: values, assembled from independent paths.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::list::{Key, SetValue, ValuePath};
use messages::Advice;
use messages::program::command;

/// The shapes of values, in the words of messages.
const VALUE: &str = "one value";
const MAP: &str = "a map of further keys";
const LIST: &str = "a list";

/// Nested maps and lists of scalars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    Scalar(SetValue),
    /// In the order of the image list.
    Map(IndexMap<String, Tree>),
    /// By index. Complete lists have no gaps.
    List(BTreeMap<usize, Tree>),
}

/// Why entries of the image list cannot be combined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// One path has two values.
    #[error("the value `{path}` is set to both {}", both(first, second))]
    Values { path: ValuePath, first: SetValue, second: SetValue },
    /// Two paths need different shapes in one place, such as a map and a list.
    #[error("the value `{path}` is {first} for one entry and {second} for another")]
    Shapes { path: ValuePath, first: &'static str, second: &'static str },
    /// A list with a gap. Helm replaces lists as a whole, so the missing item would be dropped.
    #[error("{}", missing_item(list, *index))]
    MissingItem { list: ValuePath, index: usize },
}

impl Tree {
    /// Sets the value of a path.
    ///
    /// # Errors
    /// If the path has another value, or the tree another shape.
    pub(super) fn set(&mut self, path: &ValuePath, value: SetValue) -> Result<(), Clash> {
        self.set_below(path, 0, value)
    }

    /// Checks that every list has all its items.
    ///
    /// # Errors
    /// With the first missing item.
    pub(super) fn check_lists(&self) -> Result<(), Clash> {
        self.check_lists_below(&mut Vec::new())
    }

    fn set_below(&mut self, path: &ValuePath, depth: usize, value: SetValue) -> Result<(), Clash> {
        let below = depth + 1;
        match (&mut *self, path.keys().get(depth)) {
            (Self::Map(entries), Some(Key::Name(name))) => {
                if let Some(node) = entries.get_mut(name) {
                    return node.set_below(path, below, value);
                }
                entries.insert(name.clone(), Self::of(path.keys().get(below..), value));
                Ok(())
            }
            (Self::List(items), Some(Key::Index(index))) => {
                if let Some(node) = items.get_mut(index) {
                    return node.set_below(path, below, value);
                }
                items.insert(*index, Self::of(path.keys().get(below..), value));
                Ok(())
            }
            (Self::Scalar(first), None) if *first == value => Ok(()),
            (Self::Scalar(first), None) => {
                Err(Clash::Values { path: path.clone(), first: first.clone(), second: value })
            }
            (have, next) => Err(Clash::Shapes {
                path: path.first(depth),
                first: have.shape(),
                second: shape_before(next),
            }),
        }
    }

    /// A tree with one value.
    fn of(keys: Option<&[Key]>, value: SetValue) -> Self {
        let keys = keys.unwrap_or_default();
        keys.iter().rev().fold(Self::Scalar(value), |tree, key| match key {
            Key::Name(name) => Self::Map(IndexMap::from([(name.clone(), tree)])),
            Key::Index(index) => Self::List([(*index, tree)].into()),
        })
    }

    fn check_lists_below(&self, path: &mut Vec<Key>) -> Result<(), Clash> {
        let mut check = |key: Key, tree: &Self| {
            path.push(key);
            let result = tree.check_lists_below(path);
            path.pop();
            result
        };
        match self {
            Self::Scalar(_) => Ok(()),
            Self::Map(entries) => {
                entries.iter().try_for_each(|(name, tree)| check(Key::Name(name.clone()), tree))
            }
            Self::List(items) => {
                items.iter().try_for_each(|(index, tree)| check(Key::Index(*index), tree))?;
                let gap = (0..items.len()).find(|index| !items.contains_key(index));
                match (gap, ValuePath::new(path.clone())) {
                    (Some(index), Some(list)) => Err(Clash::MissingItem { list, index }),
                    _ => Ok(()),
                }
            }
        }
    }

    fn shape(&self) -> &'static str {
        match self {
            Self::Scalar(_) => VALUE,
            Self::Map(_) => MAP,
            Self::List(_) => LIST,
        }
    }
}

/// The shape that a path needs before its next key.
fn shape_before(next: Option<&Key>) -> &'static str {
    match next {
        None => VALUE,
        Some(Key::Name(_)) => MAP,
        Some(Key::Index(_)) => LIST,
    }
}

fn both(first: &SetValue, second: &SetValue) -> String {
    // `"true"` and `true` differ only in the quotes.
    if first.to_string() == second.to_string() {
        return format!("`{first}`, the text, and `{second}`, without quotes");
    }
    format!("`{first}` and `{second}`")
}

fn missing_item(list: &ValuePath, index: usize) -> Advice {
    Advice::new(format!("images.toml sets items of the list `{list}`, but not `{list}[{index}]`"))
        .with_hint(format!(
            "Helm replaces lists as a whole, so that item would be lost: set every item from [0] on, or let \
             {} do it",
            command("values --probe --write")
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, SetValue)]) -> Result<Tree, Clash> {
        let mut tree = Tree::Map(IndexMap::new());
        let set =
            |(path, value): &(&str, SetValue)| tree.set(&path.parse().unwrap(), value.clone());
        entries.iter().try_for_each(set)?;
        tree.check_lists()?;
        Ok(tree)
    }

    fn text(text: &str) -> SetValue {
        SetValue::String(text.to_owned())
    }

    #[test]
    fn a_list_is_assembled_from_parts_of_items_in_any_order() {
        let entries = [
            ("l[1].tag", text("b")),
            ("l[0].tag", text("a")),
            ("l[1].on", SetValue::Boolean(true)),
            ("l[0].ports[0]", SetValue::Integer(80)),
            ("l[0].tag", text("a")),
        ];
        let scalar = Tree::Scalar;
        let map = |entries: Vec<(&str, Tree)>| {
            Tree::Map(entries.into_iter().map(|(key, tree)| (key.to_owned(), tree)).collect())
        };
        let ports = Tree::List([(0, scalar(SetValue::Integer(80)))].into());
        let items = [
            (0, map(vec![("tag", scalar(text("a"))), ("ports", ports)])),
            (1, map(vec![("tag", scalar(text("b"))), ("on", scalar(SetValue::Boolean(true)))])),
        ];
        assert_eq!(tree(&entries), Ok(map(vec![("l", Tree::List(items.into()))])));
    }

    #[test]
    fn a_list_with_a_gap_is_refused() {
        let table = [
            ("a.l[1].x", "a.l", "a.l[0]"),
            ("l[0][1]", "l[0]", "l[0][0]"),
            ("l[0].m[2].x", "l[0].m", "l[0].m[0]"),
        ];
        for (path, list, missing) in table {
            let message = tree(&[(path, text(""))]).unwrap_err().to_string();
            let expected = format!("the list `{list}`, but not `{missing}`\nhint: ");
            assert!(message.contains(&expected), "{path}: {message}");
        }
        let middle = [("l[0]", text("")), ("l[2]", text("")), ("l[3]", text(""))];
        assert!(tree(&middle).unwrap_err().to_string().contains("`l[1]`"));
    }

    #[test]
    fn contradictions_are_refused() {
        let table = [
            (("a.b", text("x")), ("a.b", text("y")), "`a.b` is set to both `x` and `y`"),
            (
                ("a", text("true")),
                ("a", SetValue::Boolean(true)),
                "`true`, the text, and `true`, without quotes",
            ),
            (
                ("a", text("x")),
                ("a.b", text("x")),
                "`a` is one value for one entry and a map of further keys for another",
            ),
            (
                ("a.b", text("x")),
                ("a", text("x")),
                "`a` is a map of further keys for one entry and",
            ),
            (("a[0]", text("x")), ("a.b", text("x")), "`a` is a list for one entry and a map"),
            (("a[0].b", text("x")), ("a[0]", text("x")), "`a[0]` is a map of further keys"),
            (("a", text("x")), ("a[0]", text("x")), "`a` is one value for one entry and a list"),
        ];
        for (first, second, expected) in table {
            let message = tree(&[first, second]).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
