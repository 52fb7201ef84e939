//! Hashes everything in a layout, and reports every damage.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;

use messages::Advice;
use oci::Digest;

use crate::LayoutLocation;
use crate::closure::{LARGEST_MANIFEST, closure};
use crate::failure::LayoutError;
use crate::name::ItemName;
use crate::open::{Layout, OpenPart};
use crate::parallel;

/// The result of [`Layout::verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayoutVerification {
    pub damages: Vec<Damage>,
    /// What manifests need and the layout does not hold. This is no damage by itself: a bundle may leave
    /// out what its destination has, and may be divided.
    pub absent: Vec<AbsentBlob>,
    /// The manifests and blobs that the entries need. Empty if there is damage.
    pub needed: BTreeSet<Digest>,
}

/// A file or an entry whose content is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    pub location: LayoutLocation,
    /// The file or the entry of the archive.
    pub name: String,
    pub expected: String,
    pub found: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbsentBlob {
    pub digest: Digest,
    pub size: u64,
    /// A manifest that lists it.
    pub manifest: Option<Digest>,
}

impl LayoutVerification {
    /// # Errors
    /// If there is damage: a message that names all of it.
    pub fn into_result(self) -> Result<Self, LayoutError> {
        if self.damages.is_empty() {
            return Ok(self);
        }
        let lines: Vec<_> = self.damages.iter().map(ToString::to_string).collect();
        let advice = Advice::new(lines.join("\n"));
        Err(LayoutError::damaged(advice.with_hint("copy or write it again; nothing was used")))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { location, name, expected, found } = self;
        write!(f, "{location}: entry `{name}`: expected {expected}, found {found}")
    }
}

impl Layout {
    /// Hashes every blob and, in a bundle, every file, and follows the manifests. Reports the bytes that
    /// are done, from several threads.
    ///
    /// # Errors
    /// If a file cannot be read. Damage is not an error here.
    pub fn verify(
        &self,
        threads: NonZeroUsize,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<LayoutVerification, LayoutError> {
        let mut items: Vec<_> = Vec::new();
        for part in &self.parts {
            for (name, stored) in &part.table.items {
                items.push((part, name, stored.size));
            }
        }
        // Large ones first, so that no thread starts the largest one last.
        items.sort_by_key(|(_, _, size)| std::cmp::Reverse(*size));
        let damages = parallel::map(threads, &items, |(part, name, _)| check(part, name, on_bytes));
        let damages: Result<Vec<_>, LayoutError> = damages.into_iter().collect();
        let mut damages: Vec<_> = damages?.into_iter().flatten().collect();
        self.joined_damages(&mut damages, on_bytes)?;
        // What damaged manifests declare does not matter.
        let mut verification = match damages.is_empty() {
            true => self.follow()?,
            false => LayoutVerification { damages, ..LayoutVerification::default() },
        };
        verification.damages.sort();
        Ok(verification)
    }

    /// Cut blobs are also hashed as a whole: each piece may be right in its own part.
    fn joined_damages(
        &self,
        damages: &mut Vec<Damage>,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<(), LayoutError> {
        let cut = self.part_plan().into_iter().flat_map(|plan| plan.blobs());
        for (digest, _) in cut.filter(|(_, blob)| blob.pieces.len() > 1) {
            let Some(reader) = self.reader(digest)? else { continue };
            let mut hasher = digest.hasher();
            reader.for_each(|piece| {
                hasher.update(piece);
                on_bytes(piece.len() as u64);
                Ok(())
            })?;
            let found = hasher.finish();
            if found != *digest {
                damages.push(self.damage(digest, digest, found));
            }
        }
        Ok(())
    }

    fn follow(&self) -> Result<LayoutVerification, LayoutError> {
        let (mut damages, mut absent, mut needed) = (Vec::new(), Vec::new(), BTreeSet::new());
        let found = closure(self.entries(), &|digest| self.blob(digest, LARGEST_MANIFEST))?;
        for (digest, why) in found.unreadable {
            damages.push(self.damage(&digest, "a manifest", why));
        }
        for (digest, why) in found.too_large {
            damages.push(self.damage(&digest, "an image that can be copied", why));
        }
        for (digest, one, other) in found.contradictions {
            damages.push(self.damage(&digest, format!("{one} bytes"), format!("{other} bytes")));
        }
        for (digest, (size, manifest)) in found.needed {
            match self.size_of(&digest) {
                None => {
                    needed.insert(digest.clone());
                    absent.push(AbsentBlob { digest, size, manifest });
                }
                Some(there) if there != size => {
                    let found = format!("{there} bytes");
                    damages.push(self.damage(&digest, format!("{size} bytes"), found));
                }
                Some(_) => drop(needed.insert(digest)),
            }
        }
        if !damages.is_empty() {
            needed.clear();
        }
        Ok(LayoutVerification { damages, absent, needed })
    }

    fn damage(
        &self,
        digest: &Digest,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Damage {
        Damage {
            location: self.location().clone(),
            name: ItemName::Blob(digest.clone()).to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Compares one item with its name and with `SHA256SUMS`.
fn check(
    part: &OpenPart,
    name: &ItemName,
    on_bytes: &(dyn Fn(u64) + Sync),
) -> Result<Option<Damage>, LayoutError> {
    let text = name.to_string();
    let listed = part.sums.as_ref().and_then(|sums| sums.0.get(&text));
    let listed = listed.map(|hex| format!("sha256:{hex}"));
    let mut hashers = Vec::new();
    for expected in [name.digest().map(ToString::to_string), listed].into_iter().flatten() {
        let kind: Result<Digest, _> = expected.parse();
        if let Ok(digest) = kind
            && !hashers.iter().any(|(other, _)| *other == digest)
        {
            let hasher = digest.hasher();
            hashers.push((digest, hasher));
        }
    }
    // The files of a layout of another tool have no checksums, `SHA256SUMS` itself is compared with the
    // contents, and a signature is made after it.
    if hashers.is_empty() {
        return Ok(None);
    }
    part.table.reader(name)?.for_each(|piece| {
        for (_, hasher) in &mut hashers {
            hasher.update(piece);
        }
        on_bytes(piece.len() as u64);
        Ok(())
    })?;
    for (expected, hasher) in hashers {
        let found = hasher.finish();
        if found != expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            let location = part.table.location.clone();
            return Ok(Some(Damage { location, name: text, expected, found }));
        }
    }
    Ok(None)
}
