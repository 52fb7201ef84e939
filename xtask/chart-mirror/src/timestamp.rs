//! `Timestamp`: when something happened, to the second.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use messages::Advice;
use serde::{Deserialize, Serialize};

const SECONDS_OF_DAY: i64 = 86_400;

/// A time in UTC, to the second: `2026-11-26T20:02:48Z`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String"))]
pub struct Timestamp(i64);

impl Timestamp {
    pub fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs());
        // A clock before 1970 is as good as none.
        Self(seconds.ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or_default())
    }

    /// Seconds since 1970.
    pub fn unix(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(SECONDS_OF_DAY), self.0.rem_euclid(SECONDS_OF_DAY));
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for Timestamp {
    type Err = Advice;

    fn from_str(text: &str) -> Result<Self, Advice> {
        parse(text).map(Self).ok_or_else(|| {
            Advice::new(format!("`{}` is not a time in UTC", text.escape_debug()))
                .with_hint("write it as in `2026-11-26T20:02:48Z`")
        })
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Advice;

    fn try_from(text: String) -> Result<Self, Advice> {
        text.parse()
    }
}

fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    let days = days_before(year, month, day);
    (is_time && date_of(days) == (year, month, day))
        .then_some(days * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second)
}

/// Numbers of fixed widths between separators.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut found = [0; 3];
    for (number, width) in found.iter_mut().zip(widths) {
        let digits = parts.next()?;
        let is_number = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| digits.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

/// The date of a day counted from 1970-01-01, in the calendar of today. Years begin in March here, so that the
/// additional day of a leap year is the last of its year, and 400 years always have 146,097 days.
fn date_of(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, month, in_month)
}

/// The inverse of [`date_of`], if there is such a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read_in_utc() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_723_368, "2026-11-26T20:02:48Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(Timestamp(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_in_utc_is_refused() {
        let table = [
            "",
            "2026-11-26",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-26T24:00:00Z",
            "2026-11-26T20:02:48+01:00",
            "2026-11-26T20:02:4８Z",
            "+026-11-26T20:02:48Z",
        ];
        for text in table {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
