//! The section about plans: what carrying them out comes to, and what each machine copies.

use std::fmt::Write as _;

use super::overview::large_number;
use super::sections::{run_name, section};
use super::text::{escaped, number};
use crate::commands::report_page::{PlanNumbers, ReportPage};
use crate::report::common::{bytes, seconds};

/// Nothing without a plan.
pub(super) fn plan(page: &ReportPage) -> String {
    if page.plans().next().is_none() {
        return String::new();
    }
    let mut text = section("plan", "Plan") + "<p>" + &totals(page) + "</p>\n";
    text += &shards(page);
    let created: Vec<String> =
        page.plans().flat_map(|(_, plan)| &plan.repositories).map(|name| escaped(name)).collect();
    if !created.is_empty() {
        text += "<h3 id=\"created-title\">Repositories to create</h3>\n<ul class=\"lines\" aria-labelledby=\"created-title\">\n";
        text.extend(created.iter().map(|name| format!("<li>{name}</li>\n")));
        text += "</ul>\n";
    }
    text + "</section>\n"
}

fn totals(page: &ReportPage) -> String {
    let sum = |amount: fn(&PlanNumbers) -> u64| {
        page.plans().map(|(_, plan)| amount(plan)).fold(0, u64::saturating_add)
    };
    let mut text = format!(
        "{} to send and {} to mount, with at least {} requests, not counting those for tokens.",
        bytes(sum(|plan| plan.moved)),
        bytes(sum(|plan| plan.mounted)),
        large_number(sum(|plan| plan.requests)),
    );
    if let Some(rate) = page.rate {
        let time = page.plans().map(|(_, plan)| plan.seconds_at(rate)).sum();
        let _ = write!(text, " At {} per second, that takes {}.", bytes(rate), seconds(time));
    }
    text
}

/// What each machine copies.
fn shards(page: &ReportPage) -> String {
    let plans = || page.plans().filter(|(_, plan)| !plan.shards.is_empty());
    if plans().next().is_none() {
        return String::new();
    }
    let mut text = "<h3 id=\"shards-title\">Shards</h3>\n\
         <table aria-labelledby=\"shards-title\">\n<thead><tr><th scope=\"col\">Shard</th>\
         <th scope=\"col\">Destination</th><th scope=\"col\" class=\"amount\">Images</th>\
         <th scope=\"col\" class=\"amount\">To send or mount</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for (run, plan) in plans() {
        let place = escaped(&run_name(page, run));
        for (position, shard) in plan.shards.iter().enumerate() {
            let _ = writeln!(
                text,
                "<tr><th scope=\"row\">{} of {}</th><td>{place}</td><td class=\"amount\">{}</td>\
                 <td class=\"amount\">{}</td></tr>",
                position + 1,
                plan.shards.len(),
                number(shard.images),
                bytes(shard.bytes),
            );
        }
    }
    text + "</tbody>\n</table>\n"
}
