//! Adds Helm values.

use toml::de::DeTable;

use super::lines::{quoted, split_mark};
use super::spans::images;
use super::tables::{Addition, Owner};
use crate::list::{SetValue, ValuePath};
use messages::Advice;
use oci::{Repository, Tag};

/// Adds values to `[values]`, which is created if it is missing.
///
/// # Errors
/// If the text is not TOML, or `values` is not a table.
pub fn add_values(text: &str, values: &[(ValuePath, SetValue)]) -> Result<String, Advice> {
    edit(text, |text, document| addition(text, &Owner::List, document, values))
}

/// Adds values to one image.
///
/// # Errors
/// If the text is not TOML, or does not list the image.
pub fn add_image_values(
    text: &str,
    source: &Repository,
    tag: &Tag,
    values: &[(ValuePath, SetValue)],
) -> Result<String, Advice> {
    edit(text, |text, document| {
        let is_image = |image: &DeTable<'_>| {
            let text = |key: &str| image.get(key).and_then(|value| value.get_ref().as_str());
            text("tag") == Some(tag.as_str())
                && text("source").and_then(|text| text.parse::<Repository>().ok()).as_ref()
                    == Some(source)
        };
        let mut images = images(document).unwrap_or_default().iter();
        let image = images.find_map(|image| {
            let table = image.get_ref().as_table().filter(|table| is_image(table))?;
            Some((image.span().start, table))
        });
        let missing = || Advice::new(format!("images.toml does not list {}", source.tagged(tag)));
        let (start, image) = image.ok_or_else(missing)?;
        addition(text, &Owner::of_image(text, start), image, values)
    })
}

/// A value as a line of the list: `"global.imageRegistry" = "{registry}"`.
pub fn value_line(path: &ValuePath, value: &SetValue) -> String {
    let value = match value {
        SetValue::String(text) => quoted(text),
        SetValue::Boolean(_) | SetValue::Integer(_) => value.to_string(),
    };
    format!("{} = {value}", quoted(&path.to_string()))
}

fn edit(
    text: &str,
    addition: impl FnOnce(&str, &DeTable<'_>) -> Result<Addition, Advice>,
) -> Result<String, Advice> {
    let (mark, bare) = split_mark(text);
    let document =
        DeTable::parse(bare).map_err(|error| Advice::new(format!("images.toml: {error}")))?;
    let (at, added) = addition(bare, document.get_ref())?;
    let mut edited = bare.to_owned();
    edited.insert_str(at, &added);
    Ok(format!("{mark}{edited}"))
}

/// Adds the values that the owner does not have yet.
fn addition(
    text: &str,
    owner: &Owner,
    table: &DeTable<'_>,
    values: &[(ValuePath, SetValue)],
) -> Result<Addition, Advice> {
    let own = table.get("values").map(|own| own.get_ref().as_table());
    let own = own.map(|own| own.ok_or("`values` in images.toml is not a table")).transpose()?;
    let is_new =
        |path: &ValuePath| own.is_none_or(|own| !own.contains_key(path.to_string().as_str()));
    let new = values.iter().filter(|(path, _)| is_new(path));
    let lines: Vec<String> = new.map(|(path, value)| value_line(path, value)).collect();
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
        let text = add_values(LIST, &pair("global.imageRegistry", "{registry}")).unwrap();
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
    fn line_endings_are_kept() {
        let text = LIST.replace('\n', "\r\n");
        let pair = [("a.b".parse().unwrap(), SetValue::String("{registry}".to_owned()))];
        let edited = add_values(&text, &pair).unwrap();
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
        let new = [("n".parse().unwrap(), SetValue::String("{registry}".to_owned()))];
        let (source, tag) = ("q.io/a".parse().unwrap(), "1".parse().unwrap());
        let of_list = of_list.map(|(text, expected)| (add_values(&text, &new), text, expected));
        let of_image = of_image
            .map(|(text, expected)| (add_image_values(&text, &source, &tag, &new), text, expected));
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
