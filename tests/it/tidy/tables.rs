//! Compares the tables of ARCHITECTURE.md, which say what may use what, with the code.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::Target;
use super::source::{Offence, Workspace};

/// A table with the header `| <kind> | may use | owns |`.
#[derive(Debug)]
pub(crate) struct Table {
    kind: String,
    /// The document that contains it.
    path: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    may_use: Vec<String>,
    line: usize,
}

/// One entry of the table uses another.
struct Need {
    from: String,
    to: String,
    path: String,
    line: usize,
}

impl Table {
    /// Parses the table of this kind in a Markdown text. A row has its name in backticks, then the
    /// names that it may use, in backticks with commas between them, or `-`.
    pub(crate) fn read(kind: &str, path: &str, markdown: &str) -> Result<Self, Offence> {
        let mut lines = (1..).zip(markdown.lines()).skip_while(|(_, line)| {
            cells(line).is_none_or(|cells| cells != [kind, "may use", "owns"])
        });
        let none = || Offence::at(path, 1, format!("has no table `| {kind} | may use | owns |`"));
        lines.next().ok_or_else(none)?;
        let mut rows = Vec::new();
        for (line, text) in lines.skip(1) {
            let Some(cells) = cells(text) else { break };
            let row = row(&cells, line);
            rows.push(row.ok_or_else(|| {
                Offence::at(path, line, "is not ``| `name` | `name`, `name` or - | text |``")
            })?);
        }
        Ok(Self { kind: kind.to_owned(), path: path.to_owned(), rows })
    }

    /// Compares in both directions: every use must be in the table, and the table lists no other.
    fn compare(&self, names: &BTreeSet<String>, needs: &[Need]) -> Vec<Offence> {
        let mut offences = Vec::new();
        let mut rows: BTreeMap<&str, &Row> = BTreeMap::new();
        let kind = &self.kind;
        for row in &self.rows {
            let at = |what: String| Offence::at(&self.path, row.line, what);
            let name = &row.name;
            if rows.insert(name, row).is_some() {
                offences.push(at(format!("{kind} `{name}` is in the table twice")));
            }
            if !names.contains(name) {
                offences.push(at(format!("there is no {kind} `{name}`")));
            }
            for to in &row.may_use {
                if !needs.iter().any(|need| need.from == *name && need.to == *to) {
                    offences.push(at(format!("{kind} `{name}` does not use `{to}`")));
                }
            }
        }
        for name in names.iter().filter(|name| !rows.contains_key(name.as_str())) {
            offences.push(Offence::at(
                &self.path,
                1,
                format!("{kind} `{name}` is not in the table"),
            ));
        }
        for Need { from, to, path, line } in needs {
            let row = rows.get(from.as_str());
            if row.is_some_and(|row| !row.may_use.contains(to)) {
                let what = format!("{kind} `{from}` may not use `{to}`");
                offences.push(Offence::at(path, *line, what));
            }
        }
        offences
    }
}

/// Checks the top-level modules of one crate. Items of `lib.rs` itself are in the module `lib`.
pub(crate) fn layers(workspace: &Workspace, crate_name: &str, table: &Table) -> Vec<Offence> {
    let top = |module: &[String]| module.first().map_or("lib", String::as_str).to_owned();
    let mut needs = Vec::new();
    for usage in workspace.uses.iter().filter(|usage| usage.crate_name == crate_name) {
        let Target::Item { module, .. } = &usage.to else { continue };
        let (from, to) = (top(&usage.module), top(module));
        if from != to {
            needs.push(Need { from, to, path: usage.path.clone(), line: usage.line });
        }
    }
    let files = workspace.code().filter(|file| file.crate_name == crate_name);
    let mut names: BTreeSet<_> = files.filter_map(|file| file.module.first().cloned()).collect();
    names.extend(needs.iter().flat_map(|need| [need.from.clone(), need.to.clone()]));
    table.compare(&names, &needs)
}

/// Checks the crates of the workspace, by the dependencies in their manifests.
pub(crate) fn crates(workspace: &Workspace, table: &Table) -> Vec<Offence> {
    let names: BTreeSet<_> = workspace.crates.iter().map(|krate| krate.name.clone()).collect();
    let mut needs = Vec::new();
    for krate in &workspace.crates {
        for (to, line) in krate.dependencies.iter().filter(|(to, _)| names.contains(to)) {
            let path = format!("{}/Cargo.toml", krate.folder);
            needs.push(Need { from: krate.name.clone(), to: to.clone(), path, line: *line });
        }
    }
    table.compare(&names, &needs)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    // The last cell may contain anything, also an escaped `|`.
    Some(inner.splitn(3, '|').map(str::trim).collect())
}

fn row(cells: &[&str], line: usize) -> Option<Row> {
    let [name, may_use, _] = cells else { return None };
    let name_in = |cell: &str| {
        let name = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
        (!name.contains('`')).then(|| name.to_owned())
    };
    let may_use = match *may_use {
        "-" => vec![],
        names => names.split(',').map(name_in).collect::<Option<_>>()?,
    };
    Some(Row { name: name_in(name)?, may_use, line })
}
