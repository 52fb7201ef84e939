//! What a registry can do: declared for the hosts that are known, learned from the others.
//!
//! Differences between registries are rows here, not conditions spread about.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The size of a piece until the registry refuses one for it, in bytes.
const PIECE: u64 = 16 << 20;
/// Pieces are not made smaller than this, in bytes.
const SMALLEST_PIECE: u64 = 1 << 20;
/// A host that wants larger ones than this at least means something else.
const LARGEST_SMALLEST_PIECE: u64 = 1 << 30;

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

/// What is known of one host's abilities. What was learned holds for the rest of the run.
pub(crate) struct Capabilities {
    /// A blob can be mounted only once a manifest of its repository refers to it.
    pub(crate) mount_needs_manifest: bool,
    /// Blobs above this many bytes are not sent whole, whatever the host answers to smaller ones.
    pub(crate) largest_whole: u64,
    mounts: AtomicU8,
    upload: AtomicU8,
    piece: AtomicU64,
    smallest_piece: AtomicU64,
}

/// Hosts by their ending: (ending, mount needs the manifest, largest blob sent whole).
const KNOWN: [(&str, bool, u64); 3] = [
    (".amazonaws.com", true, u64::MAX),
    (".amazonaws.com.cn", true, u64::MAX),
    // Azure refuses single requests above some 20 MB.
    (".azurecr.io", false, 20_000_000),
];

const UNKNOWN: u8 = 0;
const WORKS: u8 = 1;
const REFUSED: u8 = 2;

impl Capabilities {
    /// What is declared for a host, by its name.
    pub(crate) fn of(host: &str) -> Self {
        let host = host.split(':').next().unwrap_or(host);
        let row = KNOWN.iter().find(|(ending, ..)| host.ends_with(ending));
        let (_, mount_needs_manifest, largest_whole) =
            row.copied().unwrap_or(("", false, u64::MAX));
        Self {
            mount_needs_manifest,
            largest_whole,
            mounts: AtomicU8::new(UNKNOWN),
            upload: AtomicU8::new(UploadMode::Whole as u8),
            piece: AtomicU64::new(PIECE),
            smallest_piece: AtomicU64::new(SMALLEST_PIECE),
        }
    }

    /// `false` once a mount that had to succeed was refused: then existence is asked for instead.
    pub(crate) fn can_mount(&self) -> bool {
        self.mounts.load(Ordering::Relaxed) != REFUSED
    }

    pub(crate) fn mount_worked(&self) {
        self.mounts.store(WORKS, Ordering::Relaxed);
    }

    /// A host that has mounted once can mount: a later refusal is about that blob.
    pub(crate) fn mount_refused(&self) {
        let _ =
            self.mounts.compare_exchange(UNKNOWN, REFUSED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// How to send a blob of this many bytes.
    pub(crate) fn upload_mode(&self, size: u64) -> UploadMode {
        let learned = match self.upload.load(Ordering::Relaxed) {
            0 => UploadMode::Whole,
            1 => UploadMode::Stream,
            _ => UploadMode::Pieces,
        };
        if size > self.largest_whole { learned.max(UploadMode::Stream) } else { learned }
    }

    /// The host refused a blob sent in this mode for its size: the next mode from now on.
    /// `false` if there is none left.
    pub(crate) fn too_large_for(&self, mode: UploadMode) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hosts_are_recognised_by_their_ending() {
        let ecr = Capabilities::of("57413481473.dkr.ecr.eu-west-1.amazonaws.com");
        assert!(ecr.mount_needs_manifest);
        let acr = Capabilities::of("mine.azurecr.io:443");
        assert_eq!(acr.upload_mode(19_000_000), UploadMode::Whole);
        assert_eq!(acr.upload_mode(21_000_000), UploadMode::Stream);
        let other = Capabilities::of("amazonaws.com.example.org");
        assert!(!other.mount_needs_manifest);
        assert_eq!(other.upload_mode(u64::MAX), UploadMode::Whole);
    }

    #[test]
    fn what_was_refused_for_its_size_is_sent_in_the_next_mode_until_none_is_left() {
        let host = Capabilities::of("harbor.local");
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
        let host = Capabilities::of("harbor.local");
        let mut refused = Vec::new();
        while host.piece_too_large(host.piece()) {
            refused.push(host.piece() >> 20);
        }
        assert_eq!(refused, [8, 4, 2, 1]);
        // A blob's last piece was smaller than any: nothing is learned from it.
        assert!(!host.piece_too_large(1000));
        assert_eq!(host.piece(), SMALLEST_PIECE);
    }

    #[test]
    fn one_refused_mount_does_not_unlearn_that_mounting_works() {
        let host = Capabilities::of("harbor.local");
        host.mount_worked();
        host.mount_refused();
        assert!(host.can_mount());
        let other = Capabilities::of("harbor.local");
        other.mount_refused();
        assert!(!other.can_mount());
    }
}
