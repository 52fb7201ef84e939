//! The parts of a template: text, and actions in their nesting.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::{self, Assignment, Expression};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Text(String),
    /// Prints a value, unless it sets a variable.
    Action {
        assignment: Option<Assignment>,
        value: Expression,
        line: usize,
    },
    Block {
        opening: Opening,
        body: Vec<Node>,
        otherwise: Option<Vec<Node>>,
    },
    Define {
        name: String,
        body: Vec<Node>,
    },
}

/// The action that begins a block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    pub(super) assignment: Option<Assignment>,
    pub(super) value: Expression,
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    If,
    With,
    Range,
}

/// The body of a `define`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Helper {
    pub(super) file: String,
    pub(super) body: Vec<Node>,
}

/// By name. A chart and its subcharts may define one name several times.
pub(super) type Helpers = BTreeMap<String, BTreeSet<Helper>>;

/// Text, or what stands in the braces of an action.
enum Piece<'t> {
    Text(&'t str),
    Action { text: &'t str, line: usize },
}

/// The nodes of a template. What cannot be read ends where the template ends.
pub(super) fn parse(template: &str) -> Vec<Node> {
    let pieces = pieces(template);
    let mut rest = pieces.as_slice();
    let mut nodes = Vec::new();
    // An `end` too many closes nothing.
    while !rest.is_empty() {
        let (more, _) = sequence(&mut rest);
        nodes.extend(more);
    }
    nodes
}

/// Reads nodes up to `end` or `else`, which is returned without its first word.
fn sequence<'t>(pieces: &mut &[Piece<'t>]) -> (Vec<Node>, Option<(&'t str, usize)>) {
    let mut nodes = Vec::new();
    while let Some((piece, rest)) = pieces.split_first() {
        *pieces = rest;
        let (text, line) = match *piece {
            Piece::Text("") => continue,
            Piece::Text(text) => {
                nodes.push(Node::Text(text.to_owned()));
                continue;
            }
            Piece::Action { text, line } => (text, line),
        };
        let (word, after) = first_word(text);
        match word {
            "end" => return (nodes, None),
            "else" => return (nodes, Some((after, line))),
            "if" => nodes.push(block(Kind::If, after, line, pieces)),
            "with" => nodes.push(block(Kind::With, after, line, pieces)),
            "range" => nodes.push(block(Kind::Range, after, line, pieces)),
            "define" | "block" => {
                let (name, context) = named(after);
                let body = body_to_end(pieces);
                if word == "block" {
                    nodes.push(include(name.clone(), context, line));
                }
                nodes.push(Node::Define { name, body });
            }
            "template" => {
                let (name, context) = named(after);
                nodes.push(include(name, context, line));
            }
            "break" | "continue" => {}
            _ => {
                let (assignment, value) = expression::parse(text);
                nodes.push(Node::Action { assignment, value, line });
            }
        }
    }
    (nodes, None)
}

fn body_to_end(pieces: &mut &[Piece<'_>]) -> Vec<Node> {
    let (mut body, mut rest) = sequence(pieces);
    while rest.is_some() {
        let (more, next) = sequence(pieces);
        body.extend(more);
        rest = next;
    }
    body
}

fn block(kind: Kind, text: &str, line: usize, pieces: &mut &[Piece<'_>]) -> Node {
    let (assignment, value) = expression::parse(text);
    let (body, next) = sequence(pieces);
    let otherwise = next.map(|(text, line)| match first_word(text) {
        // `else if x` opens another block, and one `end` closes both.
        ("if", after) => vec![block(Kind::If, after, line, pieces)],
        ("with", after) => vec![block(Kind::With, after, line, pieces)],
        _ => body_to_end(pieces),
    });
    Node::Block { opening: Opening { kind, assignment, value, line }, body, otherwise }
}

/// `"name" context`
fn named(text: &str) -> (String, Option<Expression>) {
    let text = text.trim_start();
    let quote = text.chars().next().unwrap_or('"');
    let rest = text.strip_prefix(quote).unwrap_or_default();
    let (name, context) = rest.split_once(quote).unwrap_or((rest, ""));
    let context = (!context.trim().is_empty()).then(|| expression::parse(context).1);
    (name.to_owned(), context)
}

fn include(name: String, context: Option<Expression>, line: usize) -> Node {
    let operands = [Some(Expression::Text(name)), context].into_iter().flatten().collect();
    let value = Expression::Call("include".to_owned(), operands);
    Node::Action { assignment: None, value, line }
}

fn first_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    text.split_at(end)
}

/// Divides a template at its braces. `{{-` and `-}}` take the space beside them away.
fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut line, mut is_trimmed) = (template, 1, false);
    while let Some(open) = rest.find("{{") {
        let inside = &rest[open + 2..];
        let length = length_of_action(inside);
        let (action, after) = inside.split_at(length);
        let (trims_before, action) = match action.strip_prefix('-') {
            Some(action) if action.starts_with(char::is_whitespace) => (true, action),
            _ => (false, action),
        };
        let (trims_after, action) = match action.strip_suffix('-') {
            Some(action) if action.ends_with(char::is_whitespace) => (true, action),
            _ => (false, action),
        };
        let text = if is_trimmed { rest[..open].trim_start() } else { &rest[..open] };
        pieces.push(Piece::Text(if trims_before { text.trim_end() } else { text }));
        line += count_lines(&rest[..open]);
        let action = action.trim();
        if !action.starts_with("/*") {
            pieces.push(Piece::Action { text: action, line });
        }
        line += count_lines(&inside[..length]);
        is_trimmed = trims_after;
        rest = after.strip_prefix("}}").unwrap_or(after);
    }
    pieces.push(Piece::Text(if is_trimmed { rest.trim_start() } else { rest }));
    pieces
}

fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// How long an action is: up to the first `}}` outside of quotes.
fn length_of_action(text: &str) -> usize {
    if text.trim_start_matches('-').trim_start().starts_with("/*") {
        return text
            .find("*/")
            .and_then(|end| Some(end + text[end..].find("}}")?))
            .unwrap_or(text.len());
    }
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(open) => {
                is_escaped = c == '\\' && open != '`';
                if c == open {
                    quote = None;
                }
            }
            None if "\"`'".contains(c) => quote = Some(c),
            None if text[at..].starts_with("}}") => return at,
            None => {}
        }
    }
    text.len()
}

/// Takes the definitions of named templates out of other nodes.
pub(super) fn take_helpers(nodes: &mut Vec<Node>, helpers: &mut Vec<(String, Vec<Node>)>) {
    let mut rest = Vec::new();
    for node in std::mem::take(nodes) {
        match node {
            Node::Define { name, mut body } => {
                take_helpers(&mut body, helpers);
                helpers.push((name, body));
            }
            Node::Block { mut body, mut otherwise, opening } => {
                take_helpers(&mut body, helpers);
                if let Some(otherwise) = &mut otherwise {
                    take_helpers(otherwise, helpers);
                }
                rest.push(Node::Block { body, otherwise, opening });
            }
            other => rest.push(other),
        }
    }
    *nodes = rest;
}
