//! One reference per line.

use super::export::{Export, WrittenList};
use super::reading::{Reading, Where};

/// Sources, with tags and digests.
pub(super) fn write(export: &Export<'_>) -> WrittenList {
    let mut losses = export.losses();
    export.lose_values(&mut losses);
    export.lose_destinations(&mut losses);
    let lines = export.images.iter().map(|image| format!("{}\n", image.pinned()));
    WrittenList { text: lines.collect(), left_out: losses.into_all() }
}

/// Lines may be items of a YAML list. Comments begin with `#`.
pub(super) fn read(text: &str, reading: &mut Reading<'_>) {
    for (number, line) in (1..).zip(text.lines()) {
        let Some(word) = word(line) else { continue };
        let place = Where { line: Some(number), entry: None };
        reading.add_reference(place, word);
    }
}

/// What a line lists: nothing, if it is empty or a comment.
pub(super) fn word(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or(line).trim();
    let item = line.strip_prefix("- ").unwrap_or(line).trim();
    let bare = item.trim_matches(['"', '\'']);
    (!bare.is_empty() && !bare.starts_with('#') && bare != "---").then_some(bare)
}
