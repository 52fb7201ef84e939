//! What a registry can do: from its profile at first, and learned from its answers.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::known::kind::{Mounts, RegistryKind};
use crate::known::profile::{BlobCheck, Pieces, Profile};

/// A host that wants larger ones than this at least means something else.
const LARGEST_SMALLEST_PIECE: u64 = 1 << 30;

/// So many mounts that fail for reasons of their own are a reason not to try any more.
const MOST_ACCIDENTS: u8 = 3;

/// Whose the two repositories of a mount are. Learned apart: who may push to one repository need not be
/// allowed to read another one, which says nothing of two that are both his.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// We push to both as the same, or they are one.
    Ours,
    /// Another login is for the other one, or it is a source.
    Strangers,
}

/// How the bytes of a blob are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UploadMode {
    /// POST, then one PUT with the whole blob: two requests, the fewest.
    Whole,
    /// POST, one PATCH without `Content-Range` that carries the stream, an empty PUT.
    Stream,
    /// POST, a PATCH for each piece, an empty PUT.
    Pieces,
}

/// What is known of one host's abilities: its profile, and what was learned since. That holds for the
/// rest of the run.
pub struct Capabilities {
    profile: Profile,
    mounts: Mounting,
    mounts_of_strangers: Mounting,
    upload: AtomicU8,
    piece: AtomicU64,
    smallest_piece: AtomicU64,
}

/// What is known of one sort of mounts.
struct Mounting {
    known: AtomicU8,
    accidents: AtomicU8,
}

const UNKNOWN: u8 = 0;
const WORKS: u8 = 1;
const REFUSED: u8 = 2;

impl Capabilities {
    pub(crate) fn new(profile: Profile) -> Self {
        let mounts = match profile.mounts {
            None => UNKNOWN,
            Some(Mounts::Yes | Mounts::AfterManifest) => WORKS,
            Some(Mounts::No) => REFUSED,
        };
        let pieces = profile.pieces.unwrap_or(Pieces { smallest: 1, largest: u64::MAX });
        Self {
            profile,
            mounts: Mounting::new(mounts),
            mounts_of_strangers: Mounting::new(mounts),
            upload: AtomicU8::new(UploadMode::Whole as u8),
            piece: AtomicU64::new(pieces.largest),
            smallest_piece: AtomicU64::new(pieces.smallest),
        }
    }

    /// What was known of the host from the beginning, for people.
    pub(crate) fn in_words(&self) -> Vec<String> {
        let profile = &self.profile;
        let mut words = vec![match profile.kind {
            RegistryKind::DockerRegistry => "taken for a registry like any other".to_owned(),
            kind => format!("known as a registry of the kind `{}`", kind.name()),
        }];
        words.push(match profile.largest_request {
            Some(most) => format!("blobs above {most} bytes are streamed, smaller ones sent whole"),
            None => "blobs are sent whole".to_owned(),
        });
        words.extend(match profile.mounts {
            None => None,
            Some(Mounts::Yes) => Some("blobs are mounted".to_owned()),
            Some(Mounts::No) => Some("blobs are never mounted".to_owned()),
            Some(Mounts::AfterManifest) => {
                Some("a blob is mounted only from where a manifest refers to it".to_owned())
            }
        });
        if !profile.creates_repositories {
            words.push("repositories have to be created before the first push".to_owned());
        }
        words
    }

    /// A blob can be mounted only once a manifest of its repository refers to it.
    pub fn mount_needs_manifest(&self) -> bool {
        self.profile.mounts == Some(Mounts::AfterManifest)
    }

    /// Whether asking to mount a blob from its own repository tells if it is there.
    pub fn self_mount_tells(&self) -> bool {
        self.can_mount(Between::Ours) && self.profile.blob_check() == BlobCheck::SelfMount
    }

    /// `false` once mounts that had to succeed were refused: then existence is asked for instead.
    pub fn can_mount(&self, between: Between) -> bool {
        self.mounting(between).known.load(Ordering::Relaxed) != REFUSED
    }

    pub(crate) fn mount_worked(&self, between: Between) {
        self.mounting(between).known.store(WORKS, Ordering::Relaxed);
    }

    /// A host that has mounted once can mount: a later refusal is about that blob.
    pub(crate) fn mount_refused(&self, between: Between) {
        let known = &self.mounting(between).known;
        let _ = known.compare_exchange(UNKNOWN, REFUSED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A mount failed for a reason that need not be about mounting. Several are one refusal.
    pub(crate) fn mount_failed(&self, between: Between) {
        let accidents = &self.mounting(between).accidents;
        if accidents.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_ACCIDENTS {
            self.mount_refused(between);
            // Another time, another three.
            accidents.store(0, Ordering::Relaxed);
        }
    }

    fn mounting(&self, between: Between) -> &Mounting {
        match between {
            Between::Ours => &self.mounts,
            Between::Strangers => &self.mounts_of_strangers,
        }
    }

    /// How to send a blob of this many bytes.
    pub(crate) fn upload_mode(&self, size: u64) -> UploadMode {
        let learned = match self.upload.load(Ordering::Relaxed) {
            0 => UploadMode::Whole,
            1 => UploadMode::Stream,
            _ => UploadMode::Pieces,
        };
        let largest = self.profile.largest_request.unwrap_or(u64::MAX);
        let mode = if size > largest { learned.max(UploadMode::Stream) } else { learned };
        // Without PATCH there is one way.
        if self.profile.pieces.is_some() { mode } else { UploadMode::Whole }
    }

    /// The host refused a blob sent in this mode for its size: the next mode from now on.
    /// `false` if there is none left.
    pub(crate) fn too_large_for(&self, mode: UploadMode) -> bool {
        if self.profile.pieces.is_none() {
            return false;
        }
        let next = match mode {
            UploadMode::Whole => UploadMode::Stream,
            UploadMode::Stream => UploadMode::Pieces,
            UploadMode::Pieces => return false,
        };
        self.upload.fetch_max(next as u8, Ordering::Relaxed);
        true
    }

    /// How large a piece may be.
    pub(crate) fn piece(&self) -> u64 {
        self.piece.load(Ordering::Relaxed).max(self.smallest_piece.load(Ordering::Relaxed))
    }

    /// The host refused a piece of this length: smaller ones from now on. `false` if it was one of
    /// the smallest.
    pub(crate) fn piece_too_large(&self, length: u64) -> bool {
        let smallest = self.smallest_piece.load(Ordering::Relaxed);
        self.piece.fetch_min((length / 2).max(smallest), Ordering::Relaxed);
        length > smallest
    }

    /// The host announced how small a piece may be, but for the last one.
    pub(crate) fn pieces_are_at_least(&self, bytes: u64) {
        self.smallest_piece.fetch_max(bytes.min(LARGEST_SMALLEST_PIECE), Ordering::Relaxed);
    }
}

impl Mounting {
    fn new(known: u8) -> Self {
        Self { known: AtomicU8::new(known), accidents: AtomicU8::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Between::{Ours, Strangers};
    use super::*;
    use crate::known::kind::RegistryKind;

    fn any() -> Capabilities {
        of(RegistryKind::DockerRegistry)
    }

    fn of(kind: RegistryKind) -> Capabilities {
        Capabilities::new(Profile::of(kind))
    }

    #[test]
    fn a_host_begins_with_what_its_kind_can_do() {
        assert!(
            of(RegistryKind::Ecr).mount_needs_manifest() && of(RegistryKind::Ecr).can_mount(Ours)
        );
        assert!(!of(RegistryKind::Ecr).self_mount_tells() && any().self_mount_tells());
        let acr = of(RegistryKind::Acr);
        assert_eq!(acr.upload_mode(19_000_000), UploadMode::Whole);
        assert_eq!(acr.upload_mode(21_000_000), UploadMode::Stream);
        assert_eq!(any().upload_mode(u64::MAX), UploadMode::Whole);
        let without_patch = of(RegistryKind::Gar);
        assert!(!without_patch.too_large_for(UploadMode::Whole));
        assert_eq!(without_patch.upload_mode(u64::MAX), UploadMode::Whole);
        let never = Profile { mounts: Some(Mounts::No), ..Profile::of(RegistryKind::Nexus) };
        let never = Capabilities::new(never);
        assert!(!never.can_mount(Ours) && !never.self_mount_tells());
    }

    #[test]
    fn pieces_stay_above_what_the_host_announces() {
        let ecr = of(RegistryKind::Ecr);
        while ecr.piece_too_large(ecr.piece()) {}
        assert_eq!(ecr.piece(), 5 << 20);
        let host = any();
        host.pieces_are_at_least(20 << 20);
        assert_eq!(host.piece(), 20 << 20);
        host.pieces_are_at_least(u64::MAX);
        assert_eq!(host.piece(), LARGEST_SMALLEST_PIECE);
    }

    #[test]
    fn what_was_refused_for_its_size_is_sent_in_the_next_mode_until_none_is_left() {
        let host = any();
        assert!(host.too_large_for(UploadMode::Whole));
        assert_eq!(host.upload_mode(1), UploadMode::Stream);
        // A slower task that still was in the first mode does not lead back.
        assert!(host.too_large_for(UploadMode::Whole));
        assert!(host.too_large_for(UploadMode::Stream));
        assert_eq!(host.upload_mode(1), UploadMode::Pieces);
        assert!(!host.too_large_for(UploadMode::Pieces));
    }

    #[test]
    fn pieces_become_smaller_until_they_are_the_smallest() {
        let host = any();
        let mut refused = Vec::new();
        while host.piece_too_large(host.piece()) {
            refused.push(host.piece() >> 20);
        }
        assert_eq!(refused, [8, 4, 2, 1]);
        // A blob's last piece was smaller than any: nothing is learned from it.
        assert!(!host.piece_too_large(1000));
        assert_eq!(host.piece(), 1 << 20);
    }

    #[test]
    fn one_refused_mount_does_not_unlearn_that_mounting_works() {
        let host = any();
        host.mount_worked(Ours);
        host.mount_refused(Ours);
        assert!(host.can_mount(Ours));
        let other = any();
        other.mount_refused(Ours);
        assert!(!other.can_mount(Ours));
    }

    #[test]
    fn what_cannot_be_mounted_from_strangers_may_be_from_our_own() {
        let host = any();
        host.mount_refused(Strangers);
        assert!(!host.can_mount(Strangers) && host.can_mount(Ours) && host.self_mount_tells());
    }

    #[test]
    fn three_mounts_that_fail_by_accident_are_a_refusal_unless_one_has_worked() {
        let (host, good) = (any(), any());
        good.mount_worked(Ours);
        for accident in 1..=300 {
            host.mount_failed(Ours);
            good.mount_failed(Ours);
            assert_eq!(host.can_mount(Ours), accident < 3, "{accident}");
            assert!(good.can_mount(Ours));
        }
    }
}
