//! Who we are at a registry: credentials, challenges and tokens.

pub(crate) mod challenge;
pub mod credentials;
pub mod logins;
pub(crate) mod realm;
pub(crate) mod state;
pub(crate) mod token_client;
