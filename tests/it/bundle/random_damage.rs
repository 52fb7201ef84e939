//! Random damage of a small bundle: what `bundle import` does refuses it before the first push, or pushes exactly the
//! right images.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chart_mirror::commands::bundle::import::{self, ImportOptions, ImportedList};
use chart_mirror::commands::bundle::open_bundle::{ListOrigin, OpenBundle};
use chart_mirror::copy::Silent;
use registry::auth::credentials::EmptyEnvironment;

use super::site::Site;
use crate::support::stage::assert_holds;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// For each form of the bundle. Together there are 10,000.
const CHANGED_BYTES: usize = 3750;
const TRUNCATIONS: usize = 1250;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A bundle, its files with their contents, and one number for each byte.
struct Victim {
    bundle: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
    bytes: u64,
}

impl Victim {
    fn new(bundle: PathBuf) -> Self {
        let mut files = Vec::new();
        let mut found = vec![bundle.clone()];
        while let Some(path) = found.pop() {
            match path.is_dir() {
                true => found.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path())),
                false => files.push((path.clone(), fs::read(&path).unwrap())),
            }
        }
        files.sort();
        let bytes = files.iter().map(|(_, content)| content.len() as u64).sum();
        Self { bundle, files, bytes }
    }

    /// The file that has a byte, and its position there.
    fn place(&self, byte: u64) -> (&Path, &[u8], u64) {
        let mut at = byte;
        for (path, content) in &self.files {
            match at.checked_sub(content.len() as u64) {
                Some(rest) => at = rest,
                None => return (path, content, at),
            }
        }
        panic!("{byte} of {} bytes", self.bytes)
    }
}

/// What `bundle import` does, in this process.
async fn import(site: &Site, bundle: &Path) -> anyhow::Result<()> {
    let open = OpenBundle::open(&[bundle.display().to_string()], None)?;
    let lists = open.lists(&[])?;
    open.verify(&|_| {})?.into_result()?;
    let destination = Some(site.target.address().to_owned());
    for (file, list) in &lists {
        let options =
            ImportOptions { destination: destination.clone(), ..ImportOptions::default() };
        let imported = ImportedList { list, file, origin: ListOrigin::Bundle };
        let progress = Arc::new(Silent);
        import::run(&open, &imported, &options, &EmptyEnvironment, progress).await?;
    }
    Ok(())
}

/// No byte of a bundle is without meaning: all damage is refused, and nothing was asked or pushed.
async fn check(site: &Site, bundle: &Path, damage: &str) {
    let refused = import(site, bundle).await;
    assert!(refused.is_err(), "seed {SEED:#x}: {damage}: accepted");
    assert_eq!(site.target.requests().len(), 0, "seed {SEED:#x}: {damage}");
}

async fn damage(output: &str) {
    let site = Site::new().await;
    site.export(output, &["--only", "team/app"]);
    let victim = Victim::new(site.path(output));
    let mut random = Random(SEED);
    for _ in 0..CHANGED_BYTES {
        let (path, content, at) = victim.place(random.below(victim.bytes));
        let was = content[at as usize];
        let is = was ^ (random.below(255) as u8 + 1);
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(&[is], at).unwrap();
        let damage = format!("{}: byte {at} changed from {was} to {is}", path.display());
        check(&site, &victim.bundle, &damage).await;
        file.write_all_at(&[was], at).unwrap();
    }
    for _ in 0..TRUNCATIONS {
        let (path, content, length) = victim.place(random.below(victim.bytes));
        let file = File::options().write(true).open(path).unwrap();
        file.set_len(length).unwrap();
        let damage = format!("{}: cut to {length} bytes", path.display());
        check(&site, &victim.bundle, &damage).await;
        file.write_all_at(&content[length as usize..], length).unwrap();
    }
    // The bundle is as it was, and this is what is refused above.
    import(&site, &victim.bundle).await.unwrap();
    assert_holds(&site.target, "team/app", "1.0", &site.scene.app);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_damages_of_a_folder_are_refused_before_the_first_push() {
    damage("site").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_damages_of_an_archive_are_refused_before_the_first_push() {
    damage("site.tar").await;
}
