//! The tests that start programs which are not part of this repository. `cargo test --workspace` leaves
//! them out; `cargo xtask ci` installs the programs and runs them.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work fails the test")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start real programs, write temporary files and wait for both"
)]

mod air_gap;
mod bundle;
mod chart;
mod docs;
mod ecr;
mod faults;
mod faulty_line;
mod formats;
mod guide;
mod helm_plugin;
mod images;
mod init;
mod installing;
mod layouts;
mod listed;
mod migrating;
mod mirrored_layouts;
mod monitoring;
mod nodes;
mod other_repository;
mod pin;
mod pipelines;
mod probing;
mod programs;
mod proving;
mod pruning;
mod registries;
mod renovate;
mod signatures;
mod small_chart;
mod stored;
#[expect(dead_code, reason = "each test target uses its part")]
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod values;
mod verify;
