//! Proxies from the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!
//! They are read here and not by the HTTP library, so that messages name the proxy that was used, without its
//! password. Requests to this machine never use a proxy.

use std::fmt::Write as _;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy, Url};

use crate::auth::credentials::Environment;
use crate::error::printable;
use messages::Advice;

/// The proxies of a run.
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    except: String,
    /// The rules of the HTTP library, for messages.
    matcher: Matcher,
}

impl Proxies {
    /// Reads the variables. Lowercase names have precedence, as in curl.
    ///
    /// # Errors
    /// When one does not name a usable proxy.
    pub(crate) fn of(environment: &dyn Environment) -> Result<Self, Advice> {
        let read = |name: &str| {
            let lowercase = name.to_lowercase();
            let found = environment.variable(&lowercase).map(|value| (lowercase, value));
            found.or_else(|| environment.variable(name).map(|value| (name.to_owned(), value)))
        };
        let proxy = |name: &str| {
            let found = read(name).or_else(|| read("ALL_PROXY"));
            found.map(|(name, value)| parse(&name, &value)).transpose()
        };
        let (http, https) = (proxy("HTTP_PROXY")?, proxy("HTTPS_PROXY")?);
        let mut except = read("NO_PROXY").map(|(_, value)| value).unwrap_or_default();
        let _ = write!(except, ",localhost,127.0.0.0/8,::1");
        let text = |proxy: &Option<Url>| proxy.as_ref().map_or(String::new(), Url::to_string);
        let matcher =
            Matcher::builder().http(text(&http)).https(text(&https)).no(except.clone()).build();
        Ok(Self { http, https, except, matcher })
    }

    /// Configures a client to use exactly these proxies.
    pub(crate) fn apply(&self, builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let mut builder = builder.no_proxy();
        let except = || NoProxy::from_string(&self.except);
        if let Some(proxy) = &self.http {
            builder = builder.proxy(Proxy::http(proxy.clone())?.no_proxy(except()));
        }
        if let Some(proxy) = &self.https {
            builder = builder.proxy(Proxy::https(proxy.clone())?.no_proxy(except()));
        }
        Ok(builder)
    }

    /// The proxy on the way to an address, without its credentials.
    pub(crate) fn on_the_way_to(&self, url: &Url) -> Option<String> {
        let target = url.as_str().parse().ok()?;
        let proxy = self.matcher.intercept(&target)?;
        let authority = proxy.uri().authority().map(|authority| authority.as_str())?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Some(format!("{}://{host}", proxy.uri().scheme_str().unwrap_or("http")))
    }
}

/// Parses the address of a proxy; `proxy:3128` means `http://proxy:3128`, as everywhere.
fn parse(name: &str, value: &str) -> Result<Url, Advice> {
    let written = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    // The value may contain a password, so it is never printed.
    let unusable = |why: &str| {
        Err(Advice::new(format!("`{name}` does not name a usable proxy: {why}"))
            .with_hint("write it as `http://proxy.example.com:3128`, or unset it"))
    };
    let Ok(url) = Url::parse(&written) else { return unusable("it is not an address") };
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "http" | "https" => unusable("it has no host"),
        scheme => unusable(&format!("`{}` is not supported", printable(scheme))),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::auth::credentials::FileText;

    struct Variables<'a>(&'a [(&'a str, &'a str)]);

    impl Environment for Variables<'_> {
        fn variable(&self, name: &str) -> Option<String> {
            let found = self.0.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }

        fn credential_file(&self, _: &Path) -> io::Result<Option<FileText>> {
            Ok(None)
        }
    }

    #[test]
    fn the_proxy_of_an_address_follows_from_the_variables() {
        const BOTH: &[(&str, &str)] = &[
            ("HTTPS_PROXY", "http://user:canary@secure.local:3128"),
            ("HTTP_PROXY", "plain.local:3128"),
            ("no_proxy", "10.0.0.0/8, .corp, exact.example.com,2001:db8::/32"),
        ];
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let table: [Row<'_>; 13] = [
            (&[], "https://quay.io/", None),
            (BOTH, "https://quay.io/", Some("http://secure.local:3128")),
            (BOTH, "http://quay.io/", Some("http://plain.local:3128")),
            (BOTH, "https://10.1.2.3:5000/", None),
            (BOTH, "https://11.1.2.3:5000/", Some("http://secure.local:3128")),
            (BOTH, "https://[2001:db8::7]/", None),
            (BOTH, "https://harbor.corp/", None),
            (BOTH, "https://exact.example.com/", None),
            (BOTH, "http://127.0.0.1:5000/", None),
            (BOTH, "http://localhost:5000/", None),
            (BOTH, "http://[::1]:5000/", None),
            (&[("ALL_PROXY", "http://all.local")], "https://quay.io/", Some("http://all.local")),
            (
                &[("https_proxy", "http://small.local"), ("HTTPS_PROXY", "http://large.local")],
                "https://quay.io/",
                Some("http://small.local"),
            ),
        ];
        for (variables, url, expected) in table {
            let proxies = Proxies::of(&Variables(variables)).unwrap();
            let found = proxies.on_the_way_to(&Url::parse(url).unwrap());
            let found = found.as_deref().map(|proxy| proxy.trim_end_matches(":80"));
            assert_eq!(found, expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn an_invalid_proxy_is_refused_and_its_value_is_not_printed() {
        let table = [
            (("HTTPS_PROXY", "socks5://user:canary@proxy.local"), "`socks5` is not supported"),
            (("http_proxy", "http://user:canary@"), "`http_proxy` does not name a usable proxy"),
            (("ALL_PROXY", "http://user:canary@proxy:no-port"), "it is not an address"),
        ];
        for (variable, why) in table {
            let Err(error) = Proxies::of(&Variables(&[variable])) else { panic!("{variable:?}") };
            assert!(error.message.contains(why) && error.hint.is_some(), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
