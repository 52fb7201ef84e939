//! The integration tests, as one binary: lists the modules, nothing else.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start real programs, write throw-away files and wait for both"
)]

mod chart;
mod cli;
mod clouds;
mod credentials;
mod embedded;
mod faults;
mod images;
mod list;
mod listed;
mod mirror;
mod pin;
mod profiles;
mod real_parts;
mod support;
mod tidy;
mod transport;
mod values;
mod verify;
