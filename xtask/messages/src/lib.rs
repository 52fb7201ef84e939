//! What messages to users are made of: text from outside made printable, and signs of secrets.

pub mod printable;
pub mod secret;
