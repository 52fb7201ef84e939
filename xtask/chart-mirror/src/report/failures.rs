//! Errors of images as text for people. Images that failed for one cause share one message.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::common::hint_line;
use super::presentation::{Detail, Presentation};
use registry::Error;

/// How many names are listed below a cause; the rest is counted.
pub(super) const MOST_NAMES: usize = 5;

/// The error of one image, or of something else.
pub(super) struct Failure<'r> {
    /// Names it.
    pub(super) name: String,
    pub(super) error: &'r Error,
}

/// The failures of one cause.
pub(super) struct FailureGroup<'r> {
    pub(super) failures: Vec<Failure<'r>>,
    cause: String,
    hint: Option<String>,
}

/// Puts failures with one cause together, in the order of the first of each.
pub(super) fn by_cause<'r>(
    failures: impl IntoIterator<Item = Failure<'r>>,
) -> Vec<FailureGroup<'r>> {
    let mut groups: Vec<FailureGroup<'r>> = Vec::new();
    let mut positions = HashMap::new();
    for failure in failures {
        let (cause, hint) = (failure.error.shared_cause(), failure.error.hint());
        let position = *positions.entry((cause.clone(), hint.clone())).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.failures.push(failure),
            None => groups.push(FailureGroup { failures: vec![failure], cause, hint }),
        }
    }
    groups
}

impl FailureGroup<'_> {
    /// `label` is the word that begins the first line.
    pub(super) fn text(&self, label: &str, presentation: Presentation) -> String {
        self.text_about("images", label, presentation)
    }

    /// The same about something else, in the plural.
    pub(super) fn text_about(
        &self,
        things: &str,
        label: &str,
        presentation: Presentation,
    ) -> String {
        if let [Failure { name, error }] = self.failures.as_slice() {
            return format!("{label}: {name}\n  {error}\n{}", hint_line("  ", error));
        }
        let number = self.failures.len();
        let mut text = format!("{label}: {number} {things}: {}\n", self.cause);
        let names = self.failures.iter().map(|Failure { name, error }| match presentation.detail {
            Detail::Full if !error.request.is_empty() => format!("{name} ({})", error.request),
            _ => name.clone(),
        });
        for line in listed(names.collect(), presentation.detail) {
            let _ = writeln!(text, "  {line}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
        text
    }
}

/// The first few names, and how many more there are.
pub(super) fn listed(mut names: Vec<String>, detail: Detail) -> Vec<String> {
    let more = names.len().saturating_sub(MOST_NAMES);
    // A line that counts a single name could as well be that name.
    if detail == Detail::Short && more > 1 {
        names.truncate(MOST_NAMES);
        names.push(format!("and {more} more; `-v` lists all"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry::{Cause, Side};

    fn texts(errors: &[Error], detail: Detail) -> Vec<String> {
        let failures = errors.iter().enumerate();
        let failures = failures.map(|(n, error)| Failure { name: format!("q.io/i{n}:1"), error });
        let presentation = Presentation { detail, ..Presentation::default() };
        by_cause(failures).iter().map(|group| group.text("error", presentation)).collect()
    }

    fn error(number: usize, why: &str) -> Error {
        let cause = Cause::Protocol(why.to_owned());
        let operation = format!("get manifest `{number}`");
        let request = format!("GET https://q.io/v2/i{number}/manifests/{number}");
        Error { request, ..Error::new(Side::Source, operation, cause) }
    }

    const HINT: &str = "  hint: check that this is the address of a container registry\n";

    #[test]
    fn one_cause_is_one_message_however_many_images_it_hits() {
        let errors: Vec<Error> = (0..22).map(|number| error(number, "nonsense")).collect();
        let names: String = (0..5).map(|number| format!("  q.io/i{number}:1\n")).collect();
        let expected = format!(
            "error: 22 images: source: get manifest: https://q.io: nonsense\n{names}  \
             and 17 more; `-v` lists all\n{HINT}"
        );
        assert_eq!(texts(&errors, Detail::Short), [expected]);
        let [full] = <[String; 1]>::try_from(texts(&errors, Detail::Full)).unwrap();
        assert_eq!(full.lines().count(), 24);
        assert!(full.contains("  q.io/i21:1 (GET https://q.io/v2/i21/manifests/21)\n"), "{full}");
        assert_eq!(texts(&errors[..6], Detail::Short)[0].lines().count(), 8);
    }

    #[test]
    fn other_causes_are_other_messages_and_a_single_image_has_all_details() {
        let errors = [error(0, "nonsense"), error(1, "gibberish"), error(2, "nonsense")];
        let [first, second] = <[String; 2]>::try_from(texts(&errors, Detail::Short)).unwrap();
        assert!(
            first.starts_with("error: 2 images: ") && first.contains("i0") && first.contains("i2")
        );
        assert_eq!(
            second,
            format!(
                "error: q.io/i1:1\n  source: get manifest `1`: \
                 GET https://q.io/v2/i1/manifests/1: gibberish\n{HINT}"
            )
        );
    }
}
