//! A command over several lists and destinations: a part for each, and one report. If there is only one
//! part, its report is the whole report.

use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::flags::{DestinationArgs, Flags, TextOrJson};
use crate::cli::runtime::{self, Interrupted};
use crate::cli::terminal;
use crate::commands::mirror::Together;
use crate::list::ImageList;
use crate::plan::Selection;
use crate::report::{self, parts::INTERRUPTED};
use crate::workspace::{self, OpenList};
use messages::Advice;
use messages::program::command;

/// The lists of a run.
///
/// # Errors
/// If there is none, or one of them cannot be used.
pub(super) fn lists(flags: &Flags) -> anyhow::Result<Vec<OpenList>> {
    workspace::open(&flags.list_file()?, &flags.member)?.all()
}

/// The only one of some lists. `what` needs it.
pub(super) fn only(mut lists: Vec<OpenList>, what: &str) -> Result<OpenList, Advice> {
    match (lists.pop(), lists.is_empty()) {
        (Some(list), true) => Ok(list),
        _ => Err(Advice::new(format!("{what} needs one list, and this is a workspace"))
            .with_hint("choose one: `--member NAME`")),
    }
}

/// One list at one destination.
pub(super) struct Part<'a> {
    pub(super) open: &'a OpenList,
    /// What `-d` names. `None`: as if there were no `-d`.
    pub(super) destination: Option<String>,
}

impl Part<'_> {
    fn name(&self) -> String {
        let list = self.open.file.display();
        match &self.destination {
            Some(destination) => format!("{list} to {destination}"),
            None => list.to_string(),
        }
    }
}

/// What a run without `-d` and `--all-destinations` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// No destination yet: the command decides.
    None,
    /// The only destination of each list.
    TheOnlyOne,
    /// All destinations of each list.
    All,
}

/// A part for each list and requested destination.
///
/// # Errors
/// With `--all-destinations`, if a list has none; and if a destination cannot be chosen.
pub(super) fn parts<'a>(
    lists: &'a [OpenList],
    arguments: &DestinationArgs,
    unnamed: Unnamed,
) -> Result<Vec<Part<'a>>, Advice> {
    let mut parts = Vec::new();
    for open in lists {
        let destinations = requested(&open.list, arguments, unnamed)?;
        // Before anything is done for another part.
        let is_checked = |name: &&Option<String>| name.is_some() || unnamed == Unnamed::TheOnlyOne;
        for name in destinations.iter().filter(is_checked) {
            open.list.choose(name.as_deref()).map_err(|advice| match lists {
                [_] => advice,
                _ => Advice {
                    message: format!("{}: {}", open.file.display(), advice.message),
                    ..advice
                },
            })?;
        }
        parts.extend(destinations.into_iter().map(|destination| Part { open, destination }));
    }
    Ok(parts)
}

/// The lists that have one of the selected images; all of them without a glob. A single list is kept, so that
/// its command reports what is wrong with the globs.
///
/// # Errors
/// If a glob is invalid, or selects no image of any list.
pub(super) fn with_images(lists: Vec<OpenList>, globs: &[String]) -> anyhow::Result<Vec<OpenList>> {
    if lists.len() < 2 {
        return Ok(lists);
    }
    for glob in globs {
        let selection = Selection::new(std::slice::from_ref(glob))?;
        if lists.iter().all(|open| selection.of(&open.list).is_err()) {
            let hint = format!("{} lists all images", command("mirror -t"));
            anyhow::bail!(Advice::new(format!("no list has an image `{glob}`")).with_hint(hint));
        }
    }
    with_any_image(lists, globs)
}

/// The lists that have one of the selected images, which may be none; all of them without a glob.
///
/// # Errors
/// If a glob is invalid.
pub(super) fn with_any_image(
    lists: Vec<OpenList>,
    globs: &[String],
) -> anyhow::Result<Vec<OpenList>> {
    let selections: Vec<Selection> = globs
        .iter()
        .map(|glob| Selection::new(std::slice::from_ref(glob)))
        .collect::<Result<_, _>>()?;
    let has_some = |open: &OpenList| {
        selections.is_empty() || selections.iter().any(|one| one.of(&open.list).is_ok())
    };
    Ok(lists.into_iter().filter(has_some).collect())
}

/// The globs that select an image of a list, if others of the run may be for other lists.
pub(super) fn globs_of(open: &OpenList, lists: &[OpenList], globs: &[String]) -> Vec<String> {
    if lists.len() < 2 {
        return globs.to_vec();
    }
    let is_for_it = |glob: &&String| {
        Selection::new(std::slice::from_ref(*glob)).is_ok_and(|one| one.of(&open.list).is_ok())
    };
    globs.iter().filter(is_for_it).cloned().collect()
}

/// A part for each list.
pub(super) fn of_lists(lists: &[OpenList]) -> Vec<Part<'_>> {
    lists.iter().map(|open| Part { open, destination: None }).collect()
}

/// The destinations that the flags name. Without a flag, `None` alone, unless all of several are meant.
pub(super) fn requested(
    list: &ImageList,
    arguments: &DestinationArgs,
    unnamed: Unnamed,
) -> Result<Vec<Option<String>>, Advice> {
    if arguments.all_destinations {
        if list.destinations().is_empty() {
            let hint = "add a `[destinations.NAME]`, or name a registry with `-d`";
            return Err(Advice::new("`--all-destinations`: the list has none").with_hint(hint));
        }
        return Ok(all(list));
    }
    let mut names: Vec<Option<String>> = Vec::new();
    for name in &arguments.destination {
        if !names.contains(&Some(name.clone())) {
            names.push(Some(name.clone()));
        }
    }
    Ok(match (names.is_empty(), unnamed) {
        (false, _) => names,
        (true, Unnamed::All) if list.destinations().len() > 1 => all(list),
        (true, _) => vec![None],
    })
}

fn all(list: &ImageList) -> Vec<Option<String>> {
    list.destinations().keys().cloned().map(Some).collect()
}

/// The exit code of a run, for its last event.
pub(super) fn exit_of<T>(result: &anyhow::Result<T>, exit: impl Fn(&T) -> Exit) -> Exit {
    match result {
        Ok(report) => exit(report),
        Err(error) if error.is::<Interrupted>() => Exit::Interrupted,
        Err(_) => runtime::interrupted_by().unwrap_or(Exit::CouldNotRun),
    }
}

/// The report of one part.
pub(super) struct Output {
    text: String,
    /// For people who see a report for programs.
    summary: String,
    purpose: Purpose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Answer,
    /// Names what a command has changed or removed already.
    Record,
}

impl Output {
    pub(super) fn human(text: String) -> Self {
        Self { text, summary: String::new(), purpose: Purpose::Answer }
    }

    /// Of what was changed or removed. If stdout cannot be written to, it goes to stderr.
    pub(super) fn record(text: String) -> Self {
        Self { purpose: Purpose::Record, ..Self::human(text) }
    }

    pub(super) fn json(text: String, summary: String) -> Self {
        Self { text, summary, purpose: Purpose::Answer }
    }

    fn write(&self) -> std::io::Result<()> {
        match self.summary.is_empty() {
            true if self.purpose == Purpose::Record => terminal::record(&self.text),
            true => terminal::result(&self.text),
            false => terminal::result_for_programs(&self.text, &self.summary),
        }
    }
}

/// Runs a command for each part and reports the results. `run` returns the report of one part in the
/// requested format. A part that could not run does not stop the others. After an interruption, the report has
/// the finished parts, and those that are left.
///
/// # Errors
/// If the only part could not run, or the run was interrupted.
pub(super) fn run_each(
    name: &'static str,
    parts: &[Part<'_>],
    format: TextOrJson,
    mut run: impl FnMut(&Part<'_>) -> anyhow::Result<(Output, Exit)>,
) -> anyhow::Result<Exit> {
    if let [only] = parts {
        let (output, exit) = run(only)?;
        output.write()?;
        return Ok(exit);
    }
    let mut ended = EndedParts::new(name, format);
    for part in parts {
        ended.add(part, &mut run)?;
    }
    ended.report(parts, None)
}

/// Reports parts that have ended. `together` is what they did together; `None` if the run was interrupted.
///
/// # Errors
/// As [`run_each`].
pub(super) fn report_all(
    name: &'static str,
    parts: &[Part<'_>],
    format: TextOrJson,
    results: impl Iterator<Item = anyhow::Result<(Output, Exit)>>,
    together: Option<Together>,
) -> anyhow::Result<Exit> {
    let mut results = results;
    let mut next = || results.next().unwrap_or_else(|| Err(Interrupted.into()));
    if let [_] = parts {
        let (output, exit) = next()?;
        output.write()?;
        return Ok(exit);
    }
    let mut ended = EndedParts::new(name, format);
    for part in parts {
        let result = run_part(part, format, &mut |_| next());
        ended.record(part, result)?;
    }
    ended.report(parts, together)
}

/// The parts of a run that have ended.
struct EndedParts {
    name: &'static str,
    format: TextOrJson,
    documents: Vec<report::parts::Part>,
    exits: Vec<Exit>,
    interrupted: Option<anyhow::Error>,
}

impl EndedParts {
    fn new(name: &'static str, format: TextOrJson) -> Self {
        let (documents, exits) = (Vec::new(), Vec::new());
        Self { name, format, documents, exits, interrupted: None }
    }

    /// Runs the command for a part, unless the run was interrupted, and reports the result.
    fn add(
        &mut self,
        part: &Part<'_>,
        run: &mut impl FnMut(&Part<'_>) -> anyhow::Result<(Output, Exit)>,
    ) -> anyhow::Result<()> {
        if self.interrupted.is_none() && runtime::is_interrupted() {
            self.interrupted = Some(Interrupted.into());
        }
        match &self.interrupted {
            Some(_) => self.record(part, Err(Interrupted.into())),
            None => {
                let result = run_part(part, self.format, run);
                self.record(part, result)
            }
        }
    }

    fn record(
        &mut self,
        part: &Part<'_>,
        result: anyhow::Result<(Exit, Value)>,
    ) -> anyhow::Result<()> {
        let (exit, document) = match result {
            Err(error) if error.is::<Interrupted>() => {
                self.interrupted.get_or_insert(error);
                (Exit::CouldNotRun, json!({ "error": INTERRUPTED }))
            }
            result => result?,
        };
        self.exits.push(exit);
        let list = part.open.file.to_string_lossy().into_owned();
        let document = report::parts::Part::new(list, part.destination.clone(), document);
        self.documents.push(document);
        Ok(())
    }

    /// Reports the totals. `together` is what the parts did together.
    ///
    /// # Errors
    /// If the run was interrupted.
    fn report(self, parts: &[Part<'_>], together: Option<Together>) -> anyhow::Result<Exit> {
        let Self { name, format, documents, exits, interrupted } = self;
        let count = |exit| exits.iter().filter(|&&one| one == exit).count();
        let totals = report::parts::PartTotals {
            parts: exits.len(),
            done: count(Exit::Done),
            failed: count(Exit::Failed),
            not_run: count(Exit::CouldNotRun),
            together,
        };
        terminal::result(&match format {
            TextOrJson::Human => report::parts::summary(&totals),
            TextOrJson::Json => report::parts::json(name, documents, totals),
        })?;
        match interrupted {
            Some(error) => {
                let is_left = |(_, exit): &(&Part<'_>, &Exit)| **exit == Exit::CouldNotRun;
                let left = parts.iter().zip(&exits).filter(is_left);
                let left: Vec<String> = left.map(|(part, _)| part.name()).collect();
                Err(error.context(format!("not done: {}", left.join(", "))))
            }
            None => Ok(exits.into_iter().max().unwrap_or(Exit::Done)),
        }
    }
}

/// Runs a command for one of several parts. Returns the part of the JSON report, and prints any other.
fn run_part(
    part: &Part<'_>,
    format: TextOrJson,
    run: &mut impl FnMut(&Part<'_>) -> anyhow::Result<(Output, Exit)>,
) -> anyhow::Result<(Exit, Value)> {
    if format == TextOrJson::Human {
        terminal::result(&report::parts::heading(&part.name()))?;
    }
    match run(part) {
        // Programs like helm were interrupted as well, so what failed may be due to that.
        Ok((_, exit)) if exit != Exit::Done && runtime::is_interrupted() => Err(Interrupted.into()),
        Ok((output, exit)) if format == TextOrJson::Json => {
            Ok((exit, serde_json::from_str(&output.text)?))
        }
        Ok((output, exit)) => {
            output.write()?;
            Ok((exit, Value::Null))
        }
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(_) if runtime::is_interrupted() => Err(Interrupted.into()),
        Err(error) => {
            terminal::error(&format!("error: {}: {error:#}", part.name()));
            Ok((Exit::CouldNotRun, json!({ "error": format!("{error:#}") })))
        }
    }
}

/// The error for a command that prints one document, if there would be several.
pub(super) fn only_part<'p, 'a>(parts: &'p [Part<'a>]) -> Result<&'p Part<'a>, Advice> {
    match parts {
        [only] => Ok(only),
        _ => Err(Advice::new("several values files cannot be printed at once").with_hint(format!(
            "{} writes each to a file; to print one, name one destination with `-d` and one list with `--member`",
            command("values --write")
        ))),
    }
}
