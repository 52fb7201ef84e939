//! `Context`: what all checks share. Each destination has the name that `-d` accepts for it.

use std::collections::BTreeMap;

use super::input::Input;
use super::options::VerifyOptions;
use crate::list::Destination;
use crate::list::finding_code::Check;

pub(super) struct Context<'a> {
    pub(super) input: Input<'a>,
    pub(super) options: &'a VerifyOptions,
    pub(super) destinations: BTreeMap<String, Destination>,
}

impl<'a> Context<'a> {
    /// With the requested destination, or every destination of the list.
    ///
    /// # Errors
    /// When the requested destination does not exist.
    pub(super) fn new(input: Input<'a>, options: &'a VerifyOptions) -> anyhow::Result<Self> {
        let destinations = match &options.destination {
            Some(name) => BTreeMap::from([(name.clone(), input.list.choose(Some(name))?)]),
            None => input.list.destinations().clone(),
        };
        Ok(Self { input, options, destinations })
    }

    /// Whether a check was requested.
    pub(super) fn includes(&self, check: Check) -> bool {
        self.options.checks.contains(&check)
    }
}
