//! The dashboard and the alerts ask for what a server really shows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::server::Server;
use crate::support::tls::with_lines;

const DASHBOARD: &str = include_str!("../../deploy/grafana/vestibule.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const CASES: &str = include_str!("../../deploy/prometheus/alerts.test.yml");
const METRICS: &str = include_str!("../../docs/metrics.md");
const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");

/// Labels that Prometheus adds by itself.
const ADDED: [&str; 2] = ["job", "instance"];

type Labels = BTreeMap<String, String>;

/// The samples of a server's `/metrics`, by their names.
fn samples(text: &str) -> BTreeMap<String, Vec<Labels>> {
    let mut samples: BTreeMap<String, Vec<Labels>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let matchers = matchers(labels.trim_end_matches('}'));
        let labels = matchers.into_iter().map(|it| (it.label, it.value)).collect();
        samples.entry(name.to_owned()).or_default().push(labels);
    }
    samples
}

struct Matcher {
    label: String,
    is_pattern: bool,
    value: String,
}

/// `a="b",c=~"d|e"`; none of our values holds a quote or a comma.
fn matchers(text: &str) -> Vec<Matcher> {
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    let matcher = |part: &str| {
        let (left, value) = part.trim().trim_end_matches('"').split_once('"').unwrap();
        let label = left.trim_end_matches(['=', '~', '!']).to_owned();
        Matcher { label, is_pattern: left.ends_with('~'), value: value.to_owned() }
    };
    parts.map(matcher).collect()
}

/// What is wrong with the series that an expression asks for.
fn complaints(expression: &str, samples: &BTreeMap<String, Vec<Labels>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut rest = expression;
    let starts = ["vestibule_", "process_"];
    while let Some(start) = starts.iter().filter_map(|start| rest.find(start)).min() {
        rest = &rest[start..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let selector = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let (inside, after) = selector.unwrap_or(("", after));
        rest = after;
        let Some(series) = samples.get(name) else {
            wrong.push(format!("nothing is called {name}, in {expression}"));
            continue;
        };
        for matcher in matchers(inside).iter().filter(|it| !ADDED.contains(&it.label.as_str())) {
            let values = matcher.value.split('|').filter(|_| matcher.is_pattern);
            let whole = (!matcher.is_pattern).then_some(matcher.value.as_str());
            for value in values.chain(whole) {
                if !series
                    .iter()
                    .any(|labels| labels.get(&matcher.label).is_some_and(|v| v == value))
                {
                    wrong.push(format!("no {name} has {}=\"{value}\"", matcher.label));
                }
            }
        }
    }
    wrong
}

/// Names in `by (…)` and `without (…)`, in `{{…}}` of a legend, and after `$labels.`.
fn labels_named(text: &str) -> Vec<String> {
    let lists = ["by (", "without ("].into_iter().flat_map(|start| text.split(start).skip(1));
    let lists = lists.filter_map(|rest| rest.split(')').next()).flat_map(|list| list.split(','));
    let legend = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    let legend = legend.map(|name| name.trim().trim_start_matches("$labels."));
    lists.map(str::trim).chain(legend).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_ask_for_series_that_exist() {
    let all = servers().each_ref().map(|server| server.call("GET /metrics", "", "").1).concat();
    let samples = samples(&all);
    let known = samples.values().flatten().flat_map(|labels| labels.keys().map(String::as_str));
    let known: BTreeSet<&str> = known.chain(ADDED).collect();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for text in expressions().iter().chain(alerts().iter().map(|alert| &alert.expression)) {
        wrong.extend(complaints(text, &samples));
        asked += 1;
    }
    let alerts: String = ALERTS.lines().filter(|line| line.contains("$labels")).collect();
    let named = legends().into_iter().chain(expressions()).chain([alerts]);
    for label in named.flat_map(|text| labels_named(&text)) {
        if !known.contains(label.as_str()) && !label.contains("$value") {
            wrong.push(format!("there is no label {label}"));
        }
    }
    assert!(asked > 60, "{asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And what is not there would be found.
    for (broken, count) in [
        ("rate(vestibule_conections[5m])", 1),
        ("sum(vestibule_connections{state=\"conected\",job=\"x\"}) / process_max_fds", 1),
        ("vestibule_auth_total{result!~\"accepted|timout\"} + process_fds", 2),
    ] {
        assert_eq!(complaints(broken, &samples).len(), count, "{broken}");
    }
    assert_eq!(labels_named("sum by (a, b) (x) {{c}} {{ $labels.d }}"), ["a", "b", "c", "d"]);
}

/// Servers that show every family: with the recipe chat there are the series of its storage, its accounts
/// and its model; others have a backend, which need not be there, a certificate, and a cluster.
fn servers() -> [Server; 3] {
    let model = "[assistant]\nurl = 'http://127.0.0.1:9/v1/chat/completions'\nmodel = 'any'\n";
    [
        Server::start("recipes", model),
        Server::start("", "[backend]\nurl = \"http://127.0.0.1:9\"\n"),
        Server::start("memory-open", &with_lines("[cluster]\nurl = 'redis://127.0.0.1:9'\n")),
    ]
}

/// What `document` has below the heading of this anchor, down to the next one.
fn section(document: &str, anchor: &str) -> String {
    let parts = document.split("\n#").skip(1);
    let mut below = parts.filter(|part| {
        let heading = part.lines().next().unwrap_or_default().trim_start_matches('#').trim();
        heading.to_lowercase().replace('\'', "").replace(' ', "-") == anchor
    });
    below.next().unwrap_or_else(|| panic!("no heading {anchor}")).to_owned()
}

/// The row of docs/metrics.md that names this metric, with every section and page that it leads to.
fn row(name: &str) -> String {
    let name =
        ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.trim_end_matches(end));
    let named =
        |row: &&str| row.split(" | ").next().is_some_and(|it| it.contains(&format!("`{name}`")));
    let row = METRICS.lines().filter(|line| line.starts_with("| `")).find(named);
    let row = row.unwrap_or_else(|| panic!("no row of {name}"));
    let links = row.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let linked = links.map(|link| match link.split_once('#') {
        Some(("", anchor)) => section(METRICS, anchor),
        _ if link.starts_with("protocol.md") => include_str!("../../docs/protocol.md").to_owned(),
        _ if link.starts_with("operations.md") => {
            include_str!("../../docs/operations.md").to_owned()
        }
        _ => String::new(),
    });
    linked.fold(row.to_owned(), |text, more| text + &more)
}

/// Is this number in the text, and not a part of a longer one or of a name?
fn has_number(text: &str, number: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(number).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + number.len()..].starts_with(is_part)
    })
}

/// The values of labels that the text does not name, by its row.
fn unnamed(
    samples: &BTreeMap<String, Vec<Labels>>,
    row: impl Fn(&str) -> String,
) -> BTreeSet<String> {
    // A bucket's bound and a version are of no list; the outcomes of calls have a table of their own.
    let values = |labels: &Labels| {
        let listed = labels.clone().into_iter();
        listed.filter(|(label, _)| !["le", "version", "outcome"].contains(&label.as_str()))
    };
    let all = samples.iter().flat_map(|(name, series)| {
        series.iter().flat_map(values).map(move |(label, value)| (name, label, value))
    });
    let missing = all.filter(|(name, _, value)| {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let row = row(name);
        if is_number { !has_number(&row, value) } else { !row.contains(&format!("`{value}`")) }
    });
    missing.map(|(name, label, value)| format!("{name}: {label}=\"{value}\"")).collect()
}

#[test]
fn every_value_of_a_label_is_documented() {
    let all = servers().each_ref().map(|server| server.call("GET /metrics", "", "").1).concat();
    let samples = samples(&all);
    let labelled = samples.values().flatten().filter(|labels| !labels.is_empty()).count();
    assert!(labelled > 200, "{labelled}");
    let missing = unnamed(&samples, row);
    assert!(missing.is_empty(), "not in docs/metrics.md: {missing:#?}");
    let broken = unnamed(&samples, |name| row(name).replace("`presence`", ""));
    assert_eq!(broken.len(), 1, "{broken:?}");
    let broken = unnamed(&samples, |name| row(name).replace("429", "4290"));
    assert!(broken.iter().any(|it| it.ends_with("status=\"429\"")), "{broken:?}");
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().unwrap().clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// Each text of this name in the panels' targets.
fn of_targets(name: &str) -> Vec<String> {
    let targets = panels().into_iter().flat_map(|it| it["targets"].as_array().unwrap().clone());
    targets.map(|target| target[name].as_str().unwrap().to_owned()).collect()
}

fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let restarts = dashboard["annotations"]["list"][0]["expr"].as_str().unwrap();
    of_targets("expr").into_iter().chain([restarts.to_owned()]).collect()
}

fn legends() -> Vec<String> {
    of_targets("legendFormat")
}

#[test]
fn panels_are_described_and_do_not_overlap() {
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["description"].as_str().unwrap().ends_with('.'), "{title}: a description");
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(unit.as_str().is_some_and(|unit| !unit.is_empty()), "{title}: a unit");
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is another's");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(
                target["expr"].as_str().unwrap().contains("instance=~\"$instance\""),
                "{title}"
            );
        }
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(place[0] + place[2] <= 24, "{title}");
        for x in place[0]..place[0] + place[2] {
            for y in place[1]..place[1] + place[3] {
                assert!(taken.insert((x, y)), "{title} lies on another");
            }
        }
    }
}

struct Alert {
    name: String,
    expression: String,
    runbook: String,
}

/// The rules of `alerts.yml`, by the way it is written: `expr:` is a line, or `>-` and lines.
fn alerts() -> Vec<Alert> {
    let after = |line: &str, key: &str| Some(line.trim().strip_prefix(key)?.trim().to_owned());
    let alert = |text: &str| {
        let (name, rest) = text.split_once('\n').unwrap();
        let (_, from_expression) = rest.split_once("expr:").unwrap();
        let ends = ["\n        for:", "\n        labels:"];
        let end = ends.iter().filter_map(|end| from_expression.find(end)).min().unwrap();
        let expression = from_expression[..end].trim().trim_start_matches(">-").to_owned();
        let runbook = rest.lines().find_map(|line| after(line, "runbook:")).unwrap();
        Alert { name: name.trim().to_owned(), expression, runbook }
    };
    ALERTS.split("- alert: ").skip(1).map(alert).collect()
}

#[test]
fn every_alert_leads_to_what_to_do_and_has_its_case() {
    let alerts = alerts();
    assert!(alerts.len() > 15);
    for Alert { name, runbook, .. } in &alerts {
        let anchor = name.to_lowercase();
        assert_eq!(*runbook, format!("docs/troubleshooting.md#{anchor}"));
        let heading = format!("\n### {name}\n");
        assert!(
            TROUBLESHOOTING.contains(&heading),
            "docs/troubleshooting.md has no section {name}"
        );
        let case = CASES.split_once(&format!("\n  - name: {name}\n")).map(|(_, rest)| rest);
        let case = case.unwrap_or_else(|| panic!("alerts.test.yml: {name}"));
        let (case, _) = case.split_once("\n  - name: ").unwrap();
        assert!(case.ends_with("exp_alerts: []"), "alerts.test.yml: {name} does not end");
        assert!(case.contains("exp_annotations:"), "alerts.test.yml: {name} does not fire");
    }
    let sections = TROUBLESHOOTING.lines().filter_map(|line| line.strip_prefix("### Vestibule"));
    for section in sections {
        let is_there = alerts.iter().any(|alert| alert.name == format!("Vestibule{section}"));
        assert!(is_there, "docs/troubleshooting.md: there is no alert Vestibule{section}");
    }
}
