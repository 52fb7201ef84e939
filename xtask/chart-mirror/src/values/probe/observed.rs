//! What probing sees of a rendering: the places of images, in whatever way discovery finds them. The only
//! file of probing that reads manifests.

use std::collections::{BTreeSet, HashMap};
use std::sync::RwLock;

use crate::chart::{
    Evidence, ImageReference, ManifestLocation, Rendered, UnreadableManifest, discover,
};
use crate::list::Chart;

/// A place in a rendering that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) place: ManifestLocation,
    pub(super) written: String,
    /// `None` if the text is not a valid reference.
    pub(super) reference: Option<ImageReference>,
    /// Why it counts as an image, if it is one.
    pub(super) evidence: Option<Evidence>,
    /// Whether only `helm test` creates the object.
    pub(super) is_test: bool,
}

/// The places of the chart without changes, which other renderings are compared with.
pub(super) struct Places {
    pub(super) places: Vec<Observed>,
    groups: HashMap<GroupKey, Vec<usize>>,
}

/// Template, kind and path. The name of the object is not part of it, because some charts generate it.
type GroupKey = (Option<String>, String, String);

/// Reads the renderings of a chart. Most documents are the same in all of them, and reading is slow, so the
/// documents of the first rendering are remembered.
#[derive(Default)]
pub(super) struct Observer {
    known: RwLock<HashMap<String, Vec<Observed>>>,
}

/// What comes before the template in a comment of helm.
const SOURCE: &str = "# Source: ";

impl Observer {
    /// Every image in a rendering, valid or not.
    ///
    /// # Errors
    /// If the output of helm is not valid YAML.
    pub(super) fn observe(
        &self,
        rendered: &Rendered,
        rules: Option<&Chart>,
    ) -> Result<Vec<Observed>, UnreadableManifest> {
        let documents = documents(&rendered.text);
        let mut all = Vec::new();
        let mut new = HashMap::new();
        let is_first = {
            let known = self.known.read().unwrap_or_else(|poison| poison.into_inner());
            for document in documents {
                if let Some(found) = known.get(&document) {
                    all.extend(found.iter().cloned());
                    continue;
                }
                let one = Rendered { text: document, ..rendered.clone() };
                // The whole text gives the line of an error.
                let found = observe(&one, rules).or_else(|_| observe(rendered, rules))?;
                all.extend(found.iter().cloned());
                new.insert(one.text, found);
            }
            known.is_empty()
        };
        if is_first {
            *self.known.write().unwrap_or_else(|poison| poison.into_inner()) = new;
        }
        Ok(all)
    }
}

/// The documents of a stream, each with the comment that names its template. If a file contains several,
/// helm names it only before the first.
fn documents(stream: &str) -> Vec<String> {
    let starts_document = |line: &str| {
        let rest = line.strip_prefix("---");
        rest.is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t']))
    };
    let mut documents: Vec<String> = vec![String::new()];
    for line in stream.split_inclusive('\n') {
        if starts_document(line) {
            documents.push(String::new());
        }
        if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    let mut source = String::new();
    for document in &mut documents {
        match document.lines().find(|line| line.starts_with(SOURCE)) {
            Some(own) => source = format!("{own}\n"),
            None => document.insert_str(0, &source),
        }
    }
    documents
}

fn observe(
    rendered: &Rendered,
    rules: Option<&Chart>,
) -> Result<Vec<Observed>, UnreadableManifest> {
    let found = discover(rendered, rules, &BTreeSet::new())?;
    let is_test = is_test(&rendered.text);
    let valid = found.images.into_iter().map(|found| Observed {
        place: found.place,
        written: found.reference.to_string(),
        reference: Some(found.reference),
        evidence: Some(found.evidence),
        is_test,
    });
    let malformed = found.malformed.into_iter().map(|found| Observed {
        place: found.place,
        written: found.written,
        reference: None,
        evidence: None,
        is_test,
    });
    Ok(valid.chain(malformed).collect())
}

/// Whether a document has the annotation `helm.sh/hook: test`, or `test-success` of older charts.
fn is_test(document: &str) -> bool {
    document.lines().any(|line| {
        let line = line.trim_start().trim_start_matches(['"', '\'']);
        let hook = line
            .strip_prefix("helm.sh/hook")
            .and_then(|rest| rest.trim_start_matches(['"', '\'']).strip_prefix(':'));
        hook.is_some_and(|hook| {
            hook.split(',').any(|hook| hook.trim_matches([' ', '"', '\'']).starts_with("test"))
        })
    })
}

impl Places {
    pub(super) fn new(places: Vec<Observed>) -> Self {
        let mut groups: HashMap<GroupKey, Vec<usize>> = HashMap::new();
        for (number, observed) in places.iter().enumerate() {
            groups.entry(group(&observed.place)).or_default().push(number);
        }
        Self { places, groups }
    }

    /// What another rendering has at each of these places; `None` if it has nothing there.
    pub(super) fn find(&self, others: Vec<Observed>) -> Vec<Option<Observed>> {
        let mut found: Vec<Option<Observed>> = self.places.iter().map(|_| None).collect();
        let mut by_group: HashMap<GroupKey, Vec<Observed>> = HashMap::new();
        for other in others {
            by_group.entry(group(&other.place)).or_default().push(other);
        }
        for (key, others) in by_group {
            let Some(numbers) = self.groups.get(&key) else { continue };
            let is_aligned = others.len() == numbers.len()
                && others.iter().all(|other| other.reference.is_some());
            let mut rest = Vec::new();
            for (index, other) in others.into_iter().enumerate() {
                let number = if is_aligned {
                    numbers.get(index).copied()
                } else {
                    let has_name = |number: &&usize| {
                        found[**number].is_none()
                            && self.places[**number].place.name == other.place.name
                    };
                    numbers.iter().find(has_name).copied()
                };
                match number {
                    Some(number) => found[number] = Some(other),
                    None => rest.push(other),
                }
            }
            let free = numbers.iter().filter(|number| found[**number].is_none()).copied();
            for (number, other) in free.collect::<Vec<_>>().into_iter().zip(rest) {
                found[number] = Some(other);
            }
        }
        found
    }
}

fn group(place: &ManifestLocation) -> GroupKey {
    (place.template.clone(), place.kind.clone(), place.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(pods: &[(&str, &str)]) -> Vec<Observed> {
        let mut text = String::new();
        for (name, image) in pods {
            text += &format!(
                "---\n# Source: c/templates/a.yaml\nkind: Pod\nmetadata: {{name: {name}}}\n\
                 spec: {{containers: [{{image: \"{image}\"}}]}}\n"
            );
        }
        let rendered = Rendered { rendering: String::new(), text, warnings: String::new() };
        observe(&rendered, None).unwrap()
    }

    #[test]
    fn documents_are_read_one_by_one_with_their_template() {
        let text = "---\n# Source: c/crds/a.yaml\nkind: A\nimage: a/a:1\n---\nkind: B\nimage: a/b:1\n\
                    ---\n# Source: c/templates/c.yaml\nkind: C\nimage: a/c:1\n";
        let rendered = |text: &str| Rendered {
            rendering: String::new(),
            text: text.to_owned(),
            warnings: String::new(),
        };
        let observer = Observer::default();
        for text in [text.to_owned(), text.replace("a/b:1", "a/x:1")] {
            let whole = observe(&rendered(&text), None).unwrap();
            assert_eq!(observer.observe(&rendered(&text), None).unwrap(), whole);
            assert_eq!(whole.len(), 3);
        }
        let broken = text.replace("image: a/c:1", "b: c: d");
        let error = observer.observe(&rendered(&broken), None).unwrap_err();
        assert_eq!(error.line, 11, "{error}");
    }

    #[test]
    fn places_are_matched_by_their_order_and_malformed_ones_by_name() {
        let places = Places::new(observed(&[("a", "q.io/a:1"), ("b", "q.io/b:1"), ("c", "c:1")]));
        let table: [(&[(&str, &str)], &str); 3] = [
            // Generated names change.
            (&[("x", "r.io/a:1"), ("y", "r.io/b:1"), ("z", "c:1")], "r.io/a:1 r.io/b:1 c:1"),
            (&[("a", "r.io/a:1"), ("b", "q.io//b"), ("c", "c:1")], "r.io/a:1 q.io//b c:1"),
            (&[("b", "r.io/b:1"), ("c", "c:1")], "- r.io/b:1 c:1"),
        ];
        for (pods, expected) in table {
            let found = places.find(observed(pods));
            let written = found.iter().map(|found| match found {
                Some(found) => found.written.as_str(),
                None => "-",
            });
            assert_eq!(written.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
