//! Registries of clouds: which they are, by their names, and the command lines that give logins there.
//!
//! It stands in `registry/` because a login is what it is for; what else a cloud wants, as ECR its
//! repositories, is another room's.

mod host;
mod login;

pub use host::{CloudHost, EcrHost};
pub(crate) use login::CloudLogin;
