//! The engine against registries that fail in the ways real ones do: what it sends, and what is left.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod downloads;
mod hostile;
mod locations;
mod login;
mod manifests;
mod pieces;
mod redirects;
mod refusals;
mod retry;
pub(crate) mod secrets;
mod sessions;
mod throttling;
mod uploads;
mod wire;
