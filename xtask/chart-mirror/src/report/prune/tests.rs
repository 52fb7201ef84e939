//! Tests of the report about tags that no list has any more.

use super::{human, summary};
use crate::commands::prune::result::{
    Catalog, DeletedReferrers, DeletionOutcome, JudgedTag, MissingImages, PruneMode, PruneReport,
    PrunedRepository,
};
use crate::prune::{DeleteReason, KeepReason, TagDecision};
use crate::report::presentation::{Detail, Presentation};
use oci::{Digest, Tag};
use registry::{Cause, Error, ErrorResponse, Side};

fn digest(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

fn error(status: u16, message: &str) -> Error {
    let response = ErrorResponse {
        status,
        codes: Vec::new(),
        message: message.to_owned(),
        is_html: false,
        retry_after: None,
        token_has_expired: false,
    };
    let request = "GET https://registry.example.com/v2/a/tags/list".to_owned();
    let cause = Cause::Status(Box::new(response));
    Error { request, ..Error::new(Side::Destination, "list tags", cause) }
}

/// Every decision with every reason, and what could not be found out.
pub(in crate::report) fn report() -> PruneReport {
    let tag = |name: &str| name.parse::<Tag>().unwrap();
    let judged = |name: &str, decision| JudgedTag {
        tag: tag(name),
        digest: Some(digest(name)),
        decision,
        outcome: None,
    };
    let signature = digest("1.0.3").as_tag() + ".sig";
    let keep = [
        KeepReason::Wanted { list: "images.toml".to_owned() },
        KeepReason::WantedDigest,
        KeepReason::Pattern { glob: "*-lts".to_owned() },
        KeepReason::Newest,
        KeepReason::Young,
        KeepReason::PartOf { index: "1.0.6".to_owned() },
        KeepReason::SharesManifest { other: tag("1.0.6") },
        KeepReason::OfSubject,
        KeepReason::OfUntaggedSubject,
        KeepReason::NoManifest,
        KeepReason::Unclear { why: "no version".to_owned() },
    ];
    let kept = keep.into_iter().enumerate();
    let mut tags: Vec<JudgedTag> =
        kept.map(|(at, reason)| judged(&format!("kept-{at}"), TagDecision::Keep(reason))).collect();
    tags.extend([
        judged("1.0.3", TagDecision::Delete(DeleteReason::Unlisted)),
        judged("1.0.4", TagDecision::DeleteAlone { other: tag("1.0.6") }),
        judged(
            &signature,
            TagDecision::Delete(DeleteReason::OfSubject { tags: vec![tag("1.0.3")] }),
        ),
        JudgedTag { digest: None, ..judged("gone", TagDecision::Delete(DeleteReason::NoSubject)) },
    ]);
    let repository = |path: &str, tags, error| PrunedRepository {
        repository: path.parse().unwrap(),
        tags,
        referrers: None,
        error,
    };
    PruneReport {
        destination: "registry.example.com/mirror".to_owned(),
        mode: PruneMode::Show,
        repositories: vec![
            repository("mirror/acme/wait", tags, None),
            repository("mirror/acme/lost", Vec::new(), Some(error(403, "DENIED: no"))),
        ],
        catalog: Catalog::Failed { error: error(500, "") },
        images: MissingImages { listed: 3, missing: 2 },
        requests: 31,
        seconds: 0.5,
        insecure: vec!["registry.example.com".parse().unwrap()],
    }
}

/// The same after every outcome.
pub(in crate::report) fn applied() -> PruneReport {
    let mut report = report();
    report.mode = PruneMode::Apply;
    report.repositories[0].referrers = Some(DeletedReferrers { deleted: 3, left: 1 });
    let outcomes = [
        DeletionOutcome::Deleted,
        DeletionOutcome::SharesManifest,
        DeletionOutcome::Waiting,
        DeletionOutcome::Failed { error: error(405, "UNSUPPORTED") },
        DeletionOutcome::Absent,
        DeletionOutcome::Moved,
        DeletionOutcome::Changed,
        DeletionOutcome::NotTried,
        DeletionOutcome::DeletedWith { other: "1.0.3".parse().unwrap() },
    ];
    let tags = &mut report.repositories[0].tags;
    let example = tags.iter().find(|tag| tag.goes()).cloned().unwrap();
    for number in 0..outcomes.len() - 4 {
        let tag = format!("2.0.{number}").parse().unwrap();
        tags.push(JudgedTag { tag, ..example.clone() });
    }
    let going = tags.iter_mut().filter(|tag| tag.goes());
    for (tag, outcome) in going.zip(outcomes) {
        tag.outcome = Some(outcome);
    }
    report
}

#[test]
fn what_became_of_each_tag_is_reported() {
    let text = human(&applied(), Presentation::default());
    for part in [
        "  deleted 1.0.3\n",
        "  stays   1.0.4: `1.0.6` has the same manifest, and the registry may delete both\n",
        ": what it belongs to is still there\n",
        "  failed  gone ",
        "  deleted 2.0.0: it was gone already\n",
        "  stays   2.0.1: it names another manifest now\n",
        "  stays   2.0.2: the repository has changed",
        "  stays   2.0.3: it was not tried\n",
        "error: mirror/acme/wait:gone\n",
        "  deleted 2.0.4 with `1.0.3`: both had one manifest\n",
        "  deleted 3 referrers of deleted manifests\n",
        "  stays   1 referrer of deleted manifests: the garbage collection",
        "2 of 20 tags and 3 referrers deleted in 2 repositories, 4 left, 1 with errors; ",
        "hint: run the same command again",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let mut done = applied();
    done.repositories[0]
        .tags
        .retain(|tag| tag.outcome.as_ref().is_none_or(|outcome| outcome.is_deleted()));
    assert!(summary(&done).ends_with("garbage collection runs"), "{}", summary(&done));
}

#[test]
fn what_goes_is_listed_and_what_stays_is_counted_by_reason() {
    let text = human(&report(), Presentation::default());
    for part in [
        "mirror/acme/wait: 4 of 15 tags to delete\n",
        "  delete  1.0.3\n",
        "  delete  1.0.4 (only if the registry deletes tags alone: `1.0.6` has the same manifest)\n",
        ".sig (belongs to 1.0.3)\n",
        "  delete  gone (belongs to a manifest that does not exist)\n",
        "2 in a list",
        "1 by `keep-last`",
        "error: mirror/acme/lost\n",
        "warning: only repositories of the lists were looked at: ",
        "warning: 2 of 3 listed images are not at registry.example.com/mirror",
        "INSECURE",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("kept-0"), "{text}");
    assert!(text.ends_with(&format!("{}\n", summary(&report()))));
}

#[test]
fn with_all_details_each_tag_has_its_reason() {
    let presentation = Presentation { detail: Detail::Full, ..Presentation::default() };
    let text = human(&report(), presentation);
    for part in [
        "  keep    kept-0: in images.toml\n",
        "  keep    kept-2: `keep` has `*-lts`\n",
        "  keep    kept-5: part of 1.0.6\n",
        "  keep    kept-6: 1.0.6 has the same manifest",
        "  keep    kept-10: no version\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn repositories_without_anything_to_delete_are_one_line() {
    let mut report = report();
    report.repositories[0].tags.retain(|tag| !tag.goes());
    report.repositories.pop();
    report.catalog = Catalog::Unavailable;
    report.images.missing = 1;
    let text = human(&report, Presentation::default());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "nothing to delete in 1 repository with 11 tags");
    assert!(lines[1].contains("no catalog") && !text.contains("right destination"), "{text}");
}

#[test]
fn a_registry_that_is_down_is_named_once_and_is_not_called_the_wrong_destination() {
    let mut report = report();
    let unread = report.repositories.swap_remove(1);
    report.repositories = ["a", "b", "c"]
        .map(|path| PrunedRepository { repository: path.parse().unwrap(), ..unread.clone() })
        .into();
    let text = human(&report, Presentation::default());
    for part in [
        "error: 3 repositories: destination: list tags: ",
        "warning: nothing is known about the tags of registry.example.com/mirror: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("right destination") && !text.contains("images:"), "{text}");
}
