use super::*;
use crate::results::parse;
use crate::results::tests::sample;

fn run(scenario: Scenario, server: &str, cpu: f64) -> Run {
    let outcome = parse(&sample(cpu, 0)).unwrap();
    Run { scenario, round: 0, server: server.to_owned(), outcome }
}

fn figures() -> Figures {
    let runs = [
        run(Scenario::Storm, "floor", 20.0),
        run(Scenario::Storm, "vestibule", 25.0),
        run(Scenario::Room100, "vestibule", 2.0),
        run(Scenario::Room10000, "vestibule", 2.2),
        run(Scenario::TlsStorm, "vestibule", 90.0),
        run(Scenario::TlsStorm, "nginx", 180.0),
    ];
    Figures::new(1, 2, &runs)
}

#[test]
fn our_column_is_first_and_ratios_are_ours() {
    let figures = figures();
    let row = "| CPU µs: connect, upgrade, HS256, join, close | 25 | 20";
    let full = figures.tables["full"].markdown();
    assert!(full.contains(&format!("{row} | 1.25 |\n")), "{full}");
    let short = figures.tables["short"].markdown();
    assert!(short.contains(&format!("{row} |\n")), "{short}");
    let tls = figures.tables["tls"].markdown();
    assert!(
        tls.starts_with("| measurement | Vestibule | nginx in front | ratio to nginx"),
        "{tls}"
    );
    assert!(tls.contains("| 90 | 180 | 0.50 |"), "{tls}");
}

#[test]
fn figures_have_no_more_digits_than_were_measured() {
    let shown = [0.4, 0.156, 1.05, 2.4, 4.0, 24.1, 82.0, 697.0, 9_188.0].map(figure);
    assert_eq!(shown, ["0.40", "0.16", "1.05", "2.4", "4.0", "24.1", "82", "697", "9,188"]);
}

#[test]
fn a_large_room_is_compared_with_a_small_one() {
    let rooms = figures().tables["rooms"].markdown();
    assert!(rooms.contains("one delivery to a room of 10,000 | 2.2 | –"), "{rooms}");
    assert!(rooms.contains("10,000 by one to 100 | 1.1 | – | – |"), "{rooms}");
}

#[test]
fn only_tables_between_marks_are_replaced() {
    let figures = figures();
    let text = "a\n<!-- compare: tls -->\nold\n<!-- /compare -->\nb\n\
                <!-- compare: other -->\nkept\n<!-- /compare -->\n";
    let replaced = figures.replace_in(text).unwrap();
    let table = figures.tables["tls"].markdown();
    let start = format!("a\n<!-- compare: tls -->\n{table}<!-- /compare -->\nb\n");
    assert!(replaced.starts_with(&start), "{replaced}");
    assert!(replaced.contains("\nkept\n"), "{replaced}");
    assert_eq!(figures.replace_in(&replaced).unwrap(), replaced);
    assert!(figures.replace_in("<!-- compare: tls -->\n").is_err());
}

/// Whoever changes a figure in a README changes it in the results, or runs the comparison.
#[test]
fn readmes_show_the_committed_figures() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
    let figures: Figures = serde_json::from_str(&read("benches/compare/results.json")).unwrap();
    for (path, names) in [
        ("README.md", ["short", "tls"].as_slice()),
        ("benches/compare/README.md", &["full", "rooms", "tls"]),
    ] {
        let text = read(path);
        for name in names.iter().filter(|&&name| figures.tables.contains_key(name)) {
            assert!(text.contains(&format!("{BEGIN}{name} -->")), "{path} has no table `{name}`");
        }
        assert_eq!(figures.replace_in(&text).unwrap(), text, "{path}");
    }
}
