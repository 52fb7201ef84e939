//! `OpenBundle`: a bundle, or some of its parts, that is open for reading, and the lists in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use layout::{Damage, Layout, LayoutError, LayoutLocation, LayoutVerification};
use messages::Advice;
use messages::program::command;
use oci::Digest;

use super::inventory_check::{at, blob_name, check_inventory};
use super::signed_inventory;
use crate::bundle::bundle_inventory::{
    BundleInventory, BundledChart, FILE, InvalidInventory, ROOT,
};
use crate::layouts::{missing_parts_of, threads};
use crate::list::ImageList;
use crate::signatures::PublicKeys;

/// The largest inventory or list that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// The name of the list that is not a member of a workspace.
pub const ITSELF: &str = ".";

/// A bundle whose files have the right names and sizes, and whose inventory fits to its index.
pub struct OpenBundle {
    pub layout: Arc<Layout>,
    pub inventory: BundleInventory,
    /// Whether a required signature proves who wrote it.
    pub is_signed: bool,
}

/// Where a list comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrigin {
    /// The bundle. The keys in it prove nothing.
    Bundle,
    /// The site that imports the bundle.
    Site,
}

/// The layout that an argument names: with its form, or by the end of its name.
///
/// # Errors
/// If it names no path.
pub fn location(argument: &str) -> Result<LayoutLocation, Advice> {
    match LayoutLocation::is_meant_by(argument) {
        true => argument.parse(),
        false => Ok(LayoutLocation::of_path(Path::new(argument))),
    }
}

impl OpenBundle {
    /// Opens a bundle, or some parts of one. Hashes no blob. With keys, one of them must have signed the inventory,
    /// which names everything else by its digest.
    ///
    /// # Errors
    /// If it is no bundle, a file does not belong there, its inventory is not signed, or contradicts the other files.
    pub fn open(arguments: &[String], required: Option<&PublicKeys>) -> Result<Self, LayoutError> {
        let locations = arguments.iter().map(|argument| location(argument));
        Self::open_at(&locations.collect::<Result<Vec<_>, _>>()?, required)
    }

    /// The same for locations.
    ///
    /// # Errors
    /// As [`OpenBundle::open`].
    pub fn open_at(
        locations: &[LayoutLocation],
        required: Option<&PublicKeys>,
    ) -> Result<Self, LayoutError> {
        let layout = Layout::open_parts(locations)?;
        let Some(text) = layout.file(FILE, LARGEST)? else {
            let place = layout.location();
            let message =
                format!("{place}: it has no `{FILE}`, so it is a layout, but not a bundle");
            let mirror = command("mirror");
            let advice = Advice::new(message)
                .with_hint(format!("{mirror} copies its images with `--source {place}`"));
            return Err(advice.into());
        };
        if let Some(keys) = required {
            signed_inventory::check(locations, &text, keys)?;
        }
        let inventory = BundleInventory::parse(&text).map_err(|why| {
            let LayoutError { kind, advice } = at(&layout, FILE, &Advice::from(&why));
            match why {
                InvalidInventory::Malformed(_) => LayoutError { kind, advice },
                // It may be right: another program has to check it.
                InvalidInventory::OtherVersion { .. } => advice.into(),
            }
        })?;
        check_inventory(&layout, &inventory)?;
        Ok(Self { layout: Arc::new(layout), inventory, is_signed: required.is_some() })
    }

    /// Hashes everything. Content that is neither there, nor in another part, nor counted on is damage as well, and
    /// so is content that nothing needs, and a list that cannot be used.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn verify(
        &self,
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<LayoutVerification, LayoutError> {
        let mut verification = self.layout.verify(threads(), on_bytes)?;
        if !verification.damages.is_empty() {
            return Ok(verification);
        }
        verification.damages = self.surplus(&verification);
        if let Err(why) = self.lists(&[]) {
            verification.damages.push(self.damage(
                ROOT,
                "lists that can be used",
                &format!("{why:#}"),
            ));
        }
        let left_out = self.left_out();
        for blob in &verification.absent {
            let digest = &blob.digest;
            let is_explained = left_out.contains(digest);
            if !is_explained && missing_parts_of(&self.layout, digest).is_none() {
                let expected = format!("{} bytes", blob.size);
                let damage = self.damage(&blob_name(digest), &expected, "nothing");
                verification.damages.push(damage);
            }
        }
        verification.damages.sort();
        Ok(verification)
    }

    /// Blobs that no image needs, in the bundle, in its inventory or among its parts.
    fn surplus(&self, verification: &LayoutVerification) -> Vec<Damage> {
        let is_surplus = |digest: &&Digest| !verification.needed.contains(*digest);
        let nothing = "nothing: no image needs it";
        let stored = self.layout.blobs().filter(|(digest, _)| is_surplus(digest));
        let mut found: Vec<_> = stored
            .map(|(digest, size)| {
                self.damage(&blob_name(digest), nothing, &format!("{size} bytes"))
            })
            .collect();
        let plan = self.layout.part_plan().into_iter().flat_map(|plan| plan.blobs().keys());
        for (file, digests) in [
            (FILE, self.inventory.blobs.keys().collect::<Vec<_>>()),
            ("parts.json", plan.collect()),
        ] {
            let surplus = digests.into_iter().filter(is_surplus);
            found.extend(surplus.map(|digest| self.damage(file, nothing, digest.as_str())));
        }
        found
    }

    fn damage(&self, name: &str, expected: &str, found: &str) -> Damage {
        let (expected, found) = (expected.to_owned(), found.to_owned());
        Damage { location: self.layout.location().clone(), name: name.to_owned(), expected, found }
    }

    /// The blobs that the destination has to have.
    pub fn left_out(&self) -> BTreeSet<Digest> {
        self.inventory.left_out().map(|blob| blob.digest.clone()).collect()
    }

    /// The chart of a list in the bundle; for a list that is not in it, the only chart of the bundle.
    pub fn chart_of(&self, file: &Path, origin: ListOrigin) -> Option<&BundledChart> {
        let charts = &self.inventory.charts;
        let lists = self.inventory.lists.iter();
        match (origin, charts.as_slice()) {
            (ListOrigin::Site, [only]) => Some(only),
            (ListOrigin::Site, _) => None,
            (ListOrigin::Bundle, _) => {
                let list = lists.into_iter().find(|list| Path::new(&list.file) == file)?;
                charts.iter().find(|chart| chart.list == list.name)
            }
        }
    }

    /// The lists in the bundle, or those that `members` names, with their files in the bundle.
    ///
    /// # Errors
    /// If one of them cannot be used, or there is no such member.
    pub fn lists(&self, members: &[String]) -> anyhow::Result<Vec<(PathBuf, ImageList)>> {
        let root = self.root()?;
        let mut lists = Vec::new();
        for listed in &self.inventory.lists {
            let is_last = |member: &&String| {
                listed.name == **member || listed.name.rsplit('/').next() == Some(member.as_str())
            };
            if !members.is_empty() && !members.iter().any(|member| is_last(&member)) {
                continue;
            }
            let list = match listed.name.as_str() {
                ITSELF => root.clone(),
                _ => self.member(&root, &listed.file)?,
            };
            lists.push((PathBuf::from(&listed.file), list));
        }
        if lists.is_empty() {
            let names: Vec<&str> =
                self.inventory.lists.iter().map(|list| list.name.as_str()).collect();
            let message = format!("the bundle has no list `{}`", members.join("`, `"));
            let hint = format!("its lists are `{}`", names.join("`, `"));
            anyhow::bail!(Advice::new(message).with_hint(hint));
        }
        Ok(lists)
    }

    /// The list or the workspace in images.toml.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(super) fn root(&self) -> anyhow::Result<ImageList> {
        Ok(ImageList::parse(&self.place(ROOT), &self.text(ROOT)?)?)
    }

    /// The list of a member of a workspace.
    ///
    /// # Errors
    /// If it cannot be used, or contradicts the workspace.
    pub(super) fn member(&self, workspace: &ImageList, file: &str) -> anyhow::Result<ImageList> {
        let member = workspace.parse_member(&self.place(file), &self.text(file)?)?;
        Ok(member.inherit(workspace).map_err(|both| {
            let why = format!("`{}` contradicts the workspace", both.keys.join("."));
            at(&self.layout, file, &Advice::new(why))
        })?)
    }

    /// The text of a list that the inventory names.
    ///
    /// # Errors
    /// If it is missing or damaged, or is no text.
    pub(super) fn text(&self, name: &str) -> Result<String, LayoutError> {
        let refuse = |why: &str| at(&self.layout, name, &Advice::new(why));
        let text = self.layout.file(name, LARGEST)?;
        let text = text.ok_or_else(|| refuse("the inventory names it, but it is missing"))?;
        String::from_utf8(text).map_err(|_| refuse("it is not UTF-8 text"))
    }

    fn place(&self, name: &str) -> String {
        format!("{}: {name}", self.layout.location())
    }
}
