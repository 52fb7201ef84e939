//! Writes the chart of a list that has none yet.

use super::lines::{line_end, quoted, split_mark};
use super::values::pair;
use crate::list::{Chart, Rendering, SetValue};

/// Adds the chart to a text that has only comments, or nothing.
pub fn with_chart(text: &str, chart: &Chart) -> String {
    let (mark, bare) = split_mark(text);
    let end = line_end(text);
    let head = match bare.trim_end() {
        "" => format!("# The images of the chart `{}`, and where it gets them from.", chart.name),
        head => head.to_owned(),
    };
    format!("{mark}{head}{end}{end}{}", chart_section(chart).replace('\n', end))
}

/// The tables `[chart]` and `[[chart.rendering]]`. A rendering that sets nothing is the default.
pub fn chart_section(chart: &Chart) -> String {
    let keys = [
        ("name", Some(&chart.name)),
        ("repository", chart.repository.as_ref()),
        ("version", chart.version.as_ref()),
    ];
    let mut text = "[chart]\n".to_owned();
    for (key, value) in keys.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        text += &format!("{key} = {}\n", quoted(value));
    }
    let default = Rendering { name: "default".to_owned(), ..Rendering::default() };
    for rendering in chart.renderings.iter().filter(|rendering| **rendering != default) {
        text += &rendering_section(rendering);
    }
    text
}

fn rendering_section(rendering: &Rendering) -> String {
    let mut text = format!("\n[[chart.rendering]]\nname = {}\n", quoted(&rendering.name));
    if !rendering.values.is_empty() {
        let files: Vec<String> = rendering.values.iter().map(|file| quoted(file)).collect();
        text += &format!("values = [{}]\n", files.join(", "));
    }
    let set = rendering.set.iter().map(|(key, value)| pair(key, value));
    let texts = rendering.set_string.iter().map(|(key, value)| (key, value.clone()));
    let texts = texts.map(|(key, value)| pair(key, &SetValue::String(value)));
    for (table, lines) in [("set", set.collect::<Vec<_>>()), ("set-string", texts.collect())] {
        if !lines.is_empty() {
            text += &format!("[chart.rendering.{table}]\n{}\n", lines.join("\n"));
        }
    }
    text
}
