//! Workspaces of folders on disk.

use super::*;
use crate::files::write_atomically;

const IMAGE: &str = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write_atomically(&root.path().join(name), text).unwrap();
    }
    root
}

/// The folders of the lists, or the error.
fn opened(root: &tempfile::TempDir, file: &str, members: &[&str]) -> Result<Vec<String>, String> {
    let members: Vec<String> = members.iter().map(|&member| member.to_owned()).collect();
    let lists = open(&root.path().join(file), &members).and_then(Opened::all);
    let lists = lists.map_err(|error| format!("{error:#}"))?;
    let name = |list: &OpenList| {
        let folder = folder_of(&list.file).strip_prefix(root.path()).unwrap();
        let destinations: Vec<_> = list.list.destinations().keys().cloned().collect();
        format!("{} {}", folder.display(), destinations.join(","))
    };
    Ok(lists.iter().map(name).collect())
}

const ROOT: &str =
    "[workspace]\nmembers = ['charts/*', 'extra']\n[destinations.prod]\nregistry = 'r.io'\n";

#[test]
fn a_workspace_opens_its_members_and_a_member_has_its_settings() {
    let root = folder(&[
        ("images.toml", ROOT),
        ("charts/a/images.toml", IMAGE),
        ("charts/b/images.toml", &format!("[destinations.own]\nregistry = 'o.io'\n{IMAGE}")),
        ("charts/notes/README.md", "no list"),
        ("extra/images.toml", IMAGE),
        ("apart/images.toml", IMAGE),
    ]);
    let all = ["charts/a prod", "charts/b own,prod", "extra prod"];
    assert_eq!(opened(&root, "images.toml", &[]).unwrap(), all);
    assert_eq!(opened(&root, "images.toml", &["b", "extra"]).unwrap(), &all[1..]);
    assert_eq!(opened(&root, "charts/b/images.toml", &[]).unwrap(), &all[1..2]);
    assert_eq!(opened(&root, "charts/b/images.toml", &["charts/a"]).unwrap(), &all[..1]);
    assert_eq!(opened(&root, "apart/images.toml", &[]).unwrap(), ["apart "]);
    assert_eq!(opened(&root, "images.toml", &["./charts/a/"]).unwrap(), &all[..1]);
    let unknown = opened(&root, "images.toml", &["c"]).unwrap_err();
    assert!(unknown.contains("no member `c`") && unknown.contains("`charts/a`"), "{unknown}");
    let outside = opened(&root, "apart/images.toml", &["a"]).unwrap_err();
    assert!(outside.contains("is not in a workspace"), "{outside}");
}

#[test]
fn a_workspace_with_images_is_a_list_as_well() {
    let root = folder(&[("images.toml", &format!("{ROOT}{IMAGE}")), ("extra/images.toml", IMAGE)]);
    let missing = opened(&root, "images.toml", &[]).unwrap_err();
    assert!(missing.contains("`charts/*`") && missing.contains("has no images.toml"), "{missing}");
    write_atomically(&root.path().join("charts/a/images.toml"), IMAGE).unwrap();
    assert_eq!(
        opened(&root, "images.toml", &[]).unwrap(),
        [" prod", "charts/a prod", "extra prod"]
    );
    assert_eq!(opened(&root, "images.toml", &["."]).unwrap(), [" prod"]);
    assert_eq!(
        opened(&root, "extra/images.toml", &[".", "a"]).unwrap(),
        [" prod", "charts/a prod"]
    );
    write_atomically(&root.path().join("images.toml"), ROOT).unwrap();
    let none = opened(&root, "images.toml", &["."]).unwrap_err();
    assert!(none.contains("lists no images"), "{none}");
}

#[test]
fn a_contradiction_names_both_places() {
    let root = folder(&[
        ("images.toml", ROOT),
        (
            "charts/a/images.toml",
            &format!("# mine\n[destinations.prod]\nregistry = 'x.io'\n{IMAGE}"),
        ),
        ("extra/images.toml", IMAGE),
    ]);
    let error = opened(&root, "charts/a/images.toml", &[]).unwrap_err();
    assert!(error.contains("`destinations.prod` has one value at "), "{error}");
    assert!(
        error.contains("charts/a/images.toml:2, and") && error.contains("/images.toml:3"),
        "{error}"
    );
}

#[test]
fn a_member_of_two_workspaces_is_refused_from_every_folder() {
    let root = folder(&[
        ("images.toml", "[workspace]\nmembers = ['in/mm', 'other']\n"),
        ("in/images.toml", "[workspace]\nmembers = ['mm']\n"),
        ("in/mm/images.toml", IMAGE),
        ("other/images.toml", IMAGE),
    ]);
    for file in ["images.toml", "in/images.toml", "in/mm/images.toml"] {
        let refused = opened(&root, file, &[]).unwrap_err();
        assert!(refused.contains("in/mm` is a member of two workspaces, `"), "{file}: {refused}");
        let names = refused.matches("images.toml`").count();
        assert_eq!((names, refused.contains("/in/images.toml`")), (2, true), "{refused}");
    }
    assert_eq!(opened(&root, "images.toml", &["other"]).unwrap(), ["other "]);
}

#[test]
fn a_workspace_is_found_above_one_that_does_not_have_the_member() {
    let root = folder(&[
        ("images.toml", &ROOT.replace("'charts/*'", "'in/mm'")),
        ("in/images.toml", "[workspace]\nmembers = ['nn']\n"),
        ("in/mm/images.toml", IMAGE),
        ("in/nn/images.toml", IMAGE),
        ("extra/images.toml", IMAGE),
    ]);
    assert_eq!(opened(&root, "in/mm/images.toml", &[]).unwrap(), ["in/mm prod"]);
    assert_eq!(opened(&root, "in/nn/images.toml", &[]).unwrap(), ["in/nn "]);
    assert_eq!(opened(&root, "images.toml", &[]).unwrap(), ["extra prod", "in/mm prod"]);
}

#[test]
fn members_that_are_not_selected_are_read_if_that_is_possible() {
    let root = folder(&[
        ("images.toml", &format!("{ROOT}{IMAGE}")),
        ("charts/a/images.toml", IMAGE),
        ("charts/b/images.toml", "broken"),
        ("extra/images.toml", IMAGE),
    ]);
    let others = |file: &str, members: &[String]| {
        let opened = open(&root.path().join(file), members).unwrap();
        let folder = |list: &OpenList| {
            folder_of(&list.file).strip_prefix(root.path()).unwrap().display().to_string()
        };
        opened.others.iter().map(folder).collect::<Vec<_>>()
    };
    assert_eq!(others("images.toml", &["a".to_owned()]), ["", "extra"]);
    assert_eq!(others("extra/images.toml", &[]), ["", "charts/a"]);
    assert_eq!(others("images.toml", &[]), [""; 0]);
}

#[cfg(unix)]
#[test]
fn two_members_cannot_be_one_folder() {
    let root = folder(&[("images.toml", ROOT), ("charts/a/images.toml", IMAGE)]);
    std::os::unix::fs::symlink("charts/a", root.path().join("extra")).unwrap();
    let error = opened(&root, "images.toml", &[]).unwrap_err();
    assert!(error.contains("`charts/a` and `extra` are one folder"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_list_is_a_regular_file() {
    let error = open(Path::new("/dev/null"), &[]).unwrap_err().to_string();
    assert!(error.contains("`/dev/null` is not a regular file"), "{error}");
}
