//! `ValuePath`: where a Helm value stands, in the notation of Helm's `--set`.

use std::fmt;
use std::str::FromStr;

/// `packs.images[0].registry`: keys of maps and items of lists, the first of them a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValuePath(Vec<Key>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Name(String),
    Index(usize),
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidValuePath {
    /// `a..b`, or a path that begins with `[0]`.
    EmptyPart,
    /// `a[0`
    Unclosed,
    /// `a]`
    Unopened,
    /// What stands in the brackets is not the number of an item.
    NotAnIndex(String),
    /// `a[0]b`
    AfterIndex,
    /// A `\` that nothing follows.
    Backslash,
}

/// As many digits as an index may have.
const LONGEST_INDEX: usize = 5;

impl ValuePath {
    /// A path of these steps; `None` if the first is not a key, or one of the keys is empty.
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        let is_empty = |key: &Key| matches!(key, Key::Name(name) if name.is_empty());
        let is_path = matches!(keys.first(), Some(Key::Name(_))) && !keys.iter().any(is_empty);
        is_path.then_some(Self(keys))
    }

    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Whether this is where the other one begins, or all of it.
    pub fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The path of the list that this one goes into first; `None` if it goes into none.
    pub fn list(&self) -> Option<Self> {
        let index = self.0.iter().position(|key| matches!(key, Key::Index(_)))?;
        Some(self.first(index))
    }

    /// The path of the first steps.
    pub fn first(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }
}

impl FromStr for ValuePath {
    type Err = InvalidValuePath;

    fn from_str(text: &str) -> Result<Self, InvalidValuePath> {
        let mut keys = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = name(rest)?;
            keys.push(Key::Name(name));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']').ok_or(InvalidValuePath::Unclosed)?;
                keys.push(Key::Index(parse_index(index)?));
                rest = after;
            }
            if rest.is_empty() {
                return Ok(Self(keys));
            }
            rest = rest.strip_prefix('.').ok_or(InvalidValuePath::AfterIndex)?;
        }
    }
}

/// A name without its backslashes, and what follows it.
fn name(text: &str) -> Result<(String, &str), InvalidValuePath> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut end = text.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '.' | '[' => {
                end = at;
                break;
            }
            ']' => return Err(InvalidValuePath::Unopened),
            '\\' => name.push(characters.next().ok_or(InvalidValuePath::Backslash)?.1),
            other => name.push(other),
        }
    }
    if name.is_empty() {
        return Err(InvalidValuePath::EmptyPart);
    }
    Ok((name, &text[end..]))
}

fn parse_index(text: &str) -> Result<usize, InvalidValuePath> {
    let is_number = text.chars().all(|character| character.is_ascii_digit())
        && text.len() <= LONGEST_INDEX
        && (text == "0" || !text.starts_with('0'));
    let index = if is_number { text.parse().ok() } else { None };
    index.ok_or_else(|| InvalidValuePath::NotAnIndex(text.to_owned()))
}

/// The text that means this path; what would end a name has a `\` in front.
impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, key)| match key {
            Key::Index(index) => write!(f, "[{index}]"),
            Key::Name(name) => {
                if number > 0 {
                    f.write_str(".")?;
                }
                name.chars().try_for_each(|character| {
                    if matches!(character, '.' | '[' | ']' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{character}")
                })
            }
        })
    }
}

impl fmt::Display for InvalidValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPart => f.write_str("a part of the path of a value is empty"),
            Self::Unclosed => f.write_str("a `[` without its `]`"),
            Self::Unopened => f.write_str("a `]` without its `[`"),
            Self::NotAnIndex(text) => {
                write!(f, "`{}` is not the number of an item of a list", text.escape_debug())
            }
            Self::AfterIndex => f.write_str("after the item of a list only `.` or `[` can follow"),
            Self::Backslash => f.write_str("the path of a value ends in `\\`"),
        }
    }
}

impl std::error::Error for InvalidValuePath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_and_items_and_is_written_as_it_was_read() {
        let name = |name: &str| Key::Name(name.to_owned());
        let table = [
            ("a", vec![name("a")]),
            ("global.imageRegistry", vec![name("global"), name("imageRegistry")]),
            ("a[0]", vec![name("a"), Key::Index(0)]),
            ("a[0][12].b", vec![name("a"), Key::Index(0), Key::Index(12), name("b")]),
            (r"do\.t.x\[0\]", vec![name("do.t"), name("x[0]")]),
            (r"back\\slash", vec![name(r"back\slash")]),
        ];
        for (text, keys) in table {
            let path: ValuePath = text.parse().unwrap();
            assert_eq!(path.keys(), keys, "{text}");
            assert_eq!(path.to_string(), text);
            assert_eq!(ValuePath::new(keys), Some(path));
        }
        assert_eq!(r"\a.b".parse::<ValuePath>().unwrap().to_string(), "a.b");
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_reason() {
        let index = |text: &str| InvalidValuePath::NotAnIndex(text.to_owned());
        let table = [
            ("", InvalidValuePath::EmptyPart),
            ("a..b", InvalidValuePath::EmptyPart),
            ("a.", InvalidValuePath::EmptyPart),
            (".a", InvalidValuePath::EmptyPart),
            ("[0]", InvalidValuePath::EmptyPart),
            ("a.[0]", InvalidValuePath::EmptyPart),
            ("a[0", InvalidValuePath::Unclosed),
            ("a[", InvalidValuePath::Unclosed),
            ("a]", InvalidValuePath::Unopened),
            ("a[x]", index("x")),
            ("a[]", index("")),
            ("a[-1]", index("-1")),
            ("a[01]", index("01")),
            ("a[ 1]", index(" 1")),
            ("a[123456]", index("123456")),
            ("a[0]b", InvalidValuePath::AfterIndex),
            ("a[0]]", InvalidValuePath::AfterIndex),
            (r"a\", InvalidValuePath::Backslash),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<ValuePath>(), Err(expected), "{text}");
        }
        assert_eq!(ValuePath::new(vec![Key::Index(0)]), None);
        assert_eq!(ValuePath::new(vec![Key::Name(String::new())]), None);
    }

    #[test]
    fn a_path_knows_the_list_that_it_goes_into() {
        let path = |text: &str| text.parse::<ValuePath>().unwrap();
        assert_eq!(path("a.b[1].c[2].d").list(), Some(path("a.b")));
        assert_eq!(path("a.b").list(), None);
        assert!(path("a.b").leads_to(&path("a.b[1]")) && !path("a.b").leads_to(&path("a.bc")));
    }
}
