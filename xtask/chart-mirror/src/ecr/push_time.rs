//! `PushTime`: a time as the AWS CLI prints it: seconds since 1970, or ISO 8601, depending on its version. Pure.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::timestamp::Timestamp;

/// In seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PushTime(u64);

impl PushTime {
    pub(super) fn seconds(self) -> u64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for PushTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let time = match Value::deserialize(from)? {
            // The conversion saturates.
            Value::Number(number) => number.as_f64().map(|seconds| seconds as u64),
            Value::String(text) => seconds(&text),
            _ => None,
        };
        time.map(Self).ok_or_else(|| serde::de::Error::custom("this is not a time"))
    }
}

/// The seconds of `2023-11-14T23:13:20.123+01:00`.
fn seconds(text: &str) -> Option<u64> {
    let (local, rest) = text.split_at_checked("2023-11-14T23:13:20".len())?;
    let local: Timestamp = format!("{local}Z").parse().ok()?;
    let zone = &rest[rest.find(['Z', '+', '-'])?..];
    let offset = match zone.strip_prefix(['+', '-']) {
        Some(offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -seconds } else { seconds }
        }
        None => 0,
    };
    u64::try_from(local.unix() - offset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let table = [
            ("1700000000", Some(1_700_000_000)),
            ("1700000000.9", Some(1_700_000_000)),
            ("\"2023-11-14T22:13:20Z\"", Some(1_700_000_000)),
            ("\"2023-11-14T23:13:20.123000+01:00\"", Some(1_700_000_000)),
            ("\"2023-11-14T17:13:20-05:00\"", Some(1_700_000_000)),
            ("\"1970-01-01T00:00:00+00:00\"", Some(0)),
            ("\"2023-11-14\"", None),
            ("\"2023-13-14T00:00:00Z\"", None),
            ("\"2023-11-14T22:13:20\"", None),
            ("\"soon\"", None),
            ("null", None),
        ];
        for (text, expected) in table {
            let time = serde_json::from_str::<PushTime>(text).ok().map(PushTime::seconds);
            assert_eq!(time, expected, "{text}");
        }
    }
}
