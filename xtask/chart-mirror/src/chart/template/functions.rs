//! What the functions of templates make of their operands.

use std::collections::BTreeMap;

use super::expression::Expression;
use super::traced::{Input, Role, Traced};
use super::walk::Walk;

/// Functions of which only the result counts, not the text of the operands.
const QUESTIONS: [&str; 22] = [
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "hasKey",
    "has",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "kindIs",
    "kindOf",
    "typeIs",
    "typeOf",
    "len",
    "regexMatch",
    "semverCompare",
    "int",
    "int64",
    "sha256sum",
    "keys",
];

impl<'t> Walk<'t> {
    pub(super) fn value(&mut self, expression: &'t Expression, dot: &Traced) -> Traced {
        match expression {
            Expression::Dot => dot.clone(),
            Expression::Variable(name) => self.variable(name),
            Expression::Text(text) => Traced::text(text),
            Expression::Constant(_) => Traced::default(),
            Expression::Field(of, name) => {
                let of = self.value(of, dot);
                self.entry(&of, name)
            }
            Expression::Call(name, operands) => self.call(name, operands, dot),
        }
    }

    fn entry(&self, of: &Traced, name: &str) -> Traced {
        let mut entry = of.field(name);
        if let Some(put) = self.put.get(name) {
            entry.add(put.clone());
        }
        entry
    }

    /// An entry whose key is a value.
    fn entry_by(&self, of: &Traced, key: &Traced) -> Traced {
        let is_known = key.may_be.is_empty() && key.made_from.is_empty() && !key.texts.is_empty();
        if is_known {
            Traced::union(key.texts.iter().map(|name| self.entry(of, name)))
        } else {
            let mut any = of.any();
            any.made_from.extend(key.uses(self.at));
            any
        }
    }

    fn call(&mut self, name: &str, operands: &'t [Expression], dot: &Traced) -> Traced {
        let mut values: Vec<Traced> = Vec::new();
        for operand in operands {
            values.push(self.value(operand, dot));
        }
        match (name, values.as_slice()) {
            ("include", [names, context @ ..]) => {
                let context = context.first().cloned().unwrap_or_default();
                let is_known = names.may_be.is_empty() && names.made_from.is_empty();
                if !is_known || names.texts.is_empty() {
                    return Traced::union([context.changed(self.at), names.changed(self.at)]);
                }
                Traced::union(names.texts.iter().map(|name| self.include(name, &context)))
            }
            ("tpl", [text, context @ ..]) => {
                let is_template = text.may_be.contains(&Input::File)
                    || text.texts.iter().any(|text| text.contains("{{"));
                let context = context.first().filter(|_| is_template);
                let context = context.map(|context| context.changed(self.at));
                Traced::union([text.clone()].into_iter().chain(context))
            }
            ("dict", entries) => self.map(entries),
            ("set", [map, key, value]) => {
                for key in &key.texts {
                    self.put.entry(key.clone()).or_default().add(value.clone());
                }
                map.clone()
            }
            ("index", [of, keys @ ..]) => {
                keys.iter().fold(of.clone(), |of, key| self.entry_by(&of, key))
            }
            ("get", [of, key]) => self.entry_by(of, key),
            ("dig", [keys @ .., default, of]) => {
                let found = keys.iter().fold(of.clone(), |of, key| self.entry_by(&of, key));
                Traced::union([found, default.clone()])
            }
            ("pluck", [key, maps @ ..]) => {
                Traced::union(maps.iter().map(|map| self.entry_by(map, key)))
            }
            ("values", [of]) => of.any(),
            ("required", [_, value]) => value.clone(),
            ("fail" | "lookup", _) => Traced::default(),
            ("not" | "empty", values) => self.answer(values, Role::Presence),
            (question, values) if QUESTIONS.contains(&question) => {
                self.answer(values, Role::Comparison)
            }
            ("ternary", [either, or, decision]) => {
                let decision = self.answer(std::slice::from_ref(decision), Role::Presence);
                Traced::union([either.clone(), or.clone(), decision])
            }
            (_, values) => Traced::union(values.iter().cloned()),
        }
    }

    /// The answer to a question about values.
    fn answer(&self, values: &[Traced], role: Role) -> Traced {
        let made_from = values.iter().flat_map(|value| value.deciding(self.at, role)).collect();
        Traced { made_from, ..Traced::default() }
    }

    /// Keys and values in turn.
    fn map(&self, entries: &[Traced]) -> Traced {
        let mut map: BTreeMap<String, Traced> = BTreeMap::new();
        let mut made_from = std::collections::BTreeSet::new();
        for pair in entries.chunks(2) {
            let [key, value] = pair else { continue };
            if key.texts.is_empty() {
                made_from.extend(value.uses(self.at));
            }
            made_from.extend(key.uses(self.at));
            for name in &key.texts {
                map.entry(name.clone()).or_default().add(value.clone());
            }
        }
        Traced { made_from, ..Input::Map(map).into() }
    }
}
