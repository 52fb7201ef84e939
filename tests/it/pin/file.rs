//! The list as a file: what is kept, changes made in the meantime, links, and interrupted runs.

use std::time::{Duration, Instant};

use registry_in_memory::{Effect, Fault};

use super::{Place, named};
use crate::support::xtask::ended;

const LIST: &str = "\
#:schema ./schemas/images.schema.json
# The head.

# About a.
[[image]] # first
  tag    = '1'   # odd   spaces
  source = \"SOURCE/team/a\"
[image.values]
\"a.tag\" = '{tag}'

[[image]]
source = 'SOURCE/team/b'
tag = \"2\"
digest = 'OLD' # by hand
# The end.
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_except_the_digests_is_kept_byte_for_byte() {
    let place = Place::new().await;
    let (a, b) = (named("a"), named("b"));
    let (a, b) = (place.tag("team/a", "1", &a), place.tag("team/b", "2", &b));
    let old = oci::Digest::of(b"old");
    let in_sections = LIST.replace("OLD", old.as_str());
    let pinned = LIST
        .replace("odd   spaces\n", &format!("odd   spaces\n  digest = \"{a}\"\n"))
        .replace("OLD", b.as_str());
    let in_braces = "# In braces.\nimage = [\n  { source = 'SOURCE/team/a', tag = '1' }, # a\n  { tag = '2', source = 'SOURCE/team/b' }\n]";
    let braces_pinned = format!(
        "# In braces.\nimage = [\n  {{ source = 'SOURCE/team/a', tag = '1', digest = \"{a}\" }}, # a\n  {{ tag = '2', digest = \"{b}\", source = 'SOURCE/team/b' }}\n]"
    );
    let of_windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let table = [
        (in_sections.clone(), pinned.clone()),
        (of_windows(&in_sections), of_windows(&pinned)),
        (in_braces.to_owned(), braces_pinned.clone()),
        (of_windows(in_braces), of_windows(&braces_pinned)),
    ];
    for (text, expected) in table {
        place.write(&text);
        let finished = place.pin(&["--update"]);
        assert_eq!((finished.exit_code, place.text()), (0, expected), "{}", finished.stderr);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_kept_and_its_target_is_written() {
    let place = Place::new().await;
    let digest = place.tag("team/a", "1", &named("a"));
    place.list(&[("team/a", "1", None)]);
    let real = place.xtask.directory().join("lists/real.toml");
    std::fs::create_dir(real.parent().unwrap()).unwrap();
    std::fs::rename(place.file(), &real).unwrap();
    std::os::unix::fs::symlink("lists/real.toml", place.file()).unwrap();
    assert_eq!(place.pin(&[]).exit_code, 0);
    assert!(std::fs::symlink_metadata(place.file()).unwrap().is_symlink());
    assert!(std::fs::read_to_string(real).unwrap().contains(digest.as_str()));
}

/// Runs `pin` with a source that responds only after `meanwhile` has run.
fn with_change_meanwhile(place: &Place, meanwhile: impl FnOnce() + Send) -> (i32, String) {
    let delay = Effect::Delay(Duration::from_millis(1500));
    place.source.inject(Fault::new(delay).repository("team/slow"));
    place.source.forget_requests();
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| place.xtask.run(&["pin", "--images", "images.toml", "slow"], &[]));
        tokio::task::block_in_place(|| {
            let deadline = Instant::now() + Duration::from_secs(20);
            while place.source.requests().is_empty() {
                assert!(Instant::now() < deadline, "there is no request");
                std::thread::sleep(Duration::from_millis(5));
            }
            meanwhile();
            let finished = slow.join().unwrap();
            (finished.exit_code, finished.stderr)
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_processes_that_pin_different_images_keep_the_digests_of_both() {
    let place = Place::new().await;
    let (slow, quick) = (named("slow"), named("quick"));
    let (slow, quick) = (place.tag("team/slow", "1", &slow), place.tag("team/quick", "1", &quick));
    place.list(&[("team/slow", "1", None), ("team/quick", "1", None)]);
    let (exit_code, stderr) = with_change_meanwhile(&place, || {
        let arguments = ["pin", "--images", "images.toml", "quick"];
        assert_eq!(place.xtask.run(&arguments, &[]).exit_code, 0);
        assert_eq!(place.digests(), [quick.as_str()]);
    });
    assert_eq!(exit_code, 0, "{stderr}");
    assert_eq!(place.digests(), [slow.as_str(), quick.as_str()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_entry_that_changed_meanwhile_is_not_overwritten() {
    let place = Place::new().await;
    place.tag("team/slow", "1", &named("slow"));
    let other = oci::Digest::of(b"other");
    for (entry, digest) in [("team/slow", Some(&other)), ("team/gone", None)] {
        place.list(&[("team/slow", "1", None)]);
        let (exit_code, stderr) =
            with_change_meanwhile(&place, || place.list(&[(entry, "1", digest)]));
        assert_eq!(exit_code, 2, "{stderr}");
        let words =
            "team/slow:1` in `images.toml` has changed meanwhile; nothing was written\nhint: ";
        assert!(stderr.contains(words), "{stderr}");
        assert_eq!(place.digests(), digest.iter().map(|d| d.as_str()).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_reports_that_nothing_was_written() {
    let place = Place::new().await;
    for name in ["team/quick", "team/slow"] {
        place.tag(name, "1", &named(name));
    }
    place.list(&[("team/quick", "1", None), ("team/slow", "1", None)]);
    let before = place.text();
    let hour = Effect::Delay(Duration::from_secs(3600));
    place.source.inject(Fault::new(hour).repository("team/slow").always());
    let running = place.xtask.start(&["pin", "--images", "images.toml"], &[]);
    let deadline = Instant::now() + Duration::from_secs(20);
    // One image is resolved by then, and the request for the other is pending.
    while place.source.requests().len() < 3 {
        assert!(Instant::now() < deadline, "there is no request");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    crate::support::script::kill("-INT", running.pids()[0]);
    let output = tokio::task::block_in_place(|| ended(&running));
    assert_eq!(output.exit_code, 130, "{output:?}");
    let start = "error: `images.toml` is unchanged: interrupted";
    assert!(output.stderr.starts_with(start), "{}", output.stderr);
    assert_eq!((place.text(), output.stdout.len()), (before, 0));
}
