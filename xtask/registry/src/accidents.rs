//! `Accidents`: what was wrong with content that was transmitted, and whether another transmission may help.

/// Content is transmitted again at most this many times.
const MOST: usize = 3;

/// What was wrong with the same content so far.
#[derive(Default)]
pub(crate) struct Accidents(Vec<String>);

impl Accidents {
    /// Whether this may be an accident of one transmission, too. Accidents differ; what is wrong twice in the same
    /// way is wrong at its origin.
    pub(crate) fn may_include(&mut self, what: impl ToString) -> bool {
        let what = what.to_string();
        let is_new = !self.0.contains(&what);
        self.0.push(what);
        is_new && self.0.len() <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_twice_in_the_same_way_is_no_accident() {
        let table: [(&[&str], &[bool]); 3] = [
            (&["a", "a"], &[true, false]),
            (&["a", "b", "a"], &[true, true, false]),
            (&["a", "b", "c", "d"], &[true, true, true, false]),
        ];
        for (observed, expected) in table {
            let mut accidents = Accidents::default();
            let verdicts: Vec<bool> =
                observed.iter().map(|what| accidents.may_include(what)).collect();
            assert_eq!(verdicts, expected, "{observed:?}");
        }
    }
}
