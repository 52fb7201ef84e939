//! Obtains test programs that PyPI has, each set in its own Python environment.

use anyhow::Context as _;
use chart_mirror::files::write_atomically;

use super::packages::obtain_python;
use super::runner::Runner;

/// An environment with programs for the tests.
struct Environment {
    /// What messages call the programs.
    programs: &'static str,
    /// Relative to the workspace root; the tests look here.
    folder: &'static str,
    requirements_file: &'static str,
    requirements: &'static str,
}

const ENVIRONMENTS: [Environment; 3] = [
    Environment {
        programs: "the AWS CLI and moto",
        folder: "target/tools/aws",
        requirements_file: "xtask/src/ci/aws_requirements.txt",
        requirements: include_str!("aws_requirements.txt"),
    },
    Environment {
        programs: "zizmor, actionlint, check-jsonschema, kubernetes-validate and prometheus-client",
        folder: "target/tools/pipelines",
        requirements_file: "xtask/src/ci/pipelines_requirements.txt",
        requirements: include_str!("pipelines_requirements.txt"),
    },
    Environment {
        programs: "Node",
        folder: "target/tools/node",
        requirements_file: "xtask/src/ci/node_requirements.txt",
        requirements: include_str!("node_requirements.txt"),
    },
];

pub(super) fn obtain(runner: &Runner) -> anyhow::Result<()> {
    ENVIRONMENTS.iter().try_for_each(|environment| create(runner, environment))
}

/// Creates the environment, unless it is complete.
fn create(runner: &Runner, environment: &Environment) -> anyhow::Result<()> {
    let Environment { programs, folder, requirements_file, requirements } = environment;
    // Written last, so an incomplete environment is created again.
    let installed = runner.root.join(folder).join("installed.txt");
    // Its programs contain the path of their interpreter, so a moved environment does not work.
    let expected = format!("{requirements}# in {}\n", runner.root.display());
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == expected) {
        return Ok(());
    }
    // Debian's python3 cannot create environments.
    let needs =
        [("python3", &["--version"][..]), ("python3-venv", &["-c", "import ensurepip, venv"])];
    obtain_python(runner, &needs)?;
    runner.run("test tools", &format!("python3 -m venv --clear {folder}"))?;
    (runner.report)(&format!(
        "test tools: pip install --requirement {requirements_file}, into {folder}"
    ));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let what = ["--only-binary=:all:", "--requirement", requirements_file];
    let python = runner.root.join(folder).join("bin/python");
    let pip = runner.command(python).args(pip).args(what);
    pip.run().with_context(|| format!("cannot install {programs} from PyPI"))?;
    write_atomically(&installed, &expected)?;
    Ok(())
}
