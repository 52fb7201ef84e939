//! Layouts that are written to temporary folders and read again.

#![expect(clippy::disallowed_methods, reason = "tests write files and start programs directly")]

mod fixtures;
mod round_trips;
