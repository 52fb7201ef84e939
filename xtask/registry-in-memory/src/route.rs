//! The paths of the distribution API, and queries.

use percent_encoding::percent_decode_str;

/// The kinds of requests, for matching faults and reading the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `/v2/`
    Base,
    Manifest,
    Blob,
    /// Beginning, continuing, querying, finishing or cancelling an upload.
    Upload,
    Tags,
    Referrers,
    /// The token endpoint of bearer authentication.
    Token,
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    Token,
    Manifest { repository: String, reference: String },
    Blob { repository: String, digest: String },
    Uploads { repository: String },
    Upload { repository: String, id: String },
    Tags { repository: String },
    Referrers { repository: String, digest: String },
    Unknown,
}

impl Route {
    pub(super) fn parse(path: &str) -> Self {
        let path = percent_decode_str(path).decode_utf8_lossy();
        if path == "/token" {
            return Self::Token;
        }
        match path.strip_prefix("/v2") {
            Some("" | "/") => Self::Base,
            Some(rest) => rest.strip_prefix('/').and_then(below_v2).unwrap_or(Self::Unknown),
            None => Self::Unknown,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Base => Kind::Base,
            Self::Token => Kind::Token,
            Self::Manifest { .. } => Kind::Manifest,
            Self::Blob { .. } => Kind::Blob,
            Self::Uploads { .. } | Self::Upload { .. } => Kind::Upload,
            Self::Tags { .. } => Kind::Tags,
            Self::Referrers { .. } => Kind::Referrers,
            Self::Unknown => Kind::Other,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Tags { repository }
            | Self::Referrers { repository, .. } => Some(repository),
            Self::Base | Self::Token | Self::Unknown => None,
        }
    }
}

/// Parses from the right: a repository may have components named like those of the API.
fn below_v2(rest: &str) -> Option<Route> {
    let uploads = rest.strip_suffix("/blobs/uploads/").or(rest.strip_suffix("/blobs/uploads"));
    if let Some(repository) = uploads {
        return Some(Route::Uploads { repository: repository.to_owned() });
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return Some(Route::Tags { repository: repository.to_owned() });
    }
    let (head, last) = rest.rsplit_once('/')?;
    let last = last.to_owned();
    if let Some(repository) = head.strip_suffix("/blobs/uploads") {
        return Some(Route::Upload { repository: repository.to_owned(), id: last });
    }
    let (repository, collection) = head.rsplit_once('/')?;
    let repository = repository.to_owned();
    match collection {
        "manifests" => Some(Route::Manifest { repository, reference: last }),
        "blobs" => Some(Route::Blob { repository, digest: last }),
        "referrers" => Some(Route::Referrers { repository, digest: last }),
        _ => None,
    }
}

/// The parameters of a query or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_from_the_right() {
        let owned = |text: &str| text.to_owned();
        let table = [
            ("/v2/", Route::Base),
            ("/v2", Route::Base),
            ("/token", Route::Token),
            ("/v1/x", Route::Unknown),
            ("/v2/wait", Route::Unknown),
            (
                "/v2/a/manifests/1.0",
                Route::Manifest { repository: owned("a"), reference: owned("1.0") },
            ),
            (
                "/v2/a/manifests/manifests/1",
                Route::Manifest { repository: owned("a/manifests"), reference: owned("1") },
            ),
            (
                "/v2/a/b/blobs/sha256%3A00",
                Route::Blob { repository: owned("a/b"), digest: owned("sha256:00") },
            ),
            ("/v2/a/blobs/uploads/", Route::Uploads { repository: owned("a") }),
            ("/v2/a/blobs/uploads/7", Route::Upload { repository: owned("a"), id: owned("7") }),
            ("/v2/a/tags/list", Route::Tags { repository: owned("a") }),
            (
                "/v2/a/referrers/sha256:00",
                Route::Referrers { repository: owned("a"), digest: owned("sha256:00") },
            ),
        ];
        for (path, expected) in table {
            assert_eq!(Route::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let parameters = Parameters::parse("scope=a%3Ab+c&n=2&scope=%zz&flag");
        assert_eq!(parameters.all("scope").collect::<Vec<_>>(), ["a:b c", "%zz"]);
        assert_eq!(parameters.get("n"), Some("2"));
        assert_eq!(parameters.get("flag"), Some(""));
        assert_eq!(parameters.get("last"), None);
    }
}
