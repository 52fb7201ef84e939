//! The help besides the comments in `flags`: examples and exit codes, and the short form.

use std::fmt::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ColorChoice, Command, ValueEnum as _};

use crate::list::nearest;

/// What is known about a command besides its flags.
struct CommandHelp {
    name: &'static str,
    /// Arguments, and what the command does with them.
    examples: &'static [(&'static str, &'static str)],
    done: &'static str,
    /// What exit code 1 means; `None` if the command cannot return it.
    failed: Option<&'static str>,
}

const COMMANDS: [CommandHelp; 22] = [
    CommandHelp {
        name: "init",
        examples: &[
            ("init -c ./chart", "list the images of a chart in a folder"),
            (
                "init -c stackstate -r https://helm.stackstate.io --version 4.5.6",
                "of a chart in a repository",
            ),
            (
                "init -c ./chart -d registry.example.com/team",
                "write the values of a destination as well",
            ),
            ("init -c ./chart --set license.key=x", "give a value that the chart requires"),
            ("init --from-list regsync.yml", "take over the list of another tool"),
        ],
        done: "every image is listed, moved by values of the chart, and pinned",
        failed: Some("the list was written, but an image is not listed, moved or pinned"),
    },
    CommandHelp {
        name: "mirror",
        examples: &[
            ("mirror -d registry.example.com", "copy every image in the list"),
            ("mirror -t -d production", "print what would be copied to a destination of the list"),
            ("mirror -d production --only '*kafka*'", "copy some images"),
            ("mirror -d production -c stackstate/stackstate", "copy what a chart uses"),
            ("mirror -d production --shard 2/4", "copy the second of four shards"),
            ("mirror -d production --plan plan.json", "ask what a run would do; copy nothing"),
            ("mirror --apply plan.json", "do what the plan says"),
        ],
        done: "every image is at the destination",
        failed: Some("an image failed; the others were copied"),
    },
    CommandHelp {
        name: "values",
        examples: &[
            ("values -d registry.example.com", "print the values"),
            ("values --write", "write values/DESTINATION.yaml for every destination"),
            ("values --check", "show what --write would change"),
            ("values --prove -d production", "prove that the chart pulls nothing from elsewhere"),
            ("values --format containerd --write", "write hosts.toml for nodes with containerd"),
        ],
        done: "done, up to date, or proven",
        failed: Some(
            "files differ, the proof has gaps, or a listed image is not moved or redirected",
        ),
    },
    CommandHelp {
        name: "verify",
        examples: &[
            ("verify", "run all checks for every destination"),
            ("verify --only list --only values", "run the checks that need no network and no helm"),
            ("verify -d production --deep", "look for every manifest and blob"),
            ("verify --report junit=verify.xml", "write a report for CI as well"),
        ],
        done: "no errors; there may be warnings",
        failed: Some("there are errors"),
    },
    CommandHelp {
        name: "images",
        examples: &[
            ("images", "compare the list with its chart"),
            ("images --format lines", "print one reference per line, for programs"),
            ("images --format regsync -d production", "write the list for another tool"),
            ("images --write --prune", "bring the list up to date"),
            ("images --explain '*kafka*'", "show where the chart names an image"),
        ],
        done: "done; unlisted and unused images are no failure",
        failed: Some("an image could not be added or written, or `--explain` found nothing"),
    },
    CommandHelp {
        name: "pin",
        examples: &[
            ("pin", "record the digests that are missing"),
            ("pin --check", "change nothing; fail if a digest is missing or a tag has moved"),
            ("pin --update 'quay.io/stackstate/wait:*'", "accept a tag that has moved"),
        ],
        done: "every image is pinned to what its tag names",
        failed: Some("a tag has moved, is missing, or could not be resolved"),
    },
    CommandHelp {
        name: "doctor",
        examples: &[
            ("doctor", "examine the sources and the only destination"),
            ("doctor -d registry.example.com", "examine another destination"),
            ("doctor --offline", "show which credentials a run would use"),
        ],
        done: "no problem was found",
        failed: Some("a registry is unusable"),
    },
    CommandHelp {
        name: "prune",
        examples: &[
            ("prune -d production", "show which tags no list has any more"),
            ("prune -d production -v", "show why each of the others stays"),
            ("prune -d production --apply", "delete them"),
        ],
        done: "everything was found out; with --apply, what is shown was deleted",
        failed: Some("a repository could not be read, or a tag could not be deleted"),
    },
    CommandHelp {
        name: "inventory",
        examples: &[
            ("inventory -d production -o production.json", "write down what a destination has"),
            ("inventory -d registry.example.com", "print it"),
        ],
        done: "the inventory is complete",
        failed: Some("with --deep, blobs are missing at the destination"),
    },
    CommandHelp {
        name: "report",
        examples: &[
            ("report merge shard-*.json", "join the reports of all shards"),
            ("report html mirror.json verify.json -o page.html", "show them as a page"),
        ],
        done: "done",
        failed: Some("an image failed in the run that is reported"),
    },
    CommandHelp {
        name: "report html",
        examples: &[
            ("report html mirror.json verify.json -o page.html", "show two reports as a page"),
            ("report html new.json --since old.json -o page.html", "show what changed as well"),
            ("report html plan.json --rate 50MB -o page.html", "show a plan, and its time"),
        ],
        done: "the page was written, whatever the reports say",
        failed: None,
    },
    CommandHelp {
        name: "report merge",
        examples: &[
            ("report merge shard-1.json shard-2.json", "print what a run of two shards came to"),
            ("report merge shard-*.json --format json", "join the reports in one document"),
        ],
        done: "every image is at the destination",
        failed: Some("an image failed"),
    },
    CommandHelp {
        name: "bundle",
        examples: &[
            ("bundle export site.tar", "write a bundle"),
            ("bundle import site.tar -d registry.example.com", "mirror its images, elsewhere"),
        ],
        done: "done",
        failed: Some("images failed, or the bundle is damaged"),
    },
    CommandHelp {
        name: "bundle export",
        examples: &[
            ("bundle export site.tar", "write a bundle as one file"),
            ("bundle export site --split 4.7GB", "write folders that fit on discs"),
            ("bundle export new.tar --against production.json", "leave out what is there"),
        ],
        done: "the bundle is complete",
        failed: Some("images failed; the others are kept for the next run"),
    },
    CommandHelp {
        name: "bundle import",
        examples: &[
            ("bundle import site.tar -d production", "mirror the images to a destination"),
            ("bundle import site-1.tar site-2.tar -d registry.example.com", "from two parts"),
        ],
        done: "the destination has every image of the bundle",
        failed: Some("images failed, or parts are missing"),
    },
    CommandHelp {
        name: "bundle merge",
        examples: &[
            ("bundle merge all.tar site.tar new.tar", "add a difference to what it follows"),
            ("bundle merge site.tar site-1.tar site-2.tar", "join the parts of a bundle"),
        ],
        done: "the bundle is complete",
        failed: None,
    },
    CommandHelp {
        name: "bundle list",
        examples: &[("bundle list site.tar", "show images, charts and sizes")],
        done: "done",
        failed: None,
    },
    CommandHelp {
        name: "bundle serve",
        examples: &[
            ("bundle serve site.tar", "serve it at 127.0.0.1:5000"),
            ("bundle serve site.tar --listen 10.0.0.7:5000", "serve it to other machines"),
        ],
        done: "interrupted or terminated, which is the regular end",
        failed: None,
    },
    CommandHelp {
        name: "bundle verify",
        examples: &[("bundle verify site.tar", "hash everything in it")],
        done: "nothing is damaged",
        failed: Some("something in the bundle is damaged, missing, foreign or not signed"),
    },
    CommandHelp {
        name: "demo",
        examples: &[("demo", "run it")],
        done: "every step had the expected result",
        failed: None,
    },
    CommandHelp {
        name: "completions",
        examples: &[
            ("completions bash", "print the script for bash"),
            ("completions zsh", "print the script for zsh"),
        ],
        done: "done",
        failed: None,
    },
    CommandHelp {
        name: "man",
        examples: &[("man target/man", "write chart-mirror.1 and a page for each command")],
        done: "done",
        failed: None,
    },
];

const COULD_NOT_RUN: &str =
    "the command could not run: usage, images.toml, credentials, helm or the chart";
/// The command that an interruption ends regularly.
const SERVICE: &str = "bundle serve";
const INTERRUPTED: &str = "interrupted (143 by SIGTERM); run the same command again to continue";

/// Adds to `--help` what the definitions of the flags do not contain. `program` is how the user called it.
pub fn complete(command: Command, program: &str) -> Command {
    let command = command.bin_name(program).after_long_help(after_commands(program));
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        let below = subcommand.mut_subcommands(|command| {
            let name = format!("{name} {}", command.get_name());
            with_examples(command, &name, program)
        });
        with_examples(below, &name, program)
    })
}

fn with_examples(command: Command, name: &str, program: &str) -> Command {
    match after_flags(name, program) {
        Some(text) => command.after_long_help(text),
        None => command,
    }
}

/// The short form: possible values and defaults are left to `--help`, so that each flag is a line.
pub(super) fn brief(command: Command) -> Command {
    let command = command.mut_args(|argument| match argument.get_action().takes_values() {
        true => argument.hide_possible_values(true).hide_default_value(true),
        false => argument,
    });
    command.mut_subcommands(brief)
}

/// What `--color` requires, which the help has to know before the flags are parsed.
pub(super) fn colour(arguments: &[String]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    for (argument, next) in arguments.iter().zip(arguments.iter().skip(1).chain([&String::new()])) {
        let value = if argument == "--color" {
            Some(next.as_str())
        } else {
            argument.strip_prefix("--color=")
        };
        choice = value.and_then(|value| ColorChoice::from_str(value, false).ok()).unwrap_or(choice);
    }
    choice
}

fn after_commands(program: &str) -> String {
    let help = format!("`{program} COMMAND --help` has examples.\n\n");
    help + &exit_codes(
        "done",
        Some("some images failed, tags moved, files differ, or there are findings"),
        Some(INTERRUPTED),
    )
}

/// Examples and exit codes of a command, with the name by which the user calls the program.
pub(super) fn after_flags(command: &str, program: &str) -> Option<String> {
    let help = COMMANDS.iter().find(|help| help.name == command)?;
    let mut text = "Examples:\n".to_owned();
    for (arguments, effect) in help.examples {
        let _ = writeln!(text, "  {program} {arguments}\n      {effect}");
    }
    text.push('\n');
    let interrupted = (command != SERVICE).then_some(INTERRUPTED);
    Some(text + &exit_codes(help.done, help.failed, interrupted))
}

/// The error about an unknown command with a suggestion only if the word is a mistyped command. Clap suggests
/// `pin` for `plan`.
pub(super) fn with_near_commands(mut error: clap::Error, command: &Command) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    error.remove(ContextKind::SuggestedSubcommand);
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    if let Some(near) = nearest(word, &known) {
        let near = ContextValue::Strings(vec![near.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, near);
    }
    error
}

fn exit_codes(done: &str, failed: Option<&str>, interrupted: Option<&str>) -> String {
    let codes =
        [("0", Some(done)), ("1", failed), ("2", Some(COULD_NOT_RUN)), ("130", interrupted)];
    let codes = codes.into_iter().filter_map(|(code, meaning)| Some((code, meaning?)));
    let lines = codes.map(|(code, meaning)| format!("\n  {code:<4} {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::flags::Flags;

    fn command() -> Command {
        let mut command = complete(Flags::command(), "chart-mirror");
        command.build();
        command
    }

    #[test]
    fn each_flag_is_one_line_of_the_short_help_at_eighty_columns() {
        let mut command = brief(complete(Flags::command(), "cargo xtask")).term_width(80);
        command.build();
        for subcommand in command.get_subcommands_mut() {
            let help = subcommand.render_help().to_string();
            let flags = help.split_once("Options:\n").map_or("", |(_, flags)| flags);
            for line in flags.lines().filter(|line| line.starts_with(' ')) {
                let is_flag = line.starts_with("  -") || line.starts_with("      --");
                assert!(is_flag, "{line:?} goes on from the line before:\n{help}");
            }
            assert!(help.lines().count() <= 30, "{help}");
        }
    }

    #[test]
    fn the_help_wraps_to_the_terminal() {
        let mut command = command();
        for subcommand in command.get_subcommands_mut() {
            for width in [60, 100] {
                let help = subcommand.clone().term_width(width).render_long_help().to_string();
                let longest = help.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(width), "{longest:?} of {width}:\n{help}");
            }
        }
    }

    #[test]
    fn every_command_has_examples_that_parse_and_exit_codes() {
        let mut command = command();
        for subcommand in command.get_subcommands_mut() {
            let name = subcommand.get_name().to_owned();
            if name == "help" {
                continue;
            }
            let help = subcommand.render_long_help().to_string();
            for words in ["Examples:", "Exit codes:", "  0 ", "  2 ", "  130 "] {
                assert!(help.contains(words), "{name} lacks {words}:\n{help}");
            }
        }
        for (arguments, _) in COMMANDS.iter().flat_map(|help| help.examples) {
            let arguments = arguments.split(' ').map(|argument| argument.trim_matches('\''));
            let parsed = command.clone().try_get_matches_from(["x"].into_iter().chain(arguments));
            assert!(parsed.is_ok(), "{parsed:?}");
        }
    }

    #[test]
    fn a_service_that_is_interrupted_has_not_failed() {
        let help = after_flags(SERVICE, "x").unwrap();
        assert!(help.contains("\n  0    interrupted") && !help.contains("130"), "{help}");
        assert!(after_flags("bundle export", "x").unwrap().contains("\n  130  interrupted"));
    }

    #[test]
    fn the_last_color_flag_decides_about_the_help() {
        let table: [(&[&str], ColorChoice); 4] = [
            (&["x", "-h"], ColorChoice::Auto),
            (&["x", "--color=never", "-h"], ColorChoice::Never),
            (&["x", "-h", "--color", "always"], ColorChoice::Always),
            (&["x", "--color"], ColorChoice::Auto),
        ];
        for (arguments, expected) in table {
            let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(colour(&arguments), expected, "{arguments:?}");
        }
    }
}
