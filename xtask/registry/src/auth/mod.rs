//! Authentication at a registry: which credentials belong to a repository, what the registry asks for
//! in its challenges, and the tokens that it issues.

pub(crate) mod authenticator;
pub(crate) mod challenge;
pub(crate) mod credential_store;
pub mod credentials;
pub(crate) mod realm;
pub(crate) mod responses;
pub(crate) mod scope;
pub(crate) mod sharing;
pub(crate) mod token;
pub(crate) mod token_client;
pub(crate) mod tokens;

pub use credential_store::HostSide;
pub use scope::Access;
pub(crate) use scope::Scope;
