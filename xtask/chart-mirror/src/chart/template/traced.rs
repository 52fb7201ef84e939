//! `Traced`: what is known about a value in a template without running it.

use std::collections::{BTreeMap, BTreeSet};

/// What is known about a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Traced {
    /// What it may be as it is.
    pub(super) may_be: BTreeSet<Input>,
    /// What it is made from, or depends on, in a way that is not known.
    pub(super) made_from: BTreeSet<Use>,
    /// Constant texts that it may contain.
    pub(super) texts: BTreeSet<String>,
}

/// Something that fields can be read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    /// The context of a chart, which has `.Values`.
    Context,
    /// A value of the chart; with no steps, all of them.
    Value(Vec<Step>),
    /// A file of the chart outside of its templates, or a part of one.
    File,
    /// What `dict` has made.
    Map(BTreeMap<String, Traced>),
}

/// A step of a path to values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Key(String),
    /// Any key of a map, or item of a list.
    Any,
}

/// Where a template uses values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// With no steps, it uses all values.
    pub path: Vec<Step>,
    /// The path of the template below the chart.
    pub file: String,
    pub line: usize,
    pub role: Role,
}

/// What a template does with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It can become a part of a text.
    Part,
    /// A text depends on whether it is empty.
    Presence,
    /// A text depends on its content.
    Comparison,
}

/// How an image came to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOrigin {
    /// These values can become a part of it, or decide about it.
    Values(BTreeSet<Use>),
    /// No line of the templates could be found that writes it.
    Unknown,
}

/// A place in the templates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position<'t> {
    pub(super) file: &'t str,
    pub(super) line: usize,
}

impl Traced {
    pub(super) fn context() -> Self {
        Input::Context.into()
    }

    pub(super) fn text(text: &str) -> Self {
        Self { texts: [text.to_owned()].into(), ..Self::default() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.may_be.extend(other.may_be);
        self.made_from.extend(other.made_from);
        self.texts.extend(other.texts);
    }

    pub(super) fn union(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut union, one| {
            union.add(one);
            union
        })
    }

    /// The number of things that are known, to limit work.
    pub(super) fn size(&self) -> usize {
        let below = |input: &Input| match input {
            Input::Map(entries) => 1 + entries.values().map(Self::size).sum::<usize>(),
            Input::Context | Input::Value(_) | Input::File => 1,
        };
        self.may_be.iter().map(below).sum::<usize>() + self.made_from.len() + self.texts.len()
    }

    /// A field of a map, or an entry by its key.
    pub(super) fn field(&self, name: &str) -> Self {
        let mut found = Self { made_from: self.made_from.clone(), ..Self::default() };
        for input in &self.may_be {
            match input {
                Input::Context if name == "Values" => {
                    found.may_be.insert(Input::Value(Vec::new()));
                }
                // The contexts of subcharts have values, too.
                Input::Context if name == "Subcharts" => {
                    found.may_be.insert(Input::Value(Vec::new()));
                }
                Input::Context if name == "Files" => {
                    found.may_be.insert(Input::File);
                }
                Input::Context => {}
                Input::File => {
                    found.may_be.insert(Input::File);
                }
                Input::Value(path) => {
                    found.may_be.insert(Input::Value(longer(path, Step::Key(name.to_owned()))));
                }
                Input::Map(entries) => {
                    entries.get(name).cloned().into_iter().for_each(|it| found.add(it))
                }
            }
        }
        found
    }

    /// Any entry of a map, or item of a list.
    pub(super) fn any(&self) -> Self {
        let mut found = Self { may_be: BTreeSet::new(), ..self.clone() };
        for input in &self.may_be {
            let below = match input {
                Input::Context => Input::Value(Vec::new()).into(),
                Input::File => Input::File.into(),
                Input::Value(path) => Input::Value(longer(path, Step::Any)).into(),
                Input::Map(entries) => Self::union(entries.values().cloned()),
            };
            found.add(below);
        }
        found
    }

    /// Every use, if the value becomes something else, or decides about it.
    pub(super) fn uses(&self, at: Position<'_>) -> BTreeSet<Use> {
        let mut uses = self.made_from.clone();
        for input in &self.may_be {
            let path = match input {
                Input::Context => Vec::new(),
                Input::Value(path) => path.clone(),
                Input::File => continue,
                Input::Map(entries) => {
                    entries.values().for_each(|entry| uses.extend(entry.uses(at)));
                    continue;
                }
            };
            uses.insert(Use { path, file: at.file.to_owned(), line: at.line, role: Role::Part });
        }
        uses
    }

    /// Every use, if the value decides about something else.
    pub(super) fn deciding(&self, at: Position<'_>, role: Role) -> BTreeSet<Use> {
        let uses = self.uses(at).into_iter();
        uses.map(|used| Use { role: used.role.max(role), ..used }).collect()
    }

    /// What depends on this value, but is not known otherwise.
    pub(super) fn changed(&self, at: Position<'_>) -> Self {
        Self { may_be: BTreeSet::new(), made_from: self.uses(at), texts: self.texts.clone() }
    }
}

impl From<Input> for Traced {
    fn from(input: Input) -> Self {
        Self { may_be: [input].into(), ..Self::default() }
    }
}

fn longer(path: &[Step], step: Step) -> Vec<Step> {
    // Recursive templates would never end.
    const LONGEST: usize = 12;
    let mut longer = path.to_vec();
    if path.len() < LONGEST {
        longer.push(step);
    }
    longer
}
