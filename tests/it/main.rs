//! The integration tests that need Rust alone. Those that start other programs are in `tests/real`.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start the tool, write temporary files and wait for both"
)]

mod bundle;
mod chaos;
mod chart;
mod cli;
mod clouds;
mod credentials;
mod docs;
mod entry_points;
mod faults;
mod formats;
mod in_memory;
mod inventory;
mod layouts;
mod list;
mod mirror;
mod monitoring;
mod nodes;
mod pin;
mod pipelines;
mod profiles;
mod prune;
mod several;
#[path = "../support/mod.rs"]
mod support;
mod tidy;
mod transport;
mod troubleshooting;
mod values;
mod verify;
