//! What breaks a rule today, and may only become less: a line each in `tests/tidy/known/NAME.list`.
//!
//! Where files have moved, `VESTIBULE_WRITE_KNOWN=1 cargo test --test tidy` writes the lists anew.

use crate::{assert_none, read, root};

/// The known entries of this name.
fn entries(name: &str) -> Vec<String> {
    read(&path(name)).lines().map(str::to_owned).collect()
}

fn path(name: &str) -> String {
    format!("tests/tidy/known/{name}.list")
}

/// Holds what is `found` to what is known.
#[track_caller]
pub(crate) fn assert_known(name: &str, mut found: Vec<String>) {
    if std::env::var_os("VESTIBULE_WRITE_KNOWN").is_some() {
        found.sort();
        let text: String = found.iter().map(|entry| format!("{entry}\n")).collect();
        std::fs::write(root().join(path(name)), text).unwrap();
        return;
    }
    assert_none(&complaints(name, &entries(name), &found));
}

/// What is not known is new, and what is known and not found is to be taken out of the list.
fn complaints(name: &str, known: &[String], found: &[String]) -> Vec<String> {
    let new = found.iter().filter(|entry| !known.contains(entry));
    let gone = known.iter().filter(|entry| !found.contains(entry));
    let new = new.map(|entry| format!("{name}: {entry}"));
    new.chain(gone.map(|entry| format!("take this out of {}: {entry}", path(name)))).collect()
}

#[test]
fn a_list_of_what_is_known_may_only_shrink() {
    let list = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    assert_none(&complaints("x", &list("a b"), &list("a b")));
    assert_eq!(complaints("x", &list("a"), &list("a b")), ["x: b"]);
    assert_eq!(complaints("x", &list("a b c"), &list("a b")).len(), 1);
}
