//! Applies changes to a text.

use std::ops::Range;

/// A range of the text, and the text that replaces it.
pub(super) type Change = (Range<usize>, String);

/// Makes all changes in one pass, so that many changes of a long text take no longer than it is. Of two
/// insertions at one offset, the later one ends up first.
pub(super) fn changed(text: &str, mut changes: Vec<Change>) -> String {
    changes.reverse();
    changes.sort_by_key(|(range, _)| range.start);
    let mut changed = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, new) in changes {
        changed.push_str(&text[copied..range.start.max(copied)]);
        changed.push_str(&new);
        copied = range.end.max(copied);
    }
    changed + &text[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_apply_at_the_offsets_of_the_old_text() {
        type Changes<'a> = &'a [(Range<usize>, &'a str)];
        let table: [(Changes<'_>, &str); 6] = [
            (&[], "0123456789"),
            (&[(8..9, "b"), (0..2, "a")], "a234567b9"),
            (&[(3..3, "x"), (10..10, "y")], "012x3456789y"),
            (&[(3..3, "x"), (3..3, "y")], "012yx3456789"),
            (&[(3..5, "x"), (3..3, "y")], "012yx56789"),
            (&[(0..5, ""), (4..10, "")], ""),
        ];
        for (changes, expected) in table {
            let changes = changes.iter().map(|(range, new)| (range.clone(), (*new).to_owned()));
            assert_eq!(changed("0123456789", changes.collect()), expected);
        }
    }
}
