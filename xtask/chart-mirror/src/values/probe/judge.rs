//! Judges a place of the chart: whether it names the target of its image with the values of a list.

use crate::chart::ImageReference;
use crate::list::{Destination, ImageList};
use crate::values::listed::listed;

/// Judges one place by its references without and with the values of a list for a destination. Returns
/// what is wrong.
pub type Judge<'a> = dyn Fn(&ImageList, &Destination, &ImageReference, &ImageReference) -> Option<String>
    + Sync
    + 'a;

/// A place is right if it has exactly the target of its image: repository, tag, and digest if it has one.
/// Images that the list lacks have no target.
pub fn judge(
    list: &ImageList,
    destination: &Destination,
    before: &ImageReference,
    after: &ImageReference,
) -> Option<String> {
    let image = listed(list, before)?;
    let path = match destination.path(&image.source, image.target.as_ref()) {
        Ok(path) => path,
        Err(error) => return Some(error.to_string()),
    };
    let address = destination.pull_address();
    let expected = match &address.prefix {
        Some(prefix) => format!("{}/{prefix}/{path}", address.registry),
        None => format!("{}/{path}", address.registry),
    };
    let is_right = after.repository.to_string() == expected
        && (after.tag.is_some() || after.digest.is_some())
        && after.tag.as_ref().is_none_or(|tag| *tag == image.tag)
        && after.digest.as_ref().is_none_or(|digest| destination.digest(image) == Some(digest));
    (!is_right).then(|| format!("it becomes `{after}`, not `{expected}:{}`", image.tag))
}
