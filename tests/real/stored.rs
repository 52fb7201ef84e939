//! Images in the registry in memory, and a list of them.

use oci::Digest;
use registry_in_memory::InMemoryRegistry;
use registry_in_memory::content::Content;

use crate::support::store;

/// Stores images as `team/NAME:1.0`. Returns a list of them, and their full names with their digests.
pub(crate) fn store_team(
    registry: &InMemoryRegistry,
    images: &[(&str, Content)],
) -> (String, Vec<(String, Digest)>) {
    let (mut list, mut names) = (String::new(), Vec::new());
    for (name, content) in images {
        store(registry, &format!("team/{name}"), "1.0", content);
        let full = format!("{}/team/{name}", registry.address());
        list += &format!("[[image]]\nsource = \"{full}\"\ntag = \"1.0\"\n");
        names.push((format!("{full}:1.0"), content.top.clone()));
    }
    (list, names)
}
