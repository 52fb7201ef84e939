//! `Sharing`: which repositories of a host share a token. Decides, and requests nothing.
//!
//! The repositories of a run that use the same credentials share tokens, some of them at a time: a longer
//! token would exceed the limits of headers. What a shared token does not grant gets a separate token.
//! What a token server grants together is learned from its responses and from those of the registry.

use std::collections::{HashMap, HashSet, VecDeque};

use super::credentials::candidate::CredentialCandidate;
use super::scope::{Access, Scope, Scopes, parameter};
use super::token::Token;

/// At most this many repositories share a token.
const MOST_SHARED: usize = 24;
/// The scopes of a shared token in bytes. They are in the address of its request, and in the token.
const LONGEST_SCOPES: usize = 1500;
/// In bytes. Many servers accept 8 KiB, some of them for all headers together.
const LONGEST_TOKEN: usize = 6 << 10;

/// Names a token of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TokenId {
    /// The token for one scope.
    Own(Scope),
    /// The token that a group shares, and the repository outside of the group that it can mount from.
    Shared(usize, Option<String>),
}

/// What a token that was issued is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issued {
    Serves,
    /// It does not grant what the request needs, but other requests use it.
    ServesOthers,
    TooLong,
}

/// What follows from a refused token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Less may be granted.
    AskForLess,
    /// The server refuses just what the request needs.
    Final,
}

/// The repositories of a run at one host.
pub(crate) struct Sharing {
    /// The repositories of the run.
    expected: HashMap<String, Expected>,
    /// Repositories in the order in which they were announced, not yet by credentials.
    announced: Vec<String>,
    /// Repositories without a token, by their credentials.
    waiting: Vec<(Vec<CredentialCandidate>, VecDeque<String>)>,
    groups: Vec<Group>,
    /// Whether tokens for several repositories are worth a request.
    shares: bool,
    /// Whether to request no more than needed: the credentials may be wrong.
    asks_for_least: bool,
    most_shared: usize,
}

/// What a run will do with a repository.
struct Expected {
    access: Access,
    membership: Membership,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Waiting,
    Group(usize),
    /// It shares no token.
    Alone,
    /// Like `Alone`, because the registry refused the shared token.
    Left,
}

/// Repositories that share a token.
struct Group {
    members: Scopes,
    /// Whether it can be extended by a repository to mount from.
    can_extend: bool,
    /// What the registry has accepted the token for.
    accepted: HashSet<Scope>,
    /// What the registry has refused it for as invalid.
    doubted: HashSet<Scope>,
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            expected: HashMap::new(),
            announced: Vec::new(),
            waiting: Vec::new(),
            groups: Vec::new(),
            shares: true,
            asks_for_least: false,
            most_shared: MOST_SHARED,
        }
    }
}

impl Sharing {
    /// Announces what the run will do with a repository.
    pub(crate) fn announce(&mut self, repository: &str, access: Access) {
        match self.expected.get_mut(repository) {
            Some(known) if known.membership == Membership::Waiting => {
                known.access = known.access.max(access);
            }
            Some(_) => {}
            None => {
                let expected = Expected { access, membership: Membership::Waiting };
                self.expected.insert(repository.to_owned(), expected);
                self.announced.push(repository.to_owned());
            }
        }
    }

    /// The token for a request. `candidates` are the possible credentials of a repository: those with the
    /// same ones can share a token.
    pub(crate) fn choose(
        &mut self,
        scope: &Scope,
        candidates: &dyn Fn(&str) -> Vec<CredentialCandidate>,
    ) -> TokenId {
        if self.shares && self.membership(&scope.repository) == Some(Membership::Waiting) {
            self.form_group(&scope.repository, candidates);
        }
        self.id(scope)
    }

    /// Whether the token of a request is shared.
    pub(crate) fn is_shared(&self, scope: &Scope) -> bool {
        matches!(self.id(scope), TokenId::Shared(..))
    }

    /// What to request a token for. The repository of the request comes first.
    pub(crate) fn scopes(&self, id: &TokenId, scope: &Scope) -> Scopes {
        let (group, from) = match id {
            TokenId::Own(own) => return own.to_scopes(),
            TokenId::Shared(group, from) => (&self.groups[*group], from),
        };
        let is_first = |member: &&(String, Access)| member.0 == scope.repository;
        let first = group.members.iter().filter(is_first);
        let rest = group.members.iter().filter(|member| !is_first(member));
        let from = from.iter().map(|from| (from.clone(), Access::Pull));
        first.chain(rest).cloned().chain(from).collect()
    }

    /// The repositories that share a token.
    pub(crate) fn members(&self, id: &TokenId) -> Vec<String> {
        let TokenId::Shared(number, _) = id else { return Vec::new() };
        self.groups[*number].members.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Learns from a token that was issued.
    pub(crate) fn issued(&mut self, id: &TokenId, scope: &Scope, token: &Token) -> Issued {
        let TokenId::Shared(number, from) = id else {
            self.asks_for_least = false;
            return Issued::Serves;
        };
        let (length, members) = (token.header.expose().len(), self.groups[*number].members.len());
        if length > LONGEST_TOKEN && members > 1 {
            let most = (members * LONGEST_TOKEN / length).max(1);
            self.split(*number, &scope.repository, most);
            return Issued::TooLong;
        }
        if let Some(granted) = &token.granted {
            self.narrow(*number, granted);
            let can_mount = |from: &String| granted.contains_key(from);
            self.groups[*number].can_extend &= from.as_ref().is_none_or(can_mount);
        }
        if self.id(scope) == *id { Issued::Serves } else { Issued::ServesOthers }
    }

    /// Learns from a refused token request: next time, less is requested.
    pub(crate) fn refused(&mut self, id: &TokenId, scope: &Scope) -> Refused {
        match id {
            TokenId::Own(own) if own == scope => return Refused::Final,
            TokenId::Own(own) => self.expect(&own.repository, |known| known.access = Access::Pull),
            TokenId::Shared(number, Some(_)) => self.groups[*number].can_extend = false,
            TokenId::Shared(number, None) => self.reduce(*number),
        }
        Refused::AskForLess
    }

    /// The registry accepted a token for a request.
    pub(crate) fn accepted(&mut self, scope: &Scope) {
        match self.membership(&scope.repository) {
            Some(Membership::Group(number)) => {
                let group = &mut self.groups[number];
                group.doubted.remove(scope);
                if !group.accepted.contains(scope) {
                    group.accepted.insert(scope.clone());
                }
            }
            // Only the token was different.
            Some(Membership::Left) => self.shares = false,
            _ => {}
        }
    }

    /// Whether the registry has accepted the shared token for such a request.
    pub(crate) fn has_worked(&self, scope: &Scope) -> bool {
        self.accepted_with(scope).is_some_and(|accepted| accepted.contains(scope))
    }

    /// Whether the registry has accepted the shared token for any request.
    pub(crate) fn has_worked_for_any(&self, scope: &Scope) -> bool {
        self.accepted_with(scope).is_some_and(|accepted| !accepted.is_empty())
    }

    /// What the registry has accepted the token of a request for, if it is shared.
    fn accepted_with(&self, scope: &Scope) -> Option<&HashSet<Scope>> {
        match self.id(scope) {
            TokenId::Shared(number, _) => Some(&self.groups[number].accepted),
            TokenId::Own(_) => None,
        }
    }

    /// The registry calls the token of a request invalid. Returns whether another one is worth a try; if that
    /// is refused as well, it is not.
    pub(crate) fn doubt(&mut self, scope: &Scope) -> bool {
        match self.id(scope) {
            TokenId::Shared(number, _) => self.groups[number].doubted.insert(scope.clone()),
            TokenId::Own(_) => true,
        }
    }

    /// The registry refused a token for a request, and it has never accepted it for that: if it is shared, the
    /// repository shares no token from now on. Returns whether that happens.
    pub(crate) fn leave(&mut self, scope: &Scope) -> bool {
        let TokenId::Shared(number, _) = self.id(scope) else { return false };
        let leaves = !self.groups[number].accepted.contains(scope);
        if leaves {
            self.expect(&scope.repository, |known| known.membership = Membership::Left);
        }
        leaves
    }

    fn membership(&self, repository: &str) -> Option<Membership> {
        self.expected.get(repository).map(|known| known.membership)
    }

    fn expect(&mut self, repository: &str, change: impl FnOnce(&mut Expected)) {
        if let Some(expected) = self.expected.get_mut(repository) {
            change(expected);
        }
    }

    /// The token for a request, as far as it has been chosen.
    pub(crate) fn id(&self, scope: &Scope) -> TokenId {
        if let Some(Membership::Group(number)) = self.membership(&scope.repository)
            && let Some(id) = self.shared_id(number, scope)
        {
            return id;
        }
        let expected = self.expected.get(&scope.repository).filter(|_| !self.asks_for_least);
        let access = expected.map_or(scope.access, |known| known.access.max(scope.access));
        TokenId::Own(Scope { access, ..scope.clone() })
    }

    /// The token of a group that serves a request, if one does.
    fn shared_id(&self, number: usize, scope: &Scope) -> Option<TokenId> {
        let group = &self.groups[number];
        let grants = |repository: &str, access| {
            group.members.iter().any(|(name, granted)| name == repository && *granted >= access)
        };
        let is_worth_trying = self.shares || group.accepted.contains(scope);
        if !is_worth_trying || !grants(&scope.repository, scope.access) {
            return None;
        }
        let from = scope.also_pull.as_ref().filter(|from| !grants(from, Access::Pull)).cloned();
        (from.is_none() || group.can_extend).then_some(TokenId::Shared(number, from))
    }

    /// Lets a repository share a token with others that wait for one. Alone, it needs no group.
    fn form_group(
        &mut self,
        repository: &str,
        candidates: &dyn Fn(&str) -> Vec<CredentialCandidate>,
    ) {
        for announced in std::mem::take(&mut self.announced) {
            let of_repository = candidates(&announced);
            match self.waiting.iter_mut().find(|(credentials, _)| *credentials == of_repository) {
                Some((_, waiting)) => waiting.push_back(announced),
                None => self.waiting.push((of_repository, VecDeque::from([announced]))),
            }
        }
        let own = candidates(repository);
        let waiting = self.waiting.iter_mut().find(|(credentials, _)| *credentials == own);
        let (Some((_, waiting)), Some(expected)) = (waiting, self.expected.get(repository)) else {
            return;
        };
        let mut members = vec![(repository.to_owned(), expected.access)];
        let mut length = parameter(&members[0]).len();
        while members.len() < self.most_shared
            && let Some(next) = waiting.front()
        {
            let expected = self
                .expected
                .get(next)
                .filter(|known| next != repository && known.membership == Membership::Waiting);
            if let Some(expected) = expected {
                let member = (next.clone(), expected.access);
                length += parameter(&member).len();
                if length > LONGEST_SCOPES {
                    break;
                }
                members.push(member);
            }
            waiting.pop_front();
        }
        let membership = match members.len() {
            1 => Membership::Alone,
            _ => Membership::Group(self.groups.len()),
        };
        for (member, _) in &members {
            self.expect(member, |known| known.membership = membership);
        }
        if members.len() > 1 {
            self.groups.push(Group {
                members,
                can_extend: true,
                accepted: HashSet::new(),
                doubted: HashSet::new(),
            });
        }
    }

    /// The token of a group is too long: only `most` members keep it, and the rest waits for another one.
    fn split(&mut self, number: usize, repository: &str, most: usize) {
        let members = &mut self.groups[number].members;
        members.sort_by_key(|(name, _)| name != repository);
        let rest = members.split_off(most);
        self.most_shared = self.most_shared.min(most);
        for (member, _) in rest {
            self.expect(&member, |known| known.membership = Membership::Waiting);
            self.announced.push(member);
        }
    }

    /// The token of a group grants only this.
    fn narrow(&mut self, number: usize, granted: &HashMap<String, Access>) {
        let (members, removed): (Scopes, Scopes) = std::mem::take(&mut self.groups[number].members)
            .into_iter()
            .partition(|(name, _)| granted.contains_key(name));
        for (member, _) in &removed {
            self.expect(member, |known| known.membership = Membership::Alone);
        }
        self.shares &= members.len() > 1;
        let least = |(name, access): (String, Access)| {
            let granted = granted.get(&name).copied().unwrap_or_default();
            (name, access.min(granted))
        };
        self.groups[number].members = members.into_iter().map(least).collect();
    }

    /// The token of a group was refused: the group asks for less, or nothing more is asked for together.
    fn reduce(&mut self, number: usize) {
        let members = &mut self.groups[number].members;
        if members.iter().any(|(_, access)| *access > Access::Pull) {
            for (_, access) in members {
                *access = Access::Pull;
            }
            return;
        }
        self.shares = false;
        self.asks_for_least = true;
        for (member, _) in std::mem::take(members) {
            self.expect(&member, |known| known.membership = Membership::Alone);
        }
    }
}

#[cfg(test)]
mod tests;
