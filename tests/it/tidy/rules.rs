//! Rules for one file at a time, and for names and paths across all of them.

use std::collections::BTreeMap;

use super::facts::Path;
use super::paths::Target;
use super::source::{File, Offence, Workspace};

const LONGEST_FILE: usize = 450;
const LONGEST_FUNCTION: usize = 60;

/// A call with `true` does not show its meaning.
pub(crate) fn bool_parameters(file: &File) -> Vec<Offence> {
    let functions = file.facts.functions.iter().filter(|function| function.bool_parameters > 0);
    let offences = functions.map(|function| {
        let what = format!("`{}` takes a `bool`: make it an enum", function.name);
        Offence::at(&file.path, function.line, what)
    });
    offences.filter(|_| !file.is_test).collect()
}

/// A caller cannot match on text.
pub(crate) fn string_errors(file: &File) -> Vec<Offence> {
    let lines = file.facts.string_errors.iter().filter(|_| !file.is_test);
    lines.map(|line| Offence::at(&file.path, *line, "an error needs a type, not text")).collect()
}

pub(crate) fn headers(file: &File) -> Vec<Offence> {
    let offence = Offence::at(&file.path, 1, "does not begin with `//! `");
    if file.text.starts_with("//! ") { vec![] } else { vec![offence] }
}

pub(crate) fn sizes(file: &File) -> Vec<Offence> {
    let lines = file.text.lines().count();
    let what = format!("{lines} lines, at most {LONGEST_FILE}: split it by what it owns");
    let too_long = (lines > LONGEST_FILE).then(|| Offence::at(&file.path, lines, what));
    let functions = file.facts.functions.iter().filter(|_| !file.is_test);
    let functions =
        functions.filter(|function| function.lines > LONGEST_FUNCTION).map(|function| {
            let (name, lines) = (&function.name, function.lines);
            let what = format!("`{name}` has {lines} lines, at most {LONGEST_FUNCTION}");
            Offence::at(&file.path, function.line, what)
        });
    too_long.into_iter().chain(functions).collect()
}

pub(crate) fn unfinished(file: &File) -> Vec<Offence> {
    let marks = ["todo", "unimplemented", "dbg"];
    let macros = file.facts.macros.iter().filter(|(name, _)| marks.contains(&name.as_str()));
    let what = "finish it or leave it out";
    macros
        .map(|(name, line)| Offence::at(&file.path, *line, format!("`{name}!`: {what}")))
        .collect()
}

/// Commands of this program in messages. Only `messages::program` knows how the user called it, and with
/// which list.
pub(crate) fn own_commands(file: &File) -> Vec<Offence> {
    const COMMANDS: [&str; 6] = ["doctor", "images", "mirror", "pin", "values", "verify"];
    let mut marks: Vec<String> = COMMANDS.map(|name| format!("`{name} -")).into();
    marks.extend(["`pin`", "cargo xtask", "`chart-mirror "].map(str::to_owned));
    let code = file.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    // The clap attributes are help, which names flags; documentation may name commands.
    let is_message = |line: &str| !line.starts_with("//") && !line.contains("needed_for");
    let lines = code.lines().map(str::trim_start).enumerate();
    let lines = lines.filter(|(_, line)| is_message(line));
    let found = lines.filter(|(_, line)| marks.iter().any(|mark| line.contains(mark.as_str())));
    let what =
        "write `messages::program::command(...)`: it repeats how the user called the program";
    let offences = found.map(|(index, _)| Offence::at(&file.path, index + 1, what));
    // The package `xtask` holds the chores of this repository, which are called as `cargo xtask`.
    let is_exempt = file.is_test || file.crate_name == "xtask" || file.path.ends_with("program.rs");
    offences.filter(|_| !is_exempt).collect()
}

/// Calls that wait for a FIFO, or fill the memory from a device.
pub(crate) fn direct_reads(file: &File) -> Vec<Offence> {
    const CALLS: [&str; 3] = ["fs::read(", "fs::read_to_string(", "File::open("];
    let code = file.text.split("\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().enumerate();
    let found = lines.filter(|(_, line)| CALLS.iter().any(|call| line.contains(call)));
    let what = "use the crate `regular-file`, which looks at the type and the size first";
    let offences = found.map(|(index, _)| Offence::at(&file.path, index + 1, what));
    // A folder is opened to make its names survive a loss of power.
    let is_exempt = file.is_test
        || ["regular-file", "xtask"].contains(&file.crate_name.as_str())
        || file.path.ends_with("layout/src/files.rs");
    offences.filter(|_| !is_exempt).collect()
}

/// Modules that do no I/O: the modules in `pure`, given as paths without `.rs`, use no path below
/// `outside`.
pub(crate) fn doors(workspace: &Workspace, outside: &[&str], pure: &[&str]) -> Vec<Offence> {
    let is_in = |path: &str, module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    };
    let mut offences = Vec::new();
    for module in pure {
        if !workspace.files.iter().any(|file| is_in(&file.path, module)) {
            offences
                .push(Offence { place: (*module).to_owned(), what: "does not exist".to_owned() });
        }
    }
    for usage in &workspace.uses {
        if let Target::Outside(path) = &usage.to
            && pure.iter().any(|module| is_in(&usage.path, module))
            && outside.iter().any(|prefix| reaches(path, prefix))
        {
            let what =
                format!("`{}` is not allowed here: this module does no I/O", path.join("::"));
            offences.push(Offence::at(&usage.path, usage.line, what));
        }
    }
    offences
}

/// Whether a path is below the prefix. A glob counts if it could import such a path.
fn reaches(path: &Path, prefix: &str) -> bool {
    let prefix: Vec<_> = prefix.split("::").collect();
    let glob = path.last().is_some_and(|last| last == "*");
    let names = &path[..path.len() - usize::from(glob)];
    let is_long_enough = glob || names.len() >= prefix.len();
    is_long_enough && names.iter().zip(prefix).all(|(name, part)| name == part)
}

/// Each public name has one meaning, except the `allowed` names, which come with a reason.
pub(crate) fn duplicate_names(workspace: &Workspace, allowed: &[(&str, &str)]) -> Vec<Offence> {
    let mut places: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for file in workspace.code() {
        for (name, line) in &file.facts.types {
            places.entry(name).or_default().insert(&file.path, *line);
        }
    }
    places.retain(|_, places| places.len() > 1);
    let mut offences = Vec::new();
    for (name, reason) in allowed {
        if places.remove(name).is_none() {
            let what = format!("has one meaning now; remove the exception: {reason}");
            offences.push(Offence { place: format!("`{name}`"), what });
        }
    }
    for (name, places) in places {
        let places: Vec<_> = places.iter().map(|(path, line)| format!("{path}:{line}")).collect();
        let what = format!("`{name}` is also at {}", places[1..].join(", "));
        offences.push(Offence { place: places[0].clone(), what });
    }
    offences
}
