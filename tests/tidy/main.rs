//! What clippy cannot hold: who may import whom, how long a file or a function may be, what has which
//! name, and that the documentation names what the code has.
//!
//! Every rule is a function from text to complaints, and has a case that it must complain about.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod cycles;
mod dependencies;
mod documents;
mod files;
mod known;
mod layers;
mod logs;
mod names;
mod paths;
mod words;

use std::path::{Path, PathBuf};

/// The project's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Where documents are.
const DOCUMENTS: [&str; 10] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benches",
    "client/README.md",
    "docs",
    "examples",
    "fuzz/README.md",
    "tests/fixtures/texts",
];

/// Every file below `folders` whose name ends in one of `endings`, by its path from the root, with
/// its text. A folder that is not there has no files.
fn tree(folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", ".git", "artifacts"].contains(&&*name) {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let from_root = path.strip_prefix(root()).unwrap();
            found.push((from_root.to_string_lossy().replace('\\', "/"), text));
        }
    }
    found.sort();
    found
}

/// Fails with every complaint on a line of its own.
#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
