//! Renders progress as text of a given width.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::state::{Activity, Checking, Copying, ImageProgress, State};
use crate::report::common::{bytes, count};

/// How many images are shown by name.
const MOST_IMAGES: usize = 3;
const GAP: &str = "  ";
/// The width of `999.9 MB of 999.9 MB`.
const AMOUNTS: usize = 20;
/// Wider bars and names do not help.
const WIDEST_BAR: usize = 40;
const WIDEST_NAME: usize = 80;
const NARROWEST_BAR: usize = 8;

/// The lines of a terminal with this many columns. The last column stays empty, because some terminals
/// begin a new line there.
pub(super) fn lines(state: &State, now: Duration, columns: usize) -> Vec<String> {
    let width = columns.saturating_sub(1);
    match &state.activity {
        Activity::Nothing => Vec::new(),
        Activity::Checking(checking) => vec![check(checking, now, width)],
        Activity::Copying(copying) => {
            let largest = copying.largest(MOST_IMAGES);
            let rows = largest.into_iter().map(|image| row(image, width));
            std::iter::once(total(copying, now, width)).chain(rows).collect()
        }
    }
}

/// One line for a pipe or a file.
pub(super) fn line(state: &State, now: Duration) -> String {
    match &state.activity {
        Activity::Nothing => String::new(),
        Activity::Checking(checking) => check_parts(checking, now).join(", "),
        Activity::Copying(copying) => {
            let mut text = total_parts(copying, now).join(", ");
            if let Some(image) = copying.largest(1).first() {
                text += &format!("; largest: {} ({} %)", image.name, image.bytes.percent());
            }
            text
        }
    }
}

/// All images: what is less important is left out if it does not fit.
fn total(copying: &Copying, now: Duration, width: usize) -> String {
    let parts = total_parts(copying, now);
    let done = copying.bytes.percent();
    let [images, amounts, rest @ ..] = parts.as_slice() else { return parts.concat() };
    with_bar(images, &[std::slice::from_ref(amounts), rest].concat().join(GAP), done, width)
        .or_else(|| fitting(parts.join(GAP), width))
        // Without the rate.
        .or_else(|| {
            let left = rest.last().cloned();
            let parts: Vec<_> = [images, amounts].into_iter().cloned().chain(left).collect();
            fitting(parts.join(GAP), width)
        })
        .unwrap_or_else(|| shortened(&[images.as_str(), amounts].join(GAP), width))
}

/// `3/22 images`, `1.2 GB of 5.0 GB`, `50.0 MB/s`, `1 min 16 s left`; without what is not known yet.
fn total_parts(copying: &Copying, now: Duration) -> Vec<String> {
    let sent = copying.bytes;
    let mut parts = vec![format!("{}/{}", copying.ended, count(copying.images() as u64, "image"))];
    if sent.expected == 0 {
        return parts;
    }
    parts.push(format!("{} of {}", bytes(sent.sent), bytes(sent.expected)));
    parts.extend(copying.rate(now).map(|rate| format!("{}/s", bytes(rate as u64))));
    parts.extend(copying.time_left(now).map(|left| format!("{} left", duration(left))));
    parts
}

/// One image: name, bar, percentage, amounts, in columns that depend on the width alone.
fn row(image: &ImageProgress, width: usize) -> String {
    let (sent, expected) = (bytes(image.bytes.sent), bytes(image.bytes.expected));
    let amounts = format!("{sent:>8} of {expected:>8}");
    let tail = format!("{:>3} %{GAP}{amounts:<AMOUNTS$}", image.bytes.percent());
    let room = width.saturating_sub(tail.len() + 2 * GAP.len());
    // The name gets two thirds, and at least what most names need.
    let bar_width = (room / 3).min(WIDEST_BAR);
    let has_bar = bar_width >= NARROWEST_BAR + GAP.len() && room - bar_width >= 24;
    let name_width = if has_bar { room - bar_width - GAP.len() } else { room }.min(WIDEST_NAME);
    let name = shortened_name(&image.name, name_width);
    let padding = " ".repeat(name_width - name.width());
    let bar = if has_bar { bar(image.bytes.percent(), bar_width) + GAP } else { String::new() };
    let line = format!("{GAP}{name}{padding}{GAP}{bar}{tail}");
    line.trim_end().to_owned()
}

fn check(checking: &Checking, now: Duration, width: usize) -> String {
    let parts = check_parts(checking, now);
    let done = (checking.checked * 100).checked_div(checking.images);
    let drawn = match (parts.as_slice(), done) {
        ([name, rest @ ..], Some(done)) => with_bar(name, &rest.join(GAP), done as u64, width),
        _ => None,
    };
    drawn.unwrap_or_else(|| shortened(&parts.join(GAP), width))
}

/// `querying registries`, `120/1000 images`, `3 s`.
fn check_parts(checking: &Checking, now: Duration) -> Vec<String> {
    let mut parts = vec![checking.name.clone()];
    if checking.images > 0 {
        parts.push(format!("{}/{}", checking.checked, count(checking.images as u64, "image")));
    }
    parts.push(duration(now.saturating_sub(checking.began)));
    parts
}

/// A line with a bar in the middle; `None` if there is no room for one.
fn with_bar(before: &str, after: &str, percent: u64, width: usize) -> Option<String> {
    let room = width.checked_sub(before.width() + after.width() + 2 * GAP.len())?;
    let bar = bar(percent, Some(room.min(WIDEST_BAR)).filter(|room| *room >= NARROWEST_BAR)?);
    Some(format!("{before}{GAP}{bar}{GAP}{after}"))
}

/// `[====>     ]`
fn bar(percent: u64, width: usize) -> String {
    let room = width.saturating_sub(2);
    let filled = (room * percent.min(100) as usize) / 100;
    let tip = if filled > 0 && filled < room { ">" } else { "" };
    let line = "=".repeat(filled - tip.len()) + tip;
    format!("[{line:<room$}]")
}

fn fitting(text: String, width: usize) -> Option<String> {
    Some(text).filter(|text| text.width() <= width)
}

/// A name without its folders, which images often share, if it is wider. Then its middle goes as well.
fn shortened_name(name: &str, width: usize) -> String {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    if name.width() <= width { name.to_owned() } else { shortened(last, width) }
}

/// The text without its middle, if it is wider.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let end_width = room / 2;
    let start = start_of(text.chars(), room - end_width);
    let end: String = start_of(text.chars().rev(), end_width).chars().rev().collect();
    format!("{start}…{end}")
}

/// As many characters as fit.
fn start_of(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    let fits = |character: &char| {
        let needed = character.width().unwrap_or(0);
        let fits = needed <= left;
        left = left.saturating_sub(needed);
        fits
    };
    characters.take_while(fits).collect()
}

/// `3 s`, `1 min 05 s`, `2 h 05 min`
fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(10);

    /// Four images under way, and others that are done or have not begun.
    fn in_the_middle() -> State {
        let mut state = State::default();
        let names = [
            "stackstate/elasticsearch:7.17.4-yetanotherlongtag.20220405.1513",
            "stackstate/kafka:2.8.0",
            "stackstate/zookeeper:3.6.1",
            "stackstate/small:1",
            "stackstate/done:1",
            "stackstate/waiting:1",
        ];
        state.begin_copying(names.map(str::to_owned).to_vec());
        state.tick(Duration::ZERO);
        let images =
            [(2_100_000_000, 400_000_000), (800_000_000, 796_000_000), (90_000_000, 45_000)];
        let others = [(1000, 10), (10_000_000, 10_000_000)];
        for (image, (expected, sent)) in images.into_iter().chain(others).enumerate() {
            state.expect(image, expected);
            state.sent(image, sent);
        }
        state.image_ended(4);
        state.tick(NOW);
        state
    }

    fn at_width(state: &State, columns: usize) -> Vec<String> {
        let lines = lines(state, NOW, columns);
        for line in &lines {
            assert!(line.width() < columns, "{} of {columns}: {line}", line.width());
        }
        lines
    }

    #[test]
    fn sixty_columns_show_names_and_numbers() {
        let expected = [
            "1/6 images  1.2 GB of 3.0 GB  120.6 MB/s  15 s left",
            "  elasticsearch:…20220405.1513   19 %  400.0 MB of   2.1 GB",
            "  stackstate/kafka:2.8.0         99 %  796.0 MB of 800.0 MB",
            "  stackstate/zookeeper:3.6.1      0 %   45.0 kB of  90.0 MB",
        ];
        assert_eq!(at_width(&in_the_middle(), 60), expected);
    }

    #[test]
    fn eighty_columns_also_show_bars() {
        let expected = [
            "1/6 images  [========>               ]  1.2 GB of 3.0 GB  120.6 MB/s  15 s left",
            "  elasticsearch:7….20220405.1513  [=>            ]   19 %  400.0 MB of   2.1 GB",
            "  stackstate/kafka:2.8.0          [============> ]   99 %  796.0 MB of 800.0 MB",
            "  stackstate/zookeeper:3.6.1      [              ]    0 %   45.0 kB of  90.0 MB",
        ];
        assert_eq!(at_width(&in_the_middle(), 80), expected);
    }

    #[test]
    fn two_hundred_columns_show_whole_names() {
        let expected = [
            "1/6 images  [==============>                       ]  1.2 GB of 3.0 GB  120.6 MB/s  15 s left",
            "  stackstate/elasticsearch:7.17.4-yetanotherlongtag.20220405.1513                   [======>                               ]   19 %  400.0 MB of   2.1 GB",
            "  stackstate/kafka:2.8.0                                                            [====================================> ]   99 %  796.0 MB of 800.0 MB",
            "  stackstate/zookeeper:3.6.1                                                        [                                      ]    0 %   45.0 kB of  90.0 MB",
        ];
        assert_eq!(at_width(&in_the_middle(), 200), expected);
    }

    #[test]
    fn nothing_is_shown_about_bytes_before_there_are_any() {
        let mut state = State::default();
        state.begin_copying(vec!["a".to_owned(), "b".to_owned()]);
        state.image_ended(0);
        state.tick(NOW);
        assert_eq!(at_width(&state, 80), ["1/2 images"]);
        assert_eq!(line(&state, NOW), "1/2 images");
    }

    #[test]
    fn names_lose_their_folders_first() {
        let name = "stackstate/stackstate-receiver-stable:4.5.6";
        let table =
            [(43, name), (42, &name[11..]), (29, "stackstate-rec…r-stable:4.5.6"), (1, "…")];
        for (width, expected) in table {
            assert_eq!(shortened_name(name, width), expected);
        }
    }

    #[test]
    fn no_width_breaks_the_layout() {
        let state = in_the_middle();
        for columns in 1..300 {
            assert_eq!(lines(&state, NOW, columns).len(), 4);
            at_width(&state, columns.max(40));
        }
    }

    #[test]
    fn a_pipe_gets_one_line() {
        assert_eq!(
            line(&in_the_middle(), NOW),
            "1/6 images, 1.2 GB of 3.0 GB, 120.6 MB/s, 15 s left; largest: \
             stackstate/elasticsearch:7.17.4-yetanotherlongtag.20220405.1513 (19 %)"
        );
    }

    #[test]
    fn a_check_shows_how_many_images_it_has_seen() {
        let mut state = State::default();
        state.begin_checking("querying registries", 1000);
        (0..120).for_each(|_| state.image_checked());
        assert_eq!(
            at_width(&state, 80),
            ["querying registries  [==>                              ]  120/1000 images  10 s"]
        );
        assert_eq!(at_width(&state, 44), ["querying registries  120/1000 images  10 s"]);
        assert_eq!(line(&state, NOW), "querying registries, 120/1000 images, 10 s");
        state.begin_checking("rendering the chart", 0);
        assert_eq!(at_width(&state, 60), ["rendering the chart  10 s"]);
    }

    #[test]
    fn names_lose_their_middle() {
        let table = [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc…fg"),
            ("日本語日本語", 6, "日…語"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ];
        for (text, width, expected) in table {
            assert_eq!(shortened(text, width), expected);
        }
    }

    #[test]
    fn durations_use_two_units_at_most() {
        let table = [(0, "0 s"), (59, "59 s"), (65, "1 min 05 s"), (7500, "2 h 05 min")];
        for (seconds, expected) in table {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }
}
