//! `Scope`: what a request needs permission for, as token servers understand it (distribution's token
//! specification).

/// What may be done with a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    #[default]
    Pull,
    /// Includes pulling.
    Push,
    /// Includes pushing.
    Delete,
}

/// The permissions that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    pub(crate) access: Access,
    /// The repository that a blob is mounted from.
    pub(crate) also_pull: Option<String>,
}

/// Repositories with the access that one token is requested for.
pub(crate) type Scopes = Vec<(String, Access)>;

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), access: Access::Pull, also_pull: None }
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), access: Access::Push, also_pull: None }
    }

    pub(crate) fn delete(repository: &str) -> Self {
        Self { repository: repository.to_owned(), access: Access::Delete, also_pull: None }
    }

    /// To list all repositories. No repository has an empty path.
    pub(crate) fn catalog() -> Self {
        Self::pull("")
    }

    /// To mount a blob of another repository. A mount from the repository itself needs nothing more.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let also_pull = (repository != from).then(|| from.to_owned());
        Self { also_pull, ..Self::push(repository) }
    }

    /// The repository to push to comes first: some token servers honour only that one.
    pub(crate) fn to_scopes(&self) -> Scopes {
        let own = (self.repository.clone(), self.access);
        let other = self.also_pull.iter().map(|from| (from.clone(), Access::Pull));
        std::iter::once(own).chain(other).collect()
    }
}

/// The value of a parameter `scope`.
pub(crate) fn parameter((repository, access): &(String, Access)) -> String {
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "pull,push",
        Access::Delete => "pull,push,delete",
    };
    if repository.is_empty() {
        return "registry:catalog:*".to_owned();
    }
    format!("repository:{repository}:{actions}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_needs_both_repositories_unless_they_are_the_same() {
        let scopes: Vec<_> =
            Scope::mount("a/new", "a/old").to_scopes().iter().map(parameter).collect();
        assert_eq!(scopes, ["repository:a/new:pull,push", "repository:a/old:pull"]);
        assert_eq!(Scope::mount("a", "a"), Scope::push("a"));
    }

    #[test]
    fn deleting_and_the_catalog_have_their_own_permissions() {
        let texts = [Scope::delete("a"), Scope::catalog()]
            .map(|scope| scope.to_scopes().iter().map(parameter).collect::<String>());
        assert_eq!(texts, ["repository:a:pull,push,delete", "registry:catalog:*"]);
        assert!(Access::Pull < Access::Push && Access::Push < Access::Delete);
    }
}
