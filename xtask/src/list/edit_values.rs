//! Adds Helm values to the text of an image list, and leaves the rest of it as its author wrote it.

use toml_edit::{DocumentMut, Item, Table, value};

use crate::oci::{Repository, Tag};

/// Adds paths and templates to `[values]`, which is made if it is not there.
///
/// # Errors
/// When the text is not TOML, or `values` is no table.
pub fn add_values(text: &str, values: &[(String, String)]) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| format!("images.toml: {error}"))?;
    add(document.as_table_mut(), values)?;
    Ok(document.to_string())
}

/// Adds paths and templates to the values of one image.
///
/// # Errors
/// When the text is not TOML, or does not list the image.
pub fn add_image_values(
    text: &str,
    source: &Repository,
    tag: &Tag,
    values: &[(String, String)],
) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| format!("images.toml: {error}"))?;
    let images = document.get_mut("image").and_then(Item::as_array_of_tables_mut);
    let is_meant = |image: &&mut Table| {
        let text = |key: &str| image.get(key).and_then(Item::as_str);
        text("tag") == Some(tag.as_str())
            && text("source").and_then(|text| text.parse::<Repository>().ok()).as_ref()
                == Some(source)
    };
    let image = images.and_then(|images| images.iter_mut().find(is_meant));
    let image = image.ok_or_else(|| format!("images.toml does not list {}", source.tagged(tag)))?;
    add(image, values)?;
    Ok(document.to_string())
}

fn add(owner: &mut Table, values: &[(String, String)]) -> Result<(), String> {
    let item = owner.entry("values").or_insert_with(|| Item::Table(Table::new()));
    let table = item.as_table_like_mut().ok_or("`values` in images.toml is no table")?;
    for (path, template) in values {
        if !table.contains_key(path) {
            table.insert(path, value(template));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

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
        let pair = |path: &str, template: &str| vec![(path.to_owned(), template.to_owned())];
        let text = add_values(LIST, &pair("global.imageRegistry", "{registry}")).unwrap();
        let (source, tag) = ("quay.io/a/two".parse().unwrap(), "2".parse().unwrap());
        add_image_values(&text, &source, &tag, &pair("two.image", "{registry}/{repository}"))
            .unwrap()
    }

    #[test]
    fn what_is_added_is_read_and_everything_else_stays_as_it_was() {
        let text = added();
        let list = ImageList::parse("images.toml", &text).unwrap();
        assert_eq!(list.values[0].0, "global.imageRegistry");
        assert_eq!(list.images[1].values[0].0, "two.image");
        for line in LIST.lines() {
            assert!(text.lines().any(|have| have == line), "{line:?} is gone:\n{text}");
        }
    }

    #[test]
    fn an_image_that_is_not_listed_is_an_error() {
        let (source, tag) = ("quay.io/a/two".parse().unwrap(), "3".parse().unwrap());
        assert!(
            add_image_values(LIST, &source, &tag, &[]).unwrap_err().contains("quay.io/a/two:3")
        );
    }
}
