//! Rules about the sources that no lint checks. Each rule is a function from facts to offences.
//!
//! `source` parses every file into `facts`. `graph`, `tables`, `rules` and `words` hold the rules.
//! `checks` applies them to this workspace, and `examples` shows that each rule can fail.

mod checks;
mod examples;
mod facts;
mod graph;
mod paths;
mod rules;
mod source;
mod syntax;
mod tables;
mod words;
