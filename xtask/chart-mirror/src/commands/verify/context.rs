//! `Context`: what all checks share. Each destination has the name that `-d` accepts for it.

use super::input::Input;
use super::options::VerifyOptions;
use crate::list::Destination;
use crate::list::code::Check;

pub(super) struct Context<'a> {
    pub(super) input: Input<'a>,
    pub(super) options: &'a VerifyOptions,
    pub(super) destinations: Vec<NamedDestination>,
}

pub(super) struct NamedDestination {
    pub(super) name: String,
    pub(super) destination: Destination,
}

impl<'a> Context<'a> {
    /// The requested destination, or every destination of the list.
    ///
    /// # Errors
    /// When the requested destination does not exist.
    pub(super) fn new(input: Input<'a>, options: &'a VerifyOptions) -> anyhow::Result<Self> {
        let named = |name: &str, destination: Destination| NamedDestination {
            name: name.to_owned(),
            destination,
        };
        let destinations = match options.destination.as_deref() {
            Some(name) => vec![named(name, input.list.choose(Some(name))?)],
            None => {
                let all = input.list.destinations().iter();
                all.map(|(name, destination)| named(name, destination.clone())).collect()
            }
        };
        Ok(Self { input, options, destinations })
    }

    /// Whether a check was requested.
    pub(super) fn includes(&self, check: Check) -> bool {
        self.options.checks.contains(&check)
    }
}
