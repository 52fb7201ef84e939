//! Rules about the sources that no lint knows. Every rule is a function from facts to offences.
//!
//! `source` reads each file once into `facts`, with `syntax`; `paths` finds the file behind each
//! path, `graph` finds circles, `tables` holds ARCHITECTURE.md against the code; `rules` and
//! `words` are the rest. `checks` asks all of it of this workspace, and `examples` shows that each
//! rule can fail.

#![allow(dead_code, unused_imports, reason = "its rules are switched on one by one")]

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
