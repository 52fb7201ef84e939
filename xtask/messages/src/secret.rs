//! Recognises secrets in places where they do not belong, by the name of a key or the shape of an address.

/// Words in the names of keys whose values are secrets.
const SECRETS: [&str; 9] =
    ["auth", "credential", "key", "login", "pass", "passwd", "pwd", "secret", "token"];

/// Whether the name of a key suggests a secret: `password`, `api_key`, `authToken`.
pub fn sounds_like_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRETS.iter().any(|word| key.contains(word))
}

/// Whether an address contains credentials, as in `user:password@host/path`. In a reference the `@`
/// introduces a digest instead.
pub fn holds_userinfo(address: &str) -> bool {
    let Some((before, after)) = address.rsplit_once('@') else { return false };
    let is_digest = after.starts_with("sha256:") || after.starts_with("sha512:");
    let has_scheme = before.contains("://");
    !is_digest && (has_scheme || after.contains(['.', ':', '/']) || !before.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_an_address_differ_from_a_digest() {
        for text in [
            "user:pass@quay.io/a/b",
            "https://user@quay.io/a",
            "user:pa/ss@quay.io/a",
            "user:p@ss@quay.io/a",
            "user:pass@localhost",
            "user:pass@r:5000",
        ] {
            assert!(holds_userinfo(text), "{text}");
        }
        for text in ["quay.io/a/b", "quay.io/a:1@sha256:00", "busybox@sha512:00", "q.io/a@latest"] {
            assert!(!holds_userinfo(text), "{text}");
        }
    }

    #[test]
    fn keys_of_secrets_are_recognised_by_their_names() {
        for key in ["password", "Passwd", "api_key", "authToken", "client-secret", "credentials"] {
            assert!(sounds_like_a_secret(key), "{key}");
        }
        for key in ["concurency", "plain_http", "username", "mount-needs-manifst"] {
            assert!(!sounds_like_a_secret(key), "{key}");
        }
    }
}
