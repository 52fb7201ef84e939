//! Reads DER (X.690), as far as public keys need it: elements in order, with definite lengths.

/// What is left of an encoding.
pub(super) struct Der<'a>(&'a [u8]);

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, if it has this tag.
    pub(super) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, first], rest) = self.0.split_first_chunk()?;
        if found != tag {
            return None;
        }
        let (length, rest) = match usize::from(first) {
            short @ 0..=0x7f => (short, rest),
            // Four bytes of length are enough for any key.
            long @ 0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(long - 0x80)?;
                let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                let is_shortest = digits[0] != 0 && length >= 0x80;
                (Some(length).filter(|_| is_shortest)?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The only element: nothing may follow it.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let mut all = Self(bytes);
        let content = all.read(tag)?;
        all.0.is_empty().then_some(content)
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_its_tag_the_shortest_length_and_all_of_its_content() {
        let long = [&[SEQUENCE, 0x81, 0x80][..], &[7; 0x80]].concat();
        let table: [(&[u8], Option<usize>); 9] = [
            (&[SEQUENCE, 2, 1, 2], Some(2)),
            (&[SEQUENCE, 0], Some(0)),
            (&long, Some(0x80)),
            (&[INTEGER, 1, 1], None),
            (&[SEQUENCE, 2, 1], None),
            (&[SEQUENCE, 1, 1, 2], None),
            (&[SEQUENCE, 0x81, 1, 1], None),
            (&[SEQUENCE, 0x80, 1, 0, 0], None),
            (&[SEQUENCE], None),
        ];
        for (bytes, expected) in table {
            assert_eq!(Der::only(bytes, SEQUENCE).map(<[u8]>::len), expected, "{bytes:x?}");
        }
    }
}
