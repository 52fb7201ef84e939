//! The integration tests, one module per subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod list;
