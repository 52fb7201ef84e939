//! Everything that the entries of an index need.

use std::collections::{BTreeMap, HashMap, HashSet};

use oci::{Descriptor, Digest, Manifest, TooLarge, limits};

use crate::LayoutEntry;
use crate::failure::LayoutError;

/// A registry accepts no larger ones.
pub(crate) const LARGEST_MANIFEST: u64 = 16 << 20;

#[derive(Default)]
pub(crate) struct Closure {
    /// Manifests and blobs, each with a manifest that needs it. The entries themselves have no such one.
    pub(crate) needed: BTreeMap<Digest, (u64, Option<Digest>)>,
    /// Manifests that cannot be parsed.
    pub(crate) unreadable: Vec<(Digest, String)>,
    /// Content whose size is not the one that a manifest declares: the declared and the other size.
    pub(crate) contradictions: Vec<(Digest, u64, u64)>,
    /// Entries that no program here would copy.
    pub(crate) too_large: Vec<(Digest, TooLarge)>,
}

/// The manifests that each index lists.
type Children = HashMap<Digest, HashSet<Digest>>;

/// Reads a manifest, if it is there.
type ReadManifest<'a> = &'a dyn Fn(&Digest) -> Result<Option<Vec<u8>>, LayoutError>;

/// Follows the entries. `read` returns `None` for a manifest that is not there.
pub(crate) fn closure(
    entries: &[LayoutEntry],
    read: ReadManifest<'_>,
) -> Result<Closure, LayoutError> {
    let mut closure = Closure::default();
    let mut indexes = Children::new();
    let mut seen = HashSet::new();
    let mut manifests: Vec<_> =
        entries.iter().map(|entry| (entry.descriptor.clone(), None)).collect();
    while let Some((descriptor, parent)) = manifests.pop() {
        closure.add(&descriptor, parent);
        let Descriptor { digest, media_type, .. } = descriptor;
        if !seen.insert(digest.clone()) {
            continue;
        }
        let Some(bytes) = read(&digest)? else { continue };
        match Manifest::parse(bytes.into(), digest.clone(), Some(&media_type)) {
            Ok(manifest) => {
                for blob in &manifest.blobs {
                    closure.add(blob, Some(digest.clone()));
                }
                if !manifest.manifests.is_empty() {
                    let children = manifest.manifests.iter().map(|child| child.digest.clone());
                    indexes.insert(digest.clone(), children.collect());
                }
                let children = manifest.manifests.into_iter();
                manifests.extend(children.map(|child| (child, Some(digest.clone()))));
            }
            Err(why) => closure.unreadable.push((digest, why.to_string())),
        }
    }
    for LayoutEntry { descriptor, .. } in entries {
        if let Err(why) = check_size(&descriptor.digest, &indexes) {
            closure.too_large.push((descriptor.digest.clone(), why));
        }
    }
    Ok(closure)
}

/// Checks how deep and wide the indexes below a manifest are.
fn check_size(top: &Digest, indexes: &Children) -> Result<(), TooLarge> {
    let mut below: HashSet<&Digest> = HashSet::new();
    let mut level = HashSet::from([top]);
    for depth in 1.. {
        level = level.into_iter().filter_map(|index| indexes.get(index)).flatten().collect();
        if level.is_empty() {
            break;
        }
        limits::check_depth(depth)?;
        below.extend(&level);
        limits::check_count(below.len())?;
    }
    Ok(())
}

impl Closure {
    fn add(&mut self, descriptor: &Descriptor, parent: Option<Digest>) {
        let Descriptor { digest, size, .. } = descriptor;
        let (known, _) = self.needed.entry(digest.clone()).or_insert((*size, parent));
        if known != size {
            self.contradictions.push((digest.clone(), *size, *known));
        }
    }
}
