//! From the list as written to the list as usable: everything that the kinds of values do not say.
//!
//! A part that is wrong becomes `None` after its problems are noted, so that the parts beside it are
//! still looked at.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::fields::{Field, Kind, Table, Unknown};
use super::problems::{Position, Problem, nearest};
use super::raw::RawList;
use super::{ImageList, Place, ValuePath};
use messages::secret::sounds_like_a_secret;
use oci::{Repository, RepositoryPath, Tag};

mod chart;
mod destination;
mod ecr;
mod image;
mod platform;
mod policy;
mod registry;
mod values;

/// The list, if nothing is wrong with it, and the problems.
///
/// A document that is not whole lacks some entries of the text.
pub(super) fn read(
    text: &str,
    document: Spanned<DeTable<'_>>,
    is_whole: bool,
) -> (Option<ImageList>, Vec<Problem>) {
    let mut reader = Reader {
        text,
        is_whole,
        problems: Vec::new(),
        placed: Vec::new(),
        value_places: BTreeMap::new(),
    };
    let document = Spanned::new(document.span(), DeValue::Table(document.into_inner()));
    let list = match Table::<RawList>::deserialize(ValueDeserializer::from(document)) {
        Ok(raw) => reader.list(raw),
        Err(error) => {
            reader.report(error.span().unwrap_or_default(), error.message(), None);
            None
        }
    };
    (list, reader.problems)
}

/// Collects the problems of a text.
struct Reader<'t> {
    text: &'t str,
    is_whole: bool,
    problems: Vec<Problem>,
    /// The images, as far as it is known where they go.
    placed: Vec<Placed>,
    value_places: BTreeMap<ValuePath, Place>,
}

/// An image that is on its way to every destination.
struct Placed {
    source: Repository,
    tag: Tag,
    target: Option<RepositoryPath>,
    /// Of what says where it goes.
    span: Range<usize>,
}

impl Reader<'_> {
    fn list(&mut self, raw: Table<RawList>) -> Option<ImageList> {
        let raw = self.keys(raw, "the image list");
        let images = self.images(raw.image);
        let values = self.optional(raw.values, Self::values_of_all);
        let registries = self.optional(raw.registries, Self::registries);
        // Images come first: each destination is held against all of them.
        let destinations = match raw.destinations {
            None => {
                self.check_default_targets();
                Some(None)
            }
            destinations => self.optional(destinations, Self::destinations),
        };
        let chart = self.optional(raw.chart, Self::chart);
        let policy = self.optional(raw.policy, Self::policy);
        Some(ImageList {
            images: images?,
            values: values?.unwrap_or_default(),
            registries: registries?.unwrap_or_default(),
            destinations: destinations?.unwrap_or_default(),
            chart: chart?,
            policy: policy?.unwrap_or_default(),
            value_places: std::mem::take(&mut self.value_places),
        })
    }

    /// Reads a field that may be absent: `None` when it is wrong, `Some(None)` when it is absent.
    fn optional<T, U>(
        &mut self,
        field: Option<Field<T>>,
        read: impl FnOnce(&mut Self, Spanned<T>) -> Option<U>,
    ) -> Option<Option<U>> {
        let Some(field) = field else { return Some(None) };
        let value = self.value(field)?;
        read(self, value).map(Some)
    }

    /// Reads a field that must be there, in the table that `table` is the place of.
    fn required<T, U>(
        &mut self,
        field: Option<Field<T>>,
        table: &Spanned<&str>,
        key: &str,
        hint: &str,
        read: impl FnOnce(&mut Self, Spanned<T>) -> Option<U>,
    ) -> Option<U> {
        let Some(field) = field else {
            let message = format!("missing key `{key}` in {}", table.get_ref());
            self.report(table.span(), message, hint.to_owned());
            return None;
        };
        let value = self.value(field)?;
        read(self, value)
    }

    /// Reads all entries of a table or array, also after one of them is wrong.
    fn all<T, U>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut read: impl FnMut(&mut Self, T) -> Option<U>,
    ) -> Option<Vec<U>> {
        let items: Vec<_> = items.into_iter().map(|item| read(self, item)).collect();
        items.into_iter().collect()
    }

    /// The value of a field, if it is of the right kind.
    fn value<T>(&mut self, field: Field<T>) -> Option<Spanned<T>> {
        match field.value {
            Ok(value) => Some(Spanned::new(field.span, value)),
            Err(mismatch) => {
                let hint = self.hint_for_kind(mismatch.expected, field.span.clone());
                self.report(field.span, mismatch.to_string(), hint);
                None
            }
        }
    }

    /// The known keys of a table, after the others are reported.
    fn keys<T>(&mut self, table: Table<T>, whose: &str) -> T {
        for Unknown { key, value } in table.unknown {
            let name = key.get_ref();
            let message = format!("unknown key `{}` in {whose}", name.escape_debug());
            if sounds_like_a_secret(name) {
                let hint = match table.known.contains(&"password-env") {
                    true => {
                        "secrets stay out of this file: `username-env` and `password-env` name the variables that hold them"
                    }
                    false => "secrets stay out of this file",
                };
                let problem = Problem::new(self.text, key.span(), message).hint(hint);
                self.problems.push(problem.beside_a_secret(self.text, value));
                continue;
            }
            let hint = match nearest(name, table.known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", listed(table.known)),
            };
            self.report(key.span(), message, hint);
        }
        table.keys
    }

    fn report(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.problems.push(Problem::new(self.text, span, message).hint_if_any(hint.into()));
    }

    /// The place where a span begins.
    fn place(&self, span: &Range<usize>) -> Place {
        let Position { line, column } = Position::of(self.text, span.start);
        Place { line, column }
    }

    /// Credentials in front of a host: neither shown nor used.
    fn report_credentials(&mut self, span: Range<usize>) {
        let problem = Problem::new(self.text, span, "this address holds credentials")
            .hint("leave them out: this file is no place for secrets")
            .about_a_secret();
        self.problems.push(problem);
    }

    /// How to write what is there as the kind that it should be.
    fn hint_for_kind(&self, expected: Kind, found: Range<usize>) -> String {
        let written = self.text.get(found).unwrap_or_default();
        let bare = written.trim_matches(['"', '\'']);
        let is_header = is_header(written);
        match expected {
            Kind::String | Kind::Scalar if is_scalar(written) => {
                format!("write it in quotes: `\"{written}\"`")
            }
            Kind::String => "write a text in quotes: `\"…\"`".to_owned(),
            Kind::Boolean if matches!(bare, "true" | "false") => {
                format!("write it without quotes: `{bare}`")
            }
            Kind::Boolean => "write `true` or `false`, without quotes".to_owned(),
            Kind::Integer if bare.parse::<i64>().is_ok() => {
                format!("write it without quotes: `{bare}`")
            }
            Kind::Integer => "write a whole number, without quotes".to_owned(),
            Kind::Scalar => "write `\"text\"`, `true`, `false` or a whole number".to_owned(),
            Kind::Array if is_header => format!("write it with two brackets: `[{written}]`"),
            Kind::Array => "write a list in brackets: `[…]`".to_owned(),
            Kind::Table if is_header => {
                format!("write it with one bracket: `{}`", &written[1..written.len() - 1])
            }
            Kind::Table => {
                "write a table: `[name]` on a line of its own, or `{ key = … }`".to_owned()
            }
        }
    }
}

/// A value of one word: a number or a boolean.
fn is_scalar(written: &str) -> bool {
    !written.is_empty() && written.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

/// `[chart]` or `[[image]]`, which TOML takes for the place of the whole table.
fn is_header(written: &str) -> bool {
    let name = written.trim_start_matches('[').trim_end_matches(']');
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.\"".contains(c);
    written.starts_with('[') && !name.is_empty() && name.chars().all(is_name)
}

/// `a`, `b` and `c`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
