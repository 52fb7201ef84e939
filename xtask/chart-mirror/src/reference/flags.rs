//! `docs/reference/flags.md`, from the definitions of clap.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::{cell, head};
use crate::cli::flags::Flags;
use crate::expect::assert_kept;

#[test]
fn the_page_about_flags_is_up_to_date() {
    let mut command = Flags::command();
    command.build();
    let mut page = head("Flags", "the help of the program");
    page.push_str(
        "\nAt a terminal, `--help` after any command shows the same.\n\n## Every command\n\n",
    );
    let (global, _): (Vec<_>, Vec<_>) = arguments(&command).partition(|flag| flag.is_global_set());
    page.push_str(&table(&global));
    let is_own = |command: &&Command| command.get_name() != "help";
    let commands = command.get_subcommands().filter(is_own).flat_map(|command| {
        let below = command.get_subcommands().filter(is_own);
        let below = below.map(|sub| (format!("{} {}", command.get_name(), sub.get_name()), sub));
        std::iter::once((command.get_name().to_owned(), command)).chain(below)
    });
    for (name, command) in commands {
        write!(page, "\n## {name}\n\n{}.\n", about(command)).unwrap();
        let mut own = arguments(command).filter(|flag| !flag.is_global_set()).collect::<Vec<_>>();
        // As in the help: a flag whose help a command changes is the last one otherwise.
        own.sort_by_key(|flag| (!flag.is_positional(), flag.get_display_order()));
        if !own.is_empty() {
            write!(page, "\n{}", table(&own)).unwrap();
        }
    }
    assert_kept("docs/reference/flags.md", &page);
}

/// Without `--help` and the like, which clap adds.
fn arguments(command: &Command) -> impl Iterator<Item = &Arg> {
    use ArgAction::{Help, HelpLong, HelpShort, Version};
    let is_own = |action: &ArgAction| !matches!(action, Help | HelpLong | HelpShort | Version);
    command.get_arguments().filter(move |flag| !flag.is_hide_set() && is_own(flag.get_action()))
}

fn about(command: &Command) -> String {
    cell(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

fn table(arguments: &[&Arg]) -> String {
    let mut table = "| flag | means |\n|---|---|\n".to_owned();
    for argument in arguments {
        writeln!(table, "| {} | {} |", name(argument), means(argument)).unwrap();
    }
    table
}

/// The flag with its value: `-d`, `--destination DESTINATION`.
fn name(argument: &Arg) -> String {
    let values =
        argument.get_value_names().unwrap_or_default().iter().map(|value| value.to_string());
    let value = values.collect::<Vec<_>>().join(" ");
    let takes_value = argument.get_action().takes_values();
    let Some(long) = argument.get_long() else { return format!("`{value}`") };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let value = if takes_value { format!(" {value}") } else { String::new() };
    format!("{short}`--{long}{value}`")
}

fn means(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    // The first paragraph is the short help, which has no period.
    let mut means = cell(&help.replacen("\n\n", ". ", 1)).trim_end_matches('.').to_owned();
    let values = argument.get_possible_values();
    let is_choice = argument.get_action().takes_values() && !values.is_empty();
    if is_choice {
        let choice = |value: &clap::builder::PossibleValue| {
            let help = value.get_help().map(|help| format!(" ({})", cell(&help.to_string())));
            format!("`{}`{}", value.get_name(), help.unwrap_or_default())
        };
        let choices = values.iter().map(choice).collect::<Vec<_>>();
        write!(means, ". One of {}", choices.join(", ")).unwrap();
    }
    if let [default] = argument.get_default_values()
        && is_choice
    {
        write!(means, ". Default: `{}`", default.to_string_lossy()).unwrap();
    }
    means
}
