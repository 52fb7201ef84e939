//! Names of hosts have no case: in references, settings, policies, and on the command line.

use registry_in_memory::content::docker_image;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::support::requests::request_counts;
use crate::support::signing::Signer;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, store, write};

/// A registry with one image, and a tool.
async fn fixture() -> (InMemoryRegistry, Xtask) {
    let registry = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    store(&registry, "acme/a", "1", &docker_image(&layers(&["a"])));
    (registry, Xtask::new())
}

/// The address of a registry, with a name for the host.
fn named(registry: &InMemoryRegistry, host: &str) -> String {
    registry.address().replace("127.0.0.1", host)
}

fn image(registry: &InMemoryRegistry) -> String {
    format!("[[image]]\nsource = \"{}/acme/a\"\ntag = \"1\"\n", named(registry, "LocalHost"))
}

fn run(xtask: &Xtask, arguments: &[&str]) -> Finished {
    tokio::task::block_in_place(|| xtask.run(arguments, &[]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_not_copied_onto_itself_in_another_case() {
    let (registry, xtask) = fixture().await;
    let upper = named(&registry, "LOCALHOST");
    write(
        &xtask,
        "images.toml",
        format!("[destinations.d]\nregistry = \"{upper}\"\n{}", image(&registry)),
    );
    for destination in ["d", &upper, &named(&registry, "localhost")] {
        let refused = run(&xtask, &["mirror", "-d", destination]);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(&refused.stderr, &["onto itself"]);
    }
    assert_eq!(request_counts(&registry), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_required_whatever_the_case_of_the_source() {
    let (registry, xtask) = fixture().await;
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    write(&xtask, "team.pub", Signer::new().public_key());
    for host in ["localhost", "LOCALHOST"] {
        let list = format!(
            "[[policy.signatures]]\nsources = [\"{}/*\"]\nkeys = [\"team.pub\"]\n{}",
            named(&registry, host),
            image(&registry)
        );
        write(&xtask, "images.toml", list);
        let failed = run(&xtask, &["mirror", "-d", destination.address()]);
        assert_eq!(failed.exit_code, 1, "{failed:?}");
        assert_says(&failed.stdout, &["signature"]);
        assert_eq!(destination.store().repositories(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_allowed_registries_apply_in_any_case() {
    let (registry, xtask) = fixture().await;
    let upper = named(&registry, "LOCALHOST");
    // The table makes the request fail, because the registry has no TLS.
    let list = format!(
        "[policy]\nallowed-registries = [\"{upper}/acme\"]\n\
         [registries.\"{upper}\"]\nplain-http = false\n{}",
        image(&registry)
    );
    write(&xtask, "images.toml", list);
    let verified = run(&xtask, &["verify", "--only", "list,source"]);
    assert_eq!(verified.exit_code, 1, "{verified:?}");
    assert_says(&verified.stdout, &["unreachable"]);
    assert!(!verified.stdout.contains("registry-not-allowed"), "{}", verified.stdout);
}
