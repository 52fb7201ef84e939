//! What a registry can do: first according to its profile, then as its responses show.

use std::sync::{Mutex, MutexGuard};

use crate::known::kind::{Deletion, Mounts, Pieces, Profile, RegistryKind};
use crate::lock::lock;

/// In bytes. A host that announces a larger minimum means something else.
const LARGEST_SMALLEST_PIECE: u64 = 1 << 30;

/// After this many mounts that failed for unrelated reasons, mounting is not tried any more.
const MOST_ACCIDENTS: u8 = 3;

/// How the two repositories of a mount relate. Each case is learned separately: an account that may push to
/// one repository may lack the permission to read another, which does not concern repositories that use
/// the same credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountAccess {
    /// We push to both with the same credentials, or they are the same repository.
    SameLogin,
    /// The other one has other credentials, or is a source.
    OtherLogin,
}

/// How the bytes of a blob are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UploadMode {
    /// A POST, then one PUT with the whole blob: two requests, the fewest.
    Whole,
    /// A POST, one PATCH without `Content-Range` that streams the blob, an empty PUT.
    Stream,
    /// A POST, a PATCH for each piece, an empty PUT.
    Pieces,
}

/// The capabilities of one host: its profile, and what was learned since, which holds for the rest of the
/// run.
pub struct Capabilities {
    profile: Profile,
    learned: Mutex<Learned>,
}

struct Learned {
    /// By [`MountAccess`].
    mounting: [Mounting; 2],
    upload: UploadMode,
    piece: u64,
    smallest_piece: u64,
    /// `None` until something was deleted.
    deletion: Option<Deletion>,
    /// Whether a manifest was there after its tag was deleted.
    manifest_outlives_tag: Option<bool>,
}

/// Whether a registry deletes a tag alone, and leaves its manifest and other tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untagging {
    Certain,
    Unknown,
    Impossible,
}

/// What is known about mounts with one kind of access.
#[derive(Clone, Copy)]
struct Mounting {
    /// `None` until a mount has worked or was refused.
    works: Option<bool>,
    accidents: u8,
}

impl Capabilities {
    pub(crate) fn new(profile: Profile) -> Self {
        let works = profile.mounts.map(|mounts| mounts != Mounts::No);
        let pieces = profile.pieces.unwrap_or(Pieces { smallest: 1, largest: u64::MAX });
        let learned = Mutex::new(Learned {
            mounting: [Mounting { works, accidents: 0 }; 2],
            upload: UploadMode::Whole,
            piece: pieces.largest,
            smallest_piece: pieces.smallest,
            deletion: None,
            manifest_outlives_tag: None,
        });
        Self { profile, learned }
    }

    /// Describes the profile for people.
    pub(crate) fn describe(&self) -> Vec<String> {
        let profile = &self.profile;
        let mut sentences = vec![match profile.kind {
            RegistryKind::DockerRegistry => "unknown kind, using defaults".to_owned(),
            kind => format!("recognised as `{}`", kind.name()),
        }];
        sentences.push(match profile.largest_request {
            Some(most) => format!("blobs above {most} bytes are streamed, smaller ones in one PUT"),
            None => "each blob in one PUT".to_owned(),
        });
        sentences.extend(match profile.mounts {
            None => None,
            Some(Mounts::Yes) => Some("blobs are mounted".to_owned()),
            Some(Mounts::No) => Some("blobs are never mounted".to_owned()),
            Some(Mounts::AfterManifest) => {
                Some("a blob can be mounted only after a manifest refers to it".to_owned())
            }
        });
        if !profile.creates_repositories {
            sentences.push("repositories must be created before the first push".to_owned());
        }
        sentences
    }

    /// Whether a blob can be mounted only once a manifest of its repository refers to it.
    pub fn mount_needs_manifest(&self) -> bool {
        self.profile.mounts == Some(Mounts::AfterManifest)
    }

    /// Whether a mount of a blob from its own repository finds out if it is there.
    pub fn self_mount_finds_blob(&self) -> bool {
        self.can_mount(MountAccess::SameLogin) && self.profile.self_mount_finds_blob()
    }

    /// `false` once mounts that had to succeed were refused: then a HEAD checks for the blob instead.
    pub fn can_mount(&self, access: MountAccess) -> bool {
        self.learned().mounting[access as usize].works != Some(false)
    }

    pub(crate) fn mount_worked(&self, access: MountAccess) {
        self.learned().mounting[access as usize].works = Some(true);
    }

    /// A host that has mounted before can mount: a later refusal is about that blob.
    pub(crate) fn mount_refused(&self, access: MountAccess) {
        self.learned().mounting[access as usize].works.get_or_insert(false);
    }

    /// A mount failed for a reason that may not be about mounting. Several failures count as a refusal.
    pub(crate) fn mount_failed(&self, access: MountAccess) {
        let mounting = &mut self.learned().mounting[access as usize];
        mounting.accidents = mounting.accidents.saturating_add(1);
        if mounting.accidents >= MOST_ACCIDENTS {
            mounting.works.get_or_insert(false);
        }
    }

    /// How to send a blob of this many bytes.
    pub(crate) fn upload_mode(&self, size: u64) -> UploadMode {
        let learned = self.learned().upload;
        let largest = self.profile.largest_request.unwrap_or(u64::MAX);
        let mode = if size > largest { learned.max(UploadMode::Stream) } else { learned };
        // Without PATCH there is only one mode.
        if self.profile.pieces.is_some() { mode } else { UploadMode::Whole }
    }

    /// The host refused a blob in this mode because of its size: the next mode is used from now on.
    /// `false` if this is the last mode.
    pub(crate) fn too_large_for(&self, mode: UploadMode) -> bool {
        let next = match mode {
            _ if self.profile.pieces.is_none() => return false,
            UploadMode::Whole => UploadMode::Stream,
            UploadMode::Stream => UploadMode::Pieces,
            UploadMode::Pieces => return false,
        };
        let mut learned = self.learned();
        learned.upload = learned.upload.max(next);
        true
    }

    /// The size of a piece in bytes.
    pub(crate) fn piece(&self) -> u64 {
        let learned = self.learned();
        learned.piece.max(learned.smallest_piece)
    }

    /// The host refused a piece of this length: smaller ones are used from now on. `false` if it had the
    /// smallest size.
    pub(crate) fn piece_too_large(&self, length: u64) -> bool {
        let mut learned = self.learned();
        let smallest = learned.smallest_piece;
        learned.piece = learned.piece.min((length / 2).max(smallest));
        length > smallest
    }

    /// The host announced the least size of all pieces but the last.
    pub(crate) fn raise_smallest_piece(&self, bytes: u64) {
        let mut learned = self.learned();
        learned.smallest_piece = learned.smallest_piece.max(bytes.min(LARGEST_SMALLEST_PIECE));
    }

    /// What the host deletes, as far as it is known.
    pub fn deletion(&self) -> Option<Deletion> {
        self.profile.deletion.or(self.learned().deletion)
    }

    /// The host deleted something.
    pub(crate) fn learn_deletion(&self, deletion: Deletion) {
        self.learned().deletion.get_or_insert(deletion);
    }

    pub(crate) fn untagging(&self) -> Untagging {
        match self.profile.deletion {
            Some(Deletion::Tags) => return Untagging::Certain,
            Some(_) => return Untagging::Impossible,
            None => {}
        }
        match self.learned().manifest_outlives_tag {
            Some(true) => Untagging::Certain,
            Some(false) => Untagging::Impossible,
            None => Untagging::Unknown,
        }
    }

    /// A tag was deleted, and its manifest was there afterwards.
    pub(crate) fn manifest_outlived_tag(&self) {
        self.learned().manifest_outlives_tag.get_or_insert(true);
    }

    /// A tag was deleted, and its manifest as well. From now on, none is relied on.
    pub(crate) fn manifest_went_with_tag(&self) {
        self.learned().manifest_outlives_tag = Some(false);
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        lock(&self.learned)
    }
}

#[cfg(test)]
mod tests {
    use super::MountAccess::{OtherLogin, SameLogin};
    use super::*;
    use crate::known::kind::RegistryKind;

    fn any() -> Capabilities {
        of(RegistryKind::DockerRegistry)
    }

    fn of(kind: RegistryKind) -> Capabilities {
        Capabilities::new(Profile::of(kind))
    }

    #[test]
    fn a_host_starts_with_the_capabilities_of_its_kind() {
        assert!(
            of(RegistryKind::Ecr).mount_needs_manifest()
                && of(RegistryKind::Ecr).can_mount(SameLogin)
        );
        assert!(!of(RegistryKind::Ecr).self_mount_finds_blob() && any().self_mount_finds_blob());
        let acr = of(RegistryKind::Acr);
        assert_eq!(acr.upload_mode(19_000_000), UploadMode::Whole);
        assert_eq!(acr.upload_mode(21_000_000), UploadMode::Stream);
        assert_eq!(any().upload_mode(u64::MAX), UploadMode::Whole);
        let without_patch = of(RegistryKind::Gar);
        assert!(!without_patch.too_large_for(UploadMode::Whole));
        assert_eq!(without_patch.upload_mode(u64::MAX), UploadMode::Whole);
        let never = Profile { mounts: Some(Mounts::No), ..Profile::of(RegistryKind::Nexus) };
        let never = Capabilities::new(never);
        assert!(!never.can_mount(SameLogin) && !never.self_mount_finds_blob());
    }

    #[test]
    fn pieces_are_never_smaller_than_the_host_announces() {
        let ecr = of(RegistryKind::Ecr);
        while ecr.piece_too_large(ecr.piece()) {}
        assert_eq!(ecr.piece(), 5 << 20);
        let host = any();
        host.raise_smallest_piece(20 << 20);
        assert_eq!(host.piece(), 20 << 20);
        host.raise_smallest_piece(u64::MAX);
        assert_eq!(host.piece(), LARGEST_SMALLEST_PIECE);
    }

    #[test]
    fn a_blob_that_is_too_large_for_one_mode_is_sent_in_the_next() {
        let host = any();
        assert!(host.too_large_for(UploadMode::Whole));
        assert_eq!(host.upload_mode(1), UploadMode::Stream);
        // A slower task that was still in the first mode does not undo that.
        assert!(host.too_large_for(UploadMode::Whole));
        assert!(host.too_large_for(UploadMode::Stream));
        assert_eq!(host.upload_mode(1), UploadMode::Pieces);
        assert!(!host.too_large_for(UploadMode::Pieces));
    }

    #[test]
    fn refused_pieces_are_halved_down_to_the_smallest_size() {
        let host = any();
        let mut refused = Vec::new();
        while host.piece_too_large(host.piece()) {
            refused.push(host.piece() >> 20);
        }
        assert_eq!(refused, [8, 4, 2, 1]);
        // The last piece of a blob may be smaller than that: nothing is learned from it.
        assert!(!host.piece_too_large(1000));
        assert_eq!(host.piece(), 1 << 20);
    }

    #[test]
    fn a_refused_mount_does_not_disable_mounting_that_has_worked() {
        let host = any();
        host.mount_worked(SameLogin);
        host.mount_refused(SameLogin);
        assert!(host.can_mount(SameLogin));
        let other = any();
        other.mount_refused(SameLogin);
        assert!(!other.can_mount(SameLogin));
    }

    #[test]
    fn refused_mounts_with_another_login_do_not_disable_those_with_the_same_login() {
        let host = any();
        host.mount_refused(OtherLogin);
        assert!(
            !host.can_mount(OtherLogin)
                && host.can_mount(SameLogin)
                && host.self_mount_finds_blob()
        );
    }

    #[test]
    fn a_tag_is_deleted_alone_only_where_a_manifest_has_outlived_one() {
        let host = any();
        assert_eq!((host.deletion(), host.untagging()), (None, Untagging::Unknown));
        host.learn_deletion(Deletion::Tags);
        host.manifest_outlived_tag();
        assert_eq!((host.deletion(), host.untagging()), (Some(Deletion::Tags), Untagging::Certain));
        host.manifest_went_with_tag();
        host.manifest_outlived_tag();
        assert_eq!(host.untagging(), Untagging::Impossible, "one counterexample is enough");
        let acr = of(RegistryKind::Acr);
        acr.manifest_outlived_tag();
        assert_eq!(
            (acr.deletion(), acr.untagging()),
            (Some(Deletion::Digests), Untagging::Impossible)
        );
    }

    #[test]
    fn three_failed_mounts_disable_mounting_unless_one_has_worked() {
        let (host, good) = (any(), any());
        good.mount_worked(SameLogin);
        for accident in 1..=300 {
            host.mount_failed(SameLogin);
            good.mount_failed(SameLogin);
            assert_eq!(host.can_mount(SameLogin), accident < 3, "{accident}");
            assert!(good.can_mount(SameLogin));
        }
    }
}
