//! The order in which tasks take permits of two queues: the same for all tasks of a run, so that no two of them wait
//! for each other.

use std::collections::BTreeSet;

use crate::error::Side;
use oci::Registry;

/// Which of two permits a task takes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PermitOrder {
    /// The only destination is not kept waiting for the source.
    SourceFirst,
    /// With several destinations, a place at the source is not kept for one that has no place.
    DestinationFirst,
    /// Some registry is a source and a destination.
    ByName,
}

impl PermitOrder {
    /// The order for a run with these hosts.
    pub(crate) fn of(hosts: &[(Registry, Side)]) -> Self {
        let of_side = |side| -> BTreeSet<&Registry> {
            hosts.iter().filter(|(_, of)| *of == side).map(|(name, _)| name).collect()
        };
        let destinations = of_side(Side::Destination);
        match destinations.is_disjoint(&of_side(Side::Source)) {
            false => Self::ByName,
            true if destinations.len() > 1 => Self::DestinationFirst,
            true => Self::SourceFirst,
        }
    }

    /// Whether a task that reads from `source` and writes to `destination` takes the permit of the source first.
    pub(crate) fn takes_source_first(self, source: &Registry, destination: &Registry) -> bool {
        match self {
            Self::SourceFirst => true,
            Self::DestinationFirst => false,
            Self::ByName => source < destination,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_depends_on_the_destinations() {
        use PermitOrder::{ByName, DestinationFirst, SourceFirst};
        let cases: [(&[&str], &[&str], PermitOrder); 4] = [
            (&["a.io", "c.io"], &["b.io"], SourceFirst),
            (&["a.io"], &["b.io", "c.io"], DestinationFirst),
            (&["a.io", "b.io"], &["b.io"], ByName),
            (&["a.io", "b.io"], &["b.io", "c.io"], ByName),
        ];
        for (sources, destinations, expected) in cases {
            let on = |side, names: &[&str]| -> Vec<(Registry, Side)> {
                names.iter().map(|name| (name.parse().unwrap(), side)).collect()
            };
            let hosts = [on(Side::Source, sources), on(Side::Destination, destinations)].concat();
            assert_eq!(PermitOrder::of(&hosts), expected, "{sources:?} {destinations:?}");
        }
    }
}
