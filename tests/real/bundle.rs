//! Bundles, read by skopeo and sha256sum, and written by a run that was killed.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use oci::Digest;
use registry_in_memory::content::{Layer, docker_image, oci_image, oci_index};
use registry_in_memory::{Fault, InMemoryRegistry, Kind, RegistryOptions};

use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::skopeo::Skopeo;
use crate::stored::store_team;
use crate::support::requests::asked;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, clean_environment, layers, write};

/// A source with some images, and a list of them.
struct Outside {
    xtask: Xtask,
    source: InMemoryRegistry,
    /// Full names with their digests.
    images: Vec<(String, Digest)>,
}

impl Outside {
    async fn new() -> Self {
        let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
        let large = [Layer::new("large", 3 << 20), Layer::new("base", 1 << 20)];
        let kinds = [
            ("index", oci_index(&layers(&["base", "a"]))),
            ("image", oci_image(&layers(&["base", "b"]))),
            ("large", oci_image(&large)),
            ("docker", docker_image(&layers(&["base", "c"]))),
        ];
        let (list, images) = store_team(&source, &kinds);
        let xtask = Xtask::new();
        write(&xtask, "images.toml", list);
        Self { xtask, source, images }
    }

    fn done(&self, arguments: &[&str]) -> Finished {
        let finished = tokio::task::block_in_place(|| self.xtask.run(arguments, &[]));
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        finished
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_reads_a_bundle_and_what_was_imported_from_it() {
    let outside = Outside::new().await;
    let registry = DockerRegistry::start(Access::Anyone);
    let skopeo = Skopeo::ANONYMOUS;
    for (form, output) in [("oci", "site"), ("oci-archive", "site.tar")] {
        outside.done(&["bundle", "export", output]);
        let path = outside.xtask.directory().join(output);
        // In a layout, skopeo finds no manifest with Docker's media type.
        let images = outside.images.iter().filter(|(name, _)| !name.contains("docker"));
        for (number, (name, digest)) in images.enumerate() {
            let target = format!("{}/{form}/i{number}:1", registry.address());
            skopeo.copy_from(&format!("{form}:{}:{name}", path.display()), &target).unwrap();
            assert_eq!(skopeo.digest_of(&target).unwrap(), *digest, "{form} {name}");
        }
    }
    let target = format!("{}/inner", registry.address());
    let imported = outside.done(&["bundle", "import", "site.tar", "-d", &target]);
    assert_says(&imported.stdout, &["4 copied", "0 to sources"]);
    for (name, digest) in &outside.images {
        let (_, repository) = name.split_once('/').unwrap();
        let copied = format!("{target}/{repository}");
        assert_eq!(skopeo.digest_of(&copied).unwrap(), *digest, "{copied}");
    }
    let again = outside.done(&["bundle", "import", "site", "-d", &target]);
    assert_says(&again.stdout, &["4 up to date"]);

    let sums = duct::cmd("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"]);
    let folder = outside.xtask.directory().join("site");
    let environment = clean_environment(std::env::vars_os(), &folder);
    let checked = sums.dir(&folder).full_env(environment).stderr_to_stdout().unchecked();
    let checked = checked.stdout_capture().run().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_reads_a_bundle_that_was_merged_from_parts_and_a_folder() {
    let outside = Outside::new().await;
    outside.done(&["bundle", "export", "parts.tar", "--only", "team/large", "--split", "2MiB"]);
    outside.done(&["bundle", "export", "others", "--only", "team/i*"]);
    let registry = DockerRegistry::start(Access::Anyone);
    let (name, _) = outside.images.iter().find(|(name, _)| name.contains("large")).unwrap();
    let lacks = format!("oci:{}:{name}", outside.xtask.directory().join("others").display());
    let target = format!("{}/lacks:1", registry.address());
    assert!(Skopeo::ANONYMOUS.copy_from(&lacks, &target).is_err());
    for (form, output) in [("oci", "all"), ("oci-archive", "all.tar")] {
        let parts = ["parts-2.tar", "parts-1.tar", "parts-3.tar"].into_iter();
        let there = |part: &&str| outside.xtask.directory().join(part).exists();
        let parts: Vec<&str> = parts.filter(there).collect();
        assert!(parts.len() > 1, "{parts:?}");
        outside.done(&[&["bundle", "merge", output], &parts[..], &["others"]].concat());
        let path = outside.xtask.directory().join(output);
        let images = outside.images.iter().filter(|(name, _)| !name.contains("docker"));
        for (number, (name, digest)) in images.enumerate() {
            let target = format!("{}/{form}/m{number}:1", registry.address());
            let source = format!("{form}:{}:{name}", path.display());
            Skopeo::ANONYMOUS.copy_from(&source, &target).unwrap();
            assert_eq!(Skopeo::ANONYMOUS.digest_of(&target).unwrap(), *digest, "{form} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_was_killed_goes_on_where_it_was() {
    for (output, flags) in
        [("site.tar", &[][..]), ("site", &[][..]), ("parts.tar", &["--split", "2MiB"][..])]
    {
        let outside = Outside::new().await;
        // Everything but the large image is written when the process is killed.
        let slow = Fault::status(503).path("/v2/team/large/blobs").always();
        outside.source.inject(slow);
        let folder = outside.xtask.directory();
        let arguments = [&["bundle", "export", output], flags].concat();
        let export = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), &arguments);
        let environment = clean_environment(std::env::vars_os(), folder);
        let running = export.dir(folder).full_env(environment).stdin_null();
        let running = running.stdout_null().stderr_null().unchecked().start().unwrap();
        let read = || asked(&outside.source, "GET", Kind::Blob);
        let has_others = || {
            let others = read().into_iter().filter(|it| !it.path.contains("team/large"));
            others.filter(|it| it.status == Some(200)).count() >= 8
        };
        for _ in 0..3000 {
            if has_others() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(has_others(), "{:?}", read());
        // They are requested, and a loaded machine takes a while to write them.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        running.kill().unwrap();

        outside.source.clear_faults();
        outside.source.forget_requests();
        outside.done(&arguments);
        let paths = read().into_iter().map(|request| request.path);
        let again: Vec<String> = paths.filter(|path| !path.contains("team/large")).collect();
        assert_eq!(again, [""; 0], "{output}: these were kept");
        let files = std::fs::read_dir(folder).unwrap();
        let bundles: Vec<String> = files
            .map(|entry| entry.unwrap().path().display().to_string())
            .filter(|path| path.contains(output.trim_end_matches(".tar")))
            .collect();
        assert!(bundles.iter().all(|path| !path.contains("partial")), "{bundles:?}");
        let names: Vec<&str> = bundles.iter().map(String::as_str).collect();
        outside.done(&[&["bundle", "verify"], &names[..]].concat());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_and_a_proxy_cache_pull_from_a_served_bundle() {
    let outside = Outside::new().await;
    outside.done(&["bundle", "export", "site.tar"]);
    let folder = outside.xtask.directory();
    let serve = ["bundle", "serve", "site.tar", "--listen", "127.0.0.1:0"];
    let serve = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), serve);
    let serve = serve.dir(folder).full_env(clean_environment(std::env::vars_os(), folder));
    let mut served = BufReader::new(serve.stdin_null().reader().unwrap());
    let mut line = String::new();
    served.read_line(&mut line).unwrap();
    let address = line.split(" at ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let proxy = DockerRegistry::start_as_proxy_of(&format!("http://{address}"));
    let target = DockerRegistry::start(Access::Anyone);
    for registry in [address, proxy.address()] {
        for (number, (name, digest)) in outside.images.iter().enumerate() {
            // Clients accept no colon in a path.
            let (host, path) = name.split_once('/').unwrap();
            let source = format!("{registry}/{}/{path}", host.replace(':', "_"));
            assert_eq!(Skopeo::ANONYMOUS.digest_of(&source).unwrap(), *digest, "{source}");
            let target = format!("{}/i{number}:1", target.address());
            Skopeo::ANONYMOUS.copy_all(&source, &target).unwrap();
            assert_eq!(Skopeo::ANONYMOUS.digest_of(&target).unwrap(), *digest, "{source}");
        }
    }
    served.get_ref().kill().unwrap();
}
