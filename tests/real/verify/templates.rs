//! The templates for CI systems. The tests run the commands of their jobs as a pipeline would: in the
//! folder of the list, with the variables of the job, and with a destination that requires credentials.

use registry_in_memory::{Authentication, RegistryOptions};
use serde_yaml::Value;

use super::Scene;
use crate::support::xtask::Finished;

const GITHUB: &str = include_str!("../../../templates/ci/github.yml");
const GITLAB: &str = include_str!("../../../templates/ci/gitlab.yml");
const MIGRATING: &str = include_str!("../../../docs/migrating.md");
const PASSWORD: &str = "right";

/// One job of a template.
struct Job {
    commands: Vec<String>,
    variables: Vec<String>,
    reports: Vec<String>,
}

/// The job of this name in both templates.
fn jobs(name: &str) -> [Job; 2] {
    let github: Value = serde_yaml::from_str(GITHUB).unwrap();
    let steps = github["jobs"][name]["steps"].as_sequence().unwrap();
    let lines = steps.iter().filter_map(|step| step["run"].as_str()).flat_map(str::lines);
    let variables = steps.iter().filter_map(|step| step["env"].as_mapping()).flatten();
    let variables = variables.map(|(variable, secret)| {
        let variable = variable.as_str().unwrap().to_owned();
        assert_eq!(secret.as_str().unwrap(), format!("${{{{ secrets.{variable} }}}}"));
        variable
    });
    let uploaded = steps.iter().filter_map(|step| step["with"]["path"].as_str());
    let uploaded = uploaded.filter(|path| path.starts_with("reports/"));
    let github = Job {
        commands: commands(lines),
        variables: variables.collect(),
        reports: uploaded.map(str::to_owned).collect(),
    };

    let gitlab: Value = serde_yaml::from_str(GITLAB).unwrap();
    let job = &gitlab[name];
    let lines = job["script"].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap());
    let reports = job["artifacts"]["reports"].as_mapping().into_iter().flatten();
    let gitlab = Job {
        commands: commands(lines),
        // Variables of the project; the comment at the top of the file lists them.
        variables: ["DST_REGISTRY_USERNAME", "DST_REGISTRY_PASSWORD"]
            .into_iter()
            .filter(|variable| name != "gate" && GITLAB.contains(variable))
            .map(str::to_owned)
            .collect(),
        reports: reports.map(|(_, path)| path.as_str().unwrap().to_owned()).collect(),
    };
    [github, gitlab]
}

fn commands<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    lines.filter(|line| line.starts_with("cargo xtask ")).map(str::to_owned).collect()
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
    for (number, template) in [GITHUB, GITLAB].into_iter().enumerate() {
        let jobs = ["gate", "drift", "mirror"].map(|name| jobs(name)[number].commands.len());
        assert_eq!(jobs, [1, 1, 2]);
        let is_command =
            |line: &&str| line.contains("cargo xtask") && !line.trim_start().starts_with('#');
        assert_eq!(template.lines().filter(is_command).count(), jobs.iter().sum::<usize>());
    }
    for action in GITHUB.lines().filter_map(|line| line.split_once("uses: ")) {
        let version = action.1.split_once("@v").unwrap().1;
        assert!(version.parse::<u32>().is_ok(), "{}", action.1);
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
        assert_eq!(ended(&scene, &mirror), [0, 0]);
        assert_eq!(ended(&scene, &drift), [0]);
        // Without the variables, the destination refuses it.
        let outside = Job { variables: Vec::new(), ..mirror };
        assert_eq!(ended(&scene, &outside), [1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_replace_scripts_work() {
    let (_, section) = MIGRATING.split_once("\n## From other scripts\n").unwrap();
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
