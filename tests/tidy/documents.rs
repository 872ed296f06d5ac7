//! Documents: that they name what the code has, and nothing that is not there.

use vestibule::Config;
use vestibule::protocol::{CloseReason, ErrorCode, Reconnect};

use crate::{DOCUMENTS, assert_none, read, root, tree};

/// The advice of the table, in words.
fn advice(reconnect: Reconnect) -> &'static str {
    match reconnect {
        Reconnect::No => "no",
        Reconnect::Yes => "yes",
        Reconnect::WithBackOff => "yes, with back-off",
        Reconnect::AfterRefresh => "yes, after a refresh",
        Reconnect::OnceAfterRefresh => "once, after a refresh",
        Reconnect::AfterAMinute => "yes, after a minute",
    }
}

/// How the table of close reasons begins its row for `reason`.
fn row(reason: CloseReason) -> String {
    let text = match reason.text() {
        "" => "empty".to_owned(),
        text => format!("`{text}`"),
    };
    let (code, label, advice) = (reason.code(), reason.label(), advice(reason.reconnect()));
    format!("| {code} | {text} | `{label}` | {advice} |")
}

fn missing_rows(document: &str, rows: &[String]) -> Vec<String> {
    let is_there = |row: &&String| document.lines().any(|line| line.starts_with(row.as_str()));
    rows.iter().filter(|row| !is_there(row)).map(|row| format!("there is no row {row}")).collect()
}

/// Which of `names` are not in `document` in code font.
fn unnamed<'a>(document: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let missing = names.filter(|name| !document.contains(&format!("`{name}`")));
    missing.map(|name| format!("`{name}` is not named")).collect()
}

/// The public fields of the struct of this name.
fn fields<'a>(source: &'a str, name: &str) -> Vec<&'a str> {
    let (_, body) = source.split_once(&format!("pub struct {name} {{")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
    fields.map(|(name, _)| name).collect()
}

/// What a document names in code font or links to, as far as it is a file of ours.
fn named_files(document: &str) -> Vec<String> {
    let folders = [
        "src/",
        "tests/",
        "docs/",
        "examples/",
        "benches/",
        "fuzz/",
        "client/",
        "deploy/",
        "page/",
        "scripts/",
    ];
    let quoted = document.split('`').skip(1).step_by(2);
    let mut named: Vec<String> = quoted
        .clone()
        .filter(|text| folders.iter().any(|folder| text.starts_with(folder)))
        .map(|text| text.split(['#', ' ']).next().unwrap_or_default().to_owned())
        .collect();
    let links = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = links.filter(|link| !link.contains("://") && !link.starts_with(['#', 'm']));
    named.extend(ours.map(|link| link.split('#').next().unwrap_or_default().to_owned()));
    for (flag, folder) in [("--example ", "examples"), ("--bench ", "benches")] {
        let uses = document.split(flag).skip(1);
        let name = |rest: &str| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            format!("{folder}/{}.rs", &rest[..end])
        };
        named.extend(uses.map(name));
    }
    named.retain(|name| !name.is_empty() && !name.contains(['*', '{', '…', '<']));
    named
}

/// The files that `document`, which lies in `folder`, names and that are not there.
fn dead_names(folder: &str, document: &str) -> Vec<String> {
    // An example is a file or a folder.
    let as_folder = |name: &str| name.replace(".rs", "/main.rs");
    let is_dead = |name: &String| {
        let places =
            [root().join(name), root().join(folder).join(name), root().join(as_folder(name))];
        !places.iter().any(|place| place.exists())
    };
    named_files(document).into_iter().filter(is_dead).map(|n| format!("no file {n}")).collect()
}

/// How links call a heading: in lower case, its blanks as hyphens, and nothing but words.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept: String = heading.trim_start_matches('#').trim().chars().filter(is_kept).collect();
    kept.to_lowercase().replace(' ', "-")
}

/// The links of `document` that lead to no heading. `read` gives the text of another file.
fn dead_anchors(document: &str, read: impl Fn(&str) -> String) -> Vec<String> {
    let links = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let ours = links.filter(|link| !link.contains("://"));
    let is_dead = |file: &str, name: &str| {
        let other = if file.is_empty() { document.to_owned() } else { read(file) };
        !other.lines().any(|line| line.starts_with('#') && anchor(line) == name)
    };
    let parts = ours.filter_map(|link| link.split_once('#'));
    let parts = parts.filter(|(file, _)| file.is_empty() || file.ends_with(".md"));
    let dead = parts.filter(|(file, name)| is_dead(file, name));
    dead.map(|(file, name)| format!("no heading {file}#{name}")).collect()
}

/// The tests that a document's tables name, where their last column is "guarded by".
fn guards(document: &str) -> Vec<String> {
    let (mut is_guarded, mut names) = (false, Vec::new());
    for line in document.lines() {
        let last = line.strip_suffix('|').and_then(|row| row.rsplit('|').next()).map(str::trim);
        match last {
            None => is_guarded = false,
            Some("guarded by") => is_guarded = true,
            Some(cell) if is_guarded => {
                names.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
            }
            Some(_) => {}
        }
    }
    names
}

/// The closes that the prose of a document names: behind a code, or behind "closed with".
fn named_closes(document: &str) -> Vec<(Option<u16>, String)> {
    let outside = document.split("```").step_by(2).collect::<String>();
    let flat = outside.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = flat.split('`').collect();
    let quoted = parts.windows(2).step_by(2).filter_map(|pair| {
        let [before, text] = pair else { return None };
        let before = before.trim_end();
        let words = before.rsplit(' ').next().unwrap_or_default();
        let code =
            words.trim_start_matches('(').parse().ok().filter(|it| (1000..1016).contains(it));
        let is_told = before.ends_with("closed with") || before.ends_with("closes with");
        let (code, text) = match text.split_once(' ') {
            Some((number, rest)) if is_told && number.parse::<u16>().is_ok() => {
                (number.parse().ok(), rest)
            }
            _ => (code, *text),
        };
        let is_reason = text.starts_with(|c: char| c.is_ascii_uppercase());
        (is_reason && (code.is_some() || is_told)).then(|| (code, text.to_owned()))
    });
    quoted.collect()
}

/// Those of them that the server never sends.
fn unknown_closes(document: &str) -> Vec<String> {
    let is_known = |(code, text): &(Option<u16>, String)| {
        CloseReason::ALL
            .iter()
            .any(|it| it.text() == text && code.is_none_or(|code| code == it.code()))
    };
    let unknown = named_closes(document).into_iter().filter(|it| !is_known(it));
    unknown.map(|(code, text)| format!("no close {code:?} `{text}`")).collect()
}

/// Where the rows of a numbered table do not count on from the row before.
fn misnumbered(document: &str) -> Vec<String> {
    let numbers = document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let numbers: Vec<u32> = numbers.filter_map(|cell| cell.parse().ok()).collect();
    let wrong = (1..).zip(&numbers).filter(|(at, number)| at != *number);
    wrong.map(|(at, number)| format!("row {at} has the number {number}")).collect()
}

fn missing_tests(names: &[String], sources: &[(String, String)]) -> Vec<String> {
    let exists = |name: &&String| {
        let function = format!("fn {name}(");
        sources.iter().any(|(_, text)| text.contains(&function))
    };
    names.iter().filter(|name| !exists(name)).map(|name| format!("no test {name}")).collect()
}

#[test]
fn every_close_reason_is_documented() {
    let rows: Vec<_> = CloseReason::ALL.iter().map(|&reason| row(reason)).collect();
    let protocol = read("docs/protocol.md");
    assert_none(&missing_rows(&protocol, &rows));
    let (_, table) = protocol.split_once("| code | reason | label |").unwrap();
    let documented = table.lines().skip(2).take_while(|line| line.starts_with('|')).count();
    assert_eq!(documented, CloseReason::ALL.len(), "a row without a reason");
}

#[test]
fn closes_in_the_documents_are_those_of_the_server() {
    let places =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "client/README.md", "docs", "examples"];
    let (mut wrong, mut named) = (Vec::new(), 0);
    for (path, text) in tree(&places, &[".md"]) {
        named += named_closes(&text).len();
        wrong.extend(unknown_closes(&text).iter().map(|fault| format!("{path}: {fault}")));
    }
    assert!(named > 60, "{named}");
    assert_none(&wrong);
}

#[test]
fn every_fuzzer_is_documented() {
    let folder = std::fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let names: Vec<_> = names.map(|name| name.replace(".rs", "")).collect();
    let table = read("fuzz/README.md");
    let missing = names.iter().filter(|name| !table.contains(&format!("| `{name}` |")));
    assert_none(&missing.map(|name| format!("fuzz/README.md: no {name}")).collect::<Vec<_>>());
    let counted = ["Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"][names.len() - 7];
    assert!(read("README.md").contains(&format!("{counted} fuzzers run")), "{counted}");
}

#[test]
fn invariants_are_numbered() {
    assert_none(&misnumbered(&read("ARCHITECTURE.md")));
}

#[test]
fn every_error_code_is_documented() {
    let rows: Vec<_> = ErrorCode::ALL.iter().map(|c| format!("| `{}` | ", c.as_str())).collect();
    assert_none(&missing_rows(&read("docs/protocol.md"), &rows));
}

#[test]
fn every_counter_is_documented() {
    let source = read("src/node/observe/metrics.rs");
    let fields = fields(&source, "Metrics");
    assert!(fields.len() > 10, "{fields:?}");
    assert_none(&unnamed(&read("docs/metrics.md"), fields.into_iter()));
}

/// The texts in quotes that begin like this.
fn quoted<'a>(source: &'a str, start: &str) -> Vec<&'a str> {
    let texts = source.split('"').skip(1).step_by(2);
    texts.filter(|text| text.starts_with(start)).collect()
}

#[test]
fn every_collected_name_and_no_other_is_documented() {
    let document = read("docs/metrics.md");
    let sources = [
        "src/node/observe/families.rs",
        "src/node/observe/families/answers.rs",
        "src/node/observe/families/cluster.rs",
        "src/node/observe/families/fill.rs",
        "src/node/observe/families/keys.rs",
        "src/node/observe/dependency.rs",
        "src/recipes/counters.rs",
        "src/recipes/session_ends.rs",
        "src/backend/served/counts.rs",
        "src/cli/log.rs",
        "src/cli/reload.rs",
        "src/net/certificate.rs",
    ];
    let families = sources.map(read).concat();
    let process = read("src/net/process.rs");
    let mut names = quoted(&families, "vestibule_");
    let (process, _) = process.split_once("mod tests").unwrap();
    let backend = read("src/backend/counts.rs") + &read("src/backend.rs");
    names.extend(quoted(&backend, "vestibule_backend_"));
    let model = read("src/backend/model.rs");
    names.extend(quoted(&model, "vestibule_assistant_"));
    names.extend(quoted(process, "process_"));
    let storage = read("src/recipes/storage/health.rs");
    names.extend(quoted(&storage, "vestibule_storage_"));
    assert!(names.len() > 30, "{names:?}");
    assert_none(&unnamed(&document, names.iter().copied()));
    let ends = vestibule::node::AuthEnd::ALL.map(vestibule::node::AuthEnd::name);
    let calls = vestibule::node::Call::ALL.map(vestibule::node::Call::name);
    let phases = vestibule::node::Phase::ALL.map(vestibule::node::Phase::name);
    assert_none(&unnamed(&document, ends.into_iter().chain(calls).chain(phases)));
    let shown = document.split('`').skip(1).step_by(2);
    let ours = shown.filter(|name| name.starts_with("vestibule_") || name.starts_with("process_"));
    let dead = ours.filter(|name| !names.contains(name)).map(|name| format!("no {name}"));
    assert_none(&dead.collect::<Vec<_>>());
}

#[test]
fn every_limit_that_clients_meet_is_in_the_protocol() {
    // What a client meets only as the server being busy.
    let inner = [
        "recent_ends",
        "rooms",
        "workers",
        "worker_queue",
        "tls_queue",
        "storage_queue",
        "pending_per_turn",
    ];
    let limits = Config::keys().filter(|key| key.section() == "limits");
    let keys: Vec<_> = limits.filter(|key| !inner.contains(&key.name())).collect();
    assert!(keys.len() > 8, "{keys:?}");
    assert_none(&unnamed(&read("docs/protocol.md"), keys.iter().map(|key| key.path)));
}

#[test]
fn what_the_documents_name_is_there() {
    let mut wrong = Vec::new();
    let places =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "examples"];
    for (path, text) in tree(&places, &[".md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        wrong.extend(dead_names(folder, &text).iter().map(|dead| format!("{path}: {dead}")));
    }
    assert_none(&wrong);
}

#[test]
fn what_the_documents_link_to_has_its_heading() {
    let mut wrong = Vec::new();
    for (path, text) in tree(&DOCUMENTS, &[".md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let other = |file: &str| {
            std::fs::read_to_string(root().join(folder).join(file)).unwrap_or_default()
        };
        wrong.extend(dead_anchors(&text, other).iter().map(|dead| format!("{path}: {dead}")));
    }
    assert_none(&wrong);
}

#[test]
fn documents_are_guarded_by_tests_that_exist() {
    let architecture = read("ARCHITECTURE.md");
    assert!(architecture.lines().count() <= 250, "a page to hold in mind, not a book");
    let sources = tree(&["src", "tests"], &[".rs"]);
    for document in [architecture, read("docs/security.md")] {
        let guards = guards(&document);
        assert!(guards.len() > 10, "{guards:?}");
        assert_none(&missing_tests(&guards, &sources));
    }
}

#[test]
fn each_of_these_rules_can_fail() {
    let rows = [row(CloseReason::AuthTimeout), row(CloseReason::Normal)];
    let good = "| 1008 | `Authentication timeout` | `authentication_timeout` | yes | late |\n\
         | 1000 | empty | `normal` | no | bye |";
    assert_none(&missing_rows(good, &rows));
    assert_eq!(missing_rows(&good.replace("yes", "no"), &rows).len(), 1);
    assert_eq!(missing_rows(&good.replace("1000", "1001"), &rows).len(), 1);
    assert_eq!(unnamed("`a` b", ["a", "b"].into_iter()), ["`b` is not named"]);
    assert_eq!(fields("pub struct A {\n    pub b: u8,\n    c: u8,\n}\n", "A"), ["b"]);
    assert_none(&dead_names("docs", "`src/lib.rs`, [x](protocol.md#limits), [y](https://a.b)"));
    let dead = "`src/none.rs` [x](none.md) `cargo run --example none` --bench none";
    assert_eq!(dead_names("", dead).len(), 4);
    let closes = "with 1008\n`Rate limit exceeded`, 1001 `Nothing`, closed with `Too many`, closed with \
                  `1013 Slow consumer`, closed with `drain`";
    assert_eq!(named_closes(closes).len(), 4);
    assert_eq!(unknown_closes(closes).len(), 2);
    assert_eq!(misnumbered("| 1 | a |\n| 2 | b |\n| 2 | c |"), ["row 3 has the number 2"]);
    let linked = "## `a` and B, c\n[x](#a-and-b-c) [y](z.md#d) [w](#none)";
    assert_eq!(dead_anchors(linked, |_| "# D".to_owned()), ["no heading #none"]);
    let table = "| # | guarded by |\n| --- | --- |\n| `x` | `a_test`, `b` |\n\n| # |\n| `c` |";
    assert_eq!(guards(table), ["a_test", "b"]);
    let sources = [("a.rs".to_owned(), "fn a_test() {}".to_owned())];
    assert_eq!(missing_tests(&guards(table), &sources), ["no test b"]);
}
