//! `Tokens`: the tokens of one host. `sharing` decides which one serves which request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::credentials::Secret;
use super::scope::Scope;
use super::sharing::{Sharing, TokenId};
use super::token::Token;
use crate::lock::lock;

/// A token, or none yet. The asynchronous lock makes concurrent requests wait for one token request.
pub(crate) type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// How a registry refuses a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// 401 for an invalid token: it has expired.
    Invalid,
    /// 401: the token has expired, or it does not grant the request.
    Unauthorized,
    /// 403: it does not grant the request, or the account may not do this.
    Denied,
}

/// The tokens of one host.
#[derive(Default)]
pub(crate) struct Tokens {
    sharing: Mutex<Sharing>,
    slots: Mutex<HashMap<TokenId, TokenSlot>>,
}

impl Tokens {
    pub(crate) fn sharing(&self) -> MutexGuard<'_, Sharing> {
        lock(&self.sharing)
    }

    pub(crate) fn slot(&self, id: &TokenId) -> TokenSlot {
        Arc::clone(lock(&self.slots).entry(id.clone()).or_default())
    }

    /// The registry refused a token for a request. One that it has accepted for the same has expired, and is
    /// renewed. One that it has not may not grant it, whatever the registry names as the reason.
    pub(crate) async fn rejected(&self, scope: &Scope, header: &Secret, rejection: Rejection) {
        let id = self.sharing().id(scope);
        let slot = self.slot(&id);
        let mut token = slot.lock().await;
        // Another request may have renewed it meanwhile.
        if token.as_ref().is_none_or(|token| token.header != *header) {
            return;
        }
        let mut sharing = self.sharing();
        let is_renewed = match rejection {
            Rejection::Invalid => sharing.doubt(scope) || !sharing.leave(scope),
            Rejection::Unauthorized => !sharing.leave(scope),
            Rejection::Denied => {
                sharing.leave(scope);
                false
            }
        };
        if is_renewed {
            *token = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::scope::Access;
    use super::*;

    #[tokio::test]
    async fn a_refused_token_is_renewed_if_it_has_worked_and_stays_for_the_others_if_not() {
        let tokens = Tokens::default();
        for repository in ["a/1", "a/2", "a/3"] {
            tokens.sharing().announce(repository, Access::Push);
        }
        let (works, fails) = (Scope::pull("a/1"), Scope::pull("a/2"));
        let id = tokens.sharing().choose(&works, &|_| Vec::new());
        let token = Token::parse(br#"{"token": "x"}"#, Instant::now()).unwrap();
        *tokens.slot(&id).lock().await = Some(token.clone());
        tokens.sharing().accepted(&works);
        tokens.rejected(&fails, &token.header, Rejection::Unauthorized).await;
        assert!(!tokens.sharing().is_shared(&fails));
        tokens.rejected(&works, &token.header, Rejection::Denied).await;
        tokens.rejected(&works, &Secret::new("another"), Rejection::Unauthorized).await;
        assert!(tokens.slot(&id).lock().await.is_some());
        tokens.rejected(&works, &token.header, Rejection::Unauthorized).await;
        assert!(tokens.sharing().is_shared(&works));
        assert!(tokens.slot(&id).lock().await.is_none());
    }

    #[tokio::test]
    async fn an_invalid_token_is_renewed_once_before_a_repository_leaves_it() {
        let tokens = Tokens::default();
        for repository in ["a/1", "a/2"] {
            tokens.sharing().announce(repository, Access::Push);
        }
        let scope = Scope::push("a/1");
        let id = tokens.sharing().choose(&scope, &|_| Vec::new());
        for is_shared in [true, false] {
            let token = Token::parse(br#"{"token": "x"}"#, Instant::now()).unwrap();
            *tokens.slot(&id).lock().await = Some(token.clone());
            tokens.rejected(&scope, &token.header, Rejection::Invalid).await;
            assert_eq!(tokens.sharing().is_shared(&scope), is_shared);
            assert_eq!(tokens.slot(&id).lock().await.is_none(), is_shared);
        }
    }
}
