//! FIFOs, devices and folders in the place of files that users, lists and bundles name.

use std::path::Path;

use super::site::Site;
use crate::support::{assert_says, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_a_device_or_a_folder_in_the_place_of_a_file_is_refused_at_once() {
    let site = Site::new().await;
    site.export("site.tar", &["--no-chart"]);
    let bundle = site.path("site.tar").display().to_string();
    let fifo = site.path("fifo");
    duct::cmd("mkfifo", [&fifo]).run().unwrap();
    std::fs::create_dir(site.path("folder")).unwrap();
    let folder = site.path("folder");
    let list = |name: &str, more: &str| {
        let image = "[[image]]\nsource = \"localhost:1/a\"\ntag = \"1\"\n";
        write(&site.inner, name, format!("{image}{more}"));
    };
    for special in [fifo.as_path(), Path::new("/dev/zero"), folder.as_path()] {
        let path = special.to_str().unwrap();
        list("ca.toml", &format!("[registries.\"localhost:1\"]\nca-file = \"{path}\"\n"));
        list("keys.toml", &format!("[[policy.signatures]]\nsource = \"*\"\nkeys = [\"{path}\"]\n"));
        let signature = site.path("site.tar.sig");
        drop(std::fs::remove_file(&signature));
        std::os::unix::fs::symlink(special, &signature).unwrap();
        write(&site.inner, "site.pub", crate::support::signing::Signer::new().public_key());
        let table: [&[&str]; 6] = [
            &["mirror", "--images", "ca.toml", "-d", "localhost:1"],
            &["mirror", "--images", "keys.toml", "-d", "localhost:1"],
            &["mirror", "--images", path, "-d", "localhost:1"],
            &["bundle", "verify", &bundle, "--require-signature", path],
            &["bundle", "verify", &bundle, "--require-signature", "site.pub"],
            &["bundle", "verify", path],
        ];
        for arguments in table {
            let refused = site.inside(arguments);
            assert_eq!(refused.exit_code, 2, "{arguments:?}: {refused:?}");
            assert_says(&refused.stderr, &["error: "]);
        }
        let refused = site.outside(&["bundle", "export", "new", "--against", path]);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(&refused.stderr, &[path, "it is "]);
    }
}
