//! `Advice`: an error message with a hint about what to do next.

use std::fmt;

/// What is wrong, and what the user can do about it. Displayed, the hint is on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// A lowercase fragment without a final period.
    pub message: String,
    pub hint: Option<String>,
}

impl Advice {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl<T: Into<String>> From<T> for Advice {
    fn from(message: T) -> Self {
        Self::new(message)
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Advice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_on_a_line_of_its_own() {
        assert_eq!(Advice::from("no file").to_string(), "no file");
        assert_eq!(
            Advice::new("no file").with_hint("create it").to_string(),
            "no file\nhint: create it"
        );
    }
}
