//! Charts in archives, repositories and registries.

use chart_mirror::chart::{ChartSource, Helm, Renderer as _, render_all};
use chart_mirror::list::Rendering;
use tempfile::TempDir;

use super::{references, rendering};
use crate::programs::chart_repository::serve;
use crate::programs::docker_registry::{Access, DockerRegistry};
use crate::programs::helm::{charts, helm, program, program_at_home, run, source};

#[test]
fn the_tests_use_a_supported_version_of_helm() {
    let version = helm("relocation").version().unwrap();
    assert!(version.starts_with("v3.") || version.starts_with("v4."), "{version}");
}

#[test]
fn an_archive_renders_like_its_folder() {
    let directory = packaged();
    let program = program().canonicalize().unwrap();
    let archive = Helm::new(source("relocation-1.0.0.tgz"), directory.path()).with_program(program);
    let folder = helm("relocation");
    assert_eq!(
        references(&archive.render(&rendering(), None).unwrap()),
        references(&folder.render(&rendering(), None).unwrap())
    );
    assert_eq!(archive.default_values().unwrap(), folder.default_values().unwrap());
}

#[test]
fn a_chart_of_a_repository_is_fetched_once_for_all_renderings() {
    let directory = packaged();
    let (address, log) = serve(directory.path());
    run(&directory, &["repo", "index", ".", "--url", &address]);
    // helm would prefer a folder of that name.
    std::fs::create_dir(directory.path().join("relocation")).unwrap();
    let source = ChartSource {
        chart: "relocation".to_owned(),
        repository: Some(address),
        version: Some("1.0.0".to_owned()),
    };
    let program = program_at_home(&directory);
    let helm = Helm::new(source, directory.path()).with_program(program);
    let renderings: Vec<_> =
        (0..4).map(|number| Rendering { name: number.to_string(), ..rendering() }).collect();

    let rendered = render_all(&helm, &renderings, None);

    for (rendering, rendered) in renderings.iter().zip(rendered) {
        let rendered = rendered.unwrap();
        assert_eq!(rendered.rendering, rendering.name);
        assert_eq!(references(&rendered).len(), 13);
    }
    assert_eq!(helm.default_values().unwrap().len(), 4);
    assert_eq!(*log.lock().unwrap(), ["/index.yaml", "/relocation-1.0.0.tgz"]);
}

#[test]
fn a_chart_that_the_repository_lacks_is_reported_with_helms_message() {
    let directory = packaged();
    let (address, _) = serve(directory.path());
    run(&directory, &["repo", "index", ".", "--url", &address]);
    let source =
        ChartSource { chart: "other".to_owned(), repository: Some(address.clone()), version: None };
    let helm = Helm::new(source, directory.path()).with_program(program_at_home(&directory));
    let error = helm.render(&rendering(), None).unwrap_err().to_string();
    assert!(error.starts_with("fetching the chart: "), "{error}");
    assert!(error.contains("other"), "{error}");
    let repeat = format!("`helm pull other --repo {address}`");
    assert!(error.ends_with(&repeat), "{error}");
}

#[test]
fn a_chart_of_a_registry_is_fetched() {
    let directory = packaged();
    let registry = DockerRegistry::start(Access::Anyone);
    let repository = format!("oci://{}/charts", registry.address());
    run(&directory, &["push", "--plain-http", "relocation-1.0.0.tgz", &repository]);
    let program = program_at_home(&directory);
    let in_repository = ChartSource {
        chart: "relocation".to_owned(),
        repository: Some(repository.clone()),
        version: Some("1.0.0".to_owned()),
    };
    let by_address = source(&format!("{repository}/relocation"));
    for source in [in_repository, by_address] {
        let helm = Helm::new(source, charts()).with_program(&program);
        assert_eq!(references(&helm.render(&rendering(), None).unwrap()).len(), 13);
    }
}

/// A directory with the chart `relocation` as an archive.
fn packaged() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let chart = charts().join("relocation").canonicalize().unwrap();
    run(&directory, &["package", chart.to_str().unwrap()]);
    directory
}
