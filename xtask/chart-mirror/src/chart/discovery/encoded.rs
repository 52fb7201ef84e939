//! Base64 in the data of a Secret, and in `binaryData`; pure.

use base64::Engine as _;

use crate::chart::node::Node;

/// A value without its base64; as it is if it has none.
pub(super) fn decoded(node: &Node) -> String {
    let text = node.scalar().unwrap_or_default();
    // Lines of base64 may be wrapped.
    let encoded: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let decoded = base64::prelude::BASE64_STANDARD.decode(&encoded);
    decoded.map_or_else(|_| text.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
