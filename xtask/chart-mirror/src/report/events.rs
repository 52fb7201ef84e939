//! The events of a run as lines of JSON, for `--progress json`.

use serde::Serialize;

use crate::commands::mirror::result::ImageReport;
use crate::timestamp::Timestamp;
use oci::Reference;

/// What happened. `seconds` are counted from the beginning of the run.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// A run about one list began. A command for several lists or destinations has one run after the other.
    RunStarted {
        time: Timestamp,
        /// Without the name of the program: `bundle export`.
        command: &'a str,
        /// The file of the list; null if the run is not about one list.
        list: Option<&'a str>,
        /// As `-d` names them, or the names in images.toml; empty if the run has none.
        destinations: &'a [String],
        /// Null if the number is not known yet.
        images: Option<usize>,
    },
    /// The copy of an image began.
    ImageStarted {
        seconds: f64,
        /// The position of the image in the run, from 0.
        number: usize,
        source: &'a Reference,
        target: &'a Reference,
    },
    /// The copy of an image ended. The other fields are those of an image in the report of `mirror`.
    ImageEnded {
        seconds: f64,
        number: usize,
        #[serde(flatten)]
        image: &'a ImageReport,
    },
    /// All bytes that were sent to the destination, at most once a second.
    Bytes {
        seconds: f64,
        sent: u64,
        /// All that is known to be sent. It grows while images are examined.
        expected: u64,
    },
    /// A step began that copies nothing, such as resolving tags.
    CheckStarted {
        seconds: f64,
        check: &'a str,
        /// 0 if it does not go through the images.
        images: usize,
    },
    /// How many images were checked, at most once a second.
    CheckProgress { seconds: f64, check: &'a str, checked: usize, images: usize },
    /// The run ended.
    RunEnded { seconds: f64, result: RunResult },
    /// A warning, an error or a summary for people.
    Message { text: &'a str },
    /// A line of the log.
    Log { text: &'a str },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RunResult {
    Done,
    /// It ran and reported a failure: exit code 1.
    Failed,
    /// Exit code 2.
    CouldNotRun,
    /// By SIGINT or SIGTERM.
    Interrupted,
}

impl Event<'_> {
    /// The event on one line, without its end.
    pub fn line(&self) -> String {
        // Strings and finite numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::examples;
    use crate::report::schemas::{Scope, close, schemas};

    /// One of each kind.
    fn of_every_kind() -> Vec<String> {
        let report = examples::mirror();
        let seconds = 1.5;
        let destinations = vec!["production".to_owned()];
        let [first, ..] = report.images.as_slice() else { panic!("no image") };
        let mut events = vec![
            Event::RunStarted {
                time: report.ended,
                command: "mirror",
                list: Some("images.toml"),
                destinations: &destinations,
                images: Some(5),
            },
            Event::ImageStarted {
                seconds,
                number: 0,
                source: &first.source,
                target: &first.target,
            },
        ];
        let ended = report.images.iter().enumerate();
        events.extend(ended.map(|(number, image)| Event::ImageEnded { seconds, number, image }));
        events.extend([
            Event::Bytes { seconds, sent: 5, expected: 10 },
            Event::CheckStarted { seconds, check: "resolving tags", images: 22 },
            Event::CheckProgress { seconds, check: "resolving tags", checked: 7, images: 22 },
            Event::RunEnded { seconds, result: RunResult::Failed },
            Event::Message { text: "warning: a\n  \"b\" \u{1b}[31m\r" },
            Event::Log { text: "GET https://quay.io/v2/" },
        ]);
        events.iter().map(Event::line).collect()
    }

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        for line in of_every_kind() {
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn lines_of_progress_have_the_fields_of_their_schema_and_no_others() {
        let mut schema = schemas().into_iter().find(|(name, _)| *name == "progress").unwrap().1;
        close(&mut schema, Scope::Whole);
        let validator = jsonschema::validator_for(&schema).unwrap();
        for line in of_every_kind() {
            let mut event: Value = serde_json::from_str(&line).unwrap();
            let problems: Vec<_> = validator.iter_errors(&event).map(|it| it.to_string()).collect();
            assert!(problems.is_empty(), "{line}: {problems:#?}");
            event["more"] = json!(1);
            assert!(!validator.is_valid(&event), "{line}");
        }
    }
}
