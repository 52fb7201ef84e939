//! Refuses to begin a bundle that the disk has no room for.

use layout::{LayoutLocation, free_space};
use messages::Advice;

/// More than a header, padding and lines in lists take, in bytes.
const OVERHEAD: u64 = 4 << 10;

/// The bytes that contents of these sizes take in a bundle, at most.
pub(super) fn room_for(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, |sum, size| sum.saturating_add(size).saturating_add(OVERHEAD))
}

/// `needed` is what will be written, in bytes. `otherwise` is what else the user can do.
///
/// # Errors
/// If fewer bytes are free.
pub(super) fn require(output: &LayoutLocation, needed: u64, otherwise: &str) -> Result<(), Advice> {
    decide(output, needed, free_space(output.path())?, otherwise)
}

fn decide(output: &LayoutLocation, needed: u64, free: u64, otherwise: &str) -> Result<(), Advice> {
    if needed <= free {
        return Ok(());
    }
    let message = format!(
        "{output}: the bundle needs {needed} more bytes, and {free} are free there; nothing was written"
    );
    let hint = format!("free some space, or write it to another disk{otherwise}");
    Err(Advice::new(message).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_begun_only_if_there_is_room_for_all_of_it() {
        let output = LayoutLocation::Archive("site.tar".into());
        // The sizes of the contents, the free bytes, and whether that is enough.
        let table: [(&[u64], u64, bool); 7] = [
            (&[], 0, true),
            (&[0], OVERHEAD - 1, false),
            (&[0], OVERHEAD, true),
            (&[1000, 24], 1024 + 2 * OVERHEAD, true),
            (&[1000, 24], 1023 + 2 * OVERHEAD, false),
            (&[u64::MAX], u64::MAX, true),
            (&[u64::MAX, u64::MAX], u64::MAX - 1, false),
        ];
        for (sizes, free, is_enough) in table {
            let needed = room_for(sizes.iter().copied());
            let decided = decide(&output, needed, free, ", or leave out the chart");
            assert_eq!(decided.is_ok(), is_enough, "{sizes:?} {free}");
            let Err(refused) = decided else { continue };
            let (message, hint) = (refused.message, refused.hint.unwrap());
            for word in ["site.tar", &needed.to_string(), &free.to_string(), "nothing was written"]
            {
                assert!(message.contains(word), "{word}: {message}");
            }
            assert!(hint.ends_with("another disk, or leave out the chart"), "{hint}");
        }
    }
}
