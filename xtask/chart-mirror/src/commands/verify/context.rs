//! `Context`: what all checks share. Each destination has the name that `-d` accepts for it.

use std::collections::{BTreeMap, BTreeSet};

use super::input::Input;
use super::options::VerifyOptions;
use crate::list::finding_code::Check;
use crate::list::{Destination, Image};
use crate::plan::Selection;
use messages::Advice;
use oci::Reference;

pub(super) struct Context<'a> {
    pub(super) input: Input<'a>,
    pub(super) options: &'a VerifyOptions,
    pub(super) destinations: BTreeMap<String, Destination>,
    /// The requested checks that can be done.
    pub(super) checks: BTreeSet<Check>,
    /// The images to check.
    pub(super) selected: BTreeSet<Reference>,
}

impl<'a> Context<'a> {
    /// With the requested destinations and images, or all of the list.
    ///
    /// # Errors
    /// When a requested destination does not exist, or a glob selects no image.
    pub(super) fn new(input: Input<'a>, options: &'a VerifyOptions) -> anyhow::Result<Self> {
        let list = input.list;
        let chosen = |name: &String| Ok((name.clone(), list.choose(Some(name))?));
        let destinations = match options.destinations.as_slice() {
            [] => list.destinations().clone(),
            names => names.iter().map(chosen).collect::<Result<_, Advice>>()?,
        };
        let selected = Selection::new(&options.images)?.of(list)?;
        let selected = selected.into_iter().map(Image::reference).collect();
        let checks = checks(options, &destinations)?;
        Ok(Self { input, options, destinations, checks, selected })
    }

    /// Whether an image was selected.
    pub(super) fn selects(&self, image: &Image) -> bool {
        self.selected.contains(&image.reference())
    }

    /// Whether a check was requested.
    pub(super) fn includes(&self, check: Check) -> bool {
        self.checks.contains(&check)
    }
}

/// The requested checks, without the values if there are only layouts, which nothing is pulled from.
fn checks(
    options: &VerifyOptions,
    destinations: &BTreeMap<String, Destination>,
) -> Result<BTreeSet<Check>, Advice> {
    let mut checks = options.checks.clone();
    let mut layouts = destinations.values().filter(|destination| destination.layout.is_some());
    if let Some(layout) = layouts.next()
        && layouts.count() + 1 == destinations.len()
    {
        if checks == BTreeSet::from([Check::Values]) {
            layout.require_registry("the check `values`")?;
        }
        checks.remove(&Check::Values);
    }
    Ok(checks)
}
