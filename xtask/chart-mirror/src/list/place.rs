//! `Place`: a line and a column in images.toml.

/// A position in a text, counted from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place {
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub line: usize,
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub column: usize,
}

/// Finds the places of offsets in a text. A lookup reads a bounded part of the text, so that it takes
/// the same time everywhere, even in one long line.
pub(super) struct PlaceIndex<'t> {
    text: &'t str,
    /// An offset and its place, at least every `MARK_DISTANCE` bytes.
    marks: Vec<(usize, Place)>,
}

const MARK_DISTANCE: usize = 256;

impl Place {
    /// For an entry that is not in a text. It comes after all others.
    pub const NOWHERE: Self = Self { line: usize::MAX, column: usize::MAX };

    fn after(self, character: char) -> Self {
        match character {
            '\n' => Self { line: self.line + 1, column: 1 },
            _ => Self { column: self.column + 1, ..self },
        }
    }
}

impl<'t> PlaceIndex<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut place = Place { line: 1, column: 1 };
        let mut marks = vec![(0, place)];
        let mut next = MARK_DISTANCE;
        for (offset, character) in text.char_indices() {
            if offset >= next {
                marks.push((offset, place));
                next = offset + MARK_DISTANCE;
            }
            place = place.after(character);
        }
        Self { text, marks }
    }

    /// The place of an offset; of the end of the text, if the offset is beyond it.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = char_boundary(self.text, offset);
        let (mark, place) = self.last_mark(offset);
        self.text[mark..offset].chars().fold(place, Place::after)
    }

    fn last_mark(&self, offset: usize) -> (usize, Place) {
        self.marks[self.marks.partition_point(|(mark, _)| *mark <= offset) - 1]
    }
}

/// The last boundary of a character at or before `offset`.
pub(super) fn char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "ä = 1\nöö = x";
        let index = PlaceIndex::new(text);
        assert_eq!(index.place(text.find('x').unwrap()), Place { line: 2, column: 6 });
        assert_eq!(index.place(usize::MAX), Place { line: 2, column: 7 });
        assert_eq!(index.place(1), Place { line: 1, column: 1 }, "inside a character");
    }

    #[test]
    fn a_lookup_reads_a_bounded_part_of_the_text() {
        for text in ["ä".repeat(10_000), "a\n".repeat(10_000), String::new()] {
            let index = PlaceIndex::new(&text);
            let mut expected = Place { line: 1, column: 1 };
            for (offset, character) in text.char_indices() {
                let (mark, _) = index.last_mark(offset);
                assert!(offset - mark < MARK_DISTANCE + 4, "{mark} {offset}");
                assert_eq!(index.place(offset), expected);
                expected = expected.after(character);
            }
        }
    }
}
