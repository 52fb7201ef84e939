//! Decides whether a stream gets colours, from `--color` and the environment. Pure.
//!
//! The variables: `NO_COLOR` (no-color.org), `CLICOLOR_FORCE` and `CLICOLOR` (bixense.com/clicolors).

use std::ffi::OsString;

use clap::ColorChoice;

use crate::report::presentation::Style;

/// Where a stream leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamKind {
    Terminal,
    /// A pipe or a file.
    Other,
}

/// How to write to a stream. The flag precedes all variables, and `NO_COLOR` the other variables.
pub(super) fn style_for(
    choice: ColorChoice,
    stream: StreamKind,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Style {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let is = |name: &str, expected: &str| variable(name).is_some_and(|value| value == expected);
    let coloured = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") => true,
        ColorChoice::Auto if is("CLICOLOR", "0") || is("TERM", "dumb") => false,
        ColorChoice::Auto => stream == StreamKind::Terminal,
    };
    if coloured { Style::Coloured } else { Style::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_precedes_the_variables_and_these_precede_the_kind_of_the_stream() {
        use ColorChoice::{Always, Auto, Never};
        use StreamKind::{Other, Terminal};
        use Style::{Coloured, Plain};
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let table: [(ColorChoice, StreamKind, Variables<'_>, Style); 14] = [
            (Auto, Terminal, &[], Coloured),
            (Auto, Other, &[], Plain),
            (Always, Other, &[], Coloured),
            (Always, Other, &[("NO_COLOR", "1")], Coloured),
            (Never, Terminal, &[("CLICOLOR_FORCE", "1")], Plain),
            (Auto, Terminal, &[("NO_COLOR", "1")], Plain),
            (Auto, Terminal, &[("NO_COLOR", "")], Coloured),
            (Auto, Terminal, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Plain),
            (Auto, Other, &[("CLICOLOR_FORCE", "1")], Coloured),
            (Auto, Other, &[("CLICOLOR_FORCE", "0")], Plain),
            (Auto, Terminal, &[("CLICOLOR", "0")], Plain),
            (Auto, Terminal, &[("CLICOLOR", "1")], Coloured),
            (Auto, Other, &[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], Coloured),
            (Auto, Terminal, &[("TERM", "dumb")], Plain),
        ];
        for (choice, stream, variables, expected) in table {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let style = style_for(choice, stream, &variable);
            assert_eq!(style, expected, "{choice:?} {stream:?} {variables:?}");
        }
    }
}
