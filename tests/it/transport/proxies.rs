//! Registries behind a proxy.

use registry_in_memory::content::{Layer, docker_image};

use crate::support::proxy::Proxy;
use crate::support::stage::{REPOSITORY, Stage, TAG, words};
use crate::support::tls::{Asks, Front, behind, table, trusted};
use crate::support::xtask::Xtask;

/// A stage whose source is behind TLS, with a name that only a proxy can reach.
async fn behind_proxy(name: &str) -> (Stage, Front) {
    let mut stage = Stage::with(behind(), behind()).await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 50_000)]));
    let front = Front::of(&stage.source, Asks::NoCertificate, &[]).await;
    stage.source_at = Some(name.to_owned());
    stage.tables = table(name, &[&trusted()]);
    (stage, front)
}

#[tokio::test]
async fn a_registry_is_reached_through_a_tunnel_and_only_the_proxy_gets_its_password() {
    let (mut stage, front) = behind_proxy("registry.example.com").await;
    let proxy = Proxy::to(front.address.clone(), None).await;
    stage.set("HTTPS_PROXY", &format!("http://user:canary@{}", proxy.address));
    stage.mirror_all().await;
    let heads = proxy.heads();
    assert!(!heads.is_empty());
    for head in &heads {
        assert!(head.starts_with("CONNECT registry.example.com:443 HTTP/1.1"), "{head}");
        assert!(
            head.to_lowercase().contains("proxy-authorization: basic dxnlcjpjyw5hcnk="),
            "{head}"
        );
    }
    let requests = stage.source.requests();
    assert!(requests.iter().all(|request| request.header("proxy-authorization").is_none()));
    let named = front.connections().into_iter().map(|connection| connection.name);
    assert!(named.flatten().all(|name| name == "registry.example.com"));
    assert!(front.connections().iter().all(|connection| connection.name.is_some()));
    // The destination is on this machine, where no proxy is used.
    assert!(!stage.destination.requests().is_empty());
}

#[tokio::test]
async fn plain_http_goes_through_a_proxy() {
    let mut stage = Stage::with(behind(), behind()).await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 50_000)]));
    stage.source_at = Some("registry.example.com:5000".to_owned());
    stage.tables = table("registry.example.com:5000", &["plain-http = true"]);
    let proxy = Proxy::to(stage.source.address().to_owned(), None).await;
    stage.set("http_proxy", &proxy.address);
    stage.mirror_all().await;
    assert!(
        proxy.heads()[0].starts_with("GET http://registry.example.com:5000/v2/"),
        "{:?}",
        proxy.heads()
    );
}

#[tokio::test]
async fn no_proxy_excludes_names_and_networks() {
    for except in ["127.9.0.0/16, other.example.com", "127.9.1.1"] {
        let (mut stage, front) = behind_proxy("registry.example.com").await;
        let port = front.address.rsplit_once(':').unwrap().1.to_owned();
        stage.source_at = Some(format!("127.9.1.1:{port}"));
        let proxy = Proxy::to(front.address.clone(), None).await;
        stage.set("HTTPS_PROXY", &proxy.address);
        stage.set("NO_PROXY", except);
        // That address is reachable only through the proxy.
        stage.retry.retries = 0;
        stage.tables = table(&stage.source_at.clone().unwrap(), &["plain-http = false"]);
        let error = stage.mirror_fails().await;
        assert!(!words(&error).contains("through the proxy"), "{error}");
        assert_eq!(proxy.heads(), [""; 0]);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let refusals = [
        Some("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
        Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        Some(""),
    ];
    for refusal in refusals {
        let (mut stage, front) = behind_proxy("registry.example.com").await;
        stage.retry.retries = 1;
        let proxy = Proxy::to(front.address.clone(), refusal).await;
        stage.set("HTTPS_PROXY", &format!("http://user:canary@{}", proxy.address));
        let error = stage.mirror_fails().await;
        let text = format!("{} {error:?}", words(&error));
        assert!(text.contains(&format!("through the proxy http://{}", proxy.address)), "{text}");
        assert!(!text.contains("canary") && !text.contains("dXNlcjpjYW5hcnk"), "{text}");
    }
}

#[tokio::test]
async fn an_unusable_proxy_is_reported_before_any_request() {
    let (mut stage, _front) = behind_proxy("registry.example.com").await;
    stage.set("HTTPS_PROXY", "socks5://user:canary@proxy.example.com:1080");
    let error = stage.try_mirror().await.unwrap_err().to_string();
    assert!(
        error.contains("`HTTPS_PROXY`") && error.contains("`socks5` is not supported"),
        "{error}"
    );
    assert!(!error.contains("canary"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verbose_run_does_not_print_the_password_of_a_proxy() {
    let (stage, front) = behind_proxy("registry.example.com").await;
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), stage.list()).unwrap();
    let arguments = ["mirror", "-v", "--images", "images.toml", "-d", stage.destination.address()];
    for refusal in [None, Some("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")] {
        let proxy = Proxy::to(front.address.clone(), refusal).await;
        let variable = format!("http://user:canary@{}", proxy.address);
        let variables = [("HTTPS_PROXY", variable.as_str())];
        let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &variables));
        assert_eq!(finished.exit_code, i32::from(refusal.is_some()), "{}", finished.stderr);
        let output = format!("{}{}", finished.stdout, finished.stderr);
        assert!(output.contains("https://registry.example.com/v2/"), "{output}");
        assert!(!output.contains("canary") && !output.contains("dXNlcjpjYW5hcnk"), "{output}");
        stage.destination.store().delete_tag(REPOSITORY, TAG);
    }
}
