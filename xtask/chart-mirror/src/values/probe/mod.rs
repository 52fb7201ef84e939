//! Probing: finds by trying which values of a chart move which image.
//!
//! Every candidate is set to its own sentinel, all at once, and the chart is rendered: the references in
//! the manifests consist of sentinels, which identify the values and what they contribute. A set of values
//! that the chart refuses is divided until the cause is alone. So hundreds of candidates take a few
//! renderings. What is suggested is rendered again and compared with the list, place by place.

mod addresses;
mod budget;
mod candidate;
mod candidates;
mod chart_list;
mod contribution;
mod image_words;
mod list_entries;
mod observed;
mod origins;
mod prober;
mod reference_part;
mod refusal;
mod result;
mod rounds;
mod search;
mod setting;
mod settle;
mod subject;
mod suggestion;
mod targets;
mod topic;
mod trial;
mod values_document;
mod visit;

pub use budget::{KEPT_FOR_PROOF, MOST_RENDERINGS};
pub use chart_list::{ChartList, Unsupported, UnsupportedValue};
pub use contribution::Contribution;
pub use prober::{Candidates, probe};
pub use reference_part::ReferencePart;
pub use result::{
    Outcome, ProbeResult, ProbedPlace, ReferenceKey, Refusal, Switch, UnsettledReason, Untried,
};
pub use settle::settle;
pub use subject::Subject;
pub use suggestion::{Suggestion, Unlisted, UnlistedReason, Unsettled, suggest};

#[cfg(test)]
mod tests;
