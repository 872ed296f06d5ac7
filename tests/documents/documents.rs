//! The documentation says what the code does.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::IgnoredAny;
use toml::{Table, Value};
use vestibule::config::Config;

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");

/// Key and default of each table row that starts with them: ``| `key` | `default` | …``.
fn documented() -> BTreeMap<String, String> {
    let code = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
    let rows = CONFIGURATION.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|');
        Some((code(cells.next()?)?, code(cells.next()?)?))
    });
    rows.collect()
}

#[test]
fn every_key_and_no_other_is_documented() {
    let mut defaults = BTreeMap::new();
    for (key, value) in Table::try_from(Config::program_defaults()).unwrap() {
        match value {
            Value::Table(section) => {
                let inner = section.into_iter();
                defaults.extend(inner.map(|(name, v)| (format!("{key}.{name}"), v.to_string())));
            }
            value => drop(defaults.insert(key, value.to_string())),
        }
    }
    assert_eq!(
        documented(),
        defaults,
        "write the tables anew: `VESTIBULE_WRITE_SCHEMA=1 cargo test --features schema --test schema`"
    );
}

/// Every document and what is in it, by its path in the repository.
pub(crate) fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = ["examples/cluster", "examples/fastapi", "examples/node-backend"];
    let folders = ["", "docs", "client", "benches/compare"].into_iter().chain(examples);
    let files = folders.flat_map(|folder| {
        let names = fs::read_dir(root.join(folder)).unwrap();
        names.map(move |entry| Path::new(folder).join(entry.unwrap().file_name()))
    });
    let mut documents: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| {
            let text = fs::read_to_string(root.join(&path)).unwrap();
            (path.to_str().unwrap().to_owned(), text)
        })
        .collect();
    documents.sort();
    assert!(documents.len() > 15, "{documents:?}");
    documents
}

/// A piece between fences.
pub(crate) struct Block {
    pub(crate) document: String,
    language: String,
    pub(crate) text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (document, text) in documents() {
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (open.take(), line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => {
                    let (document, language) = (document.clone(), language.to_owned());
                    open = Some(Block { document, language, text: String::new() });
                }
                (Some(block), Some(_)) => blocks.push(block),
                (Some(mut block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{document}: a fence that is not closed");
    }
    blocks
}

/// Those in one of these languages; a test that finds none looks in the wrong place.
pub(crate) fn blocks_in(languages: &[&str]) -> Vec<Block> {
    let mut blocks = blocks();
    blocks.retain(|block| languages.contains(&block.language.as_str()));
    assert!(!blocks.is_empty(), "none in {languages:?}");
    blocks
}

#[test]
fn every_toml_block_is_a_valid_configuration() {
    let is_configuration = |block: &Block| !block.text.contains("[dependencies]");
    for Block { document, text, .. } in blocks_in(&["toml"]).into_iter().filter(is_configuration) {
        let config: Config = toml::from_str(&text).unwrap_or_else(|fault| {
            panic!("{document}: {fault}");
        });
        assert_eq!(config.faults(), [], "{document}: {text}");
    }
}

/// The lines for a `Cargo.toml`, which name no feature that is not there.
#[test]
fn dependency_lines_name_the_features_there_are() {
    let manifest: Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let mut named = 0;
    for Block { document, text, .. } in blocks_in(&["toml"]) {
        let Some((_, lines)) = text.split_once("[dependencies]") else { continue };
        let lines: Table = toml::from_str(lines).unwrap();
        let features = lines["vestibule"].get("features").and_then(Value::as_array);
        for feature in features.into_iter().flatten().filter_map(Value::as_str) {
            assert!(manifest["features"].get(feature).is_some(), "{document}: {feature}");
            named += 1;
        }
    }
    assert!(named > 1, "no feature is named");
}

#[test]
fn every_json_block_is_json() {
    for Block { document, text, .. } in blocks_in(&["json"]) {
        // Where a sentence stands between them, there are several.
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<IgnoredAny>();
        assert!(values.all(|value| value.is_ok()), "{document}: {text}");
    }
}

/// `scripts/as-written` types them, or names what runs them. Here a shell reads them, which finds what
/// is not closed.
#[test]
fn every_shell_block_can_be_read_by_a_shell() {
    for Block { document, text, .. } in blocks_in(&["sh"]) {
        let mut shell = Command::new("sh")
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = shell.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success() && said.is_empty(), "{document}: {said}\n{text}");
    }
}

/// What is a program is built by somebody: Rust as a documentation test, TypeScript by
/// `client/test/docs.test.ts`, and every other is a file of `examples`, which `./test` runs.
#[test]
fn every_program_in_the_documents_is_built() {
    let library = include_str!("../../src/lib.rs");
    let examples: Vec<String> =
        ["clients", "clients/go", "fastapi", "migration", "quickstart", "../benches/compare/peers"]
            .iter()
            .flat_map(|folder| {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
                fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path())
            })
            .filter(|path| path.is_file())
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
    for Block { document, language, text } in blocks() {
        let is_built = match language.as_str() {
            "rust" | "rust,no_run" => library.contains(&format!("include_str!(\"../{document}\")")),
            "ts" | "tsx" => ["client/README.md", "docs/client.md"].contains(&document.as_str()),
            // A page may show a part of a file.
            "go" | "js" | "jsx" | "python" => examples.iter().any(|file| file.contains(&text)),
            language => NO_PROGRAMS.contains(&language),
        };
        assert!(is_built, "{document}: nobody builds this in `{language}`:\n{text}");
    }
}

/// Languages of what is no program. The first three are read by the tests above, `http` by
/// `tests/protocol/golden.rs`, what a server logs (`console`) by `scripts/as-written`, and `promql` and
/// `yaml` by `scripts/prometheus`. Nothing reads all of `text`: most are drawings.
const NO_PROGRAMS: [&str; 9] =
    ["toml", "json", "sh", "http", "console", "promql", "yaml", "ini", "text"];
