//! docs/getting-started.md and the first block of README.md, from a chart to its images at a registry.

use registry_in_memory::content::{Content, Layer, oci_image};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::docs::documented;
use crate::init::Folder;
use crate::programs::helm::program;
use crate::support::pages::{blocks, page};

/// A chart, the registry of its images, and an empty one.
struct Guide {
    source: InMemoryRegistry,
    destination: InMemoryRegistry,
    folder: Folder,
}

impl Guide {
    async fn new() -> Self {
        let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        for (repository, tag) in [
            ("team/api", "1.0"),
            ("team/job", "2.0"),
            ("team/db", "3.0"),
            ("team/api", "1.1"),
            ("team/backup", "4.0"),
        ] {
            source.store().publish(repository, tag, &content(repository, tag));
        }
        let folder = Folder::new(source.address());
        Self { source, destination, folder }
    }

    /// Runs a command, which must succeed.
    fn run(&self, command: &str) {
        let here = self.destination.address();
        let command = command.replace("registry.example.com", here).replace("localhost:5000", here);
        let arguments: Vec<&str> = command.split(' ').collect();
        match arguments.as_slice() {
            ["chart-mirror", arguments @ ..] => {
                let run = tokio::task::block_in_place(|| self.folder.run(arguments));
                assert_eq!(run.exit_code, 0, "{command}: {}{}", run.stdout, run.stderr);
            }
            ["helm", arguments @ ..] => {
                let helm = duct::cmd(program().canonicalize().unwrap(), arguments);
                let text = helm.dir(self.folder.path("")).read().unwrap();
                assert_eq!(text.matches(here).count(), 3, "{text}");
            }
            _ => panic!("{command}"),
        }
    }

    /// Adds a feature to the chart that is off by default, and has an image.
    fn add_backup(&self) {
        let template = "{{ if .Values.backup.enabled }}\napiVersion: v1\nkind: Pod\nmetadata: {name: backup}\n\
                        spec: {containers: [{name: c, image: \"{{ .Values.backup.image }}\"}]}\n{{ end }}\n";
        self.folder.write("chart/templates/backup.yaml", template);
        let image = format!("{}/team/backup:4.0", self.source.address());
        let values = self.folder.read("chart/values.yaml");
        let values = format!("{values}backup: {{enabled: false, image: \"{image}\"}}\n");
        self.folder.write("chart/values.yaml", &values);
    }

    /// Whether the destination has the images of the chart below a path.
    fn assert_mirrored(&self, below: &str) {
        for (repository, tag) in [("team/api", "1.0"), ("team/job", "2.0"), ("team/db", "3.0")] {
            let path = format!("{below}/{repository}");
            assert!(self.destination.store().manifest(&path, tag).is_some(), "{path}:{tag}");
        }
    }
}

fn content(repository: &str, tag: &str) -> Content {
    oci_image(&[Layer::new(format!("{repository}{tag}"), 100)])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_two_commands_of_the_readme_mirror_a_chart() {
    let guide = Guide::new().await;
    let init = "chart-mirror init -c ./chart -d registry.example.com/mirror";
    for command in [init, "chart-mirror mirror"] {
        guide.run(documented("README.md", command));
    }
    guide.assert_mirrored("mirror");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guide_work_in_their_order() {
    let guide = Guide::new().await;
    let text = page("docs/getting-started.md");
    let (first, rest) = text.split_once("\n## When the chart changes\n").unwrap();
    let (then, rest) = rest.split_once("\n## A feature that is off by default\n").unwrap();
    let (feature, local) = rest.split_once("\n## A registry without TLS\n").unwrap();
    let [renderings] = <[String; 1]>::try_from(blocks(feature, "toml")).unwrap();
    let [first, then, feature, local] = [first, then, feature, local]
        .map(|part| part.lines().filter_map(|line| line.strip_prefix("$ ")).collect::<Vec<_>>());
    assert_eq!((first.len(), then.len(), feature.len(), local.len()), (4, 5, 6, 2));

    first.into_iter().for_each(|command| guide.run(command));
    guide.assert_mirrored("team");
    let values = guide.folder.read("chart/values.yaml").replace("tag: \"1.0\"", "tag: \"1.1\"");
    guide.folder.write("chart/values.yaml", &values);
    let list = guide.folder.read("images.toml");
    then.into_iter().for_each(|command| guide.run(command));
    let (old, new) = (content("team/api", "1.0").top, content("team/api", "1.1").top);
    let expected =
        list.replace("tag = \"1.0\"", "tag = \"1.1\"").replace(old.as_str(), new.as_str());
    assert_eq!(guide.folder.read("images.toml"), expected);
    assert!(guide.destination.store().manifest("team/team/api", "1.1").is_some());

    guide.add_backup();
    let list = guide.folder.read("images.toml");
    guide.folder.write("images.toml", &format!("{list}\n{renderings}\n"));
    feature.into_iter().for_each(|command| guide.run(command));
    assert!(guide.destination.store().manifest("team/team/backup", "4.0").is_some());

    let guide = Guide::new().await;
    local.into_iter().for_each(|command| guide.run(command));
    guide.assert_mirrored("team");
}
