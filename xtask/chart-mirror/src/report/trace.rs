//! The timeline of a run in the trace event format of Chrome, which ui.perfetto.dev and chrome://tracing show.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::mirror::timeline::{RecordedTimeline, TimedImage};
use registry::{Activity, TracedSpan};

/// The number of the process that has the images; those of the registries follow.
const IMAGES: usize = 1;

/// The lanes of one process. What overlaps in time is in different ones.
#[derive(Default)]
struct Lanes {
    /// When each lane is free again, in microseconds.
    free_at: Vec<u64>,
}

impl Lanes {
    /// The number of the lowest lane that is free, from 1. The beginnings must be in order.
    fn take(&mut self, start: u64, end: u64) -> usize {
        let free = self.free_at.iter().position(|free_at| *free_at <= start);
        let lane = free.unwrap_or_else(|| {
            self.free_at.push(0);
            self.free_at.len() - 1
        });
        self.free_at[lane] = end;
        lane + 1
    }
}

/// A complete event, apart from where it is.
struct Span<'a> {
    name: &'a str,
    category: &'a str,
    start: Duration,
    end: Duration,
    arguments: Value,
}

/// The timeline as JSON.
pub fn json(recorded: &RecordedTimeline) -> String {
    let mut events = vec![process(IMAGES, "images")];
    let mut lanes = Lanes::default();
    for image in &recorded.images {
        events.push(event(&of_image(image, recorded.end), IMAGES, &mut lanes));
    }
    let registries =
        recorded.spans.iter().map(|span| ((span.side, &span.registry), Lanes::default()));
    let mut registries: BTreeMap<_, _> = registries.collect();
    for (number, ((side, registry), lanes)) in (IMAGES + 1..).zip(&mut registries) {
        events.push(process(number, &format!("{side} {registry}")));
        let is_there = |span: &&TracedSpan| (span.side, &span.registry) == (*side, *registry);
        for span in recorded.spans.iter().filter(is_there) {
            events.push(event(&of_registry(span), number, lanes));
        }
    }
    let document = json!({ "displayTimeUnit": "ms", "traceEvents": events });
    format!("{document}\n")
}

fn process(number: usize, name: &str) -> Value {
    json!({ "ph": "M", "name": "process_name", "pid": number, "args": { "name": name } })
}

fn event(span: &Span<'_>, process: usize, lanes: &mut Lanes) -> Value {
    let [start, end] = [span.start, span.end].map(|time| time.as_micros() as u64);
    json!({
        "ph": "X",
        "name": span.name,
        "cat": span.category,
        "ts": start,
        "dur": end - start,
        "pid": process,
        "tid": lanes.take(start, end),
        "args": span.arguments,
    })
}

fn of_image(image: &TimedImage, run_ended: Duration) -> Span<'_> {
    let error = match image.end {
        Some(_) => image.error.as_deref(),
        None => Some("the run ended before"),
    };
    Span {
        name: &image.target,
        category: "image",
        start: image.start,
        end: image.end.unwrap_or(run_ended),
        arguments: json!({ "source": image.source, "error": error }),
    }
}

fn of_registry(span: &TracedSpan) -> Span<'_> {
    let TracedSpan { operation, start, end, .. } = span;
    let (name, category, arguments) = match &span.activity {
        Activity::Wait(what) => (*what, "wait", json!({ "for": operation })),
        Activity::Request(request) => {
            let arguments = json!({
                "method": request.method,
                "address": request.address,
                "status": request.status,
                "error": request.error,
                "sent": request.sent,
                "received": request.received,
            });
            (operation.as_str(), request.kind, arguments)
        }
    };
    Span { name, category, start: *start, end: *end, arguments }
}

#[cfg(test)]
mod tests {
    use registry::{Side, TracedRequest};

    use super::*;

    #[test]
    fn what_overlaps_is_in_different_lanes_and_the_lowest_free_one_is_taken() {
        let mut lanes = Lanes::default();
        let spans = [(0, 10), (0, 5), (4, 6), (5, 5), (5, 7), (10, 11), (10, 12), (12, 13)];
        let taken = spans.map(|(start, end)| lanes.take(start, end));
        assert_eq!(taken, [1, 2, 3, 2, 2, 1, 2, 1]);
    }

    fn span(side: Side, operation: &str, activity: Activity, milliseconds: [u64; 2]) -> TracedSpan {
        let [start, end] = milliseconds.map(Duration::from_millis);
        let (registry, operation) = ("quay.io".parse().unwrap(), operation.to_owned());
        TracedSpan { registry, side, operation, activity, start, end }
    }

    #[test]
    fn each_side_of_a_registry_is_a_process_and_the_images_are_another() {
        let request = TracedRequest {
            kind: "manifest",
            method: "GET".to_owned(),
            address: "https://quay.io/v2/a/manifests/1".to_owned(),
            status: Some(200),
            error: None,
            sent: None,
            received: 512,
        };
        let failed = TracedRequest {
            status: None,
            error: Some("no response".to_owned()),
            ..request.clone()
        };
        let image = TimedImage {
            source: "quay.io/a:1".to_owned(),
            target: "quay.io/b:1".to_owned(),
            start: Duration::from_millis(1),
            end: None,
            error: None,
        };
        let recorded = RecordedTimeline {
            spans: vec![
                span(Side::Destination, "get", Activity::Wait("wait for a place"), [2, 5]),
                span(Side::Destination, "get", Activity::Request(failed), [5, 9]),
                span(Side::Source, "get", Activity::Request(request), [6, 8]),
            ],
            images: vec![image],
            end: Duration::from_millis(20),
        };
        let document: Value = serde_json::from_str(&json(&recorded)).unwrap();
        let events = document["traceEvents"].as_array().unwrap();
        let names: Vec<&Value> =
            events.iter().filter(|it| it["ph"] == "M").map(|it| &it["args"]["name"]).collect();
        assert_eq!(names, ["images", "source quay.io", "destination quay.io"]);
        let text = |event: &Value| {
            let number = |key: &str| event[key].as_u64().unwrap();
            let of_time = (number("ts"), number("dur"));
            format!("{}/{} {of_time:?} {}", number("pid"), number("tid"), event["name"])
        };
        let spans: Vec<&Value> = events.iter().filter(|it| it["ph"] == "X").collect();
        assert_eq!(
            spans.iter().map(|it| text(it)).collect::<Vec<_>>(),
            [
                "1/1 (1000, 19000) \"quay.io/b:1\"",
                "2/1 (6000, 2000) \"get\"",
                "3/1 (2000, 3000) \"wait for a place\"",
                "3/1 (5000, 4000) \"get\"",
            ]
        );
        assert_eq!(spans[0]["args"]["error"], "the run ended before");
        assert_eq!(
            (&spans[1]["args"]["status"], &spans[1]["cat"]),
            (&200.into(), &"manifest".into())
        );
        assert_eq!(spans[3]["args"]["error"], "no response");
    }
}
