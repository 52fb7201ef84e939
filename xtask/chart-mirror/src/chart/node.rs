//! `Node`: a YAML value as the Kubernetes API reads it; pure.
//!
//! These are not the library's values, because the API accepts more than the library: duplicate keys, and
//! merge keys (`<<: *base`).

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Aliases repeat what they name: without a limit, a short text could have any number of nodes.
const NODES_PER_BYTE: usize = 2;
/// How many nodes even the shortest text may have.
const FEW_NODES: usize = 1000;

/// A YAML value. Anchors are resolved, maps merged, and tags (`!name`) dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    /// A number, a boolean or null, as text.
    Other(String),
    List(Vec<Node>),
    /// In the order of the text, with duplicate keys.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads a text of this length in bytes.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
        length: usize,
    ) -> Result<Self, D::Error> {
        let left = Cell::new(length.saturating_mul(NODES_PER_BYTE).saturating_add(FEW_NODES));
        Reader { left: &left }.deserialize(deserializer)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A text, a number, a boolean or null, as text.
    pub(super) fn scalar(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Other(text) = self { Some(text) } else { None }
    }

    /// The value of a key. The last duplicate counts, as in the Kubernetes API.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Map(entries) = self { value_of(entries, key) } else { None }
    }
}

pub(super) fn value_of<'a>(entries: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    entries.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Reader<'l> {
    /// How many more nodes there may be.
    left: &'l Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom("its aliases (`*name`) repeat too much"));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

macro_rules! visit_other {
    ($($method:ident: $scalar:ty,)*) => {
        $(fn $method<E: Error>(self, scalar: $scalar) -> Result<Node, E> {
            Ok(Node::Other(scalar.to_string()))
        })*
    };
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    visit_other! {
        visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128,
        visit_f64: f64,
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Other(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry_seed(self, self)? {
            let key = match key {
                Node::Text(text) | Node::Other(text) => text,
                Node::List(_) | Node::Map(_) => String::new(),
            };
            map.push((key, value));
        }
        Ok(Node::Map(merged(map)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (_, value) = tagged.variant::<IgnoredAny>()?;
        value.newtype_variant_seed(self)
    }
}

/// A map with the entries of the maps at `<<`. Its own entries come first; of two merged maps, the first
/// counts.
fn merged(entries: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let is_merge = |(key, node): &(String, Node)| {
        key == "<<"
            && match node {
                Node::Map(_) => true,
                Node::List(items) => items.iter().all(|item| matches!(item, Node::Map(_))),
                Node::Text(_) | Node::Other(_) => false,
            }
    };
    if !entries.iter().any(is_merge) {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_merge);
    let mut keys: HashSet<String> = own.iter().map(|(key, _)| key.clone()).collect();
    let maps = merges.into_iter().flat_map(|(_, node)| match node {
        Node::List(items) => items,
        map => vec![map],
    });
    for map in maps {
        let Node::Map(entries) = map else { continue };
        own.extend(entries.into_iter().filter(|(key, _)| keys.insert(key.clone())));
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        let deserializer = serde_yaml::Deserializer::from_str(text);
        Node::read(deserializer, text.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn duplicate_keys_anchors_and_tags_are_read_as_the_api_reads_them() {
        assert_eq!(read("a: 1\na: x\n").unwrap().get("a"), Some(&Node::Text("x".to_owned())));
        let anchored =
            read("a: &x {image: b}\nc: *x\nd: !tag [~, true, 1.5, 99999999999999999999]\n")
                .unwrap();
        assert_eq!(anchored.get("c").unwrap().get("image").unwrap().text(), Some("b"));
        let others = ["", "true", "1.5", "99999999999999999999"];
        let others = others.map(|text| Node::Other(text.to_owned())).to_vec();
        assert_eq!(anchored.get("d"), Some(&Node::List(others)));
    }

    #[test]
    fn merge_keys_add_the_entries_that_a_map_lacks() {
        let table = [
            ("{<<: {b: x, c: y}, b: z}", "{b: z, c: y}"),
            ("{b: z, <<: [{c: x}, {c: y, d: v}]}", "{b: z, c: x, d: v}"),
            ("{x: &x {<<: &y {b: 1}}, a: {<<: *x}}", "{x: {b: 1}, a: {b: 1}}"),
            ("[{<<: {a: {<<: {b: 1}}}}]", "[{a: {b: 1}}]"),
            // Not merge keys.
            ("{<<: text}", "{'<<': text}"),
            ("{<<: [text]}", "{'<<': [text]}"),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), read(expected), "{text}");
        }
        assert_eq!(
            read("{<<: {b: x}, b: z}").unwrap(),
            Node::Map(vec![("b".to_owned(), Node::Text("z".to_owned()))])
        );
    }

    #[test]
    fn aliases_cannot_multiply_a_text() {
        let map: String = (0..1000).map(|key| format!("k{key}: v, ")).collect();
        let aliases =
            |count: usize| (0..count).map(|key| format!("a{key}: *a\n")).collect::<String>();
        assert!(read(&format!("a: &a {{{map}}}\n{}", aliases(5))).is_ok());
        let error = read(&format!("a: &a {{{map}}}\n{}", aliases(1000))).unwrap_err();
        assert!(error.contains("aliases"), "{error}");
    }
}
