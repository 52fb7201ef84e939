//! The comments at the end of a new list about what cannot be listed, and which of them hold no longer.

use std::ops::Range;

/// The first words of a remark.
const START: &str = "# Not listed: ";
/// The first words of its last paragraph.
const HINT: &str = "# hint: ";

/// The comment about an image that cannot be listed. `lines` are why, and what to do.
pub fn not_listed<'l>(lines: impl IntoIterator<Item = &'l str>) -> String {
    let lines = lines.into_iter().map(str::trim).enumerate().map(|(number, line)| match number {
        0 => format!("{START}{line}\n"),
        _ => format!("# {line}\n"),
    });
    lines.collect()
}

/// The text without remarks that are not among those that hold, and the removed ones. A remark that the user has
/// changed stays if its first line is the same. Other comments stay.
pub fn without_outdated_remarks(text: &str, holding: &[String]) -> (String, Vec<String>) {
    let holds = |remark: &str| {
        let first = remark.lines().next();
        holding.iter().any(|holding| holding.lines().next() == first)
    };
    let (mut left, mut removed) = (text.to_owned(), Vec::new());
    for range in remarks(text).into_iter().rev() {
        let remark = text[range.clone()].trim_end();
        if !holds(remark) {
            removed.insert(0, remark.to_owned());
            left.replace_range(range, "");
        }
    }
    if !removed.is_empty() && left.trim_end().len() < left.len() {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        left.truncate(left.trim_end().len());
        left.push_str(end);
    }
    (left, removed)
}

/// The remarks of a text, each with the blank line behind it: whole groups of comments.
fn remarks(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut remark: Option<(usize, bool)> = None;
    let mut follows_blank = true;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        remark = match remark {
            Some((start, has_hint)) if line.starts_with('#') && !line.starts_with(START) => {
                Some((start, has_hint || line.starts_with(HINT)))
            }
            Some((start, true)) if is_blank => {
                found.push(start..at + line.len());
                None
            }
            // Above an entry, it has become a comment of that.
            _ if follows_blank && line.starts_with(START) => Some((at, false)),
            _ => None,
        };
        follows_blank = is_blank;
        at += line.len();
    }
    if let Some((start, true)) = remark {
        found.push(start..at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outdated_remarks_in_their_own_form_are_removed() {
        let old = not_listed(["`a` has no tag", "  at Pod/a", "hint: add a version"]);
        let holding = not_listed(["`b` has no tag", "  at Pod/b", "hint: add a version"]);
        assert_eq!(old, "# Not listed: `a` has no tag\n# at Pod/a\n# hint: add a version\n");
        let entry = "[[image]]\nsource = \"q.io/c\"\ntag = \"1\"\n";
        let changed = "# Not listed: `a`, see #12\n";
        let table = [
            (format!("{entry}\n{old}\n{holding}"), format!("{entry}\n{holding}"), 1),
            (format!("{entry}\n{holding}\n{old}"), format!("{entry}\n{holding}"), 1),
            (format!("{entry}\n{old}\n{entry}"), format!("{entry}\n{entry}"), 1),
            (format!("{entry}\n{old}\n{old}"), entry.to_owned(), 2),
            (format!("{entry}\n{old}{entry}"), format!("{entry}\n{old}{entry}"), 0),
            (format!("{entry}\n{changed}"), format!("{entry}\n{changed}"), 0),
            (format!("{entry}{old}"), format!("{entry}{old}"), 0),
            (format!("{entry}\n\n\n"), format!("{entry}\n\n\n"), 0),
        ];
        for (text, expected, number) in table {
            let holding = std::slice::from_ref(&holding);
            let (left, removed) = without_outdated_remarks(&text, holding);
            assert_eq!((left, removed.len()), (expected.clone(), number), "{text}");
            let windows = text.replace('\n', "\r\n");
            let (left, _) = without_outdated_remarks(&windows, holding);
            assert_eq!(left, expected.replace('\n', "\r\n"), "{text}");
        }
    }
}
