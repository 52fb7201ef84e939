//! `GET /v2/<name>/tags/list` and `GET /v2/_catalog`, in pages (distribution-spec, "Listing Tags").

use serde_json::{Value, json};

use crate::reply::Reply;
use crate::route::Parameters;

/// Which part of a list is requested.
#[derive(Debug, Clone, Copy)]
pub struct Page<'q> {
    last: Option<&'q str>,
    most: Option<usize>,
}

impl<'q> Page<'q> {
    /// The part that `n` and `last` select.
    pub fn of(query: &'q Parameters) -> Self {
        Self { last: query.get("last"), most: query.get("n").and_then(|n| n.parse().ok()) }
    }

    /// The same with a limit of the registry.
    #[must_use]
    pub fn at_most(self, limit: Option<usize>) -> Self {
        let most = [self.most, limit].into_iter().flatten().min();
        Self { most, ..self }
    }

    /// The names in the page, and the `Link` to the next one. The names are in order.
    fn of_names(&self, mut names: Vec<String>, path: &str) -> (Vec<String>, Option<String>) {
        if let Some(last) = self.last {
            names.retain(|name| name.as_str() > last);
        }
        let more = self.most.is_some_and(|most| names.len() > most);
        names.truncate(self.most.unwrap_or(usize::MAX));
        let link = match (more, self.most, names.last()) {
            (true, Some(most), Some(last)) => {
                Some(format!("<{path}?n={most}&last={last}>; rel=\"next\""))
            }
            _ => None,
        };
        (names, link)
    }
}

/// The page of tags. They are in order.
pub fn tag_page(repository: &str, tags: Vec<String>, page: &Page<'_>) -> Reply {
    let (tags, link) = page.of_names(tags, &format!("/v2/{repository}/tags/list"));
    reply(&json!({"name": repository, "tags": tags}), link)
}

/// The page of repositories. They are in order.
pub fn catalog_page(repositories: Vec<String>, page: &Page<'_>) -> Reply {
    let (repositories, link) = page.of_names(repositories, "/v2/_catalog");
    reply(&json!({"repositories": repositories}), link)
}

fn reply(body: &Value, link: Option<String>) -> Reply {
    let reply = Reply::json("application/json", body);
    match link {
        Some(link) => reply.with("link", link),
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_link_to_the_next_one() {
        let page = |query: &str, limit| {
            let names = ["1", "2", "3"].map(str::to_owned).to_vec();
            let query = Parameters::parse(query);
            let page = Page::of(&query).at_most(limit);
            let texts = [
                ("tags", tag_page("a/b", names.clone(), &page)),
                ("repositories", catalog_page(names, &page)),
            ];
            let [tags, repositories] = texts.map(|(key, reply)| {
                let body: Value = serde_json::from_slice(&reply.body).unwrap();
                let link = reply.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
                (body[key].to_string(), link)
            });
            assert_eq!(tags.0, repositories.0);
            assert_eq!(
                repositories.1,
                tags.1.clone().map(|link| link.replace("a/b/tags/list", "_catalog"))
            );
            tags
        };
        let link = |n: usize, last: &str| {
            Some(format!("</v2/a/b/tags/list?n={n}&last={last}>; rel=\"next\""))
        };
        assert_eq!(page("", None), (r#"["1","2","3"]"#.to_owned(), None));
        assert_eq!(page("n=1", None), (r#"["1"]"#.to_owned(), link(1, "1")));
        assert_eq!(page("n=1&last=1", None), (r#"["2"]"#.to_owned(), link(1, "2")));
        assert_eq!(page("n=1&last=2", None), (r#"["3"]"#.to_owned(), None));
        assert_eq!(page("n=0", None), ("[]".to_owned(), None));
        assert_eq!(page("last=3", None), ("[]".to_owned(), None));
        assert_eq!(page("", Some(2)), (r#"["1","2"]"#.to_owned(), link(2, "2")));
        assert_eq!(page("n=1", Some(2)), (r#"["1"]"#.to_owned(), link(1, "1")));
    }
}
