//! Every format: what is written, what is read, and that a list survives both.

use std::collections::BTreeMap;

use super::*;
use crate::list::{Destination, ImageList};
use oci::{Digest, Repository};

mod property;
mod reading;
mod writing;

fn parsed(text: &str) -> ImageList {
    ImageList::parse("images.toml", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A list for its destinations, or for none.
fn to_write<'a>(list: &'a ImageList, destinations: &[&str]) -> ListToWrite<'a> {
    let named = destinations.iter().map(|name| {
        ((*name).to_owned(), list.choose(Some(name)).unwrap_or_else(|why| panic!("{why}")))
    });
    ListToWrite {
        file: "images.toml".to_owned(),
        list,
        destinations: named.collect(),
        chart_on_disk: None,
    }
}

fn written(list: &ImageList, format: ListFormat, destinations: &[&str]) -> WrittenList {
    write(format, &[to_write(list, destinations)]).unwrap_or_else(|why| panic!("{why}"))
}

/// The text without its comments.
fn body(written: &WrittenList) -> String {
    let lines = written.text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What is left out, with the number of items.
fn losses(written: &WrittenList) -> Vec<(Loss, usize)> {
    written.left_out.iter().map(|left_out| (left_out.what, left_out.items.len())).collect()
}

/// Reads a text, and makes a list of it.
fn taken(text: &str) -> (ListFormat, ImageList, Vec<RefusedEntry>) {
    let (format, read) = read(text, None).unwrap_or_else(|why| panic!("{why:?}\n{text}"));
    let placed = place(&read, &[]);
    let chart = read.charts.first().map(|read| &read.chart);
    let list = list_text("file", format, &placed, chart, None);
    (format, parsed(&list), [read.refused, placed.refused].concat())
}

/// Sources with tags, and their digests.
fn pins(list: &ImageList) -> BTreeMap<String, Option<Digest>> {
    let images = list.images().iter();
    images.map(|image| (image.reference().to_string(), image.digest.clone())).collect()
}

/// Sources with tags, and where they go at a destination.
fn targets(list: &ImageList, destination: &Destination) -> BTreeMap<String, Repository> {
    let paths = destination.paths(list.images()).unwrap_or_else(|why| panic!("{why}"));
    let targets = list.images().iter().zip(&paths);
    let pair = |(image, path): (&crate::list::Image, _)| {
        (image.reference().to_string(), destination.repository(path))
    };
    targets.map(pair).collect()
}
