//! `Workspace`: the lists of several charts in one repository.

/// `[workspace]` in images.toml. Its destinations, registries and policy apply to all members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Folders relative to the file, each with an images.toml. `*` stands for any part of a name. Never
    /// empty.
    pub members: Vec<String>,
}
