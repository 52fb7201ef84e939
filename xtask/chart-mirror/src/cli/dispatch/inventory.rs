//! `inventory`, from flags to the file that it writes.

use std::collections::BTreeSet;

use super::parts;
use crate::bundle::destination_inventory::DestinationInventory;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, InventoryArgs};
use crate::cli::{runtime, terminal};
use crate::commands::inventory::{self, BlobPresence, InventoryOptions};
use crate::files::write_atomically;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(flags: &Flags, arguments: &InventoryArgs) -> anyhow::Result<Exit> {
    let lists = parts::with_images(parts::lists(flags)?, &arguments.only)?;
    refuse_several(&lists, arguments)?;
    let (mut whole, mut lost) = (None::<DestinationInventory>, BTreeSet::new());
    for open in &lists {
        let options = InventoryOptions {
            destination: arguments.destination.clone(),
            only: parts::globs_of(open, &lists, &arguments.only),
            concurrency: arguments.jobs.map(usize::from),
            blobs: if arguments.deep { BlobPresence::Asked } else { BlobPresence::Assumed },
            retry: flags.patience(),
        };
        let found = runtime::block_on(inventory::run(&open.list, &options, &ProcessEnvironment))?;
        lost.extend(found.lost);
        match &mut whole {
            Some(whole) => whole.merge(found.inventory)?,
            None => whole = Some(found.inventory),
        }
    }
    let Some(inventory) = whole else { return Ok(Exit::Done) };
    match &arguments.output {
        Some(file) => {
            write_atomically(file, &inventory.text())?;
            terminal::result(&report::inventory::human(&inventory, &file.display().to_string()))?;
        }
        None => terminal::result(&inventory.text())?,
    }
    if lost.is_empty() {
        return Ok(Exit::Done);
    }
    terminal::message(&report::inventory::lost(&lost));
    Ok(Exit::Failed)
}

/// An inventory is of one destination.
fn refuse_several(lists: &[OpenList], arguments: &InventoryArgs) -> Result<(), Advice> {
    let several = lists.iter().find(|open| open.list.destinations().len() > 1);
    let Some(open) = several.filter(|_| arguments.destination.is_none()) else { return Ok(()) };
    let names: Vec<String> =
        open.list.destinations().keys().map(|name| format!("`-d {name}`")).collect();
    let hint = format!("an inventory is of one destination: name it with {}", names.join(" or "));
    Err(Advice::new("the list has several destinations").with_hint(hint))
}
