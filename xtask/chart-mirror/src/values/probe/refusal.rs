//! Why a chart does not render: which values the message names, and which switch it asks for; pure.

use std::collections::{BTreeSet, HashMap};

use serde_yaml::Value;

use super::candidate::{Candidate, marks_in};
use super::values_document::{GLOBAL, value_at};
use crate::list::ValuePath;
use messages::printable::printable;

/// Finds paths of values in messages. Messages about a subchart name its values without its key.
#[derive(Clone)]
pub(super) struct PathIndex {
    /// By path below a chart: the candidates, each with the position of that chart.
    numbers: HashMap<String, Vec<(usize, usize)>>,
    /// The paths of the subcharts; the empty one is the top chart.
    charts: Vec<Vec<String>>,
}

/// A value that the schema of the chart does not allow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation<'e> {
    pub(super) number: usize,
    pub(super) line: &'e str,
    pub(super) kind: ViolationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ViolationKind {
    /// The value has to be of a type that no part of a reference has, or is not known to the chart.
    NoText,
    Other,
}

impl PathIndex {
    pub(super) fn new(candidates: &[Candidate], charts: Vec<Vec<String>>) -> Self {
        let mut index = Self { numbers: HashMap::new(), charts };
        for (number, candidate) in candidates.iter().enumerate() {
            index.add(number, candidate);
        }
        index
    }

    pub(super) fn add(&mut self, number: usize, candidate: &Candidate) {
        let path = candidate.path.to_string();
        for (position, chart) in self.charts.iter().enumerate() {
            let below = chart.iter().try_fold(path.as_str(), |path, key| {
                path.strip_prefix(key.as_str()).and_then(|path| path.strip_prefix('.'))
            });
            if let Some(below) = below {
                self.numbers.entry(below.to_owned()).or_default().push((number, position));
            }
        }
    }

    /// The candidates with a path below any chart.
    fn find<'n>(&'n self, path: &str) -> impl Iterator<Item = usize> + use<'n> {
        self.numbers.get(path).into_iter().flatten().map(|(number, _)| *number)
    }

    /// The candidates with a path below a chart of this name. The top chart has a name that no key has.
    fn find_below<'n>(&'n self, name: &str, path: &str) -> impl Iterator<Item = usize> + use<'n> {
        let has_name = |chart: &Vec<String>| chart.last().is_some_and(|last| last == name);
        let is_known = self.charts.iter().any(has_name);
        let is_named =
            |chart: &Vec<String>| if is_known { has_name(chart) } else { chart.is_empty() };
        let charts: Vec<usize> =
            (0..self.charts.len()).filter(|at| is_named(&self.charts[*at])).collect();
        let found = self.numbers.get(path).into_iter().flatten();
        found.filter(move |(_, chart)| charts.contains(chart)).map(|(number, _)| *number)
    }

    /// The candidates that a message names, by their sentinel or their path.
    pub(super) fn named(&self, message: &str) -> BTreeSet<usize> {
        let marks = marks_in(message).into_iter().map(|(number, _)| number);
        let paths = paths_in(message).flat_map(|path| self.find(&path));
        marks.chain(paths).collect()
    }

    /// The values that the schema of the chart does not allow.
    pub(super) fn violations<'e>(&self, message: &'e str) -> Vec<Violation<'e>> {
        if !message.contains("meet the specifications of the schema") {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut chart = "";
        for line in message.lines().map(str::trim) {
            let Some(line) = line.strip_prefix("- ") else {
                chart = line.strip_suffix(':').unwrap_or(chart);
                continue;
            };
            let (place, words) = line.split_once(": ").unwrap_or((line, ""));
            let place = place.strip_prefix("at ").unwrap_or(place);
            let path = paths_in(place).last().filter(|path| path != "root").unwrap_or_default();
            let kind = kind_of_violation(words);
            // An unknown key is named after the map that does not allow it.
            let dot = if path.is_empty() { "" } else { "." };
            let below = words.split(['\'', '"', ' ']).map(|word| format!("{path}{dot}{word}"));
            let paths = [path.clone()].into_iter().chain(below);
            let numbers: BTreeSet<usize> =
                paths.flat_map(|path| self.find_below(chart, &path)).collect();
            found.extend(numbers.into_iter().map(|number| Violation { number, line, kind }));
        }
        found
    }

    /// The switches that a message names: booleans in the values of a chart, and globals. Each with the
    /// value that it has to be set to.
    pub(super) fn switches(&self, message: &str, whole: &Value) -> Vec<(ValuePath, bool)> {
        let mut switches = Vec::new();
        for path in paths_in(message) {
            let of_chart = |chart: &Vec<String>| {
                let keys = chart.iter().map(String::as_str).chain([path.as_str()]);
                keys.collect::<Vec<_>>().join(".").parse::<ValuePath>().ok()
            };
            let paths: Vec<ValuePath> = self.charts.iter().filter_map(of_chart).collect();
            let known =
                paths.iter().find_map(|path| Some((path, value_at(whole, path)?.as_bool()?)));
            match known {
                Some((path, false)) => switches.push((path.clone(), true)),
                Some((path, true)) if message.contains("false") => {
                    switches.push((path.clone(), false));
                }
                Some(_) => {}
                None if path.starts_with(GLOBAL) && path.split('.').count() > 2 => {
                    let path = path.parse::<ValuePath>().ok();
                    switches.extend(
                        path.filter(|path| value_at(whole, path).is_none())
                            .map(|path| (path, true)),
                    );
                }
                None => {}
            }
        }
        switches.dedup();
        switches
    }
}

/// A schema that allows texts reports another problem with them than their type.
fn kind_of_violation(words: &str) -> ViolationKind {
    let lower = words.to_lowercase();
    let is_unknown = lower.contains("additional propert");
    let expected = lower.split_once("expected: ").or_else(|| lower.split_once("want "));
    let is_of_type = expected.is_some_and(|(_, types)| {
        !types.split(", given").next().unwrap_or(types).contains("string")
    });
    if is_unknown || is_of_type { ViolationKind::NoText } else { ViolationKind::Other }
}

/// The dotted paths in a message: `a.b` for `.Values.a.b`, `/a/b` and `a.b`.
fn paths_in(message: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_alphanumeric() || "_-./[]".contains(c);
    message.split(move |c| !is_part(c)).filter_map(|word| {
        let word = word.trim_matches(['.', '/']);
        let word = word.strip_prefix("Values.").unwrap_or(word);
        let path = word.replace('/', ".");
        (!path.is_empty()).then_some(path)
    })
}

/// The words of the chart: the first line of a message that says something.
pub(super) fn reason(message: &str) -> String {
    let error = message.rsplit_once("Error: ").map_or(message, |(_, error)| error);
    let error = match error.split_once("execution error at (") {
        Some((_, rest)) => rest.split_once("): ").map_or(rest, |(_, words)| words),
        None => error,
    };
    let is_useful = |line: &&str| line.split_whitespace().count() > 1;
    let mut lines = error.lines().map(str::trim);
    printable(lines.find(is_useful).unwrap_or(error.trim()))
}

/// The line of a message that names a switch.
pub(super) fn reason_for_switch(message: &str, switch: &ValuePath) -> String {
    let name = switch.to_string();
    let mut lines = message.lines().filter(|line| paths_in(line).any(|path| name.ends_with(&path)));
    lines.next_back().map_or_else(|| reason(message), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(paths: &[&str]) -> PathIndex {
        let candidate = |path: &&str| Candidate::new(path.parse().unwrap(), String::new());
        let candidates: Vec<Candidate> = paths.iter().map(candidate).collect();
        PathIndex::new(&candidates, vec![vec![], vec!["sub".to_owned()]])
    }

    #[test]
    fn values_are_named_by_their_sentinel_or_their_path() {
        let index = index(&["image.tag", "sub.image.registry", "c.d"]);
        let table: [(&str, &[usize]); 5] = [
            ("invalid version 1-probe0z", &[0]),
            ("executing \"x\" at <.Values.image.tag>: wrong type", &[0]),
            ("at <$.Values.image.registry | quote>", &[1]),
            ("set c.d, or image.tag.", &[0, 2]),
            ("yaml: line 5", &[]),
        ];
        for (message, expected) in table {
            let named: Vec<usize> = index.named(message).into_iter().collect();
            assert_eq!(named, expected, "{message}");
        }
    }

    #[test]
    fn the_schema_of_a_chart_names_values_and_types() {
        use ViolationKind::{NoText, Other};
        let index = index(&["image.tag", "sub.port", "image.kind", "global.imageRegistry", "hub"]);
        let start =
            "values don't meet the specifications of the schema(s) in the following chart(s):";
        let table: [(&str, &[(usize, ViolationKind)]); 9] = [
            ("- image.tag: Invalid type. Expected: integer, given: string", &[(0, NoText)]),
            ("- at '/image/tag': got string, want number", &[(0, NoText)]),
            ("sub:\n- at '/port': got string, want null or integer", &[(1, NoText)]),
            ("- at '/port': got string, want null or integer", &[]),
            ("- at '/image/kind': value must be one of 'a', 'b'", &[(2, Other)]),
            ("- at '/image/kind': got string, want string or null", &[(2, Other)]),
            ("- at '/global': additional properties 'imageRegistry' not allowed", &[(3, NoText)]),
            ("- at '': additional properties 'hub' not allowed", &[(4, NoText)]),
            ("- (root): Additional property hub is not allowed", &[(4, NoText)]),
        ];
        for (line, expected) in table {
            let message = format!("Error: {start}\nm1:\n{line}\n");
            let found = index.violations(&message);
            let found: Vec<_> = found.iter().map(|it| (it.number, it.kind)).collect();
            assert_eq!(found, expected, "{line}");
            assert!(index.violations(line).is_empty());
        }
    }

    #[test]
    fn a_switch_is_a_boolean_that_the_message_names() {
        let whole: Value = serde_yaml::from_str(
            "{allow: {other: false}, verify: true, sub: {trust: false}, text: x, global: {a: {b: 1}}}",
        )
        .unwrap();
        let table: [(&str, &[(&str, bool)]); 7] = [
            ("set allow.other=true to go on", &[("allow.other", true)]),
            ("set `verify` to false", &[("verify", false)]),
            ("verify failed", &[]),
            ("see .Values.trust", &[("sub.trust", true)]),
            ("'global.security.allow' to true.", &[("global.security.allow", true)]),
            ("global.a.b must be set", &[]),
            ("text is wrong", &[]),
        ];
        for (message, expected) in table {
            let switches = index(&[]).switches(message, &whole);
            let found: Vec<(String, bool)> =
                switches.into_iter().map(|(path, value)| (path.to_string(), value)).collect();
            let expected: Vec<(String, bool)> =
                expected.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect();
            assert_eq!(found, expected, "{message}");
        }
    }

    #[test]
    fn the_reason_is_the_first_line_that_says_something() {
        let table = [
            (
                "Error: execution error at (a/templates/b.yaml:3:4): no such image\nx",
                "no such image",
            ),
            (
                "Error: execution error at (a/b.yaml:3:4): \n\nERROR:\n  wrong image.\n",
                "wrong image.",
            ),
            (
                "warning\nError: YAML parse error on a/b.yaml: x\n\nUse --debug",
                "YAML parse error on a/b.yaml: x",
            ),
            ("\u{1b}[31mno way", "[31mno way"),
        ];
        for (message, expected) in table {
            assert_eq!(reason(message), expected);
        }
        let message =
            "Error: execution error at (a.yaml:1:1): unknown image\nSet a.allow to true\n";
        let switch = "a.allow".parse().unwrap();
        assert_eq!(reason_for_switch(message, &switch), "Set a.allow to true");
    }
}
