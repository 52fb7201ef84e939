//! The rules of `.helmignore`, with helm's meaning, which differs from git's: a pattern without `/` is
//! compared with the last name of a path, any other with the whole path; `**` does not exist; and `!` excludes
//! whatever does *not* match. Pure.

use messages::Advice;

/// What helm ignores in every chart.
const DEFAULT: &str = "templates/.?*";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IgnoredPaths(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Vec<Piece>,
    scope: Scope,
    folders_only: bool,
    is_negated: bool,
}

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    WholePath,
    LastName,
}

/// One or more characters of a path, as Go's `filepath.Match` defines them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(char),
    /// `?`: one character except `/`.
    Any,
    /// `*`: any characters except `/`.
    Many,
    /// `[a-z]`, or `[^a-z]`.
    Class {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathKind {
    File,
    Folder,
}

impl IgnoredPaths {
    /// Parses the text of a `.helmignore`; empty if the chart has none.
    ///
    /// # Errors
    /// If helm would refuse a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Advice> {
        let lines = text.lines().chain([DEFAULT]).zip(1..);
        let mut rules = Vec::new();
        for (line, number) in lines {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let rule = Rule::parse(line).ok_or_else(|| {
                let message = format!("line {number}: `{line}` is not a pattern of helm");
                Advice::new(message).with_hint("`*`, `?` and `[a-z]` are supported, but not `**`")
            })?;
            rules.push(rule);
        }
        Ok(Self(rules))
    }

    /// Whether a path below the chart's folder is left out, with `/` between its names.
    pub(super) fn includes(&self, path: &str, kind: PathKind) -> bool {
        let is_folder = kind == PathKind::Folder;
        self.0.iter().any(|rule| {
            let applies = is_folder || !rule.folders_only;
            match rule.is_negated {
                true => !applies || !rule.matches(path),
                false => applies && rule.matches(path),
            }
        })
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        if line.contains("**") {
            return None;
        }
        let (is_negated, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (folders_only, rest) = match rest.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let scope = if rest.contains('/') { Scope::WholePath } else { Scope::LastName };
        let pattern = pieces(rest.strip_prefix('/').unwrap_or(rest))?;
        Some(Self { pattern, scope, folders_only, is_negated })
    }

    fn matches(&self, path: &str) -> bool {
        let text = match self.scope {
            Scope::WholePath => path,
            Scope::LastName => path.rsplit('/').next().unwrap_or(path),
        };
        let text: Vec<char> = text.chars().collect();
        matches(&self.pattern, &text)
    }
}

/// `None` if the pattern is malformed.
fn pieces(pattern: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' => Piece::Many,
            '?' => Piece::Any,
            '\\' => Piece::Literal(rest.next()?),
            '[' => class(&mut rest)?,
            c => Piece::Literal(c),
        });
    }
    Some(pieces)
}

/// The rest of a class, after its `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Piece> {
    let is_negated = rest.as_str().starts_with('^');
    if is_negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if rest.as_str().starts_with(']') && !ranges.is_empty() {
            rest.next();
            return Some(Piece::Class { ranges, is_negated });
        }
        let first = class_character(rest)?;
        let last = match rest.as_str().starts_with('-') {
            true => {
                rest.next();
                class_character(rest)?
            }
            false => first,
        };
        ranges.push((first, last));
    }
}

fn class_character(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

fn matches(pattern: &[Piece], text: &[char]) -> bool {
    // Where to continue after the last `*`, if it takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut position) = (0, 0);
    loop {
        match pattern.get(at) {
            Some(Piece::Many) => {
                retry = Some((at + 1, position));
                at += 1;
                continue;
            }
            Some(piece) if text.get(position).is_some_and(|c| piece.is(*c)) => {
                (at, position) = (at + 1, position + 1);
                continue;
            }
            None if position == text.len() => return true,
            _ => {}
        }
        match retry {
            Some((after, taken)) if text.get(taken).is_some_and(|c| *c != '/') => {
                retry = Some((after, taken + 1));
                (at, position) = (after, taken + 1);
            }
            _ => return false,
        }
    }
}

impl Piece {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == c,
            Self::Any => c != '/',
            Self::Many => false,
            Self::Class { ranges, is_negated } => {
                let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&c));
                c != '/' && is_in != *is_negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PathKind::{File, Folder};

    #[test]
    fn patterns_match_as_in_helm() {
        let table = [
            ("# x", "# x", File, false),
            ("*.bak", "a.bak", File, true),
            ("*.bak", "a/b.bak", File, true),
            ("*.bak", "a.bak/c", File, false),
            ("/*.bak", "a/b.bak", File, false),
            ("/*.bak", "b.bak", File, true),
            ("a/*.bak", "a/b.bak", File, true),
            ("a/*.bak", "c/a/b.bak", File, false),
            ("a/*", "a/b/c", File, false),
            ("ci/", "ci", Folder, true),
            ("ci/", "a/ci", Folder, true),
            ("ci/", "ci", File, false),
            ("?a", "xa", File, true),
            ("[a-c]x", "bx", File, true),
            ("[^a-c]x", "bx", File, false),
            ("[]x", "]x", File, false),
            ("a*b*c", "aXbYbc", File, true),
            ("a*b*c", "aXbYb", File, false),
            (r"\*", "*", File, true),
            (r"\*", "a", File, false),
            ("{a,b}", "a", File, false),
            ("  a  ", "a", File, true),
            ("", "templates/.hidden", File, true),
            ("", "templates/a/.hidden", File, false),
            ("", ".hidden", File, false),
        ];
        for (text, path, kind, expected) in table {
            let rules = IgnoredPaths::parse(text).unwrap_or(IgnoredPaths(Vec::new()));
            assert_eq!(rules.includes(path, kind), expected, "{text} {path}");
        }
    }

    #[test]
    fn a_negated_rule_excludes_everything_else() {
        let rules = IgnoredPaths::parse("!keep/").unwrap();
        assert!(!rules.includes("keep", Folder));
        assert!(rules.includes("other", Folder));
        assert!(rules.includes("file", File));
    }

    #[test]
    fn patterns_that_helm_refuses_are_refused_with_their_line() {
        for pattern in ["a/**/b", "[", "[a", "[a-", r"\", "[]x"] {
            let error = IgnoredPaths::parse(&format!("\n{pattern}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(pattern), "{error}");
        }
    }
}
