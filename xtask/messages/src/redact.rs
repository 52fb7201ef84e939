//! `Redactor`: replaces known texts, such as secrets, in text from outside.

/// Shorter texts occur inside ordinary words, and anyone can guess them.
const SHORTEST: usize = 4;

/// Texts that must not be printed. [`Redactor::redact`] replaces each of them with `***`.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

impl Redactor {
    /// Adds a text, unless it is too short to be distinguished from ordinary words.
    #[must_use]
    pub fn with(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if text.len() >= SHORTEST && !self.0.contains(&text) {
            self.0.push(text);
            // Longest first: replacing a part would leave the rest of the longer text readable.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
        self
    }

    /// The text with `***` for everything that must not be printed. Call it before the text is
    /// shortened: a part of a secret would not be recognised.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_is_replaced_first_and_short_ones_are_not() {
        let redactor = Redactor::default().with("word").with("password").with("abc");
        assert_eq!(redactor.redact("password, word, abc"), "***, ***, abc");
    }
}
