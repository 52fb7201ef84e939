//! Adds Helm values to the text of an image list, and leaves the rest of it as its author wrote it.

use toml_edit::{DocumentMut, Item, Table, Value};

use super::{SetValue, ValuePath};
use crate::oci::{Repository, Tag};

/// Adds paths and values to `[values]`, which is made if it is not there.
///
/// # Errors
/// When the text is not TOML, or `values` is no table.
pub fn add_values(text: &str, values: &[(ValuePath, SetValue)]) -> Result<String, String> {
    edited(text, |document| add(document.as_table_mut(), values))
}

/// Adds paths and values to the values of one image.
///
/// # Errors
/// When the text is not TOML, or does not list the image.
pub fn add_image_values(
    text: &str,
    source: &Repository,
    tag: &Tag,
    values: &[(ValuePath, SetValue)],
) -> Result<String, String> {
    edited(text, |document| {
        let images = document.get_mut("image").and_then(Item::as_array_of_tables_mut);
        let is_meant = |image: &&mut Table| {
            let text = |key: &str| image.get(key).and_then(Item::as_str);
            text("tag") == Some(tag.as_str())
                && text("source").and_then(|text| text.parse::<Repository>().ok()).as_ref()
                    == Some(source)
        };
        let image = images.and_then(|images| images.iter_mut().find(is_meant));
        let image =
            image.ok_or_else(|| format!("images.toml does not list {}", source.tagged(tag)))?;
        add(image, values)
    })
}

fn edited(
    text: &str,
    edit: impl FnOnce(&mut DocumentMut) -> Result<(), String>,
) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| format!("images.toml: {error}"))?;
    edit(&mut document)?;
    let edited = document.to_string();
    // The editor knows one kind of line end only.
    Ok(if text.contains("\r\n") {
        edited.replace("\r\n", "\n").replace('\n', "\r\n")
    } else {
        edited
    })
}

/// A value as a line of the list: `"global.imageRegistry" = "{registry}"`.
pub fn line(path: &ValuePath, set: &SetValue) -> String {
    format!("{} = {}", Value::from(path.to_string()), written(set))
}

fn written(set: &SetValue) -> Value {
    match set {
        SetValue::String(template) => template.into(),
        SetValue::Boolean(boolean) => (*boolean).into(),
        SetValue::Integer(integer) => (*integer).into(),
    }
}

fn add(owner: &mut Table, values: &[(ValuePath, SetValue)]) -> Result<(), String> {
    let item = owner.entry("values").or_insert_with(|| Item::Table(Table::new()));
    let table = item.as_table_like_mut().ok_or("`values` in images.toml is no table")?;
    for (path, set) in values {
        let path = path.to_string();
        if !table.contains_key(&path) {
            table.insert(&path, Item::Value(written(set)));
        }
    }
    Ok(())
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
    fn what_is_added_is_read_and_everything_else_stays_as_it_was() {
        let text = added();
        let list = ImageList::parse("images.toml", &text).unwrap();
        let said: Vec<String> = list.values.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            said,
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
    fn line_ends_stay_as_their_author_has_them() {
        let text = LIST.replace('\n', "\r\n");
        let pair = [("a.b".parse().unwrap(), SetValue::String("{registry}".to_owned()))];
        let edited = add_values(&text, &pair).unwrap();
        assert!(edited.contains("\"a.b\" = \"{registry}\"\r\n"), "{edited:?}");
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count(), "{edited:?}");
    }

    #[test]
    fn an_image_that_is_not_listed_is_an_error() {
        let (source, tag) = ("quay.io/a/two".parse().unwrap(), "3".parse().unwrap());
        assert!(
            add_image_values(LIST, &source, &tag, &[]).unwrap_err().contains("quay.io/a/two:3")
        );
    }
}
