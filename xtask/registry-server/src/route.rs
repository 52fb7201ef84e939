//! The paths of the distribution API, and queries (distribution-spec 1.1, "Endpoints").

use percent_encoding::percent_decode_str;

/// The kinds of requests.
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
    /// `/v2/_catalog`
    Catalog,
    /// The token endpoint of bearer authentication.
    Token,
    /// Anything else.
    Other,
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub kind: Kind,
    pub repository: Option<String>,
    /// A reference, a digest or the id of an upload. An upload that begins has none.
    pub name: String,
}

impl Route {
    pub fn parse(path: &str) -> Self {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let api = |kind| Self { kind, repository: None, name: String::new() };
        match &*path {
            "/token" => api(Kind::Token),
            "/v2" | "/v2/" => api(Kind::Base),
            "/v2/_catalog" => api(Kind::Catalog),
            path => path.strip_prefix("/v2/").and_then(below_v2).unwrap_or(api(Kind::Other)),
        }
    }
}

/// Parses from the right: a repository may have components named like those of the API.
fn below_v2(rest: &str) -> Option<Route> {
    let (head, name) = match rest.strip_suffix("/blobs/uploads") {
        Some(_) => (rest, ""),
        None => rest.rsplit_once('/')?,
    };
    let below = |end: &str, kind| Some((head.strip_suffix(end)?, kind));
    let (repository, kind) = below("/blobs/uploads", Kind::Upload)
        .or_else(|| below("/tags", Kind::Tags).filter(|_| name == "list"))
        .or_else(|| below("/manifests", Kind::Manifest))
        .or_else(|| below("/blobs", Kind::Blob))
        .or_else(|| below("/referrers", Kind::Referrers))?;
    Some(Route { kind, repository: Some(repository.to_owned()), name: name.to_owned() })
}

/// The parameters of a query or a form.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_from_the_right() {
        let table = [
            ("/v2/", Kind::Base, "", ""),
            ("/v2", Kind::Base, "", ""),
            ("/token", Kind::Token, "", ""),
            ("/v2/_catalog", Kind::Catalog, "", ""),
            ("/v1/x", Kind::Other, "", ""),
            ("/v2x", Kind::Other, "", ""),
            ("/v2/wait", Kind::Other, "", ""),
            ("/v2/a/tags/1", Kind::Other, "", ""),
            ("/v2/a/manifests/1.0", Kind::Manifest, "a", "1.0"),
            ("/v2/a/manifests/manifests/1", Kind::Manifest, "a/manifests", "1"),
            ("/v2/a/b/blobs/sha256%3A00", Kind::Blob, "a/b", "sha256:00"),
            ("/v2/a/blobs/uploads/", Kind::Upload, "a", ""),
            ("/v2/a/blobs/uploads", Kind::Upload, "a", ""),
            ("/v2/a/blobs/uploads/7", Kind::Upload, "a", "7"),
            ("/v2/a/tags/list", Kind::Tags, "a", "list"),
            ("/v2/a/referrers/sha256:00", Kind::Referrers, "a", "sha256:00"),
        ];
        for (path, kind, repository, name) in table {
            let route = Route::parse(path);
            assert_eq!(route.kind, kind, "{path}");
            assert_eq!(route.repository.as_deref().unwrap_or_default(), repository, "{path}");
            assert_eq!(route.name, name, "{path}");
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
