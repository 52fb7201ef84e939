//! The decisions about sharing, without a network.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::auth::credentials::Credentials;
use crate::auth::credentials::candidate::{CredentialSource, Origin};

/// Repositories below `b/` have another login.
fn candidates(repository: &str) -> Vec<CredentialCandidate> {
    let user = if repository.starts_with("b/") { "b" } else { "any" };
    let origin = Origin::CloudCli { command: user.to_owned() };
    vec![CredentialCandidate {
        origin,
        source: CredentialSource::Known(Credentials::new(user, "x")),
    }]
}

fn announced(repositories: &[&str], access: Access) -> Sharing {
    let mut tokens = Sharing::default();
    for repository in repositories {
        tokens.announce(repository, access);
    }
    tokens
}

fn choose(tokens: &mut Sharing, scope: &Scope) -> TokenId {
    tokens.choose(scope, &candidates)
}

/// The scopes that would be requested.
fn requested(tokens: &mut Sharing, scope: &Scope) -> String {
    let id = choose(tokens, scope);
    tokens.scopes(&id, scope).iter().map(parameter).collect::<Vec<_>>().join(" ")
}

fn token(text: &str) -> Token {
    Token::parse(format!(r#"{{"token": "{text}"}}"#).as_bytes(), Instant::now()).unwrap()
}

#[test]
fn repositories_with_the_same_credentials_share_a_token() {
    let mut tokens = announced(&["a/1", "b/1", "a/2", "b/2", "a/3"], Access::Push);
    let expected = "repository:a/2:pull,push repository:a/1:pull,push repository:a/3:pull,push";
    assert_eq!(requested(&mut tokens, &Scope::pull("a/2")), expected);
    let of_b = "repository:b/1:pull,push repository:b/2:pull,push";
    assert_eq!(requested(&mut tokens, &Scope::push("b/1")), of_b);
    let id = choose(&mut tokens, &Scope::pull("a/1"));
    for scope in [Scope::push("a/3"), Scope::mount("a/1", "a/3")] {
        assert_eq!(choose(&mut tokens, &scope), id);
    }
    let with_b = format!("{} repository:b/1:pull", requested(&mut tokens, &Scope::pull("a/1")));
    assert_eq!(requested(&mut tokens, &Scope::mount("a/1", "b/1")), with_b);
    assert_eq!(requested(&mut tokens, &Scope::pull("other")), "repository:other:pull");
}

#[test]
fn a_shared_token_has_a_limit() {
    let names: Vec<String> = (0..100).map(|number| format!("a/{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut tokens = announced(&names, Access::Pull);
    let ids: HashSet<TokenId> =
        names.iter().map(|name| choose(&mut tokens, &Scope::pull(name))).collect();
    assert_eq!(ids.len(), 5);
    let long: Vec<String> = (0..20).map(|number| format!("{number}/{}", "x".repeat(190))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let mut tokens = announced(&long, Access::Pull);
    assert!(requested(&mut tokens, &Scope::pull(long[7])).len() < LONGEST_SCOPES + 10);
}

#[test]
fn a_refused_request_is_followed_by_one_for_less() {
    let mut tokens = announced(&["a/1", "a/2"], Access::Push);
    let scope = Scope::pull("a/1");
    let steps = [
        "repository:a/1:pull,push repository:a/2:pull,push",
        "repository:a/1:pull repository:a/2:pull",
        "repository:a/1:pull",
    ];
    for step in steps {
        assert_eq!(requested(&mut tokens, &scope), step);
        let id = choose(&mut tokens, &scope);
        let expected = if step == steps[2] { Refused::Final } else { Refused::AskForLess };
        assert_eq!(tokens.refused(&id, &scope), expected, "{step}");
    }
    assert_eq!(requested(&mut tokens, &Scope::pull("a/2")), "repository:a/2:pull");
    // One that is granted shows that the credentials are right.
    let id = choose(&mut tokens, &scope);
    assert_eq!(tokens.issued(&id, &scope, &token("x")), Issued::Serves);
    assert_eq!(requested(&mut tokens, &Scope::pull("a/2")), "repository:a/2:pull,push");
}

#[test]
fn a_repository_leaves_a_shared_token_that_never_worked_for_it() {
    let mut tokens = announced(&["a/1", "a/2", "a/3"], Access::Push);
    let works = Scope::pull("a/1");
    let id = choose(&mut tokens, &works);
    tokens.accepted(&works);
    assert!(!tokens.leave(&works));
    assert!(tokens.leave(&Scope::pull("a/2")));
    assert_eq!(requested(&mut tokens, &Scope::pull("a/2")), "repository:a/2:pull,push");
    assert_eq!(choose(&mut tokens, &Scope::pull("a/3")), id);
    // A separate token works for what the shared one did not: nothing more is shared.
    tokens.accepted(&Scope::pull("a/2"));
    assert_eq!(requested(&mut tokens, &Scope::pull("a/3")), "repository:a/3:pull,push");
    assert_eq!(choose(&mut tokens, &works), id, "this one has worked");
}

#[test]
fn a_token_that_grants_less_serves_what_it_grants() {
    let mut tokens = announced(&["a/1", "a/2", "a/3"], Access::Push);
    let (one, two) = (Scope::pull("a/1"), Scope::pull("a/2"));
    let id = choose(&mut tokens, &one);
    let granted = |names: &[&str]| {
        let access: Vec<_> =
            names.iter().map(|name| json!({"name": name, "actions": ["pull"]})).collect();
        let claims = json!({ "access": access }).to_string();
        token(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    };
    assert_eq!(tokens.issued(&id, &one, &granted(&["a/1", "a/3"])), Issued::Serves);
    assert_eq!(choose(&mut tokens, &Scope::pull("a/3")), id);
    assert_eq!(requested(&mut tokens, &Scope::push("a/3")), "repository:a/3:pull,push");
    assert_eq!(requested(&mut tokens, &two), "repository:a/2:pull,push");
    assert_eq!(tokens.issued(&id, &Scope::pull("a/3"), &granted(&["a/1"])), Issued::ServesOthers);
}

#[test]
fn a_token_that_is_too_long_is_requested_for_fewer_repositories() {
    let names: Vec<String> = (0..20).map(|number| format!("a/{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut tokens = announced(&names, Access::Pull);
    let scope = Scope::pull("a/7");
    let id = choose(&mut tokens, &scope);
    let long = token(&"x".repeat(4 * LONGEST_TOKEN));
    assert_eq!(tokens.issued(&id, &scope, &long), Issued::TooLong);
    assert_eq!(tokens.scopes(&id, &scope).len(), 4);
    assert_eq!(choose(&mut tokens, &scope), id);
    let ids: HashSet<TokenId> =
        names.iter().map(|name| choose(&mut tokens, &Scope::pull(name))).collect();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_shared_token_that_was_accepted_for_anything_has_worked() {
    let mut tokens = announced(&["a/1", "a/2"], Access::Push);
    let (used, other) = (Scope::pull("a/1"), Scope::pull("a/2"));
    choose(&mut tokens, &used);
    assert!(!tokens.has_worked_for_any(&used));
    tokens.accepted(&used);
    assert!(tokens.has_worked(&used) && tokens.has_worked_for_any(&used));
    assert!(!tokens.has_worked(&other) && tokens.has_worked_for_any(&other));
    assert!(!tokens.has_worked_for_any(&Scope::pull("alone")));
}
