//! Follows every branch of a template, and collects the lines that it can print.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{Assignment, Expression, is_wrapper, operand};
use super::line::{Line, Segment};
use super::syntax::{Helper, Helpers, Kind, Node, Opening};
use super::traced::{Position, Role, Traced, Use};

/// The limit for templates that include each other.
const MAX_DEPTH: usize = 24;
/// The limit for the work on one template: nodes that are followed, and what is known about values that are
/// handed on.
const MAX_WORK: usize = 100_000;
/// How many texts of a helper are remembered.
const MAX_TEXTS: usize = 200;

pub(super) struct Walk<'t> {
    helpers: &'t Helpers,
    pub(super) at: Position<'t>,
    lines: Vec<Line>,
    scope: Scope<'t>,
    /// What `set` has put into maps, by key.
    pub(super) put: BTreeMap<String, Traced>,
    included: BTreeMap<(String, Traced, BTreeSet<Use>), Traced>,
    depth: usize,
    work: usize,
}

/// What belongs to one template or helper.
#[derive(Default)]
struct Scope<'t> {
    line: Vec<Segment>,
    variables: Vec<Variable<'t>>,
    /// The conditions of the branches that lead here.
    conditions: Vec<BTreeSet<Use>>,
    /// The conditions that another branch exists for.
    alternatives: BTreeSet<Use>,
    /// All that is printed.
    output: Traced,
}

struct Variable<'t> {
    name: &'t str,
    value: Traced,
    /// How many conditions lead to its declaration.
    depth: usize,
}

/// The lines that a template can print; `None` if there is too much to follow.
pub(super) fn lines(helpers: &Helpers, file: &str, nodes: &[Node]) -> Option<Vec<Line>> {
    let mut walk = Walk {
        helpers,
        at: Position { file, line: 1 },
        lines: Vec::new(),
        scope: Scope::with(Traced::context(), BTreeSet::new()),
        put: BTreeMap::new(),
        included: BTreeMap::new(),
        depth: 0,
        work: 0,
    };
    // What is put into a map may have been read before.
    walk.walk(nodes, &Traced::context());
    if !walk.put.is_empty() {
        walk.lines.clear();
        walk.included.clear();
        walk.scope = Scope::with(Traced::context(), BTreeSet::new());
        walk.walk(nodes, &Traced::context());
    }
    walk.end_line();
    (walk.work < MAX_WORK).then_some(walk.lines)
}

impl Scope<'_> {
    fn with(context: Traced, alternatives: BTreeSet<Use>) -> Self {
        let variables = vec![Variable { name: "", value: context, depth: 0 }];
        Self { variables, alternatives, ..Self::default() }
    }
}

impl<'t> Walk<'t> {
    fn walk(&mut self, nodes: &'t [Node], dot: &Traced) {
        let variables = self.scope.variables.len();
        for node in nodes {
            self.work += 1;
            if self.work >= MAX_WORK {
                break;
            }
            match node {
                Node::Text(text) => self.text(text),
                Node::Action { assignment, value, line } => {
                    self.at.line = *line;
                    match assignment {
                        Some(assignment) => {
                            let value = self.value(value, dot);
                            self.assign(assignment, &[value]);
                        }
                        None => self.print(value, dot),
                    }
                }
                Node::Block { opening, body, otherwise } => {
                    self.block(opening, body, otherwise.as_deref(), dot);
                }
                Node::Define { .. } => {}
            }
        }
        self.scope.variables.truncate(variables);
    }

    fn text(&mut self, text: &str) {
        for (number, part) in text.split('\n').enumerate() {
            if number > 0 {
                self.end_line();
            }
            if !part.is_empty() {
                self.push(Segment::Text(part.to_owned()));
            }
        }
    }

    fn push(&mut self, segment: Segment) {
        let output = &mut self.scope.output;
        match &segment {
            Segment::Text(text) if output.texts.len() < MAX_TEXTS => {
                output.texts.insert(text.trim().to_owned());
            }
            Segment::Text(_) => {}
            Segment::Hole { uses, texts, .. } => {
                self.work += uses.len() + texts.len();
                output.made_from.extend(uses.iter().cloned());
                output.texts.extend(texts.iter().cloned());
            }
        }
        match (self.scope.line.last_mut(), segment) {
            (Some(Segment::Text(before)), Segment::Text(text)) => before.push_str(&text),
            (_, segment) => self.scope.line.push(segment),
        }
    }

    fn end_line(&mut self) {
        let segments = std::mem::take(&mut self.scope.line);
        if segments.iter().any(|segment| !segment.is_blank()) {
            self.lines.push(Line { segments, alternatives: self.scope.alternatives.clone() });
        }
    }

    /// Prints a value. The parts of a format are printed one by one.
    fn print(&mut self, value: &'t Expression, dot: &Traced) {
        let value = operand(value);
        match value {
            Expression::Call(name, operands) if name == "printf" => {
                if let Some((Expression::Text(format), rest)) = operands.split_first() {
                    return self.print_format(format, rest, dot);
                }
            }
            Expression::Call(name, operands) if name == "print" => {
                return operands.iter().for_each(|one| self.print(one, dot));
            }
            Expression::Call(name, _) if name == "fail" => return,
            _ => {}
        }
        let is_include = matches!(value, Expression::Call(name, _) if name == "include");
        let traced = self.value(value, dot);
        let is_known = traced.may_be.is_empty() && traced.made_from.is_empty();
        match (value, traced.texts.first()) {
            (Expression::Text(_) | Expression::Variable(_), Some(text))
                if is_known && traced.texts.len() == 1 =>
            {
                self.text(text);
            }
            _ => {
                let uses = traced.uses(self.at);
                self.push(Segment::Hole { uses, texts: traced.texts, is_include });
            }
        }
    }

    fn print_format(&mut self, format: &str, operands: &'t [Expression], dot: &Traced) {
        let mut operands = operands.iter();
        let mut parts = format.split('%');
        self.text(parts.next().unwrap_or_default());
        for part in parts {
            if let Some(operand) = operands.next() {
                self.print(operand, dot);
            }
            let verb = part.find(|c: char| c.is_alphabetic()).map_or(0, |at| at + 1);
            self.text(part.get(verb..).unwrap_or_default());
        }
    }

    fn block(
        &mut self,
        opening: &'t Opening,
        body: &'t [Node],
        otherwise: Option<&'t [Node]>,
        dot: &Traced,
    ) {
        self.at.line = opening.line;
        let value = self.value(&opening.value, dot);
        let uses = value.deciding(self.at, Role::Presence);
        self.scope.output.made_from.extend(uses.iter().cloned());
        let variables = self.scope.variables.len();
        let within = match opening.kind {
            Kind::If => dot.clone(),
            Kind::With => value.clone(),
            Kind::Range => value.any(),
        };
        if let Some(assignment) = &opening.assignment {
            match opening.kind {
                Kind::Range => {
                    self.assign(assignment, &[value.changed(self.at), within.clone()]);
                }
                Kind::If | Kind::With => self.assign(assignment, &[value]),
            }
        }
        self.scope.conditions.push(uses.clone());
        let branches = [Some((body, &within)), otherwise.map(|nodes| (nodes, dot))];
        let branches = branches.into_iter().flatten();
        if is_in_line(body) && otherwise.is_none_or(is_in_line) {
            self.print_in_line(uses, branches);
        } else {
            let is_in_line = self.scope.line.iter().any(|segment| !segment.is_blank());
            let before = self.scope.alternatives.clone();
            if otherwise.is_some() || is_in_line {
                self.scope.alternatives.extend(uses);
            }
            let start = self.scope.line.clone();
            for (number, (nodes, dot)) in branches.enumerate() {
                if number > 0 {
                    self.end_line();
                    self.scope.line.clone_from(&start);
                }
                self.walk(nodes, dot);
            }
            // What follows on the same line belongs to the last branch.
            self.scope.alternatives = before;
        }
        self.scope.conditions.pop();
        self.scope.variables.truncate(variables);
    }

    /// Everything that a block prints in the middle of a line.
    fn print_in_line<'a>(
        &mut self,
        uses: BTreeSet<Use>,
        branches: impl Iterator<Item = (&'t [Node], &'a Traced)>,
    ) {
        let before = std::mem::take(&mut self.scope.line);
        let (mut all, mut texts) = (uses, BTreeSet::new());
        let mut is_include = true;
        for (nodes, dot) in branches {
            self.walk(nodes, dot);
            for segment in std::mem::take(&mut self.scope.line) {
                match segment {
                    Segment::Text(text) => drop(texts.insert(text)),
                    Segment::Hole { uses, texts: more, is_include: included } => {
                        is_include &= included;
                        all.extend(uses);
                        texts.extend(more);
                    }
                }
            }
        }
        self.scope.line = before;
        let prints = !texts.is_empty() || !is_include;
        if prints {
            self.scope.line.push(Segment::Hole { uses: all, texts, is_include });
        }
    }

    fn assign(&mut self, assignment: &'t Assignment, values: &[Traced]) {
        // One variable of a range is the item.
        let skipped = values.len().saturating_sub(assignment.names.len());
        for (name, value) in assignment.names.iter().zip(&values[skipped..]) {
            let depth = self.scope.conditions.len();
            let declared = self.scope.variables.iter_mut().rev().find(|it| it.name == name);
            match declared.filter(|_| !assignment.is_declaration) {
                Some(variable) => {
                    // Whether it is set depends on the conditions since its declaration.
                    let conditions = self.scope.conditions.iter().skip(variable.depth).flatten();
                    variable.value.made_from.extend(conditions.cloned());
                    variable.value.add(value.clone());
                }
                None => {
                    self.scope.variables.push(Variable { name, value: value.clone(), depth });
                }
            }
        }
    }

    pub(super) fn variable(&self, name: &str) -> Traced {
        let mut variables = self.scope.variables.iter().rev();
        variables.find(|it| it.name == name).map(|it| it.value.clone()).unwrap_or_default()
    }

    /// What a helper prints with a context. Its lines are collected, too.
    pub(super) fn include(&mut self, name: &str, context: &Traced) -> Traced {
        let helpers = self.helpers.get(name);
        let Some(helpers) = helpers.filter(|_| self.depth < MAX_DEPTH) else {
            return context.changed(self.at);
        };
        self.work += context.size();
        if self.work >= MAX_WORK {
            return context.changed(self.at);
        }
        let key = (name.to_owned(), context.clone(), self.scope.alternatives.clone());
        if let Some(known) = self.included.get(&key) {
            return known.clone();
        }
        // A helper that includes itself adds nothing.
        self.included.insert(key.clone(), Traced::default());
        let mut output = Traced::default();
        for Helper { file, body } in helpers {
            let scope = Scope::with(context.clone(), self.scope.alternatives.clone());
            let caller = std::mem::replace(&mut self.scope, scope);
            let at = std::mem::replace(&mut self.at, Position { file, line: 1 });
            self.depth += 1;
            self.walk(body, context);
            self.end_line();
            self.depth -= 1;
            self.at = at;
            output.add(std::mem::replace(&mut self.scope, caller).output);
        }
        self.included.insert(key, output.clone());
        output
    }
}

/// Whether nodes print no line break.
fn is_in_line(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(text) => !text.contains('\n'),
        Node::Action { value, .. } => !is_several_lines(value),
        Node::Block { body, otherwise, .. } => {
            is_in_line(body) && otherwise.as_deref().is_none_or(is_in_line)
        }
        Node::Define { .. } => true,
    })
}

fn is_several_lines(value: &Expression) -> bool {
    match value {
        Expression::Call(name, operands) if is_wrapper(name) => {
            name == "nindent" || operands.last().is_some_and(is_several_lines)
        }
        _ => false,
    }
}
