//! Mirror, pin, and a tag that moves, between two real registries, checked by skopeo.

use registry_in_memory::content::{Content, Layer, docker_image, oci_index};

use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::skopeo::Skopeo;
use crate::support::publish::publish;
use crate::support::xtask::Xtask;

#[tokio::test]
async fn a_pin_stays_until_the_tag_that_moved_is_accepted() {
    let (source, destination) =
        (DockerRegistry::start(Access::Anyone), DockerRegistry::start(Access::Anyone));
    let layers = [Layer::new("base", 30_000), Layer::new("own", 2_000)];
    let server = async |content: Content| {
        publish(source.address(), "stackstate/server", "4.5.6", &content).await.unwrap();
        content.top
    };
    let old = server(oci_index(&layers)).await;
    publish(source.address(), "stackstate/wait", "1.0.6", &docker_image(&layers)).await.unwrap();

    let xtask = Xtask::new();
    let list = format!(
        "# The list.\n[[image]]\nsource = \"{0}/stackstate/server\"\ntag = \"4.5.6\"\n\n\
         [[image]]\nsource = \"{0}/stackstate/wait\"\ntag = \"1.0.6\"\n",
        source.address()
    );
    let file = xtask.directory().join("images.toml");
    std::fs::write(&file, &list).unwrap();
    let run =
        |arguments: &[&str]| xtask.run(&[arguments, &["--images", "images.toml"]].concat(), &[]);
    let mirror = || run(&["mirror", "-d", destination.address()]);
    let at = |registry: &DockerRegistry, name: &str| {
        Skopeo::ANONYMOUS.digest_of(&format!("{}/{name}", registry.address())).unwrap()
    };
    assert_eq!(mirror().exit_code, 0);

    let pinned = run(&["pin"]);
    assert_eq!(pinned.exit_code, 0, "{}", pinned.stdout);
    let wait = at(&source, "stackstate/wait:1.0.6");
    let with = |server: &str| {
        list.replace("\"4.5.6\"\n", &format!("\"4.5.6\"\ndigest = \"{server}\"\n"))
            .replace("\"1.0.6\"\n", &format!("\"1.0.6\"\ndigest = \"{wait}\"\n"))
    };
    let text = || std::fs::read_to_string(&file).unwrap();
    assert_eq!(text(), with(old.as_str()));
    let asked = source.requests().len();
    assert_eq!(mirror().exit_code, 0);
    assert_eq!(source.requests().len(), asked, "what is pinned and there needs no source");

    let new = server(docker_image(&layers[..1])).await;
    let moved = run(&["pin"]);
    assert_eq!((moved.exit_code, text()), (1, with(old.as_str())));
    let words = format!(
        "moved      {}/stackstate/server:4.5.6\n  listed {old}\n  now    {new}\n\
         \x20 platform: `linux/arm64` removed\n  compared for linux/amd64:\n  size: 32.",
        source.address()
    );
    assert!(moved.stdout.starts_with(&words), "{}", moved.stdout);
    assert_eq!(mirror().exit_code, 0);
    assert_eq!(at(&destination, "stackstate/server:4.5.6"), old);

    let accepted = run(&["pin", "--update", "server"]);
    assert_eq!((accepted.exit_code, text()), (0, with(new.as_str())), "{}", accepted.stdout);
    assert_eq!(mirror().exit_code, 0);
    assert_eq!(at(&destination, "stackstate/server:4.5.6"), new);
    let settled = run(&["pin", "--check"]);
    assert_eq!(settled.exit_code, 0, "{}", settled.stdout);
    assert!(source.requests().iter().all(|request| !request.path.contains("/tags/")));
}
