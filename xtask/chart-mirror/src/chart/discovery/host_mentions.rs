//! Words of a text that contain a host of the list, and are no references; pure.

use super::collector::Collector;
use super::context::{Context, Origin};
use super::registries::is_known_registry;
use super::shapes::{self, is_registry};
use crate::chart::found::MentionKind;

/// Adds the words with one of the hosts. `covered` are the positions of references, in their order, which are
/// more than mentions.
pub(super) fn host_mentions(
    out: &mut Collector<'_>,
    text: &str,
    covered: &[usize],
    context: Context,
) {
    let hosts: Vec<&str> =
        out.hosts.iter().copied().filter(|host| names_host(text, host)).collect();
    if hosts.is_empty() {
        return;
    }
    for word in text.split_whitespace() {
        // The word is a part of the text, so the difference of their addresses is its position.
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let next = covered.partition_point(|at| *at < start);
        if covered.get(next).is_some_and(|at| *at < start + word.len()) {
            continue;
        }
        let host = hosts.iter().copied().find(|host| contains_host(word, host));
        if let Some(host) = host {
            let shape = shapes::shapes(word).into_iter().next();
            let written = match &shape {
                Some(shape) => shape.written.to_owned(),
                None if context.origin == Origin::Secret => host.to_owned(),
                None => addresses(word, &hosts),
            };
            let kind = match text.trim() == word {
                true => MentionKind::Repository,
                false => MentionKind::Text,
            };
            let reference = shape.map(|shape| shape.reference);
            out.mention(&written, reference, kind, context);
        }
    }
}

/// The addresses in a word: those with one of the hosts, and other registries beside them.
fn addresses(word: &str, hosts: &[&str]) -> String {
    let address_in = |piece: &str| {
        let listed = hosts.iter().find_map(|host| position_of_host(piece, host));
        let is_other = || is_known_registry(piece) && is_registry(piece);
        listed
            .map(|position| address(piece, position))
            .or_else(|| is_other().then(|| piece.to_owned()))
    };
    let pieces = word.split([',', ';', '|', '"', '\'']);
    pieces.filter_map(address_in).collect::<Vec<_>>().join(",")
}

/// The address around a host: its scheme, port and path. Credentials and parameters are left out.
fn address(word: &str, host: usize) -> String {
    let before = &word[..host];
    let user = before.rfind("://").map(|at| at + 3).filter(|_| before.ends_with('@'));
    let before = &before[..user.unwrap_or(before.len())];
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = before.strip_suffix("://").map_or("", |name| {
        let start = name.char_indices().rev().take_while(|(_, c)| is_scheme(*c)).last();
        &before[start.map_or(name.len(), |(at, _)| at)..]
    });
    let is_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let rest = &word[host..];
    let name = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let port = match rest[name..].strip_prefix(':').map(digits) {
        Some(count @ 1..=5) => {
            let end = name + 1 + count;
            let path = if rest[end..].starts_with('/') {
                rest[end..].find(|c| !is_path(c)).unwrap_or(rest.len() - end)
            } else {
                0
            };
            end + path
        }
        _ => name,
    };
    let ends_host = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '@');
    // Digits behind a colon may be the start of a password.
    let end = if ends_host(rest[port..].chars().next()) { port } else { name };
    format!("{scheme}{}", rest[..end].trim_end_matches('.'))
}

/// Whether a text contains the name of a host, possibly as a part of another. Names of hosts have no case.
pub(super) fn names_host(text: &str, host: &str) -> bool {
    text.to_ascii_lowercase().contains(host)
}

/// Whether a word contains a host as a whole.
pub(super) fn contains_host(word: &str, host: &str) -> bool {
    position_of_host(word, host).is_some()
}

/// Where a word contains a host as a whole: `myquay.io` and `quay.io.example.com` do not contain `quay.io`.
fn position_of_host(word: &str, host: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let lower = word.to_ascii_lowercase();
    let found = lower.match_indices(host).find(|(start, _)| {
        let before = word[..*start].chars().next_back();
        let mut after = word[start + host.len()..].chars();
        let ends = match after.next() {
            Some('.') => !after.next().is_some_and(is_part),
            after => !after.is_some_and(is_part),
        };
        ends && !before.is_some_and(|c| is_part(c) || c == '.')
    });
    found.map(|(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registries_of_a_list_stay_together() {
        let table = [
            ("--registries=quay.io,docker.io", "quay.io,docker.io"),
            ("['quay.io/v2','a.b']", "quay.io/v2"),
            ("quay.io:hunter2;pw=hunter3.docker.io", "quay.io"),
            ("--registries=QUAY.io,a.b", "QUAY.io"),
        ];
        for (word, expected) in table {
            assert_eq!(addresses(word, &["quay.io"]), expected, "{word}");
        }
    }

    #[test]
    fn an_address_is_shown_without_credentials() {
        let table = [
            ("https://quay.io:443/v2/", "https://quay.io:443/v2/"),
            ("url=https://bot:hunter2@quay.io/v2/", "https://quay.io/v2/"),
            ("(quay.io).", "quay.io"),
            ("quay.io.", "quay.io"),
            ("quay.io?token=hunter2", "quay.io"),
            ("https://quay.io/a/b?token=hunter2#x", "https://quay.io/a/b"),
            ("quay.io:hunter2;pw=hunter3", "quay.io"),
            ("quay.io:2hunter", "quay.io"),
            ("quay.io:12345@x", "quay.io"),
            ("bot:hunter2@quay.io", "quay.io"),
            ("oci+x://a://quay.io", "a://quay.io"),
            ("é://quay.io", "://quay.io"),
        ];
        for (word, expected) in table {
            let position = position_of_host(word, "quay.io").unwrap();
            assert_eq!(address(word, position), expected, "{word}");
        }
    }
}
