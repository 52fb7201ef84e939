//! Reads the public keys that the policy of a list names.

use crate::copy::SignaturePolicy;
use crate::list::Policy;
use messages::Advice;

/// # Errors
/// If a key cannot be read or used.
pub(super) fn signature_policy(policy: &Policy) -> Result<SignaturePolicy, Advice> {
    SignaturePolicy::new(policy, |file| regular_file::read(file, regular_file::LARGEST))
}
