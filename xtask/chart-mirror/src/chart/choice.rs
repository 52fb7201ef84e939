//! Which chart is meant: that of the image list, or what a command names in its stead; pure.

use std::fmt;

use super::ChartSource;
use crate::list;

/// What a command says about the chart. What it leaves out is the list's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub chart: Option<String>,
    pub repository: Option<String>,
    pub version: Option<String>,
}

/// Why there is no such chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoChoice {
    /// Neither the command nor the list names a chart.
    NoChart,
    /// An empty value, or one that helm would take for an option.
    NotAnArgument {
        flag: &'static str,
    },
    NotARepository,
    /// A chart that says itself where it is, and a repository.
    TwoPlaces,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ChartSource {
    /// The chart that is wanted. The list's repository and version are those of the list's chart only.
    ///
    /// # Errors
    /// When no chart is named, or it is named in a way that cannot be meant.
    pub fn choose(listed: Option<&list::Chart>, wanted: &Wanted) -> Result<Self, NoChoice> {
        let Wanted { chart, repository, version } = wanted;
        for (flag, value) in [("-c", chart), ("-r", repository), ("--version", version)] {
            let bad = |value: &String| value.is_empty() || value.starts_with('-');
            if value.as_ref().is_some_and(bad) {
                return Err(NoChoice::NotAnArgument { flag });
            }
        }
        let chart = chart.as_ref().or(listed.map(|chart| &chart.name)).ok_or(NoChoice::NoChart)?;
        if let Some(repository) = repository {
            if !["https://", "http://", "oci://"].iter().any(|it| repository.starts_with(it)) {
                return Err(NoChoice::NotARepository);
            }
            if says_where(chart) {
                return Err(NoChoice::TwoPlaces);
            }
        }
        let listed = listed.filter(|listed| listed.name == *chart);
        Ok(Self {
            chart: chart.clone(),
            repository: repository.clone().or_else(|| listed?.repository.clone()),
            version: version.clone().or_else(|| listed?.version.clone()),
        })
    }
}

/// A path or an address rather than a name in a repository.
fn says_where(chart: &str) -> bool {
    chart.contains("://")
        || chart.starts_with(['.', '/'])
        || chart.ends_with(".tgz")
        || chart.ends_with('/')
}

impl fmt::Display for NoChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChart => f.write_str(
                "no chart: the list has no `[chart]`\n\
                 hint: name one: `-c CHART -r https://...`, or `-c` with a path or `oci://...`",
            ),
            Self::NotAnArgument { flag } => {
                write!(f, "the value of `{flag}` is empty or begins with `-`")
            }
            // Not shown: people put passwords into addresses.
            Self::NotARepository => f.write_str(
                "the value of `-r` is not the address of a chart repository\n\
                 hint: write it as in `-r https://helm.stackstate.io`, or leave it out for a chart on disk",
            ),
            Self::TwoPlaces => f.write_str(
                "the chart is a path or an address already, so `-r` has no meaning\n\
                 hint: leave out `-r`, or give the chart's name with `-c`",
            ),
        }
    }
}

impl std::error::Error for NoChoice {}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(listed: bool, flags: [&str; 3]) -> Result<String, NoChoice> {
        let listed = listed.then(|| list::Chart {
            name: "stackstate".to_owned(),
            repository: Some("https://a.example".to_owned()),
            version: Some("4.5.6".to_owned()),
            renderings: Vec::new(),
        });
        let [chart, repository, version] = flags.map(|flag| (flag != "~").then(|| flag.to_owned()));
        let wanted = Wanted { chart, repository, version };
        let source = ChartSource::choose(listed.as_ref(), &wanted)?;
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "~".to_owned());
        Ok([source.chart, or_none(source.repository), or_none(source.version)].join(" "))
    }

    #[test]
    fn what_a_command_leaves_out_is_the_lists_if_the_chart_is() {
        // `~` stands for what is not given.
        let table = [
            (["~", "~", "~"], "stackstate https://a.example 4.5.6"),
            (["~", "https://b.example", "~"], "stackstate https://b.example 4.5.6"),
            (["~", "~", "4.6.0"], "stackstate https://a.example 4.6.0"),
            (["stackstate", "~", "~"], "stackstate https://a.example 4.5.6"),
            (["stackstate", "https://b.example", "1"], "stackstate https://b.example 1"),
            (["other", "~", "~"], "other ~ ~"),
            (["other", "https://b.example", "~"], "other https://b.example ~"),
            (["./stackstate", "~", "~"], "./stackstate ~ ~"),
            (["oci://b.example/stackstate", "~", "2"], "oci://b.example/stackstate ~ 2"),
            (["team/other", "oci://b.example", "~"], "team/other oci://b.example ~"),
        ];
        for (flags, expected) in table {
            assert_eq!(choose(true, flags).as_deref(), Ok(expected), "{flags:?}");
        }
        assert_eq!(choose(false, ["other", "~", "~"]).as_deref(), Ok("other ~ ~"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let table = [
            (["~", "~", "~"], NoChoice::NoChart),
            (["~", "https://b.example", "~"], NoChoice::NoChart),
            (["", "~", "~"], NoChoice::NotAnArgument { flag: "-c" }),
            (["a", "-x", "~"], NoChoice::NotAnArgument { flag: "-r" }),
            (["a", "~", "--x"], NoChoice::NotAnArgument { flag: "--version" }),
            (["a", "b.example", "~"], NoChoice::NotARepository),
            (["./a", "https://b.example", "~"], NoChoice::TwoPlaces),
            (["a-1.tgz", "https://b.example", "~"], NoChoice::TwoPlaces),
            (["oci://b.example/a", "https://b.example", "~"], NoChoice::TwoPlaces),
        ];
        for (flags, expected) in table {
            assert_eq!(choose(false, flags), Err(expected), "{flags:?}");
        }
    }
}
