//! What is measured: the steps of the story, and the conditions under which each is run.

use clap::ValueEnum;

/// A step of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// `mirror` to an empty destination
    Fresh,
    /// `mirror` to a destination that has all images
    NothingToDo,
    /// `mirror` after one image has a new tag with one new layer
    Changed,
    /// `verify` of the source and the destination
    Verify,
    /// `mirror` to two empty destinations in one run
    TwoDestinations,
}

/// The conditions of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// HTTP, without a delay
    Plain,
    /// TLS, with the delay
    Tls,
    /// TLS, with the delay and with bearer tokens
    Tokens,
}

impl Scenario {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::NothingToDo => "nothing-to-do",
            Self::Changed => "changed",
            Self::Verify => "verify",
            Self::TwoDestinations => "two-destinations",
        }
    }

    pub(super) fn destinations(self) -> usize {
        if self == Self::TwoDestinations { 2 } else { 1 }
    }

    /// Whether the destination has all images of before the change when it begins.
    pub(super) fn begins_complete(self) -> bool {
        matches!(self, Self::NothingToDo | Self::Changed | Self::Verify)
    }

    /// The arguments of the program.
    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Verify => &["verify", "--only", "source", "--only", "destination"],
            Self::Fresh | Self::NothingToDo | Self::Changed | Self::TwoDestinations => &["mirror"],
        }
    }
}

impl Setting {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Tls, Self::Tokens];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::Tokens => "tokens",
        }
    }

    pub(super) fn has_tls(self) -> bool {
        self != Self::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_called_as_on_the_command_line() {
        for scenario in Scenario::value_variants() {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.name());
        }
    }
}
