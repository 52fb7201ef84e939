//! The configuration for nodes, read by a real program: skopeo uses registries.conf.d as CRI-O and Podman do.

use std::path::Path;

use registry_in_memory::content::{Content, Layer, oci_image};

use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::skopeo::run_at;
use crate::support::publish::publish;
use crate::support::xtask::Xtask;

/// No host of this name can exist (RFC 6761), and the tests have no access to Docker Hub.
const LIST: &str = r#"
[[image]]
source = "source.invalid/team/app"
tag = "1"
[[image]]
source = "source.invalid/team/app"
tag = "2"
target = "elsewhere/app"
[[image]]
source = "source.invalid/team/old"
tag = "1"
target = "renamed"
[[image]]
source = "docker.io/library/nginx"
tag = "1.25"
"#;

/// What pods name, and its repository and tag in the registry.
const TABLE: [(&str, &str, &str); 4] = [
    ("source.invalid/team/app:1", "m/team/app", "1"),
    ("source.invalid/team/app:2", "m/elsewhere/app", "2"),
    ("source.invalid/team/old:1", "m/renamed", "1"),
    ("nginx:1.25", "m/library/nginx", "1.25"),
];

#[tokio::test]
async fn skopeo_pulls_each_image_from_the_mirror_with_the_file_for_registries_conf_d() {
    let mirror = DockerRegistry::start(Access::Anyone);
    for (_, repository, tag) in TABLE {
        publish(mirror.address(), repository, tag, &content(repository, tag)).await.unwrap();
    }
    let node = Xtask::new();
    std::fs::write(node.directory().join("images.toml"), LIST).unwrap();
    let destination = format!("{}/m", mirror.address());
    let arguments = ["values", "--format", "registries-conf", "-d", &destination];
    let printed = node.run(&arguments, &[]);
    assert_eq!((printed.exit_code, printed.stderr.as_str()), (0, ""), "{}", printed.stdout);

    let folder = node.directory().join(".config/containers/registries.conf.d");
    std::fs::create_dir_all(&folder).unwrap();
    let alone = printed.stdout.replace("[[registry]]\n", "[[registry]]\nblocked = true\n");
    for text in [printed.stdout, alone.clone()] {
        std::fs::write(folder.join("mirror.conf"), &text).unwrap();
        for (asked, repository, tag) in TABLE {
            let manifest =
                inspect(node.directory(), asked).unwrap_or_else(|why| panic!("{why}\n{text}"));
            let content = content(repository, tag);
            let expected = content.manifests.iter().find(|one| one.digest == content.top).unwrap();
            assert_eq!(manifest, expected.bytes, "{asked}");
            let digest = asked.rsplit_once(':').unwrap().0.to_owned() + "@" + content.top.as_str();
            assert_eq!(inspect(node.directory(), &digest).unwrap(), manifest, "{digest}");
        }
    }
    assert!(alone.contains("blocked"), "{alone}");
    let refused = inspect(node.directory(), "source.invalid/team/app:3").unwrap_err();
    assert!(refused.contains("blocked") && !refused.contains("lookup"), "{refused}");
    let unlisted = inspect(node.directory(), "source.invalid/team/apple:1").unwrap_err();
    assert!(unlisted.contains("lookup source.invalid"), "{unlisted}");
}

fn content(repository: &str, tag: &str) -> Content {
    oci_image(&[Layer::new(format!("{repository}:{tag}"), 100)])
}

fn inspect(home: &Path, reference: &str) -> Result<Vec<u8>, String> {
    let arguments = ["inspect", "--raw", &format!("docker://{reference}")].map(str::to_owned);
    run_at(home, &arguments)
}
