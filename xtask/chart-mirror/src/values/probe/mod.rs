//! Probing: finds by trying which values of a chart move which image.
//!
//! Every candidate is set to its own sentinel, all at once, and the chart is rendered: the references in
//! the manifests consist of sentinels, which identify the values. A value may hide another (a component's
//! tag hides the common one), so observed values are reset and the rest is tried again, until no new
//! sentinel appears. If the chart does not render, the candidates are halved until the cause is alone. So
//! hundreds of candidates take a few renderings.

mod candidates;
mod chart_list;
mod list_entries;
mod prober;
mod reference_part;
mod result;
mod sentinel;
mod suggestion;
mod visit;

pub use chart_list::{ChartList, Unsupported, UnsupportedValue};
pub use prober::{Candidates, probe};
pub use reference_part::ReferencePart;
pub use result::{ProbeResult, ProbedPlace, ReferenceKey};
pub use suggestion::{Suggestion, suggest};
