//! The commands of README.md and `docs` that render a chart, with the real helm, and those that copy images
//! between registries.

use chart_mirror::list::ImageList;
use registry_in_memory::content::{Layer, oci_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use tempfile::TempDir;

use crate::programs::chart_repository::serve;
use crate::programs::helm::{charts, program, run};
use crate::support::example::{Needs, Setting};
use crate::support::pages::{RUN_ALONE, examples};

/// The repository of the chart in the list.
const CHARTS: &str = "https://helm.stackstate.io";

/// What stands for `helm install`, which needs a cluster: it also fetches the chart, from a registry without TLS.
/// The chart requires these values.
const INSTALL: &str = "helm template --plain-http --set stackstate.baseUrl=x,stackstate.license.key=x \
    --set stackstate.admin.authentication.password=x,stackstate.authentication.adminPassword=x";

#[test]
fn commands_that_need_helm_do_what_the_page_shows() {
    let helm = Some(program().canonicalize().unwrap());
    let setting = Setting { helm, ..Setting::default() };
    let examples = examples();
    let run = examples.iter().filter(|example| example.needs == Needs::Helm);
    assert_ne!(run.map(|example| example.check(&setting)).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_between_registries_succeed_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    package(&directory, "4.5.6");
    package(&directory, "4.6.0");
    let (repository, _) = serve(directory.path());
    run(&directory, &["repo", "index", ".", "--url", &repository]);
    let examples = examples();
    let examples: Vec<_> =
        examples.iter().filter(|example| example.needs == Needs::Registries).collect();
    assert!(examples.len() > 3, "{}", examples.len());
    for example in examples {
        let (source, destination) = (registry().await, registry().await);
        let mut setting = Setting::default();
        publish(&source, &setting.list);
        setting.list +=
            &format!("\n[registries.\"quay.io\"]\nvia = \"{}/quay\"\n", source.address());
        setting.helm = Some(program().canonicalize().unwrap());
        let here = destination.address();
        let registries = [
            "registry.example.com:5000",
            "registry.example.com",
            "localhost:5000",
            "57413481473.dkr.ecr.eu-west-1.amazonaws.com",
        ];
        setting.replaced = registries.map(|name| (name, here.to_owned())).into();
        setting.replaced.push((CHARTS, repository.clone()));
        setting.replaced.push(("helm install", INSTALL.to_owned()));
        tokio::task::block_in_place(|| example.check(&setting));
        assert!(!destination.store().repositories().is_empty(), "{} copies nothing", example.place);
    }
}

/// A command that a page has, for the test that runs it.
pub(crate) fn documented(page: &str, command: &'static str) -> &'static str {
    let is_listed =
        RUN_ALONE.iter().any(|(in_page, known, _)| (*in_page, *known) == (page, command));
    assert!(is_listed, "RUN_ALONE lacks `{command}` of {page}");
    command
}

async fn registry() -> InMemoryRegistry {
    InMemoryRegistry::start(RegistryOptions::default()).await.unwrap()
}

/// Puts the images of the list and those of later versions into a proxy cache of quay.io.
fn publish(registry: &InMemoryRegistry, list: &str) {
    let list = ImageList::parse("images.toml", list).unwrap();
    for image in list.images() {
        let reference = image.reference().to_string();
        let (repository, tag) =
            reference.strip_prefix("quay.io/").unwrap().rsplit_once(':').unwrap();
        for tag in [tag, "4.6.0", "1.0.7"] {
            let content = oci_image(&[Layer::new(format!("{repository}:{tag}"), 100)]);
            registry.store().publish(&format!("quay/{repository}"), tag, &content);
        }
    }
}

/// An archive of the chart with the images of StackState, as that version of it.
fn package(directory: &TempDir, version: &str) {
    let folder = directory.path().join("stackstate");
    duct::cmd!("cp", "-r", charts().join("stackstate-shapes"), &folder).run().unwrap();
    for (file, old, new) in [
        ("Chart.yaml", "name: stackstate-shapes", "name: stackstate".to_owned()),
        ("Chart.yaml", "\nversion: 4.5.6", format!("\nversion: {version}")),
        ("values.yaml", "\n        tag: 4.5.6", format!("\n        tag: {version}")),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(old), "{file}: {old}");
        std::fs::write(folder.join(file), text.replacen(old, &new, 1)).unwrap();
    }
    run(directory, &["package", "stackstate"]);
    std::fs::remove_dir_all(folder).unwrap();
}
