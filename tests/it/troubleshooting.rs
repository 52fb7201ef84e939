//! docs/troubleshooting.md: a run of the tool produces each of its messages.

use registry_in_memory::{Authentication, Fault, InMemoryRegistry, RegistryOptions};

use crate::support::pages::page;
use crate::support::proxy::Proxy;
use crate::support::scene::{Scene, pod};
use crate::support::script::write_script;
use crate::support::tls::{Asks, Front, behind, file};
use crate::support::xtask::{Finished, Xtask};
use crate::support::{layers, store};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// A heading of the page, and runs that report its message, each with other words of the report.
type Row = (&'static str, Vec<(Finished, &'static str)>);

#[tokio::test(flavor = "multi_thread")]
async fn a_run_produces_each_message_of_the_page() {
    let mut rows = lists().await;
    rows.extend(refused().await);
    rows.extend(unreachable().await);
    rows.extend(charts().await);
    rows.extend(values().await);
    let page = page("docs/troubleshooting.md");
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(rows.iter().map(|(heading, _)| *heading).collect::<Vec<_>>(), headings);
    for (heading, runs) in rows {
        let message = heading.split('`').nth(1).unwrap();
        assert!(!runs.is_empty(), "{heading}");
        for (run, words) in runs {
            let output = format!("{}{}", run.stdout, run.stderr);
            let mut rest = output.as_str();
            for part in message.split("...").map(str::trim) {
                let found = rest.split_once(part);
                (_, rest) = found.unwrap_or_else(|| panic!("no `{part}` for {heading}:\n{output}"));
            }
            assert!(output.contains(words), "no `{words}` for {heading}:\n{output}");
        }
    }
}

/// Runs the program in a new folder that has only this list.
fn with_list(list: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
    tokio::task::block_in_place(|| xtask.run(arguments, variables))
}

/// The entry of an image.
fn image(registry: &str, tag: &str) -> String {
    format!("[[image]]\nsource = \"{registry}/team/app\"\ntag = \"{tag}\"\n")
}

async fn lists() -> Vec<Row> {
    let two = "[destinations.a]\nregistry = \"a.example.com\"\n\
               [destinations.b]\nregistry = \"b.example.com\"\n";
    let floating = ["mirror", "-t", "-d", "a.example.com"];
    let scene = Scene::new().await;
    store(&scene.source, "team/app", "1.0", &scene.tool);
    scene.destination.store().delete_tag("team/app", "1.0");
    let moved = scene.run(&["mirror"]);
    let verified = scene.run(&["verify", "--only", "source"]);
    assert!(scene.source.store().delete_manifest("team/app", &scene.app.top));
    vec![
        (
            "`there is no ... or above it`",
            vec![(Xtask::new().run(&["verify"], &[]), "chart-mirror init -c CHART")],
        ),
        ("`no destination`", vec![(with_list(&image("quay.io", "1.0"), &["mirror"], &[]), "-d")]),
        (
            "`the list has several destinations`",
            vec![(
                with_list(&(two.to_owned() + &image("quay.io", "1.0")), &["mirror"], &[]),
                "--all-destinations",
            )],
        ),
        (
            "`is floating: its content changes without notice`",
            vec![(with_list(&image("quay.io", "latest"), &floating, &[]), "tag")],
        ),
        (
            "`the tag now names`",
            vec![
                (moved, "pin --update"),
                (verified, "source-moved"),
                (scene.run(&["verify", "--only", "source"]), "source-missing"),
            ],
        ),
        ("`the plan is out of date`", vec![(out_of_date().await, "make another plan")]),
    ]
}

/// Applies a plan after another client has pushed to the destination.
async fn out_of_date() -> Finished {
    let scene = Scene::new().await;
    assert_eq!(scene.run(&["mirror", "--plan", "plan.json"]).exit_code, 0);
    store(&scene.destination, "team/app", "1.0", &scene.tool);
    scene.run(&["mirror", "--apply", "plan.json"])
}

/// Mirrors an image between two registries, after a change of both.
async fn between(
    [source, destination]: [RegistryOptions; 2],
    change: impl Fn(&InMemoryRegistry, &InMemoryRegistry),
    password: &str,
) -> Finished {
    let source = InMemoryRegistry::start(source).await.unwrap();
    let destination = InMemoryRegistry::start(destination).await.unwrap();
    store(&source, "team/app", "1.0", &registry_in_memory::content::oci_image(&layers(&["app"])));
    change(&source, &destination);
    let variables = [
        ("STS_REGISTRY_USERNAME", "u"),
        ("STS_REGISTRY_PASSWORD", password),
        ("DST_REGISTRY_USERNAME", "u"),
        ("DST_REGISTRY_PASSWORD", password),
    ];
    let variables = if password.is_empty() { &[][..] } else { &variables[..] };
    let list = image(source.address(), "1.0");
    with_list(&list, &["mirror", "-d", destination.address()], variables)
}

async fn refused() -> Vec<Row> {
    let open = RegistryOptions::default;
    let locked =
        || RegistryOptions { authentication: Authentication::basic("u", "right"), ..open() };
    let fixed = || RegistryOptions { create_repositories: false, ..open() };
    let untouched = |_: &InMemoryRegistry, _: &InMemoryRegistry| {};
    let forbid = || Fault::status(403).always();
    vec![
        (
            "`requires a user and a password`",
            vec![
                (between([locked(), open()], untouched, "").await, "STS_REGISTRY_USERNAME"),
                (between([open(), locked()], untouched, "").await, "DST_REGISTRY_USERNAME"),
            ],
        ),
        (
            "`401`",
            vec![
                (between([locked(), open()], untouched, "wrong").await, "does not accept"),
                (between([open(), locked()], untouched, "wrong").await, "does not accept"),
            ],
        ),
        (
            "`403`",
            vec![
                (
                    between([open(), open()], |source, _| source.inject(forbid()), "").await,
                    "no permission to read this repository",
                ),
                (
                    between([open(), open()], |_, destination| destination.inject(forbid()), "")
                        .await,
                    "no permission to write to this repository",
                ),
            ],
        ),
        (
            "`404`",
            vec![
                (
                    between(
                        [open(), open()],
                        |source, _| assert!(source.store().delete_tag("team/app", "1.0")),
                        "",
                    )
                    .await,
                    "check source and tag",
                ),
                (
                    between([open(), fixed()], untouched, "").await,
                    "this registry does not create it on the first push",
                ),
            ],
        ),
        ("`aws ecr create-repository`", vec![(at_amazon().await, "hint: create it")]),
    ]
}

/// Mirrors to a repository of ECR that does not exist, without the AWS CLI.
async fn at_amazon() -> Finished {
    let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    store(&source, "team/app", "1.0", &registry_in_memory::content::oci_image(&layers(&["app"])));
    let options = RegistryOptions { create_repositories: false, ..behind() };
    let destination = InMemoryRegistry::start(options).await.unwrap();
    let front = Front::of(&destination, Asks::NoCertificate, &[]).await;
    let proxy = Proxy::to(front.address.clone(), None).await;
    let (proxy, authority) = (format!("http://{}", proxy.address), file("authority.pem"));
    let variables = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("SSL_CERT_FILE", authority.to_str().unwrap()),
        ("PATH", "/nowhere"),
    ];
    with_list(&image(source.address(), "1.0"), &["mirror", "-d", ECR], &variables)
}

async fn unreachable() -> Vec<Row> {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let front = Front::of(&registry, Asks::NoCertificate, &[]).await;
    let tls = format!("[registries.\"{}\"]\nplain-http = false\n", front.address);
    let untrusted = with_list(&(tls + &image(&front.address, "1.0")), &["pin"], &[]);
    // Nothing listens there.
    let closed = with_list(&image("127.0.0.1:1", "1.0"), &["pin"], &[]);
    vec![
        ("A message that contains `certificate`", vec![(untrusted, "`ca-file`")]),
        ("`check the host name, the network and the proxy`", vec![(closed, "127.0.0.1:1")]),
    ]
}

async fn charts() -> Vec<Row> {
    let scene = Scene::new().await;
    let without = [("HELM", "/nowhere/helm")];
    let missing = scene.run_with(&["verify", "--only", "chart"], &without);
    let refusing = scene.path("refusing-helm");
    let script = "[ \"$1\" = template ] || { echo v0.0.0; exit; }\n\
                  echo 'Error: execution error at (chart/templates/a.yaml:1:3): license.key is required' >&2\nexit 1";
    write_script(&refusing, script);
    let elsewhere = Xtask::new();
    let chart = scene.path("chart");
    let init = ["init", "-c", chart.to_str().unwrap(), "--no-pin"];
    let requiring = tokio::task::block_in_place(|| {
        elsewhere.run(&init, &[("HELM", refusing.to_str().unwrap())])
    });
    scene.write("chart/templates/more.yaml", &pod("more", "quay.io/team/more"));
    let destination = scene.destination.address();
    let untagged = scene.run(&["mirror", "-c", "chart", "-d", destination]);
    scene.write("chart/templates/more.yaml", &pod("more", "quay.io/team/more:1.0"));
    vec![
        ("`is not installed, and charts need helm to render`", vec![(missing, "HELM")]),
        (
            "`the chart does not render without more values`",
            vec![(requiring, "--set license.key=VALUE")],
        ),
        ("`has no tag, so it is`", vec![(untagged, "quay.io/team/more")]),
        (
            "Images are `unlisted`",
            vec![
                (scene.run(&["images"]), "quay.io/team/more:1.0\tunlisted"),
                (scene.run(&["verify", "--only", "chart"]), "chart-unlisted"),
            ],
        ),
    ]
}

async fn values() -> Vec<Row> {
    let scene = Scene::new().await;
    scene.edit("images.toml", "tool.repository", "tool.image");
    let stale = scene.run(&["verify", "--only", "values"]);
    let write = ["values", "-d", "mirror", "--write"];
    scene.edit("values/mirror.yaml", "images.toml", "other.toml");
    let other = scene.run(&write);
    scene.write("values/mirror.yaml", "mine: true\n");
    vec![
        ("`is not up to date with`", vec![(stale, "values-stale")]),
        ("`was generated from another list`", vec![(other, "other.toml")]),
        (
            "`was not generated from a list, and would be lost`",
            vec![(scene.run(&write), "values/mirror.yaml")],
        ),
    ]
}
