//! The results of a load test, as a table or as one JSON object, and the progress bar.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use vestibule::time::Instant;

use super::figures::{Latency, Percentiles, grouped};
use super::meter::CpuTime;
use super::returned::Returned;

/// The number of failures by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Failures(BTreeMap<String, u64>);

impl Failures {
    pub(super) fn add(&mut self, reason: String) {
        self.add_many(reason, 1);
    }

    pub(super) fn add_many(&mut self, reason: String, count: u64) {
        *self.0.entry(reason).or_default() += count;
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// The measurements of a scenario.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) connections: u32,
    pub(super) operations: u64,
    pub(super) elapsed: Duration,
    pub(super) latency: Latency,
    /// The latency of the chat in quiet. Mixed, surge, and fanout with others.
    pub(super) quiet: Option<Latency>,
    /// The latency of the others' chat while a room gets messages. Fanout with others.
    pub(super) others: Option<Latency>,
    /// The CPU time of all operations.
    pub(super) cpu: CpuTime,
    /// Resident bytes that the server gained, and the number of connections.
    pub(super) growth: Option<(u64, u64)>,
    /// The server's CPU time while the connections were held, and how long that was. Idle only.
    pub(super) hold: Option<(Duration, Duration)>,
    /// Return only.
    pub(super) returned: Option<Returned>,
}

/// The report. Its serialised form is the JSON output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LoadReport {
    scenario: &'static str,
    connections: u32,
    operations: u64,
    seconds: f64,
    operations_per_second: f64,
    latency_us: Percentiles,
    quiet_latency_us: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others_latency_us: Option<Percentiles>,
    #[serde(flatten)]
    returned: Option<Returned>,
    server: Option<ServerUsage>,
    failed: u64,
    failures: Failures,
    #[serde(skip)]
    url: String,
    /// The load test's own CPU time over the same operations.
    #[serde(skip)]
    own_cpu: Option<Duration>,
    /// The number of `auth_required` messages, which the load test does not answer.
    #[serde(skip)]
    auth_required: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct ServerUsage {
    cpu_us_per_operation: Option<f64>,
    rss_bytes_per_connection: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_cpu_us: Option<u64>,
    #[serde(skip)]
    hold: Duration,
}

impl LoadReport {
    pub(super) fn new(
        scenario: &'static str,
        url: &str,
        measured: &Measured,
        failures: Failures,
        auth_required: u64,
    ) -> Self {
        let operations = measured.operations;
        let seconds = measured.elapsed.as_secs_f64();
        let each = |cpu: Duration| tenths(micros(cpu) / operations.max(1) as f64);
        let server =
            (measured.cpu.server.is_some() || measured.growth.is_some()).then(|| ServerUsage {
                cpu_us_per_operation: measured.cpu.server.filter(|_| operations > 0).map(each),
                rss_bytes_per_connection: measured
                    .growth
                    .map(|(bytes, connections)| bytes / connections.max(1)),
                hold_cpu_us: measured.hold.map(|(cpu, _)| cpu.as_micros() as u64),
                hold: measured.hold.map_or(Duration::ZERO, |(_, length)| length),
            });
        Self {
            scenario,
            connections: measured.connections,
            operations,
            seconds: (seconds * 1_000.0).round() / 1_000.0,
            operations_per_second: tenths(operations as f64 / seconds.max(1e-6)),
            latency_us: measured.latency.percentiles(),
            returned: measured.returned,
            others_latency_us: measured.others.as_ref().map(Latency::percentiles),
            quiet_latency_us: measured.quiet.as_ref().map(Latency::percentiles),
            server,
            failed: failures.total(),
            failures,
            url: url.to_owned(),
            own_cpu: measured.cpu.own,
            auth_required,
        }
    }

    /// One line for standard error, if anything failed.
    pub(super) fn fault(&self) -> Option<String> {
        let (reason, _) = self.failures.0.iter().max_by_key(|(_, count)| **count)?;
        let more = match self.failures.0.len() {
            1 => String::new(),
            2 => ", and 1 more reason".to_owned(),
            n => format!(", and {} more reasons", n - 1),
        };
        Some(format!("{} failed: {reason}{more}", grouped(self.failed)))
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.scenario {
            "idle" => ("connections", "connect, upgrade, auth"),
            "pending" => ("timed-out sockets", "later than --auth-timeout"),
            "storm" => ("authentications", "connect, upgrade, auth"),
            "chat" => ("round trips", "round trip"),
            "fanout" => ("deliveries", "send to delivery"),
            "surge" => ("operations", "chat among arrivals"),
            "return" => ("returns", "lost to back"),
            _ => ("operations", "chat in the storm"),
        }
    }
}

/// The table for people.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operations, latency) = self.words();
        let title = format!("{} · {} connections", self.scenario, grouped(self.connections.into()));
        writeln!(f, "\n  {title} · {}\n", self.url)?;
        let mut row = |name: &str, value: &str| writeln!(f, "  {name:<34} {value}");
        row(operations, &format!("{} in {:.2} s", grouped(self.operations), self.seconds))?;
        row("per second", &grouped(self.operations_per_second.round() as u64))?;
        if let Some(quiet) = &self.quiet_latency_us {
            row("latency: chat in quiet", &quiet.to_string())?;
        }
        if let Some(others) = &self.others_latency_us {
            row("latency: chat during the fan-out", &others.to_string())?;
        }
        if self.operations > 0 {
            row(&format!("latency: {latency}"), &self.latency_us.to_string())?;
        }
        for (name, value) in self.returned.iter().flat_map(Returned::rows) {
            row(name, &value)?;
        }
        if let Some(server) = &self.server {
            if let Some(cpu) = server.cpu_us_per_operation {
                row("server CPU per operation", &format!("{cpu:.1} µs"))?;
            }
            if let Some(bytes) = server.rss_bytes_per_connection {
                row("server memory per connection", &format!("{} bytes", grouped(bytes)))?;
            }
            if let Some(cpu) = server.hold_cpu_us {
                let hold = server.hold.as_secs_f64();
                row("server CPU while held", &format!("{} µs in {hold:.1} s", grouped(cpu)))?;
            }
        }
        if let Some(cpu) = self.own_cpu.filter(|_| self.operations > 0) {
            let each = micros(cpu) / self.operations.max(1) as f64;
            row("load test CPU per operation", &format!("{each:.1} µs"))?;
        }
        if self.auth_required > 0 {
            row("unanswered auth_required", &grouped(self.auth_required))?;
        }
        row("failed", &grouped(self.failed))?;
        for (reason, count) in &self.failures.0 {
            writeln!(f, "    {:>8}  {reason}", grouped(*count))?;
        }
        Ok(())
    }
}

/// The progress bar on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    next: Instant,
}

impl Progress {
    /// Creates the bar. It is hidden if standard error is not a terminal.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("  {msg:24} {bar:40.cyan/blue} {percent:>3} %  {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar, next: Instant::START }
    }

    pub(super) fn show(&mut self, label: &'static str) {
        self.bar.set_message(label);
        self.bar.set_position(0);
        self.next = Instant::START;
    }

    /// Draws the bar, at most ten times a second.
    pub(super) fn draw(&mut self, now: Instant, progress: impl FnOnce() -> (u64, u64)) {
        if now < self.next || self.bar.is_hidden() {
            return;
        }
        self.next = now + INTERVAL;
        let (done, all) = progress();
        self.bar.set_length(all.max(1));
        self.bar.set_position(done.min(all));
    }

    pub(super) fn hide(&mut self) {
        self.bar.finish_and_clear();
    }
}

const INTERVAL: Duration = Duration::from_millis(100);

fn micros(length: Duration) -> f64 {
    length.as_nanos() as f64 / 1e3
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let mut latency = Latency::new();
        for micros in 1..=1_000 {
            latency.record(Duration::from_micros(micros));
        }
        Measured {
            connections: 10,
            operations: 1_000,
            elapsed: Duration::from_millis(500),
            latency,
            quiet: None,
            cpu: CpuTime::default(),
            growth: None,
            others: None,
            hold: None,
            returned: None,
        }
    }

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let percentiles = measured().latency.percentiles();
        assert_eq!(percentiles, Percentiles { p50: 500, p99: 990, p999: 999, max: 1_000 });
    }

    #[test]
    fn empty_latencies_are_zero() {
        let percentiles = Latency::new().percentiles();
        assert_eq!(percentiles, Percentiles { p50: 0, p99: 0, p999: 0, max: 0 });
    }

    #[test]
    fn json_has_every_field() {
        let mut failures = Failures::default();
        failures.add_many("1008 Token expired".to_owned(), 2);
        let measured = Measured {
            cpu: CpuTime { server: Some(Duration::from_micros(45_120)), own: None },
            growth: Some((4_321, 10)),
            quiet: Some(Latency::new()),
            ..measured()
        };
        let report = LoadReport::new("storm", "ws://127.0.0.1:1", &measured, failures, 0);
        let expected = serde_json::json!({
            "scenario": "storm",
            "connections": 10,
            "operations": 1_000,
            "seconds": 0.5,
            "operations_per_second": 2_000.0,
            "latency_us": { "p50": 500, "p99": 990, "p999": 999, "max": 1_000 },
            "quiet_latency_us": { "p50": 0, "p99": 0, "p999": 0, "max": 0 },
            "server": { "cpu_us_per_operation": 45.1, "rss_bytes_per_connection": 432 },
            "failed": 2,
            "failures": { "1008 Token expired": 2 },
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), expected);
        assert_eq!(report.fault().unwrap(), "2 failed: 1008 Token expired");
    }

    #[test]
    fn json_without_pid_has_no_server() {
        let report = LoadReport::new("chat", "", &measured(), Failures::default(), 0);
        let value = serde_json::to_value(&report).unwrap();
        assert!(value["server"].is_null() && value["quiet_latency_us"].is_null());
        assert_eq!(report.fault(), None);
    }

    #[test]
    fn table_groups_digits_and_scales_units() {
        let measured = Measured { operations: 1_234_567, ..measured() };
        let table =
            LoadReport::new("chat", "ws://x", &measured, Failures::default(), 0).to_string();
        assert!(table.contains("1,234,567 in 0.50 s"), "{table}");
        assert!(table.contains("p50 500 µs"), "{table}");
        assert!(table.contains("max 1.00 ms"), "{table}");
    }
}
