//! Credentials and where they come from: environment variables, the files of docker and podman,
//! credential helpers, and the command lines of clouds. Which of them belong to a repository is
//! decided by `credential_store`.

pub(crate) mod auth_file;
pub(crate) mod candidate;
pub(crate) mod cloud_cli;
mod environment;
pub(crate) mod helper;
pub(crate) mod helper_cache;
mod secret;
pub(crate) mod variables;

pub use candidate::Origin;
pub use environment::{EmptyEnvironment, Environment, FileText, ProcessEnvironment};
pub use secret::{Credentials, Secret};
