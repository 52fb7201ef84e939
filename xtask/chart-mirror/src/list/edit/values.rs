//! Adds Helm values, and targets.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::changes::changed;
use super::lines::{quoted, split_mark};
use super::spans::images;
use super::tables::{Addition, Line, Owner, below_tag};
use crate::list::{SetValue, ValuePath};
use messages::Advice;
use messages::printable::printable_within;
use oci::{Reference, Repository, RepositoryPath, Tag};

/// The limit for a comment, in characters.
const MAX_COMMENT: usize = 1000;

/// A value to add to `[values]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewValue {
    pub path: ValuePath,
    pub value: SetValue,
    /// Goes above the line of the value, on one line.
    pub comment: Option<String>,
}

impl From<(ValuePath, SetValue)> for NewValue {
    fn from((path, value): (ValuePath, SetValue)) -> Self {
        Self { path, value, comment: None }
    }
}

/// Adds values to `[values]`, which is created if it is missing.
///
/// # Errors
/// If the text is not TOML, or `values` is not a table.
pub fn add_values(text: &str, values: &[NewValue]) -> Result<String, Advice> {
    let lines = values.iter().map(|new| {
        let comment = new.comment.as_ref();
        let comment = comment.map(|comment| printable_within(MAX_COMMENT, comment));
        (&new.path, Line { comment, text: value_line(&new.path, &new.value) })
    });
    edit(text, |text, document| additions(text, &Owner::List, document, lines))
}

/// What to add to the entry of an image.
#[derive(Debug, Clone, Copy)]
pub struct ImageAddition<'a> {
    pub source: &'a Repository,
    pub tag: &'a Tag,
    /// The entry must have none.
    pub target: Option<&'a RepositoryPath>,
    pub values: &'a [(ValuePath, SetValue)],
}

/// Adds values and targets to the entries of images.
///
/// # Errors
/// If the text is not TOML, or does not list one of the images.
pub fn add_to_images(text: &str, images: &[ImageAddition<'_>]) -> Result<String, Advice> {
    edit(text, |text, document| {
        let entries = entries(document);
        let mut added = Vec::new();
        for ImageAddition { source, tag, target, values } in images {
            let name = source.tagged(tag);
            let (image, table) = entries
                .get(&name)
                .ok_or_else(|| Advice::new(format!("images.toml does not list {name}")))?;
            let lines = values.iter().map(|(path, value)| (path, value_line(path, value).into()));
            added.extend(additions(
                text,
                &Owner::of_image(text, image.span().start),
                table,
                lines,
            )?);
            // Last, because it is above the values if both go below the tag.
            if let Some(target) = target {
                let line = format!("target = {}", quoted(target.as_str()));
                added.extend(below_tag(text, image, line));
            }
        }
        Ok(added)
    })
}

/// An entry, and its table.
type Entry<'d, 't> = (&'d Spanned<DeValue<'t>>, &'d DeTable<'t>);

/// The entries by their references.
fn entries<'d, 't>(document: &'d DeTable<'t>) -> HashMap<Reference, Entry<'d, 't>> {
    let entry = |image: &'d Spanned<DeValue<'t>>| {
        let table = image.get_ref().as_table()?;
        let text = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
        let (source, tag) = (text("source")?.parse::<Repository>(), text("tag")?.parse::<Tag>());
        Some((source.ok()?.tagged(&tag.ok()?), (image, table)))
    };
    images(document).unwrap_or_default().iter().filter_map(entry).collect()
}

/// A value as a line of the list: `"global.imageRegistry" = "{registry}"`.
pub fn value_line(path: &ValuePath, value: &SetValue) -> String {
    pair(&path.to_string(), value)
}

/// A key and a value as a line: `"backup.enabled" = true`.
pub(super) fn pair(key: &str, value: &SetValue) -> String {
    let value = match value {
        SetValue::String(text) => quoted(text),
        SetValue::Boolean(_) | SetValue::Integer(_) => value.to_string(),
        SetValue::Json(json) => format!("{{ json = {} }}", quoted(&json.to_string())),
    };
    format!("{} = {value}", quoted(key))
}

fn edit(
    text: &str,
    additions: impl FnOnce(&str, &DeTable<'_>) -> Result<Vec<Addition>, Advice>,
) -> Result<String, Advice> {
    let (mark, bare) = split_mark(text);
    let document =
        DeTable::parse(bare).map_err(|error| Advice::new(format!("images.toml: {error}")))?;
    let additions = additions(bare, document.get_ref())?.into_iter();
    let edited = changed(bare, additions.map(|(at, added)| (at..at, added)).collect());
    Ok(format!("{mark}{edited}"))
}

/// Adds the values that the owner does not have yet.
fn additions<'a>(
    text: &str,
    owner: &Owner,
    table: &DeTable<'_>,
    values: impl Iterator<Item = (&'a ValuePath, Line)>,
) -> Result<Vec<Addition>, Advice> {
    let own = table.get("values").map(|own| own.get_ref().as_table());
    let own = own.map(|own| own.ok_or("`values` in images.toml is not a table")).transpose()?;
    let is_new =
        |path: &ValuePath| own.is_none_or(|own| !own.contains_key(path.to_string().as_str()));
    let lines = values.filter(|(path, _)| is_new(path)).map(|(_, line)| line).collect();
    Ok(owner.added(text, table, "values", lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{ImageList, ValueTemplate};

    const LIST: &str = "\
# The head.
[[image]] # one
source = \"quay.io/a/one\"
tag = \"1\"

# About two.
[[image]]
tag = \"2\"   # odd   spaces
source   = \"quay.io/a/two\"
";

    fn new(values: &[(ValuePath, SetValue)]) -> Vec<NewValue> {
        values.iter().cloned().map(NewValue::from).collect()
    }

    fn add_image_values(
        text: &str,
        source: &Repository,
        tag: &Tag,
        values: &[(ValuePath, SetValue)],
    ) -> Result<String, Advice> {
        add_to_images(text, &[ImageAddition { source, tag, target: None, values }])
    }

    #[test]
    fn several_images_get_targets_and_values_in_one_edit() {
        let values = [("n".parse().unwrap(), SetValue::Boolean(true))];
        let [one, two] = ["quay.io/a/one", "quay.io/a/two"].map(|it| it.parse().unwrap());
        let [first, second] = ["1", "2"].map(|tag| tag.parse().unwrap());
        let target = "x/y".parse().unwrap();
        let addition =
            |source, tag| ImageAddition { source, tag, target: Some(&target), values: &values };
        let additions = [addition(&two, &second), addition(&one, &first)];
        let added = "target = \"x/y\"\n";
        let table = "[image.values]\n\"n\" = true\n";
        let expected = LIST
            .replace("tag = \"1\"\n", &format!("tag = \"1\"\n{added}{table}"))
            .replace("spaces\n", &format!("spaces\n{added}"));
        assert_eq!(add_to_images(LIST, &additions).unwrap(), expected + table);
    }

    fn added() -> String {
        let pair = |path: &str, template: &str| {
            let set = |path: &str, value| (path.parse().unwrap(), value);
            let item = format!("{path}s[0].port");
            vec![
                set(path, SetValue::String(template.to_owned())),
                set(&item, SetValue::Integer(80)),
                set(r"do\.t.enabled", SetValue::Boolean(true)),
            ]
        };
        let text = add_values(LIST, &new(&pair("global.imageRegistry", "{registry}"))).unwrap();
        let (source, tag) = ("quay.io/a/two".parse().unwrap(), "2".parse().unwrap());
        add_image_values(&text, &source, &tag, &pair("two.image", "{registry}/{repository}"))
            .unwrap()
    }

    #[test]
    fn added_values_can_be_read_and_everything_else_is_unchanged() {
        let text = added();
        let list = ImageList::parse("images.toml", &text).unwrap();
        let paths: Vec<String> = list.values.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            paths,
            ["global.imageRegistry", "global.imageRegistrys[0].port", r"do\.t.enabled"]
        );
        assert_eq!(list.images[1].values[0].0.to_string(), "two.image");
        assert_eq!(list.images[1].values[1].1, ValueTemplate::Integer(80));
        assert_eq!(list.images[1].values[2].1, ValueTemplate::Boolean(true));
        for line in LIST.lines() {
            assert!(text.lines().any(|have| have == line), "{line:?} is gone:\n{text}");
        }
    }

    #[test]
    fn the_comment_of_a_value_is_above_its_line_or_above_its_table() {
        let image = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";
        let table = [
            (
                "[values]\n  x = '1' # x\n",
                "[values]\n  x = '1' # x\n  # WHY\n  \"a\" = true\n  \"b\" = { json = \"null\" }\n",
            ),
            (
                "values.x = '1'\n",
                "values.x = '1'\n# WHY\nvalues.\"a\" = true\nvalues.\"b\" = { json = \"null\" }\n",
            ),
            (
                "values = { x = '1' } # x\n",
                "# WHY\nvalues = { x = '1', \"a\" = true, \"b\" = { json = \"null\" } } # x\n",
            ),
            (
                "#:schema x\nvalues = {}\n",
                "#:schema x\n# WHY\nvalues = { \"a\" = true, \"b\" = { json = \"null\" } }\n",
            ),
            (
                "values = {\n  x = '1'\n}\n",
                "values = {\n  x = '1',\n  # WHY\n  \"a\" = true,\n  \"b\" = { json = \"null\" }\n}\n",
            ),
        ];
        let values = [
            NewValue {
                path: "a".parse().unwrap(),
                value: SetValue::Boolean(true),
                comment: Some("the chart\nrefuses \u{1b}others".to_owned()),
            },
            ("b".parse().unwrap(), SetValue::Json(serde_json::Value::Null)).into(),
        ];
        for (before, after) in table {
            for (mark, end) in [("", "\n"), ("\u{feff}", "\r\n")] {
                let text = |part: &str| format!("{mark}{part}{image}").replace('\n', end);
                let edited = add_values(&text(before), &values).unwrap();
                assert_eq!(edited, text(&after.replace("WHY", "the chart refuses others")));
                ImageList::parse("x", &edited).unwrap_or_else(|problems| panic!("{problems}"));
                let again = add_values(&edited, &values).unwrap();
                assert_eq!(again, edited, "what is there already gets no second comment");
            }
        }
    }

    #[test]
    fn line_endings_are_kept() {
        let text = LIST.replace('\n', "\r\n");
        let pair = [("a.b".parse().unwrap(), SetValue::String("{registry}".to_owned()))];
        let edited = add_values(&text, &new(&pair)).unwrap();
        assert!(edited.contains("\"a.b\" = \"{registry}\"\r\n"), "{edited:?}");
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count(), "{edited:?}");
    }

    #[test]
    fn values_are_added_in_the_form_of_the_existing_ones() {
        let (a, b) = ("source = 'q.io/a'", "tag = '1'");
        let image = format!("[[image]]\n{a}\n{b}\n");
        let of_list = [
            // Below the last one, with the same indentation. A comment stays with its line.
            (
                format!("[values]\n  x = '1' # x\n  # end\n\n{image}"),
                format!("[values]\n  x = '1' # x\n  NEW\n  # end\n\n{image}"),
            ),
            (format!("[values]\n# none\n{image}"), format!("[values]\nNEW\n# none\n{image}")),
            (format!("values = {{}}\n{image}"), format!("values = {{ NEW }}\n{image}")),
            (
                format!("values = {{ x = '{{registry}}' }} # x\n{image}"),
                format!("values = {{ x = '{{registry}}', NEW }} # x\n{image}"),
            ),
            (
                format!("values = {{\n  x = '1', # x\n}}\n{image}"),
                format!("values = {{\n  x = '1',\n  NEW, # x\n}}\n{image}"),
            ),
            (
                format!("values.x = '1'\nvalues.y = '1' # y\n\n{image}"),
                format!("values.x = '1'\nvalues.y = '1' # y\nvalues.NEW\n\n{image}"),
            ),
            // Without a table.
            (image.clone(), format!("{image}\n[values]\nNEW\n")),
            (image.trim_end().to_owned(), format!("{image}\n[values]\nNEW\n")),
            (
                format!("\u{feff}[values]\nx = '1'\n{image}"),
                format!("\u{feff}[values]\nx = '1'\nNEW\n{image}"),
            ),
        ];
        let rest = "# rest\n[[image]]\nsource = 'q.io/b'\ntag = '1'\n";
        let of_image = [
            (format!("{image}{rest}"), format!("{image}[image.values]\nNEW\n{rest}")),
            (image.trim_end().to_owned(), format!("{image}[image.values]\nNEW\n")),
            (
                format!("{image}[image.values]\nx = '1'\n\n{rest}"),
                format!("{image}[image.values]\nx = '1'\nNEW\n\n{rest}"),
            ),
            (
                format!("[[image]]\n{a}\nvalues = {{ x = '1' }}\n{b}\n{rest}"),
                format!("[[image]]\n{a}\nvalues = {{ x = '1', NEW }}\n{b}\n{rest}"),
            ),
            (
                format!("[[image]]\n{a}\nvalues.x = '1'\n{b}\n{rest}"),
                format!("[[image]]\n{a}\nvalues.x = '1'\nvalues.NEW\n{b}\n{rest}"),
            ),
            (
                format!("image = [{{ {a}, {b} }}]"),
                format!("image = [{{ {a}, {b}, values = {{ NEW }} }}]"),
            ),
            (
                format!("image = [{{ {a}, values.x = '1', {b} }}]"),
                format!("image = [{{ {a}, values.x = '1', values.NEW, {b} }}]"),
            ),
            (
                format!("image = [{{\n  {a},\n  {b}\n}}]"),
                format!("image = [{{\n  {a},\n  {b},\n  values = {{ NEW }}\n}}]"),
            ),
        ];
        let values = [("n".parse().unwrap(), SetValue::String("{registry}".to_owned()))];
        let (source, tag) = ("q.io/a".parse().unwrap(), "1".parse().unwrap());
        let of_list =
            of_list.map(|(text, expected)| (add_values(&text, &new(&values)), text, expected));
        let of_image = of_image.map(|(text, expected)| {
            (add_image_values(&text, &source, &tag, &values), text, expected)
        });
        for (edited, text, expected) in of_list.into_iter().chain(of_image) {
            let edited = edited.unwrap();
            assert_eq!(edited, expected.replace("NEW", "\"n\" = \"{registry}\""), "{text}");
            ImageList::parse("x", &edited).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(add_values(&edited, &[]).unwrap(), edited);
        }
    }

    #[test]
    fn an_image_that_is_not_listed_is_an_error() {
        let (source, tag) = ("quay.io/a/two".parse().unwrap(), "3".parse().unwrap());
        assert!(
            add_image_values(LIST, &source, &tag, &[])
                .unwrap_err()
                .message
                .contains("quay.io/a/two:3")
        );
    }
}
