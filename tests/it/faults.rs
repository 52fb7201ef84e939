//! The copy engine against registries that fail in the ways real ones do: which requests it sends, and what it
//! leaves behind.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod accidents;
mod authentication;
mod damaged;
mod downloads;
mod early_answers;
mod heads;
mod hostile;
mod locations;
mod manifests;
mod patience;
mod pieces;
mod redirects;
mod refusals;
mod retry;
pub(crate) mod secrets;
mod sessions;
mod throttling;
mod uploads;
mod wire;
