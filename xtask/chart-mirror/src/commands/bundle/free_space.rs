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
    let free = free_space(output.path())?;
    if needed <= free {
        return Ok(());
    }
    let message = format!(
        "{output}: the bundle needs {needed} more bytes, and {free} are free there; nothing was written"
    );
    let hint = format!("free some space, or write it to another disk{otherwise}");
    Err(Advice::new(message).with_hint(hint))
}
