//! The parts of messages to users: advice with a hint, text from outside made printable, redaction of
//! secrets, and command lines to paste.

pub mod advice;
pub mod printable;
pub mod program;
pub mod redact;
pub mod secret;
pub mod shell;

pub use advice::Advice;
pub use redact::Redactor;
