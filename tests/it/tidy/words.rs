//! Words that are not plain English, and replacements. No other file may contain them.

use super::source::Offence;

const OWN_FILE: &str = "tidy/words.rs";

const BANNED: [(&str, &str); 17] = [
    ("anew", "again"),
    ("for ever", "forever, or until when"),
    ("for who", "what it is, or for anyone who"),
    ("herself", "name the actor"),
    ("himself", "name the actor"),
    ("in vain", "without result"),
    ("is none", "there is no, or is not one"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("mends", "fixes"),
    ("nobody", "no one, or say it in the passive"),
    ("of its own accord", "by itself"),
    ("somebody", "someone, or name the actor"),
    ("told", "reported, or said"),
    ("whoever", "anyone who"),
    ("whom", "rephrase it"),
];

/// Names of the standard library that look like a banned phrase.
const STANDARD: [&str; 2] = ["is_none", "is_none_or"];

/// Phrases that may stay: plain English, the value `none` of a setting, and a JSON key on which users rely.
const ALLOWED: [&str; 3] = ["there is none", "is `none`", "made-anew"];

/// A phrase does not continue across these.
const STOPS: [char; 13] = ['.', ',', ';', ':', '!', '?', '(', ')', '"', '{', '}', '|', '='];

/// Ignores case. A phrase may continue on the next line, and `_` separates words.
pub(crate) fn banned_words(path: &str, text: &str) -> Vec<Offence> {
    if path.ends_with(OWN_FILE) {
        return vec![];
    }
    let text = text.to_lowercase().replace("\\n", "  ");
    let text = ALLOWED.iter().fold(text, |text, part| text.replace(part, &".".repeat(part.len())));
    let mut offences = Vec::new();
    for (banned, instead) in BANNED {
        let words: Vec<_> = banned.split(' ').collect();
        for (end, _) in text.match_indices(words[words.len() - 1]) {
            // The last word ends where the match does.
            let end = end + words[words.len() - 1].len();
            if !text[end..].starts_with(char::is_alphanumeric)
                && let Some(start) = start(&text[..end], &words)
                && !is_standard(&text, start)
            {
                let line = text[..start].matches('\n').count() + 1;
                offences.push(Offence::at(path, line, format!("`{banned}`: write {instead}")));
            }
        }
    }
    offences
}

/// The start of the words at the end of the text.
fn start(text: &str, words: &[&str]) -> Option<usize> {
    let (last, earlier) = words.split_last()?;
    let before = text.strip_suffix(last)?;
    if earlier.is_empty() {
        return (!before.ends_with(char::is_alphanumeric)).then_some(before.len());
    }
    let joined = before.trim_end_matches(|c: char| !c.is_alphanumeric() && !STOPS.contains(&c));
    if joined.len() < before.len() { start(joined, earlier) } else { None }
}

fn is_standard(text: &str, start: usize) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let name = text[start..].split(|c| !is_part(c)).next();
    !text[..start].ends_with('_') && name.is_some_and(|name| STANDARD.contains(&name))
}
