//! `prune`: which tags of a destination no list has any more. Nothing that a list has is ever deleted.

mod applied;
mod interrupted;
mod random;
mod referrers;
mod shown;

use registry_in_memory::content::{self, Content, docker_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use crate::support::xtask::{Finished, Xtask};
use crate::support::{layers, store, write};

/// A destination, and a folder with lists.
struct Site {
    registry: InMemoryRegistry,
    xtask: Xtask,
}

/// The list of most tests: `team/app:2` is wanted, and every repository below `mirror` is owned.
const LIST: &str = "[destinations.d]\nregistry = 'DST/mirror'\nprune.repositories = ['**']\n\
                    [[image]]\nsource = 'quay.io/team/app'\ntag = '2'\n";

const APP: &str = "mirror/team/app";

impl Site {
    async fn new(options: RegistryOptions) -> Self {
        let site =
            Self { registry: InMemoryRegistry::start(options).await.unwrap(), xtask: Xtask::new() };
        site.write("images.toml", LIST);
        site
    }

    /// With these tags of `team/app`, each with its own image.
    async fn with_tags(options: RegistryOptions, tags: &[&str]) -> Self {
        let site = Self::new(options).await;
        tags.iter().for_each(|tag| site.store(APP, tag, &image(tag)));
        site.registry.forget_requests();
        site
    }

    /// Writes a file in which `DST` stands for the address of the registry.
    fn write(&self, name: &str, text: &str) {
        write(&self.xtask, name, text.replace("DST", self.registry.address()));
    }

    fn store(&self, repository: &str, tag: &str, content: &Content) {
        store(&self.registry, repository, tag, content);
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_in("", arguments)
    }

    fn run_in(&self, folder: &str, arguments: &[&str]) -> Finished {
        let arguments = [&["prune"], arguments].concat();
        tokio::task::block_in_place(|| self.xtask.run_in(folder, &arguments, &[]))
    }

    /// The report as JSON, of a run with this exit code.
    fn report(&self, exit_code: i32, arguments: &[&str]) -> Value {
        let finished = self.run(&[&["--format", "json"], arguments].concat());
        assert_eq!(finished.exit_code, exit_code, "{finished:?}");
        serde_json::from_str(&finished.stdout).unwrap()
    }

    /// The tags to delete, each with its repository.
    fn to_delete(&self, arguments: &[&str]) -> Vec<String> {
        to_delete(&self.report(0, arguments))
    }

    /// The methods of the requests, without repetitions.
    fn methods(&self) -> Vec<String> {
        let requests = self.registry.requests().into_iter();
        let mut methods: Vec<String> = requests.map(|request| request.method).collect();
        methods.sort();
        methods.dedup();
        methods
    }
}

fn to_delete(report: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for repository in report["repositories"].as_array().unwrap() {
        for tag in repository["tags"].as_array().unwrap() {
            if tag["decision"] != "keep" {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                found.push(format!("{}:{}", text(&repository["repository"]), text(&tag["tag"])));
            }
        }
    }
    found
}

fn image(name: &str) -> Content {
    docker_image(&layers(&[name]))
}

fn signature_of(image: &Content) -> (String, Content) {
    (content::signature_tag(&image.top), content::signature(&image.top))
}
