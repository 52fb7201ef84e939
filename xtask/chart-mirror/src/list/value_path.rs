//! `ValuePath`: the path of a Helm value, in the notation of Helm's `--set`.

use std::fmt;
use std::str::FromStr;

/// Keys of maps and items of lists, beginning with a key: `packs.images[0].registry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValuePath(Vec<Key>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Name(String),
    Index(usize),
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValuePath {
    /// `a..b`, or a path that begins with `[0]`.
    #[error("a part of the path of a value is empty")]
    EmptyPart,
    /// `a[0`
    #[error("a `[` without its `]`")]
    Unclosed,
    /// `a]`
    #[error("a `]` without its `[`")]
    Unopened,
    /// The brackets do not contain the index of an item.
    #[error("`{}` is not the index of a list item", .0.escape_debug())]
    NotAnIndex(String),
    /// `a[0]b`
    #[error("only `.` or `[` can follow a list item")]
    AfterIndex,
    /// A `\` at the end.
    #[error("the path of a value ends with `\\`")]
    Backslash,
    #[error("the path of a value has more than {MOST_KEYS} parts")]
    TooLong,
}

/// The most parts of a path. YAML that is nested deeper is refused by parsers, too.
const MOST_KEYS: usize = 100;

/// The maximum number of digits in an index.
const MAX_INDEX_DIGITS: usize = 5;

impl ValuePath {
    /// `None` if the path does not begin with a key, has an empty one, or is too long.
    pub fn new(keys: Vec<Key>) -> Option<Self> {
        let is_empty = |key: &Key| matches!(key, Key::Name(name) if name.is_empty());
        let is_path = matches!(keys.first(), Some(Key::Name(_))) && !keys.iter().any(is_empty);
        (is_path && keys.len() <= MOST_KEYS).then_some(Self(keys))
    }

    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Whether the other path begins with this one, or equals it.
    pub fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The path of the first list on this path.
    pub fn list(&self) -> Option<Self> {
        let index = self.0.iter().position(|key| matches!(key, Key::Index(_)))?;
        Some(self.first(index))
    }

    /// The path that consists of the first steps.
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
            if keys.len() > MOST_KEYS {
                return Err(InvalidValuePath::TooLong);
            }
            if rest.is_empty() {
                return Ok(Self(keys));
            }
            rest = rest.strip_prefix('.').ok_or(InvalidValuePath::AfterIndex)?;
        }
    }
}

/// Splits a name, without its backslashes, from the rest.
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
        && text.len() <= MAX_INDEX_DIGITS
        && (text == "0" || !text.starts_with('0'));
    let index = if is_number { text.parse().ok() } else { None };
    index.ok_or_else(|| InvalidValuePath::NotAnIndex(text.to_owned()))
}

/// The text of this path. A `\` precedes every character that would end a name.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_keys_and_items_and_displays_as_its_text() {
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
    fn a_path_has_a_bounded_number_of_parts() {
        for (part, first) in [(".a", "a"), ("[0]", "a")] {
            let text = |parts: usize| format!("{first}{}", part.repeat(parts - 1));
            assert!(text(MOST_KEYS).parse::<ValuePath>().is_ok());
            let error = text(MOST_KEYS + 1).parse::<ValuePath>().unwrap_err();
            assert_eq!(error, InvalidValuePath::TooLong);
        }
        let keys = vec![Key::Name("a".to_owned()); MOST_KEYS + 1];
        assert_eq!(ValuePath::new(keys), None);
    }

    #[test]
    fn an_invalid_path_is_refused_with_the_reason() {
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
    fn a_path_knows_the_first_list_on_it() {
        let path = |text: &str| text.parse::<ValuePath>().unwrap();
        assert_eq!(path("a.b[1].c[2].d").list(), Some(path("a.b")));
        assert_eq!(path("a.b").list(), None);
        assert!(path("a.b").leads_to(&path("a.b[1]")) && !path("a.b").leads_to(&path("a.bc")));
    }
}
