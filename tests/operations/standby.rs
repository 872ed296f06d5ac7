//! A standby of the recipe chat, as docs/operations.md describes it, by `scripts/standby`.

use std::process::Command;

use crate::support::process::BINARY;

#[test]
fn a_standby_has_all_that_the_backup_had() {
    let root = env!("CARGO_MANIFEST_DIR");
    let tried = Command::new("scripts/standby")
        .args([BINARY, "3", "2"])
        .current_dir(root)
        .output()
        .unwrap();
    let (said, errors) =
        (String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    assert!(tried.status.success(), "{errors}");
    assert_eq!(said, "the standby has 3 of 5 accounts; lost since the backup: 2\n");
}
