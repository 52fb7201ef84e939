//! Every command line in README.md and `docs` has flags that exist.

use std::path::Path;

use clap::CommandFactory as _;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::cli::flags::Flags;

/// What this repository's own `cargo xtask` has in addition.
const OWN: [&str; 1] = ["cargo xtask ci"];

#[test]
fn every_documented_command_parses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = std::fs::read_dir(root.join("docs")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages.chain([root.join("README.md")]) {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            let arguments = ["chart-mirror".to_owned()].into_iter().chain(words(&command));
            if let Err(error) = Flags::command().try_get_matches_from(arguments)
                && error.use_stderr()
            {
                wrong.push(format!("{}: {command}: {error}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "{count}");
}

/// The arguments of the command lines in blocks and in inline code.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_shell = false;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                is_shell = matches!(&*language, "sh" | "console");
            }
            Event::End(TagEnd::CodeBlock) => is_shell = false,
            Event::Text(text) if is_shell => commands.extend(text.lines().filter_map(arguments)),
            Event::Code(text) => commands.extend(arguments(&text)),
            _ => {}
        }
    }
    commands
}

/// Without the program, comments, and what a shell does with the output.
fn arguments(line: &str) -> Option<String> {
    let line = line.strip_prefix("$ ").unwrap_or(line);
    if OWN.contains(&line) {
        return None;
    }
    let programs = ["cargo xtask ", "chart-mirror ", "helm relocate "];
    let arguments = programs.iter().find_map(|program| line.strip_prefix(program))?;
    let ends = [" #", " | ", " > "].iter().filter_map(|end| arguments.find(end));
    Some(arguments[..ends.min().unwrap_or(arguments.len())].trim().to_owned())
}

fn words(command: &str) -> impl Iterator<Item = String> {
    command.split_whitespace().map(|word| word.trim_matches('\'').to_owned())
}

#[test]
fn commands_are_found_in_blocks_and_in_text() {
    let page = "Run `cargo xtask pin\n--check` or `cargo xtask ci`.\n```sh\n# why\nchart-mirror mirror   # copy\n\
                ```\n```console\n$ helm relocate values | head\nout\n```\n```toml\nchart-mirror x\n```\n";
    assert_eq!(commands(page), ["pin --check", "mirror", "values"]);
}
