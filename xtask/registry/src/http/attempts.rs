//! When to repeat a request, and after which pause.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::Error;
use crate::known::settings::RegistrySettings;

/// No pause between two attempts grows beyond this, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How often a request is repeated if the registry named an address that refuses connections: about a second.
const RETRIES_ELSEWHERE: usize = 2;

/// How patient to be with a host.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// The pause before the first retry; each further one is twice as long.
    pub first_pause: Duration,
    /// How often a request is repeated.
    pub retries: usize,
    /// A connection that is not made within this time is given up.
    pub connect: Duration,
    /// The transfer of a blob without a byte for this long is abandoned.
    pub silence: Duration,
    /// Any other request that is not finished within this time is abandoned. A host that never answered in this
    /// time is down for the rest of the run.
    pub total: Duration,
    /// A source that delivers a blob with fewer bytes per second is treated like a broken connection.
    pub slowest: u64,
    /// The longest `Retry-After` that is waited for; a longer one is an error.
    pub longest_wait: Duration,
}

/// The state of one operation between its attempts.
pub(crate) struct Attempts {
    policy: RetryPolicy,
    /// Pauses so far, since the last progress.
    pauses: usize,
    /// The furthest position that an upload in pieces has reached, in bytes.
    furthest: u64,
    /// How many of the last attempts failed with a 401.
    unauthorized: u32,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    AtOnce,
    Pause(Duration),
    GiveUp,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            retries: 6,
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(60),
            total: Duration::from_secs(60),
            slowest: 1024,
            longest_wait: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// A policy for which no single step takes longer than this, except the whole transfer of a blob.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { connect: self.connect.min(limit), silence: limit, total: limit, ..self }
    }

    /// The policy with what the user declares for a registry.
    #[must_use]
    pub(crate) fn with_settings(self, settings: &RegistrySettings) -> Self {
        let seconds =
            |declared: Option<u64>, default| declared.map_or(default, Duration::from_secs);
        Self {
            connect: seconds(settings.connect_timeout, self.connect),
            silence: seconds(settings.silence_timeout, self.silence),
            total: seconds(settings.request_timeout, self.total),
            slowest: settings.minimum_rate.unwrap_or(self.slowest),
            ..self
        }
    }

    /// The pauses between attempts, with jitter so that tasks do not all come back at once.
    pub fn pauses(self) -> impl Iterator<Item = Duration> {
        (0..self.retries).map(move |number| self.pause(number))
    }

    fn pause(self, number: usize) -> Duration {
        let doubled = 1u32.checked_shl(number as u32).unwrap_or(u32::MAX);
        let pause = self.first_pause.saturating_mul(doubled).min(LONGEST_PAUSE);
        // Every `RandomState` has keys of its own.
        let jitter = RandomState::new().hash_one(number) as f64 / u64::MAX as f64;
        pause + pause.mul_f64(jitter)
    }
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, pauses: 0, furthest: 0, unauthorized: 0 }
    }

    /// What to do after an attempt failed with this error.
    pub(crate) fn after(&mut self, error: &Error) -> Next {
        if self.may_authenticate_again(error) {
            Next::AtOnce
        } else if error.is_transient() {
            self.pause(error)
        } else {
            Next::GiveUp
        }
    }

    /// Whether this is a first 401: the host has learned from it, so the next attempt has a new token. A
    /// second 401 in a row is final, or a third one where tokens expire. A blob may outlive any number of tokens.
    pub(crate) fn may_authenticate_again(&mut self, error: &Error) -> bool {
        if !error.is_unauthorized() {
            self.unauthorized = 0;
            return false;
        }
        self.unauthorized += 1;
        self.unauthorized <= if error.is_about_expired_token() { 2 } else { 1 }
    }

    /// The next pause, if one is left, for an error that is worth a retry.
    pub(crate) fn pause(&mut self, error: &Error) -> Next {
        let retries = match error.is_refused_elsewhere() {
            true => self.policy.retries.min(RETRIES_ELSEWHERE),
            false => self.policy.retries,
        };
        if self.pauses >= retries {
            return Next::GiveUp;
        }
        self.pauses += 1;
        Next::Pause(self.policy.pause(self.pauses - 1).max(error.retry_after()))
    }

    /// Starts over after progress: what failed before does not count against the rest. Bytes that were lost and sent
    /// again are no progress.
    pub(crate) fn reached(&mut self, position: u64) {
        if position > self.furthest {
            *self = Self { furthest: position, ..Self::new(self.policy) };
        }
    }
}

/// The pause that a response asks for.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

/// Parses both forms of `Retry-After` (RFC 9110, section 10.2.3). A date in the past asks for no pause.
fn parse_retry_after(value: &str) -> Option<Duration> {
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
    use crate::error::{Cause, ErrorResponse, Phase, Side};

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
    fn pauses_double_up_to_a_limit_and_end() {
        let policy = RetryPolicy { retries: 100, ..RetryPolicy::default() };
        let pauses: Vec<Duration> = policy.pauses().collect();
        assert_eq!(pauses.len(), 100);
        for (number, pause) in pauses.into_iter().enumerate() {
            let least = (0.25 * 2f64.powi(number as i32)).min(20.0);
            let seconds = pause.as_secs_f64();
            assert!(seconds >= least && seconds <= 2.0 * least, "{number}: {pause:?}");
        }
    }

    fn status(status: u16, retry_after: Option<Duration>) -> Error {
        let response = ErrorResponse::parse(status, b"", retry_after);
        Error::new(Side::Source, "get", Cause::Status(Box::new(response)))
    }

    #[test]
    fn what_follows_a_failure_depends_on_its_cause() {
        let policy =
            RetryPolicy { retries: 3, first_pause: Duration::ZERO, ..RetryPolicy::default() };
        let (at_once, pause, give_up) = (Next::AtOnce, Next::Pause(Duration::ZERO), Next::GiveUp);
        let broken = Cause::Network { phase: Phase::Connect, detail: String::new() };
        let broken = Error::new(Side::Source, "get", broken);
        let elsewhere = Cause::Network { phase: Phase::ConnectElsewhere, detail: String::new() };
        let elsewhere = Error::new(Side::Source, "get", elsewhere);
        let mut attempts = Attempts::new(policy);
        assert_eq!([0; 3].map(|_| attempts.after(&elsewhere)), [pause, pause, give_up]);
        let mut attempts = Attempts::new(policy);
        assert_eq!(attempts.after(&status(401, None)), at_once);
        assert_eq!(
            attempts.after(&status(401, None)),
            give_up,
            "the new token was refused as well"
        );
        assert_eq!(attempts.after(&broken), pause);
        assert_eq!(attempts.after(&status(401, None)), at_once, "another token has expired");
        let mut expired = status(401, None);
        let Cause::Status(response) = &mut expired.cause else { panic!("{expired:?}") };
        response.token_has_expired = true;
        assert_eq!(attempts.after(&expired), at_once, "and the one after that");
        assert_eq!(attempts.after(&expired), give_up);
        assert_eq!(attempts.after(&status(404, None)), give_up);
        let requested = Some(Duration::from_secs(7));
        assert_eq!(attempts.after(&status(429, requested)), Next::Pause(Duration::from_secs(7)));
        assert_eq!(attempts.after(&broken), pause);
        assert_eq!(attempts.after(&broken), give_up);
        attempts.reached(5);
        assert_eq!([0; 4].map(|_| attempts.after(&broken)), [pause, pause, pause, give_up]);
        attempts.reached(5);
        assert_eq!(attempts.after(&broken), give_up, "nothing was gained");
        attempts.reached(6);
        assert_eq!(attempts.after(&broken), pause);
    }
}
