//! The report of `values --probe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::chart::inventory::{FOR_TESTS, Obstacle};
use crate::chart::{Evidence, ManifestLocation};
use crate::list::SetValue;
use crate::list::edit::{ignore_rule, value_line};
use crate::report::common::count;
use crate::values::probe::{
    KEPT_FOR_PROOF, MOST_RENDERINGS, Outcome, ProbeResult, ProbedPlace, ReferencePart, Suggestion,
    Unlisted, Untried,
};
use messages::Advice;
use messages::printable::{printable, printable_within};
use messages::program::command;

/// How many values a line names at most.
const MANY: usize = 10;
/// The limit for a rule, in characters.
const RULE: usize = 2000;

/// The values that move each image, then what images.toml lacks, and what is not right.
pub fn probed(probed: &ProbeResult, suggestion: &Suggestion) -> String {
    let mut images: BTreeMap<String, Vec<&ProbedPlace>> = BTreeMap::new();
    for place in &probed.places {
        images.entry(place.image()).or_default().push(place);
    }
    let mut text = String::new();
    for (image, places) in &images {
        let image = printable(image);
        let _ = writeln!(text, "{image} ({})", count(places.len() as u64, "place"));
        let mut keys: BTreeMap<ReferencePart, BTreeSet<String>> = BTreeMap::new();
        for key in places.iter().flat_map(|place| &place.keys) {
            keys.entry(key.contribution.part()).or_default().insert(key.path.to_string());
        }
        for (part, paths) in &keys {
            let paths = Vec::from_iter(paths.iter().map(String::as_str)).join(", ");
            let paths = printable_within(usize::MAX - 1, &paths);
            let _ = writeln!(text, "  {:22} {paths}", part_name(*part));
        }
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in places.iter().filter_map(|place| outcome(place)) {
            *outcomes.entry(outcome).or_default() += 1;
        }
        for (outcome, number) in outcomes {
            let part = format!(" (at {number} of {} places)", places.len());
            let part = if number < places.len() { part.as_str() } else { "" };
            let _ = writeln!(text, "  {outcome}{part}");
        }
    }
    let images = count(images.len() as u64, "image");
    let candidates = count(probed.candidates as u64, "candidate");
    let renderings = count(probed.renderings as u64, "rendering");
    text += &format!("\n{images}, {candidates}, {renderings}\n");
    text + &not_moved(probed, suggestion) + &problems(suggestion) + &missing_values(suggestion)
}

/// What no value moves, and what is not right otherwise.
pub(super) fn open(probed: &ProbeResult, suggestion: &Suggestion) -> String {
    not_moved(probed, suggestion) + &problems(suggestion)
}

/// What is known about a place besides its keys.
fn outcome(place: &ProbedPlace) -> Option<&'static str> {
    Some(match &place.outcome {
        Outcome::Movable => return None,
        Outcome::MovableWithSwitch => "moved only with the switch below",
        Outcome::Refused(_) => "refused by the chart",
        Outcome::Fixed => "fixed: no value moves it",
        Outcome::Unsettled { .. } => "not settled",
    })
}

/// A line for each image that no value moves, and for each that comes out wrong.
fn not_moved(probed: &ProbeResult, suggestion: &Suggestion) -> String {
    let mut lines: BTreeSet<String> = BTreeSet::new();
    for place in &probed.places {
        let image = printable(&place.image());
        let template = place.place.template.as_deref().unwrap_or("a template of the chart");
        let template = printable(template);
        lines.extend(match &place.outcome {
            Outcome::Movable | Outcome::MovableWithSwitch => None,
            Outcome::Fixed => Some(format!(
                "warning: no value moves `{image}` in {template}: it is fixed there{}",
                hint_for_fixed(place)
            )),
            Outcome::Refused(refusal) => Some(format!(
                "warning: the chart refuses to move `{image}` in {template}\n  `{}`: {}",
                printable(&refusal.path.to_string()),
                refusal.words
            )),
            Outcome::Unsettled { untried, reason } => Some(format!(
                "warning: not settled: what moves `{image}` in {template}: {reason}\n  not tried: {}",
                listed(untried)
            )),
        });
    }
    for unsettled in &suggestion.unsettled {
        let (image, problem) = (printable(&unsettled.image), printable(&unsettled.problem));
        lines.insert(format!("warning: not settled: `{image}`: {problem}"));
    }
    for malformed in &probed.malformed {
        lines.insert(format!("warning: {}", Obstacle::malformed(malformed)));
    }
    let mut text: String = lines.into_iter().map(|line| line + "\n").collect();
    for rendering in &probed.exhausted {
        text += &format!(
            "note: `{}` was rendered as often as probing may, which leaves {KEPT_FOR_PROOF} of {MOST_RENDERINGS} \
             renderings to the proof, and not everything was tried\n",
            printable(rendering)
        );
    }
    text
}

/// What to do about a place that no value moves.
fn hint_for_fixed(place: &ProbedPlace) -> String {
    let ManifestLocation { template, path, .. } = &place.place;
    let rule = || ignore_rule(template.as_deref(), path, &place.reference.to_string());
    if place.is_test {
        return format!("\n  hint: {FOR_TESTS}");
    }
    match place.evidence {
        Some(Evidence::Default) => format!(
            "\n  hint: it is the default of a custom resource: if each of your objects sets the field, exclude \
             it with {}",
            printable_within(RULE, &rule())
        ),
        _ => format!(
            "\n  hint: change the chart, redirect its pulls on the nodes ({}), or exclude it with a \
             `[[chart.ignore]]` if it is never deployed",
            command("values --format FORMAT --write")
        ),
    }
}

fn problems(suggestion: &Suggestion) -> String {
    let mut text = String::new();
    for (image, path) in &suggestion.inseparable {
        text += &format!(
            "warning: only `{path}` moves `{image}`, and it would give other images the same name; if that \
             is intended, add the value by hand\n"
        );
    }
    let mut advice = suggestion.unlisted.values().map(Unlisted::advice).peekable();
    while let Some(Advice { message, hint }) = advice.next() {
        let _ = writeln!(text, "warning: {}", printable(&message));
        // Several images may have one hint.
        let is_repeated = advice.peek().is_some_and(|next| next.hint == hint);
        if let Some(hint) = hint.filter(|_| !is_repeated) {
            let _ = writeln!(text, "  hint: {hint}");
        }
    }
    for (list, values) in &suggestion.unsupported {
        text += &format!(
            "warning: the list `{list}` has to be set as a whole, and images.toml cannot express all of it\n"
        );
        for value in values {
            let _ = writeln!(text, "  `{}`: {}", value.path, value.reason);
        }
        let _ = writeln!(text, "  hint: set the whole list in a values file of your own");
    }
    for path in &suggestion.dead {
        let _ = writeln!(text, "warning: `{path}` in images.toml moves no image");
    }
    for (path, others) in &suggestion.broad {
        let others = Vec::from_iter(others.iter().map(String::as_str)).join(", ");
        let _ = writeln!(text, "warning: `{path}` of one image also moves others: {others}");
    }
    text
}

fn missing_values(suggestion: &Suggestion) -> String {
    if suggestion.is_empty() {
        return String::new();
    }
    let mut text = "images.toml lacks:\n".to_owned();
    for switch in &suggestion.switches {
        let line = value_line(&switch.path, &SetValue::Boolean(switch.value));
        let _ = writeln!(text, "  [values] {line}  # {}", printable(&switch.words));
    }
    for (path, value) in &suggestion.values {
        let _ = writeln!(text, "  [values] {}", value_line(path, value));
    }
    for (image, target) in &suggestion.targets {
        let _ =
            writeln!(text, "  {image}: target = \"{target}\"  # the path that the chart asks for");
    }
    for (image, values) in &suggestion.image_values {
        for (path, value) in values {
            let _ = writeln!(text, "  {image}: [image.values] {}", value_line(path, value));
        }
    }
    text
}

fn listed(untried: &[Untried]) -> String {
    let describe = |one: &Untried| {
        let what = one.path.as_ref().map_or("what it uses".to_owned(), ToString::to_string);
        let place = one.used_at.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        printable(&(what + &place))
    };
    let named: Vec<String> = untried.iter().take(MANY).map(describe).collect();
    match untried.len().saturating_sub(MANY) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn part_name(part: ReferencePart) -> &'static str {
    match part {
        ReferencePart::Registry => "registry",
        ReferencePart::Repository => "repository",
        ReferencePart::RegistryAndRepository => "registry + repository",
        ReferencePart::RegistryAndStart => "registry + its start",
        ReferencePart::Reference => "reference",
        ReferencePart::Tag => "tag",
        ReferencePart::Digest => "digest",
        ReferencePart::PartOfHost => "part of the host",
    }
}
