//! `Scope`: what a request needs permission for, as token servers understand it (distribution's token
//! specification).

/// The permissions that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    push: bool,
    /// The repository that a blob is mounted from.
    also_pull: Option<String>,
}

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, also_pull: None }
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true, also_pull: None }
    }

    /// To mount a blob of another repository. A mount from the repository itself needs nothing more.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let also_pull = (repository != from).then(|| from.to_owned());
        Self { also_pull, ..Self::push(repository) }
    }

    /// The values of the parameter `scope`. The repository to push to comes first: some token servers
    /// honour only that one.
    pub(crate) fn parameters(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let other = self.also_pull.iter().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_needs_both_repositories_unless_they_are_the_same() {
        let scopes = Scope::mount("a/new", "a/old").parameters();
        assert_eq!(scopes, ["repository:a/new:pull,push", "repository:a/old:pull"]);
        assert_eq!(Scope::mount("a", "a"), Scope::push("a"));
    }
}
