//! What the format of another tool leaves out of a list.

use crate::formats::Omission;
use messages::printable::printable;

/// How many items a line names.
const MOST: usize = 3;

/// One line: how much is left out, examples, and what the tool does instead.
pub fn left_out(Omission { what, items, why }: &Omission) -> String {
    let mut named: Vec<String> = items.iter().take(MOST).map(|item| printable(item)).collect();
    if items.len() > MOST {
        named.push(format!("and {} more", items.len() - MOST));
    }
    format!("left out: {} ({}): {why}", what.phrase(items.len()), named.join(", "))
}
