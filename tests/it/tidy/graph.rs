//! The graph of the files of each crate, and the circles in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::paths::Target;
use super::source::{Offence, Workspace};

/// For each file, the files that it uses, each with the first line that does.
pub(crate) type Graph = BTreeMap<String, BTreeMap<String, usize>>;

pub(crate) fn graph(workspace: &Workspace) -> Graph {
    let mut graph = Graph::new();
    for usage in &workspace.uses {
        if let Target::Item { path, .. } = &usage.to
            && *path != usage.path
        {
            let line = graph.entry(usage.path.clone()).or_default().entry(path.clone());
            line.and_modify(|line| *line = usage.line.min(*line)).or_insert(usage.line);
        }
    }
    graph
}

/// Files that use each other, directly or through others.
pub(crate) fn circles(graph: &Graph) -> Vec<Offence> {
    let below: BTreeMap<_, _> = graph.keys().map(|file| (file, reachable(graph, file))).collect();
    let mut seen = BTreeSet::new();
    let mut offences = Vec::new();
    for (file, reached) in &below {
        let returns = |other: &&&String| below.get(**other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<_> = reached.iter().filter(returns).copied().collect();
        if circle.len() > 1 && seen.insert(circle.clone()) {
            let what = describe(graph, &circle);
            offences.push(Offence { place: (*file).clone(), what });
        }
    }
    offences
}

fn reachable<'a>(graph: &'a Graph, from: &'a String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from];
    while let Some(file) = left.pop() {
        left.extend(
            graph.get(file).into_iter().flat_map(BTreeMap::keys).filter(|to| reached.insert(*to)),
        );
    }
    reached
}

fn describe(graph: &Graph, circle: &BTreeSet<&String>) -> String {
    let mut text = format!("a circle of {} files", circle.len());
    for from in circle {
        for (to, line) in graph[*from].iter().filter(|(to, _)| circle.contains(to)) {
            write!(text, "\n    {from}:{line} uses {to}").unwrap();
        }
    }
    text
}
