//! The templates for CI systems. The tests run the commands of their jobs as a pipeline would: in the
//! folder of the list, with the variables of the job, and with a destination that requires credentials.

use registry_in_memory::{Authentication, RegistryOptions};
use serde_yaml::Value;

use super::Scene;
use crate::support::store;
use crate::support::xtask::Finished;

const GITHUB: &str = include_str!("../../../templates/ci/github.yml");
const GITLAB: &str = include_str!("../../../templates/ci/gitlab.yml");
const COMPONENT: &str = include_str!("../../../templates/chart-mirror/template.yml");
const MIGRATING: &str = include_str!("../../../docs/migrating.md");
const PASSWORD: &str = "right";
const CREDENTIALS: [&str; 2] = ["DST_REGISTRY_USERNAME", "DST_REGISTRY_PASSWORD"];

/// One job of a template.
struct Job {
    commands: Vec<String>,
    variables: Vec<String>,
    reports: Vec<String>,
}

/// The job of this name in every template.
fn jobs(name: &str) -> [Job; 3] {
    let gitlab: Value = serde_yaml::from_str(GITLAB).unwrap();
    let component: Value = serde_yaml::from_str(&component()).unwrap();
    let component = gitlab_job(&component[format!("images-{name}")], name);
    [github_job(name), gitlab_job(&gitlab[name], name), component]
}

fn github_job(name: &str) -> Job {
    let github: Value = serde_yaml::from_str(GITHUB).unwrap();
    let steps = github["jobs"][name]["steps"].as_sequence().unwrap();
    let lines = steps.iter().filter_map(|step| step["run"].as_str()).flat_map(str::lines);
    let runs_it =
        |step: &&Value| step["run"].as_str().is_some_and(|run| run.contains("cargo xtask "));
    let variables =
        steps.iter().filter(runs_it).filter_map(|step| step["env"].as_mapping()).flatten();
    let variables = variables.map(|(variable, secret)| {
        let variable = variable.as_str().unwrap().to_owned();
        assert_eq!(secret.as_str().unwrap(), format!("${{{{ secrets.{variable} }}}}"));
        variable
    });
    let (commands, variables) = (commands(lines), variables.collect());
    // The whole folder is uploaded.
    let reports = commands.iter().flat_map(|command| reports(command)).collect();
    Job { commands, variables, reports }
}

fn gitlab_job(job: &Value, name: &str) -> Job {
    let lines = job["script"].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap());
    let reports = job["artifacts"]["reports"].as_mapping().into_iter().flatten();
    // Variables of the project.
    let variables = CREDENTIALS.iter().filter(|_| name != "gate");
    Job {
        commands: commands(lines),
        variables: variables.map(|&variable| variable.to_owned()).collect(),
        reports: reports.map(|(_, path)| path.as_str().unwrap().to_owned()).collect(),
    }
}

/// The jobs of the component, with the default of every input.
fn component() -> String {
    let (header, jobs) = COMPONENT.split_once("\n---\n").unwrap();
    let header: Value = serde_yaml::from_str(header).unwrap();
    let inputs = header["spec"]["inputs"].as_mapping().unwrap();
    inputs.iter().fold(jobs.to_owned(), |jobs, (name, input)| {
        let used = format!("$[[ inputs.{} ]]", name.as_str().unwrap());
        assert!(jobs.contains(&used), "{used} is not used");
        jobs.replace(&used, input["default"].as_str().unwrap_or("an-image"))
    })
}

/// The commands of the tool, as `cargo xtask ...`.
fn commands<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines = lines.map(|line| {
        line.replacen("chart-mirror --images \"images.toml\" ", "cargo xtask ", 1).replace('"', "")
    });
    lines.filter(|line| line.starts_with("cargo xtask ")).collect()
}

/// The files that a command writes.
fn reports(command: &str) -> Vec<String> {
    let reports = command.split(" --report ").skip(1);
    reports.map(|report| report.split_once('=').unwrap().1.to_owned()).collect()
}

/// A scene for the templates. Only the destination requires credentials.
async fn scene() -> Scene {
    let authentication = Authentication::basic("u", PASSWORD);
    let scene =
        super::with_destination(RegistryOptions { authentication, ..RegistryOptions::default() })
            .await;
    scene.edit("images.toml", "[destinations.mirror]", "[destinations.production]");
    std::fs::remove_file(scene.path("values/mirror.yaml")).unwrap();
    assert_eq!(run(&scene, "cargo xtask values -d production --write", &[]).exit_code, 0);
    scene
}

fn run(scene: &Scene, command: &str, variables: &[String]) -> Finished {
    let arguments: Vec<&str> = command.strip_prefix("cargo xtask ").unwrap().split(' ').collect();
    // As cargo sets it: the list is beside the Cargo.toml of the workspace.
    let package = scene.path("xtask");
    let mut all = vec![
        ("HELM", scene.helm.to_str().unwrap()),
        ("CARGO_MANIFEST_DIR", package.to_str().unwrap()),
    ];
    all.extend(variables.iter().map(|variable| {
        let value = match variable.as_str() {
            "DST_REGISTRY_USERNAME" => "u",
            "DST_REGISTRY_PASSWORD" => PASSWORD,
            // A secret that is not set is an empty string.
            _ => "",
        };
        (variable.as_str(), value)
    }));
    tokio::task::block_in_place(|| scene.xtask.run(&arguments, &all))
}

/// The exit codes of the commands of a job, up to the first failure.
fn ended(scene: &Scene, job: &Job) -> Vec<i32> {
    let mut codes = Vec::new();
    for command in &job.commands {
        let finished = run(scene, command, &job.variables);
        assert!(finished.exit_code < 2, "{command}: {}{}", finished.stdout, finished.stderr);
        codes.push(finished.exit_code);
        if finished.exit_code != 0 {
            break;
        }
    }
    for report in &job.reports {
        assert!(scene.path(report).is_file(), "nothing wrote {report}");
    }
    codes
}

#[test]
fn every_command_of_the_templates_is_in_a_job_that_is_tested() {
    for (number, template) in [GITHUB, GITLAB, COMPONENT].into_iter().enumerate() {
        let jobs = ["gate", "drift", "mirror"].map(|name| jobs(name)[number].commands.len());
        assert_eq!(jobs, [1, 1, 3]);
        let is_command = |line: &&str| {
            let line = line.trim_start_matches([' ', '-']);
            line.starts_with("cargo xtask ") || line.starts_with("chart-mirror ")
        };
        assert_eq!(template.lines().filter(is_command).count(), jobs.iter().sum::<usize>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_passes_until_a_key_is_removed_from_the_values() {
    for job in jobs("gate") {
        let scene = scene().await;
        scene.forget_requests();
        assert_eq!(ended(&scene, &job), [0]);
        assert!(job.variables.is_empty(), "a fork's change has no secrets");
        scene.edit("values/production.yaml", "tool:\n  repository: ", "other:\n  repository: ");
        assert_eq!(ended(&scene, &job), [1]);
        assert!(scene.source.requests().is_empty() && scene.destination.requests().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_found_and_mirroring_fixes_it() {
    for (drift, mirror) in jobs("drift").into_iter().zip(jobs("mirror")) {
        let scene = scene().await;
        assert_eq!(ended(&scene, &drift), [0]);
        scene.destination.store().delete_tag("team/app", "1.0");
        assert_eq!(ended(&scene, &drift), [1]);
        assert_eq!(ended(&scene, &mirror), [0, 0, 0]);
        assert_eq!(ended(&scene, &drift), [0]);
        // Without the variables, the destination refuses it.
        let outside = Job { variables: Vec::new(), ..mirror };
        assert_eq!(ended(&scene, &outside), [0, 1]);
        // Nothing is pushed if a tag at the source does not name the digest in the list.
        store(&scene.source, "team/app", "1.0", &scene.tool);
        scene.forget_requests();
        let inside = Job { variables: CREDENTIALS.map(str::to_owned).into(), ..outside };
        assert_eq!(ended(&scene, &inside), [1]);
        assert!(scene.destination.requests().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_works_on_all_members_and_destinations_of_a_workspace() {
    for (number, mirror) in jobs("mirror").into_iter().enumerate() {
        let scene = workspace().await;
        let job = |name| jobs(name).into_iter().nth(number).unwrap();
        assert_eq!(ended(&scene, &job("drift")), [1]);
        assert_eq!(ended(&scene, &mirror), [0, 0, 0]);
        assert_eq!(ended(&scene, &job("drift")), [0]);
        for tag in [("east/team/app", "1.0"), ("west/team/tool", "2.0")] {
            assert!(scene.destination.store().delete_tag(tag.0, tag.1), "{tag:?}");
            assert_eq!(ended(&scene, &job("drift")), [1]);
            store(
                &scene.destination,
                tag.0,
                tag.1,
                [&scene.app, &scene.tool][usize::from(tag.1 == "2.0")],
            );
        }
        scene.edit("web/values/west.yaml", "imageRegistry", "registry");
        assert_eq!(ended(&scene, &job("gate")), [1]);
    }
}

/// The scene with its files in the only member of a workspace with two destinations, which have no images.
async fn workspace() -> Scene {
    let scene = scene().await;
    std::fs::remove_dir_all(scene.path("values")).unwrap();
    let address = scene.destination.address();
    scene.edit(
        "images.toml",
        &format!("[destinations.production]\nregistry = \"{address}\"\n"),
        "",
    );
    std::fs::create_dir(scene.path("web")).unwrap();
    for name in ["images.toml", "chart"] {
        std::fs::rename(scene.path(name), scene.path("web").join(name)).unwrap();
    }
    let destinations = ["east", "west"].map(|name| {
        format!("[destinations.{name}]\nregistry = \"{address}\"\nprefix = \"{name}\"\n")
    });
    let root = format!("[workspace]\nmembers = [\"web\"]\n{}", destinations.concat());
    scene.write("images.toml", &root);
    assert_eq!(run(&scene, "cargo xtask values --write", &[]).exit_code, 0);
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_replace_scripts_work() {
    let (_, section) =
        MIGRATING.split_once("\n## From other scripts of the StackState chart\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let commands: Vec<&str> =
        section.split('`').filter(|code| code.starts_with("cargo xtask ")).collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    let scene = scene().await;
    for command in &commands {
        let finished = run(&scene, command, &[]);
        assert_eq!(finished.exit_code, 0, "{command}: {}{}", finished.stdout, finished.stderr);
    }

    // Each command finds what its script was for.
    scene.source.store().delete_tag("team/app", "1.0");
    assert_eq!(run(&scene, commands[0], &[]).exit_code, 1);
    scene.edit("chart/templates/app.yaml", "{{ .Values.global.imageRegistry }}", "quay.io");
    assert_eq!(run(&scene, commands[1], &[]).exit_code, 1);
    scene.edit("chart/templates/tool.yaml", ":2.0", ":3.0");
    assert_eq!(run(&scene, commands[2], &[]).exit_code, 0);
    let list = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    assert!(list.contains("tag = \"3.0\"") && !list.contains("tag = \"2.0\""), "{list}");
}
