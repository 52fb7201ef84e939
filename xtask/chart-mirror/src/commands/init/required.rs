//! What a chart that does not render requires, in its own words, and the values that they name.

use std::collections::BTreeSet;

use crate::chart::{ChartValues, RenderError};
use messages::Advice;
use messages::program::command;

/// How many values a hint names.
const MOST: usize = 5;

/// The error of a rendering, with a hint about what to set.
pub(super) fn explained(error: &RenderError, charts: &[ChartValues]) -> Advice {
    let RenderError::Failed { .. } = error else { return error.advice() };
    let advice = error.advice();
    if !asks_for_values(&advice.message) {
        let message = format!("the chart does not render: {}", advice.message);
        return match advice.hint.or_else(|| hint(&message).map(str::to_owned)) {
            Some(hint) => Advice::new(message).with_hint(hint),
            None => Advice::new(message),
        };
    }
    let keys = named_values(error.output(), charts);
    let flags: Vec<String> =
        keys.iter().take(MOST).map(|key| format!("--set {key}=VALUE")).collect();
    let what = match flags.as_slice() {
        [] => "give the values that it requires: `--set KEY=VALUE`, or a file with `--values FILE`"
            .to_owned(),
        flags => format!("give what it names, such as `{}`", flags.join(" ")),
    };
    let message = format!("the chart does not render without more values: {}", advice.message);
    Advice::new(message).with_hint(format!(
        "{what}; {} writes it into images.toml, so use placeholders instead of secrets",
        command("init")
    ))
}

/// Whether values may help: a template or the schema of the chart refuses them, or nothing is rendered with
/// them.
fn asks_for_values(message: &str) -> bool {
    let words = ["execution error at", "error calling", "nil pointer", "wrong type for value"];
    let others = ["meet the specifications of the schema", "helm printed no manifest"];
    words.iter().chain(&others).any(|words| message.contains(words))
}

/// What to do about other reasons.
fn hint(message: &str) -> Option<&'static str> {
    let table = [
        ("dependency build", "`helm dependency build CHART` fetches them"),
        ("incompatible with Kubernetes", "render it for another version: `--kube-version VERSION`"),
        ("unable to detect chart", "name the folder that has Chart.yaml"),
        ("--set data", "correct `--set`"),
    ];
    table.iter().find(|(words, _)| message.contains(words)).map(|(_, hint)| *hint)
}

/// The paths in a message that may be values: those that the values of a chart have, then other dotted
/// words.
fn named_values(message: &str, charts: &[ChartValues]) -> Vec<String> {
    let mut known = BTreeSet::new();
    for chart in charts {
        let values = serde_yaml::from_str(&chart.text).unwrap_or_default();
        collect(&values, &mut chart.path.clone(), &mut known);
    }
    let (mut found, mut others) = (Vec::new(), Vec::new());
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':');
    for word in message.split(|c| !is_part(c)) {
        let word = word.trim_matches(['.', ':']);
        let word = word.strip_prefix("Values.").unwrap_or(word);
        let is_dotted = word.contains('.');
        let below = |path: &&String| {
            path.as_str() == word || is_dotted && path.ends_with(&format!(".{word}"))
        };
        if let Some(path) = known.iter().find(below) {
            push(&mut found, path);
        } else if is_path(word) {
            push(&mut others, word);
        }
    }
    // A word that is also a key of some map is not a name as a dotted one is.
    found.sort_by_key(|path| !message.contains(path.as_str()));
    found.retain(|path| path.contains('.') || is_named(message, path));
    let of_schema = named_by_schema(message);
    match (of_schema.is_empty(), found.is_empty()) {
        (false, _) => of_schema,
        (true, false) => found,
        (true, true) => others,
    }
}

/// Whether a word is meant as a name.
fn is_named(message: &str, word: &str) -> bool {
    let forms =
        [format!("Values.{word}"), format!("\"{word}\""), format!("'{word}'"), format!("`{word}`")];
    forms.iter().any(|form| message.contains(form))
}

/// The values that the schema of a chart requires: `at '/a/b': missing property 'c'` of helm 4, and `a.b: c is
/// required` of helm 3.
fn named_by_schema(message: &str) -> Vec<String> {
    let below = |parent: &str, name: &str| match parent {
        "" => name.to_owned(),
        parent => format!("{parent}.{name}"),
    };
    let line = |line: &str| -> Option<Vec<String>> {
        let line = line.trim().trim_start_matches("- ");
        if let Some((place, names)) = line.split_once(": missing propert") {
            let place = place.strip_prefix("at '")?.strip_suffix('\'')?;
            let parent = place.trim_start_matches('/').replace('/', ".");
            let names = names.split('\'').skip(1).step_by(2);
            return Some(names.map(|name| below(&parent, name)).collect());
        }
        let (parent, name) = line.strip_suffix(" is required")?.split_once(": ")?;
        let is_word = |text: &str| !text.contains(char::is_whitespace);
        let parent = if parent == "(root)" { "" } else { parent };
        (is_word(parent) && is_word(name)).then(|| vec![below(parent, name)])
    };
    message.lines().filter_map(line).flatten().collect()
}

fn push(to: &mut Vec<String>, path: &str) {
    if !to.iter().any(|have| have == path) {
        to.push(path.to_owned());
    }
}

/// `license.key`, and neither a file, an address nor a version.
fn is_path(word: &str) -> bool {
    let files = [".yaml", ".yml", ".tpl", ".tgz", ".txt", ".json"];
    let is_key = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    word.contains('.')
        && word.split('.').all(is_key)
        && !files.iter().any(|end| word.ends_with(end))
}

/// The paths of all values below a value.
fn collect(value: &serde_yaml::Value, path: &mut Vec<String>, paths: &mut BTreeSet<String>) {
    if !path.is_empty() {
        paths.insert(path.join("."));
    }
    for (key, below) in value.as_mapping().into_iter().flatten() {
        if let Some(key) = key.as_str() {
            path.push(key.to_owned());
            collect(below, path, paths);
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_template_does_not_ask_for_values() {
        let table = [
            ("YAML parse error on c/a.yaml: cannot unmarshal into util.SimpleHead", false),
            ("parse error at (c/templates/a.yaml:1): function \"x\" not defined", false),
            (
                "chart requires kubeVersion: >=99 which is incompatible with Kubernetes v1.37.0",
                false,
            ),
            ("You may need to run 'helm dependency build' to fetch missing dependencies", false),
            ("unable to detect chart at c/Chart.yaml: no such file or directory", false),
            ("failed parsing --set data: unable to parse key", false),
            ("execution error at (c/templates/a.yaml:1:3): license.key is required", true),
            ("values don't meet the specifications of the schema(s)", true),
            ("template: c/templates/a.yaml:1:3: nil pointer evaluating interface {}.key", true),
        ];
        for (message, asks) in table {
            let (attempt, cause) = ("rendering".to_owned(), Advice::new(message));
            let error = RenderError::Failed { attempt, cause, output: String::new() };
            let advice = explained(&error, &[]);
            assert!(advice.message.contains(message), "{advice:?}");
            let has_asked = advice.hint.is_some_and(|hint| hint.contains("=VALUE"));
            assert_eq!(has_asked, asks, "{message}");
        }
    }

    #[test]
    fn the_values_that_a_message_names_are_found() {
        let chart = |path: &[&str], text: &str| ChartValues {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            text: text.to_owned(),
            ..ChartValues::default()
        };
        let charts =
            [chart(&[], "license: {key: ''}\nname: x\n"), chart(&["db"], "auth: {user: ''}\n")];
        let table: [(&str, &[&str]); 12] = [
            (
                "execution error at (c/templates/a.yaml:1:3): license.key is required",
                &["license.key"],
            ),
            ("set .Values.license.key, please", &["license.key"]),
            ("a.yaml:3: auth.user must be set", &["db.auth.user"]),
            ("`smtp.host` is missing (see example.yaml)", &["smtp.host"]),
            ("a name is required", &[]),
            ("Values.name is required", &["name"]),
            ("set \"name\" to something", &["name"]),
            ("to install it, set the key `name`", &["name"]),
            ("before the key of a user can be used", &[]),
            ("- at '': missing property 'policy'", &["policy"]),
            ("- at '/a/b': missing properties 'c', 'd'", &["a.b.c", "a.b.d"]),
            ("- (root): policy is required\n- a.b: c is required", &["policy", "a.b.c"]),
        ];
        for (message, expected) in table {
            assert_eq!(named_values(message, &charts), expected, "{message}");
        }
    }
}
