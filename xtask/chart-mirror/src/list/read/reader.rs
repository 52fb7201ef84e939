//! `Reader`: reads values and tables of a text, and collects the problems with them.
//!
//! A wrong part becomes `None` once its problem is reported, and reading continues, so that one run finds
//! all problems. The methods that report a problem return `None`: a `?` gives up the part.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::{FromValue, Kind, Value, describe};
use crate::list::place::PlaceIndex;
use crate::list::problems::{Problem, nearest};
use crate::list::{ImageList, Place, ValuePath};
use messages::printable::is_unprintable;
use messages::secret::{holds_userinfo, sounds_like_a_secret};
use oci::{Repository, RepositoryPath, Tag};

/// How much of a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::list) enum Extent {
    Whole,
    /// The whole text, which may lack images.
    Draft,
    /// Sections with a mistake of syntax are missing.
    Partial,
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    places: PlaceIndex<'t>,
    pub(super) extent: Extent,
    /// A list whose destinations and registries apply as well.
    pub(super) settings: Option<&'t ImageList>,
    pub(super) problems: Vec<Problem>,
    /// The images whose targets are known.
    pub(super) placed: Vec<PlacedImage>,
    pub(super) value_places: BTreeMap<ValuePath, Place>,
    /// A workspace needs no images of its own.
    pub(super) may_lack_images: bool,
}

/// An image with what determines its repository at each destination.
pub(super) struct PlacedImage {
    pub(super) source: Repository,
    pub(super) tag: Tag,
    pub(super) target: Option<RepositoryPath>,
    /// The place of the value that determines its repository.
    pub(super) span: Range<usize>,
}

/// A table with fixed keys, and which of them were read.
pub(super) struct Table<'t> {
    /// As messages call it: `[chart]`.
    name: &'static str,
    span: Range<usize>,
    values: DeTable<'t>,
    /// The keys that were read.
    known: Vec<&'static str>,
    /// How many problems there were before it was read.
    problems_before: usize,
}

impl<'t> Table<'t> {
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The place of a value, whether it was taken or not.
    pub(super) fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.values.get(key).map(Spanned::span)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let value = self.values.get_mut(key)?;
        let taken = std::mem::replace(value.get_mut(), DeValue::Boolean(true));
        Some(Spanned::new(value.span(), taken))
    }
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, extent: Extent, settings: Option<&'t ImageList>) -> Self {
        Self {
            text,
            places: PlaceIndex::new(text),
            extent,
            settings,
            problems: Vec::new(),
            placed: Vec::new(),
            value_places: BTreeMap::new(),
            may_lack_images: false,
        }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        self.places.place(span.start)
    }

    /// A value, if it is of the right kind.
    pub(super) fn value<T: FromValue<'t>>(&mut self, value: Value<'t>) -> Option<Spanned<T>> {
        let span = value.span();
        match T::from_value(value.into_inner()) {
            Ok(value) if value.is_printable() => return Some(Spanned::new(span, value)),
            Ok(_) => self.report_control_character(span),
            Err(DeValue::Datetime(_)) => {
                let hint = format!("write it in quotes: `\"{}\"`", self.written(&span));
                self.report(span, "no key takes a date or a time", hint);
            }
            Err(other) => {
                let hint = hint_for_kind(T::KIND, self.written(&span));
                let message = format!("expected {}, found {}", T::KIND, describe(&other));
                self.report(span, message, hint);
            }
        }
        None
    }

    /// Begins to read a table with fixed keys.
    pub(super) fn table(&self, table: Spanned<DeTable<'t>>, name: &'static str) -> Table<'t> {
        Table {
            name,
            span: table.span(),
            values: table.into_inner(),
            known: Vec::new(),
            problems_before: self.problems.len(),
        }
    }

    /// Reads a key that may be absent. Returns `None` if it is absent or its value is wrong.
    pub(super) fn optional<T: FromValue<'t>, U>(
        &mut self,
        table: &mut Table<'t>,
        key: &'static str,
        read: impl FnOnce(&mut Self, Spanned<T>) -> Option<U>,
    ) -> Option<U> {
        let value = table.take(key)?;
        let value = self.value(value)?;
        read(self, value)
    }

    pub(super) fn required<T: FromValue<'t>, U>(
        &mut self,
        table: &mut Table<'t>,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&mut Self, Spanned<T>) -> Option<U>,
    ) -> Option<U> {
        if table.span_of(key).is_none() {
            let message = format!("missing key `{key}` in {}", table.name);
            self.report(table.span(), message, hint);
        }
        self.optional(table, key, read)
    }

    pub(super) fn flag(&mut self, table: &mut Table<'t>, key: &'static str) -> Option<bool> {
        self.optional(table, key, |_, flag| Some(flag.into_inner()))
    }

    /// Reports the keys of a table that were not read. `None` if anything was wrong with the others.
    pub(super) fn finish(&mut self, table: Table<'t>) -> Option<()> {
        let is_valid = self.problems.len() == table.problems_before;
        for (key, value) in &table.values {
            if !table.known.contains(&key.get_ref().as_ref()) {
                self.problems.push(unknown_key(key, value.span(), &table));
            }
        }
        is_valid.then_some(())
    }

    /// The entries of a table with free keys, in the order of the text.
    pub(super) fn entries(
        &mut self,
        table: Spanned<DeTable<'t>>,
    ) -> Vec<(Spanned<String>, Value<'t>)> {
        let entries = table.into_inner().into_iter();
        let mut entries: Vec<_> = entries
            .map(|(key, value)| (Spanned::new(key.span(), key.into_inner().into_owned()), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, _) in &entries {
            if key.get_ref().contains(is_unprintable) {
                self.report_control_character(key.span());
            }
        }
        entries
    }

    /// Reads all items, even after one of them is wrong.
    pub(super) fn all<T, U, C: FromIterator<U>>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut read: impl FnMut(&mut Self, T) -> Option<U>,
    ) -> Option<C> {
        let items: Vec<_> = items.into_iter().map(|item| read(self, item)).collect();
        items.into_iter().collect()
    }

    /// Parses a text. Otherwise, `explain` returns a message and a hint.
    pub(super) fn parsed<T: FromStr, H: Into<String>>(
        &mut self,
        text: &Spanned<String>,
        explain: impl FnOnce(T::Err) -> (String, H),
    ) -> Option<T> {
        let error = match text.get_ref().parse() {
            Ok(parsed) => return Some(parsed),
            Err(error) => error,
        };
        let (message, hint) = explain(error);
        self.report(text.span(), message, hint)?;
        None
    }

    /// Reads one of a few words.
    pub(super) fn one_of<T: Copy, const N: usize>(
        &mut self,
        text: &Spanned<String>,
        known: [T; N],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let word = text.get_ref();
        let found = known.into_iter().find(|value| name(*value) == word);
        if found.is_some() {
            return found;
        }
        let hint = suggestion(word, &known.map(name));
        self.report(text.span(), format!("unknown value `{}`", word.escape_debug()), hint);
        None
    }

    pub(super) fn at_least_one<T: TryFrom<i64>>(&mut self, number: Spanned<i64>) -> Option<T> {
        let value = Some(*number.get_ref()).filter(|number| *number >= 1);
        let value = value.and_then(|number| T::try_from(number).ok());
        if value.is_none() {
            let hint = "write a number from 1 on, or leave the key out";
            self.report(number.span(), "this must be at least 1", hint);
        }
        value
    }

    pub(super) fn report(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<Infallible> {
        self.problems.push(Problem::new(span, message).hint(hint));
        None
    }

    /// Reports the second of two conflicting entries.
    pub(super) fn report_second(
        &mut self,
        span: Range<usize>,
        first: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<Infallible> {
        self.problems.push(Problem::new(span, message).first(first).hint(hint));
        None
    }

    /// Reports a value that may be a secret, without displaying it.
    pub(super) fn report_secret(
        &mut self,
        span: Range<usize>,
        message: &str,
        hint: &str,
    ) -> Option<Infallible> {
        self.problems.push(Problem::new(span.clone(), message).hint(hint).secret(span));
        None
    }

    pub(super) fn report_credentials(&mut self, span: Range<usize>) -> Option<Infallible> {
        let hint = "leave them out: secrets do not belong in this file";
        self.report_secret(span, "this address contains credentials", hint)
    }

    /// `None` if an address contains credentials, which are reported.
    pub(super) fn without_credentials(&mut self, address: &Spanned<String>) -> Option<()> {
        if holds_userinfo(address.get_ref()) {
            self.report_credentials(address.span())?;
        }
        Some(())
    }

    fn report_control_character(&mut self, span: Range<usize>) {
        let hint = "write it on one line, without line breaks and escapes like `\\n` or `\\u001B`";
        self.report(span, "this contains a control character", hint);
    }

    pub(super) fn written(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// Suggests the known word that is most similar, or lists all of them.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(known) => format!("did you mean `{known}`?"),
        None => match known {
            [most @ .., last] if !most.is_empty() => {
                format!("known here: `{}` and `{last}`", most.join("`, `"))
            }
            known => format!("known here: `{}`", known.concat()),
        },
    }
}

fn unknown_key(key: &Spanned<Cow<'_, str>>, value: Range<usize>, table: &Table<'_>) -> Problem {
    let name = key.get_ref();
    let message = format!("unknown key `{}` in {}", name.escape_debug(), table.name);
    let problem = Problem::new(key.span(), message);
    if !sounds_like_a_secret(name) {
        return problem.hint(suggestion(name, &table.known));
    }
    let hint = if table.known.contains(&"password-env") {
        "secrets do not belong in this file: `username-env` and `password-env` name the variables that hold them"
    } else {
        "secrets do not belong in this file"
    };
    problem.hint(hint).secret(value)
}

/// How to write a value as the expected kind.
fn hint_for_kind(expected: Kind, written: &str) -> String {
    let bare = written.trim_matches(['"', '\'']);
    let without_quotes = format!("write it without quotes: `{bare}`");
    let is_header = is_header(written);
    match expected {
        Kind::String | Kind::Scalar if is_scalar(written) => {
            format!("write it in quotes: `\"{written}\"`")
        }
        Kind::String => "write a text in quotes: `\"…\"`".to_owned(),
        Kind::Boolean if matches!(bare, "true" | "false") => without_quotes,
        Kind::Boolean => "write `true` or `false`, without quotes".to_owned(),
        Kind::Integer if bare.parse::<i64>().is_ok() => without_quotes,
        Kind::Integer => "write a whole number, without quotes".to_owned(),
        Kind::Scalar => {
            "write `\"text\"`, `true`, `false` or a whole number, and anything else as \
                         `{ json = \"null\" }`"
                .to_owned()
        }
        Kind::Array if is_header => format!("write it with two brackets: `[{written}]`"),
        Kind::Array => "write a list in brackets: `[…]`".to_owned(),
        Kind::Table if is_header => {
            format!("write it with one bracket: `{}`", &written[1..written.len() - 1])
        }
        Kind::Table => "write a table: `[name]` on a line of its own, or `{ key = … }`".to_owned(),
    }
}

/// Whether a value is a single word: a number or a boolean.
fn is_scalar(written: &str) -> bool {
    !written.is_empty() && written.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

/// Whether a value begins with a header like `[chart]` or `[[image]]`, which TOML reports as the place
/// of the whole table.
fn is_header(written: &str) -> bool {
    let name = written.trim_start_matches('[').trim_end_matches(']');
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.\"".contains(c);
    written.starts_with('[') && !name.is_empty() && name.chars().all(is_name)
}
