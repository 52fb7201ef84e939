//! How much is copied or checked at once.

/// Images that are copied or checked at once. Enough to fill every queue, and few enough that a long list takes
/// little more memory than a short one.
pub(crate) const IMAGES_AT_ONCE: usize = 256;
/// Images that are copied at once to each of several destinations, however many there are.
pub(super) const FEWEST_IMAGES_AT_ONCE: usize = 32;
/// Manifests of one index that are in memory at a time.
pub(crate) const CHILDREN_AT_ONCE: usize = 8;
/// Manifests of one image whose attachments are looked for at a time.
pub(super) const SUBJECTS_AT_ONCE: usize = 32;
