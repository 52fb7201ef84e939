//! `GET /v2/<name>/tags/list`, in pages (distribution-spec, "Listing Tags").

use serde_json::json;

use crate::reply::Reply;
use crate::route::Parameters;

/// The page of tags that `n` and `last` select. The tags are in order.
pub fn tag_page(repository: &str, mut tags: Vec<String>, query: &Parameters) -> Reply {
    if let Some(last) = query.get("last") {
        tags.retain(|tag| tag.as_str() > last);
    }
    let limit = query.get("n").and_then(|n| n.parse::<usize>().ok());
    let more = limit.is_some_and(|limit| tags.len() > limit);
    tags.truncate(limit.unwrap_or(usize::MAX));

    let body = json!({"name": repository, "tags": tags});
    let reply = Reply::json("application/json", &body);
    match (more, limit, tags.last()) {
        (true, Some(limit), Some(last)) => {
            let next = format!("/v2/{repository}/tags/list?n={limit}&last={last}");
            reply.with("link", format!("<{next}>; rel=\"next\""))
        }
        _ => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_link_to_the_next_one() {
        let page = |query: &str| {
            let tags = ["1", "2", "3"].map(str::to_owned).to_vec();
            let reply = tag_page("a/b", tags, &Parameters::parse(query));
            let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            let link = reply.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
            (body["tags"].to_string(), link)
        };
        let link = |last: &str| Some(format!("</v2/a/b/tags/list?n=1&last={last}>; rel=\"next\""));
        assert_eq!(page(""), (r#"["1","2","3"]"#.to_owned(), None));
        assert_eq!(page("n=1"), (r#"["1"]"#.to_owned(), link("1")));
        assert_eq!(page("n=1&last=1"), (r#"["2"]"#.to_owned(), link("2")));
        assert_eq!(page("n=1&last=2"), (r#"["3"]"#.to_owned(), None));
        assert_eq!(page("n=0"), ("[]".to_owned(), None));
        assert_eq!(page("last=3"), ("[]".to_owned(), None));
    }
}
