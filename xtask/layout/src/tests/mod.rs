//! Layouts that are written to temporary folders and read again.

#![expect(clippy::disallowed_methods, reason = "tests write files and start programs directly")]

mod damage;
mod fixtures;
mod hostile;
mod parts;
mod resuming;
mod round_trips;
mod safety;
