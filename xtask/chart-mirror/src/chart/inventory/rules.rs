//! `UnusedRule`: a rule of the list that matches nothing in the chart; pure.

use super::entry::InventoryEntry;
use crate::chart::discovery::Discovery;
use crate::list::{ImageList, Place};
use messages::Advice;
use oci::Reference;

/// A rule that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedRule {
    pub kind: RuleKind,
    pub reason: String,
    /// Where the list has it.
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// A `[[chart.ignore]]`.
    Ignore,
    /// A `[[chart.place]]`.
    Place,
    /// `replaces` of an image that the chart does not name.
    Replaces { image: Reference, named: String },
    /// `keep` of an image that the chart names anyway.
    Keep { image: Reference },
}

impl UnusedRule {
    pub fn advice(&self) -> Advice {
        let reason = &self.reason;
        let (message, hint) = match &self.kind {
            RuleKind::Ignore => (
                format!("a `[[chart.ignore]]` matches nothing in the chart ({reason})"),
                "correct what it matches, or remove it",
            ),
            RuleKind::Place => (
                format!("a `[[chart.place]]` matches nothing in the chart ({reason})"),
                "correct what it matches, or remove it",
            ),
            RuleKind::Replaces { image, named } => (
                format!("`{image}` replaces `{named}`, which the chart does not name ({reason})"),
                "correct `replaces`, or remove it",
            ),
            RuleKind::Keep { image } => (
                format!("`{image}` has `keep`, but the chart names it ({reason})"),
                "remove `keep`",
            ),
        };
        Advice::new(message).with_hint(hint)
    }
}

/// The rules of the list that matched nothing in any rendering.
pub(super) fn unused(
    list: &ImageList,
    found: &Discovery,
    entries: &[InventoryEntry],
) -> Vec<UnusedRule> {
    let mut unused = Vec::new();
    if let Some(chart) = list.chart() {
        for (position, rule) in chart.ignore.iter().enumerate() {
            if !found.used_ignore_rules.contains(&position) {
                let (reason, place) = (rule.reason.clone(), rule.defined_at);
                unused.push(UnusedRule { kind: RuleKind::Ignore, reason, place });
            }
        }
        for (position, rule) in chart.places.iter().enumerate() {
            if !found.used_place_rules.contains(&position) {
                let (reason, place) = (rule.reason.clone(), rule.defined_at);
                unused.push(UnusedRule { kind: RuleKind::Place, reason, place });
            }
        }
    }
    for entry in entries {
        let Some(image) = &entry.listed else { continue };
        let reference = image.reference();
        if let Some(replaced) = image.replaces.as_ref().filter(|_| entry.found.is_empty()) {
            let named = image.chart_source().tagged(image.chart_tag()).to_string();
            let kind = RuleKind::Replaces { image: reference.clone(), named };
            unused.push(UnusedRule { kind, reason: replaced.reason.clone(), place: image.place });
        }
        if let Some(reason) = image.keep.as_ref().filter(|_| entry.is_named()) {
            let (kind, reason) = (RuleKind::Keep { image: reference }, reason.clone());
            unused.push(UnusedRule { kind, reason, place: image.place });
        }
    }
    unused
}
