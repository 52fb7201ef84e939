//! How reports for people look: colours, and how much they show.

/// What a report for people depends on besides its content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Presentation {
    pub style: Style,
    pub detail: Detail,
}

/// Whether to use colours. The text is the same either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    #[default]
    Plain,
    Coloured,
}

/// How much is shown of what repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// The first few, and the number of the others.
    #[default]
    Short,
    Full,
}

impl Style {
    /// The word that begins an error.
    pub fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// The word that begins a warning.
    pub fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    /// The name of what the following lines are about.
    pub fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
