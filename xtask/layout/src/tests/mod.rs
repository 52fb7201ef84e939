//! Layouts that are written to temporary folders and read again.

mod fixtures;
mod round_trips;
