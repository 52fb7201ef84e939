//! ECR with the real AWS CLI. moto imitates the API for repositories and credentials, and a real
//! docker-registry that accepts these credentials is the registry.

use registry_in_memory::content::{Layer, docker_image};
use serde_json::{Value, json};

use crate::programs::aws::{ACCOUNT, Moto, REGION, folder};
use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::support::proxy::Proxy;
use crate::support::stage::Stage;
use crate::support::tls::file;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, write};

/// An AWS account with a registry.
struct Amazon {
    moto: Moto,
    registry: DockerRegistry,
    proxy: Proxy,
    stage: Stage,
    xtask: Xtask,
}

impl Amazon {
    async fn new() -> Self {
        let registry = DockerRegistry::start(Access::PasswordOverTls);
        let proxy = Proxy::to(registry.address().to_owned(), None).await;
        let mut stage = Stage::new().await;
        for (name, layer) in [("wait", "base"), ("kafka", "base"), ("minio", "minio")] {
            let image = docker_image(&[Layer::new(layer, 30_000), Layer::new(name, 20_000)]);
            stage.publish(&format!("stackstate/{name}"), "1.0", &image);
        }
        Self { moto: Moto::start(), registry, proxy, stage, xtask: Xtask::new() }
    }

    fn host() -> String {
        format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
    }

    /// Mirrors to the destination `ecr`, with these lines in its table for ECR.
    fn mirror(&self, options: &str, arguments: &[&str]) -> Finished {
        let table = format!("[destinations.ecr.ecr]\n{options}\n");
        self.run("mirror", &table, &self.stage.list(), arguments)
    }

    /// Runs a command with the destination `ecr`, which has this table.
    fn run(&self, command: &str, table: &str, list: &str, arguments: &[&str]) -> Finished {
        let host = Self::host();
        let table = format!("[destinations.ecr]\nregistry = \"{host}\"\n{table}\n");
        let images = write(&self.xtask, "images.toml", table + list);
        let arguments = [&[command, "--images", &images, "-d", "ecr"], arguments].concat();
        let mut variables = self.moto.variables();
        variables.push(("PATH".to_owned(), folder().to_str().unwrap().to_owned()));
        variables.push(("HTTPS_PROXY".to_owned(), format!("http://{}", self.proxy.address)));
        let authority = file("authority.pem").to_str().unwrap().to_owned();
        variables.push(("SSL_CERT_FILE".to_owned(), authority));
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let finished = tokio::task::block_in_place(|| self.xtask.run(&arguments, &variables));
        for secret in ["canary-of-amazon", "auth-token"] {
            let said = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!said.contains(secret), "{said}");
        }
        finished
    }
}

fn report(finished: &Finished) -> Value {
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    serde_json::from_str(&finished.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_creates_repositories_and_the_second_run_changes_nothing() {
    const POLICY: &str = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged",
        "countType": "imageCountMoreThan", "countNumber": 9}, "action": {"type": "expire"}}]}"#;
    const OPTIONS: &str = "tags = { team = \"a b/c\" }\nscan-on-push = true\nimmutable-tags = true\n\
                           encryption = \"KMS\"\nkms-key = \"alias/x\"\n\
                           lifecycle-policy-file = \"policy.json\"";
    let amazon = Amazon::new().await;
    write(&amazon.xtask, "policy.json", POLICY);

    let first = report(&amazon.mirror(OPTIONS, &["--format", "json"]));
    assert_eq!(first["totals"]["copied"], 3, "{first:#}");
    let names = json!(["stackstate/wait", "stackstate/kafka", "stackstate/minio"]);
    assert_eq!(
        first["repositories"],
        json!({"created": names, "differences": [], "warnings": []}),
        "{first:#}"
    );
    let repositories = amazon.moto.repositories();
    assert_eq!(repositories.len(), 3);
    for repository in &repositories {
        assert_eq!(repository["imageTagMutability"], "IMMUTABLE");
        assert_eq!(repository["imageScanningConfiguration"]["scanOnPush"], true);
        assert_eq!(repository["encryptionConfiguration"]["encryptionType"], "KMS");
        let arn = repository["repositoryArn"].as_str().unwrap();
        let tags = amazon.moto.ecr(&["list-tags-for-resource", "--resource-arn", arn]);
        assert_eq!(tags["tags"], json!([{"Key": "team", "Value": "a b/c"}]));
        let name = repository["repositoryName"].as_str().unwrap();
        let policy = amazon.moto.ecr(&["get-lifecycle-policy", "--repository-name", name]);
        let policy: Value =
            serde_json::from_str(policy["lifecyclePolicyText"].as_str().unwrap()).unwrap();
        assert_eq!(policy, serde_json::from_str::<Value>(POLICY).unwrap());
    }
    // ECR mounts a blob only once a manifest of its repository references it.
    assert!(first["totals"]["mounted"]["blobs"].as_u64().unwrap() >= 1, "{first:#}");

    let before = amazon.registry.requests().len();
    let second = report(&amazon.mirror(OPTIONS, &["--format", "json"]));
    assert_eq!(
        (&second["totals"]["up-to-date"], &second["repositories"]),
        (&json!(3), &json!(null))
    );
    let requests = amazon.registry.requests();
    assert!(
        requests[before..].iter().all(|request| matches!(request.method.as_str(), "GET" | "HEAD"))
    );
    assert_eq!(amazon.moto.repositories(), repositories);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_repository_is_not_changed_and_its_differences_are_reported() {
    let amazon = Amazon::new().await;
    amazon.moto.ecr(&["create-repository", "--repository-name", "stackstate/wait"]);
    amazon.moto.ecr(&["create-repository", "--repository-name", "someone/else"]);
    let finished = amazon.mirror("immutable-tags = true\nscan-on-push = false", &[]);
    assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
    assert_says(
        &finished.stdout,
        &[
            "warning: the repository `stackstate/wait` has `immutable-tags` false, but \
             images.toml has true; it is unchanged\n",
            "created the repository stackstate/kafka\n",
            "created the repository stackstate/minio\n",
            "3 copied",
        ],
    );
    assert_eq!(finished.stdout.matches("warning: ").count(), 1, "{}", finished.stdout);
    let mutability: Vec<_> = amazon
        .moto
        .repositories()
        .iter()
        .map(|repository| repository["imageTagMutability"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(mutability, ["MUTABLE", "IMMUTABLE", "IMMUTABLE", "MUTABLE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_amazon_no_longer_issues_are_reported() {
    let amazon = Amazon::new().await;
    let images = write(&amazon.xtask, "images.toml", amazon.stage.list());
    let authority = file("authority.pem").to_str().unwrap().to_owned();
    let proxy = format!("http://{}", amazon.proxy.address);
    let path = folder().to_str().unwrap().to_owned();
    // No keys, and no service that issues any.
    let variables = [
        ("PATH", path.as_str()),
        ("HTTPS_PROXY", &proxy),
        ("SSL_CERT_FILE", &authority),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let arguments = ["mirror", "--images", &images, "-d", &Amazon::host(), "--only", "wait"];
    let finished = tokio::task::block_in_place(|| amazon.xtask.run(&arguments, &variables));
    assert_eq!(finished.exit_code, 1, "{}{}", finished.stdout, finished.stderr);
    assert_says(
        &finished.stdout,
        &[
            "401",
            "`aws ecr get-login-password --region eu-west-1` gave no credentials",
            "Unable to locate credentials",
            "hint: ",
        ],
    );
    assert_eq!(amazon.moto.repositories().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_tags_are_deleted_by_the_cli_and_their_age_is_what_it_reports() {
    const RULES: &str = "[destinations.ecr.prune]\nrepositories = [\"stackstate/**\"]\n";
    let mut amazon = Amazon::new().await;
    let listed = amazon.stage.list();
    let old = docker_image(&[Layer::new("old", 20_000)]);
    amazon.stage.publish("stackstate/wait", "0.9", &old);
    let mirrored = amazon.mirror("", &[]);
    assert_eq!(mirrored.exit_code, 0, "{mirrored:?}");
    // ECR has one store behind its two APIs, and this test has two.
    let manifest = String::from_utf8(old.top_manifest().unwrap().bytes.to_vec()).unwrap();
    for (tag, manifest) in [("0.9", manifest.clone()), ("1.0", manifest + " ")] {
        let arguments = ["put-image", "--repository-name", "stackstate/wait", "--image-tag", tag];
        amazon.moto.ecr(&[&arguments[..], &["--image-manifest", &manifest]].concat());
    }
    let tags = || {
        let images = amazon.moto.ecr(&["list-images", "--repository-name", "stackstate/wait"]);
        let images = images["imageIds"].as_array().unwrap().clone();
        let mut tags: Vec<String> =
            images.iter().map(|image| image["imageTag"].as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    };
    let young =
        amazon.run("prune", &format!("{RULES}minimum-age = \"1h\"\n"), &listed, &["--apply"]);
    assert_eq!(young.exit_code, 0, "{young:?}");
    assert_says(&young.stdout, &["0 of 4 tags deleted in 3 repositories"]);
    assert_eq!(tags(), ["0.9", "1.0"]);
    let applied = amazon.run("prune", RULES, &listed, &["--apply"]);
    assert_eq!(applied.exit_code, 0, "{applied:?}");
    assert_says(&applied.stdout, &["  deleted 0.9\n", "1 of 4 tags deleted"]);
    assert_eq!(tags(), ["1.0"]);
    let requests = amazon.registry.requests();
    assert!(requests.iter().all(|request| request.method != "DELETE"), "{requests:?}");
}
