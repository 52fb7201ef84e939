//! What messages to users are made of: advice, text from outside made printable, signs of secrets.

pub mod advice;
pub mod printable;
pub mod secret;

pub use advice::Advice;
