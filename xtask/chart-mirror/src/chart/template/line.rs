//! `Line`: what a template can print as one line, and whether an image may come from it.

use std::collections::{BTreeSet, HashMap};

use super::traced::{ImageOrigin, Use};
use crate::chart::discovery::words;

/// What a template can print as one line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) segments: Vec<Segment>,
    /// What decides that it is printed and not something else.
    pub(super) alternatives: BTreeSet<Use>,
}

/// A part of a line.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Text(String),
    /// Any text.
    Hole {
        uses: BTreeSet<Use>,
        /// Constants that it may contain.
        texts: BTreeSet<String>,
        /// Whether a helper prints it, whose lines are known.
        is_include: bool,
    },
}

/// The image that is looked for.
struct Wanted<'i> {
    image: &'i str,
    /// The last part of its repository.
    name: &'i str,
    /// What the texts of its registry begin with: `quay.io/`.
    start: &'i str,
    /// The key at the end of its path; empty for one in a longer text.
    key: String,
    is_item: bool,
}

/// What precedes a text in its line.
#[derive(Debug, PartialEq, Eq)]
enum Before<'l> {
    Key(&'l str),
    /// `- `, `[`
    Item,
    Nothing,
    Other,
}

/// How much of the image is written literally.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cover {
    characters: usize,
    /// Whether it contains `/` or `:`.
    divides: bool,
}

/// How sure it is that an image comes from a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sureness {
    Possible,
    /// The line has the name of the image.
    Likely,
    /// The line has the registry of the image.
    Literal,
}

const LONG_ENOUGH: usize = 4;

pub(super) fn origin(lines: &[Line], path: &str, image: &str) -> ImageOrigin {
    let wanted = Wanted::new(path, image);
    let found: Vec<(Sureness, BTreeSet<Use>)> =
        lines.iter().flat_map(|line| line.origins(&wanted)).collect();
    let Some(most) = found.iter().map(|(sureness, _)| *sureness).max() else {
        return ImageOrigin::Unknown;
    };
    let chosen = found.into_iter().filter(|(sureness, _)| *sureness == most);
    ImageOrigin::Values(chosen.flat_map(|(_, uses)| uses).collect())
}

impl<'i> Wanted<'i> {
    fn new(path: &str, image: &'i str) -> Self {
        let without_version = image.split('@').next().unwrap_or(image);
        let last = without_version.rfind('/').map_or(0, |slash| slash + 1);
        let name = without_version[last..].split(':').next().unwrap_or_default();
        let start = match image.find('/').or_else(|| image.find(':')) {
            Some(end) => &image[..=end],
            None => image,
        };
        let is_item = path.ends_with(']');
        let key = path.trim_end_matches(|c: char| c.is_ascii_digit() || "[]".contains(c));
        let key = key.rsplit(['.', '\\']).next().unwrap_or_default();
        let key = if path.contains(" > ") { "" } else { key };
        Self { image, name, start, key: key.to_owned(), is_item }
    }

    fn has_key(&self, key: &str) -> bool {
        let is_about_image = |word: &String| {
            ["image", "images", "registry", "repository", "repo", "hub"].contains(&word.as_str())
        };
        self.key.is_empty() || key == self.key || words(key).iter().any(is_about_image)
    }
}

impl Segment {
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

impl Line {
    /// How the image may come from this line, with the values that are used for it.
    fn origins(&self, wanted: &Wanted<'_>) -> Vec<(Sureness, BTreeSet<Use>)> {
        if let Some(Segment::Text(text)) = self.segments.first()
            && text.trim_start().starts_with('#')
        {
            return Vec::new();
        }
        let mut memory = HashMap::new();
        let mut found = Vec::new();
        for (number, offset) in self.starts() {
            let Some(cover) = self.cover(number, offset, wanted.image, &mut memory) else {
                continue;
            };
            if let Some(sureness) = self.sureness(number, offset, cover, wanted) {
                let mut uses = self.alternatives.clone();
                if sureness != Sureness::Literal {
                    uses.extend(self.uses_from(number, offset));
                }
                found.push((sureness, uses));
            }
        }
        found
    }

    /// Where a text can begin: at a hole, and after a character that no image contains.
    fn starts(&self) -> Vec<(usize, usize)> {
        let mut starts = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let previous = number.checked_sub(1).and_then(|at| self.segments.get(at));
            match segment {
                Segment::Hole { .. } if !matches!(previous, Some(Segment::Hole { .. })) => {
                    starts.push((number, 0));
                }
                Segment::Hole { .. } => {}
                Segment::Text(text) => {
                    if previous.is_none() {
                        starts.push((number, 0));
                    }
                    let ends = text.char_indices().filter(|(_, c)| !is_of_image(*c));
                    starts.extend(ends.map(|(at, c)| (number, at + c.len_utf8())));
                }
            }
        }
        starts
    }

    /// How much of the rest of an image is literal if it begins here; `None` if it cannot.
    fn cover(
        &self,
        number: usize,
        offset: usize,
        rest: &str,
        memory: &mut HashMap<(usize, usize), Option<Cover>>,
    ) -> Option<Cover> {
        if rest.is_empty() {
            let follows = self.segments.get(number);
            let goes_on =
                matches!(follows, Some(Segment::Text(text)) if text.starts_with(is_of_image));
            return (!goes_on).then(Cover::default);
        }
        match self.segments.get(number)? {
            Segment::Text(text) => {
                let text = &text[offset..];
                let literal = |covered: &str| Cover {
                    characters: covered.len(),
                    divides: covered.contains(['/', ':']),
                };
                if let Some(after) = text.strip_prefix(rest) {
                    let ends = after.chars().next().is_none_or(|c| !is_of_image(c));
                    return ends.then(|| literal(rest));
                }
                let after = rest.strip_prefix(text)?;
                let next = self.cover(number + 1, 0, after, memory)?;
                Some(literal(text).and(next))
            }
            Segment::Hole { .. } => {
                let key = (number, rest.len());
                if let Some(known) = memory.get(&key) {
                    return *known;
                }
                let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
                let best =
                    ends.filter_map(|at| self.cover(number + 1, 0, &rest[at..], memory)).max();
                memory.insert(key, best);
                best
            }
        }
    }

    fn sureness(
        &self,
        number: usize,
        offset: usize,
        cover: Cover,
        wanted: &Wanted<'_>,
    ) -> Option<Sureness> {
        let is_literal = match &self.segments[number] {
            Segment::Text(text) => text[offset..].starts_with(wanted.start),
            Segment::Hole { .. } => false,
        };
        let is_named = self.text_from(number, offset).contains(wanted.name);
        let fits = match self.before(number, offset) {
            Before::Key(key) => wanted.has_key(key),
            Before::Item => wanted.is_item || wanted.key.is_empty(),
            Before::Other => wanted.is_item || wanted.key != "image",
            Before::Nothing => {
                let is_written = cover.divides || cover.characters >= LONG_ENOUGH;
                is_written || self.has_constant_of(number, wanted)
            }
        };
        let is_whole = is_literal && cover.characters == wanted.image.len();
        match () {
            () if !fits && !is_whole => None,
            () if is_literal => Some(Sureness::Literal),
            () if is_named && cover.divides => Some(Sureness::Likely),
            () => Some(Sureness::Possible),
        }
    }

    /// Whether a hole that no helper prints has a constant which the image consists of.
    fn has_constant_of(&self, number: usize, wanted: &Wanted<'_>) -> bool {
        match &self.segments[number] {
            Segment::Hole { texts, is_include: false, .. } => texts.iter().any(|text| {
                text.contains(wanted.name)
                    || (text.len() >= LONG_ENOUGH && wanted.image.contains(text.as_str()))
            }),
            _ => false,
        }
    }

    fn before(&self, number: usize, offset: usize) -> Before<'_> {
        let text = match (&self.segments[number], number.checked_sub(1)) {
            (Segment::Text(text), _) => &text[..offset],
            (_, Some(previous)) => match &self.segments[previous] {
                Segment::Text(text) => text,
                Segment::Hole { .. } => return Before::Other,
            },
            (_, None) => "",
        };
        let text = text.trim_end_matches(|c: char| c.is_whitespace() || "\"'>|-!".contains(c));
        let full = match (&self.segments[number], number) {
            (Segment::Text(it), 0) => it[..offset].trim(),
            (Segment::Hole { .. }, 1) => match &self.segments[0] {
                Segment::Text(it) => it.trim(),
                Segment::Hole { .. } => "",
            },
            _ => "",
        };
        if let Some(before) = text.strip_suffix(':') {
            let before = before.trim_end_matches(['"', '\'']);
            let is_key = |c: char| c.is_alphanumeric() || "_-./".contains(c);
            let start = before.rfind(|c| !is_key(c)).map_or(0, |at| at + 1);
            return Before::Key(&before[start..]);
        }
        if text.ends_with(['[', ',']) || (text.is_empty() && full.starts_with('-')) {
            return Before::Item;
        }
        if text.trim().is_empty() { Before::Nothing } else { Before::Other }
    }

    /// The literal text from a start to the end of its word.
    fn text_from(&self, number: usize, offset: usize) -> String {
        let mut text = String::new();
        for (at, segment) in self.segments.iter().enumerate().skip(number) {
            let Segment::Text(part) = segment else { continue };
            let part = if at == number { &part[offset..] } else { part };
            let end = part.find(|c| !is_of_image(c));
            text.push_str(&part[..end.unwrap_or(part.len())]);
            if end.is_some() {
                break;
            }
        }
        text
    }

    /// What the holes from a start to the end of its word use.
    fn uses_from(&self, number: usize, offset: usize) -> BTreeSet<Use> {
        let mut all = BTreeSet::new();
        for (at, segment) in self.segments.iter().enumerate().skip(number) {
            match segment {
                Segment::Hole { uses, .. } => all.extend(uses.iter().cloned()),
                Segment::Text(part) => {
                    let part = if at == number { &part[offset..] } else { part };
                    if part.contains(|c| !is_of_image(c)) {
                        break;
                    }
                }
            }
        }
        all
    }
}

impl Cover {
    fn and(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            divides: self.divides || other.divides,
        }
    }
}

fn is_of_image(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/:@".contains(c)
}
