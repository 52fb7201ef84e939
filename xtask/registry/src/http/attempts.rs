//! When to try again, and after how long.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBuilder};

/// How patient to be with a host.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// The pause before the first retry; each further one is twice as long.
    pub first_pause: Duration,
    /// How often a request is repeated.
    pub retries: usize,
    /// A connection without a byte for this long is given up.
    pub silence: Duration,
    /// The longest `Retry-After` that is waited for; a longer one is an error.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            retries: 6,
            silence: Duration::from_secs(60),
            longest_wait: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// The pauses between attempts, with jitter so that tasks do not come back all at once.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(self.retries)
            .with_jitter()
            .build()
    }
}

/// Reads `Retry-After` in both of its forms (RFC 9110, section 10.2.3). A date in the past is none.
pub(crate) fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    date.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let date = |offset: i64| {
            let seconds =
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let at = Duration::from_secs(seconds.checked_add_signed(offset).unwrap());
            httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + at)
        };
        assert_eq!(parse_retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after(" 0 "), Some(Duration::ZERO));
        let later = parse_retry_after(&date(90)).unwrap().as_secs();
        assert!((85..=90).contains(&later), "{later}");
        assert_eq!(parse_retry_after(&date(-90)), None);
        assert_eq!(parse_retry_after("soon"), None);
        assert_eq!(parse_retry_after("-5"), None);
    }

    #[test]
    fn pauses_double_and_end() {
        let pauses: Vec<Duration> = RetryPolicy::default().pauses().collect();
        assert_eq!(pauses.len(), 6);
        assert!(pauses[0] >= Duration::from_millis(250) && pauses[0] < Duration::from_millis(501));
        assert!(pauses[5] >= Duration::from_secs(8));
    }
}
