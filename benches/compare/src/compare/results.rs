//! What a run gives: the load test's JSON, or why there is none.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Scenario;

/// One run.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Run {
    /// What was played.
    pub(crate) scenario: Scenario,
    /// From 0.
    pub(crate) round: u32,
    /// Against whom.
    pub(crate) server: String,
    /// What came out.
    pub(crate) outcome: Outcome,
}

/// A run's end.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// Measured.
    Done(Box<Measured>),
    /// Nothing was measured, and why.
    Failed(String),
}

/// What is read of the load test's JSON; fields it may gain are passed over.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    /// Connections at most at once, or in all: the scenario's to say.
    pub(crate) connections: u64,
    /// Operations that succeeded.
    pub(crate) operations: u64,
    /// Over how long.
    pub(crate) seconds: f64,
    /// Their rate.
    pub(crate) operations_per_second: f64,
    /// Of one operation.
    pub(crate) latency_us: Option<Latency>,
    /// The same without a storm; `mixed` and `surge` only. Of the rooms, the others' chat in quiet.
    pub(crate) quiet_latency_us: Option<Latency>,
    /// The others' chat while a room gets messages.
    pub(crate) others_latency_us: Option<Latency>,
    /// The server's side, where its process can be looked at.
    pub(crate) server: Option<ServerCost>,
    /// Operations that failed.
    #[serde(default)]
    pub(crate) failed: u64,
    /// Why, and how often each.
    #[serde(default)]
    pub(crate) failures: BTreeMap<String, u64>,
}

/// A figure of a measurement, where it has one.
pub(crate) type Figure = fn(&Measured) -> Option<f64>;

/// Percentiles in microseconds.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50: f64,
    /// One in a hundred is slower.
    pub(crate) p99: f64,
    /// One in a thousand is slower.
    pub(crate) p999: f64,
    /// The slowest.
    pub(crate) max: f64,
}

/// What the server's process used.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ServerCost {
    /// User and system time of an operation.
    pub(crate) cpu_us_per_operation: Option<f64>,
    /// Growth of the resident set for a connection.
    pub(crate) rss_bytes_per_connection: Option<f64>,
}

impl Run {
    /// Measured, and without a failed operation.
    pub(crate) fn is_clean(&self) -> bool {
        matches!(&self.outcome, Outcome::Done(measured) if measured.failed == 0)
    }

    /// The measurement, where there is one.
    pub(crate) fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Done(measured) => Some(measured),
            Outcome::Failed(_) => None,
        }
    }
}

impl Measured {
    /// CPU microseconds of an operation.
    pub(crate) fn cpu(&self) -> Option<f64> {
        self.server.as_ref()?.cpu_us_per_operation
    }

    /// Resident bytes of a connection.
    pub(crate) fn memory(&self) -> Option<f64> {
        self.server.as_ref()?.rss_bytes_per_connection
    }
}

/// Reads the load test's standard output: one JSON object.
///
/// # Errors
/// It is none, or not of this form.
pub(crate) fn parse(out: &str) -> serde_json::Result<Outcome> {
    serde_json::from_str(out).map(|measured| Outcome::Done(Box::new(measured)))
}

/// A line of progress.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = match self {
            Self::Done(measured) => measured,
            Self::Failed(why) => return write!(f, "FAILED: {why}"),
        };
        write!(f, "{:.0} op/s", measured.operations_per_second)?;
        if let Some(cpu) = measured.cpu() {
            write!(f, ", {cpu:.1} µs CPU")?;
        }
        if let Some(memory) = measured.memory() {
            write!(f, ", {memory:.0} bytes")?;
        }
        if measured.failed > 0 {
            write!(f, ", {} failed", measured.failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The load test's JSON with one figure that differs.
    pub(crate) fn sample(cpu: f64, failed: u64) -> String {
        format!(
            r#"{{"scenario":"storm","connections":10000,"operations":10000,"seconds":1.25,
            "operations_per_second":8000.0,
            "latency_us":{{"p50":100,"p99":2000,"p999":3000,"max":4000}},
            "quiet_latency_us":null,
            "server":{{"cpu_us_per_operation":{cpu},"rss_bytes_per_connection":432,"new":1}},
            "failed":{failed},"failures":{{"timed out":{failed}}}}}"#
        )
    }

    #[test]
    fn the_load_tests_json_is_read() {
        let Outcome::Done(measured) = parse(&sample(45.5, 2)).unwrap() else { panic!() };
        assert_eq!((measured.cpu(), measured.memory()), (Some(45.5), Some(432.0)));
        assert_eq!(measured.failures.get("timed out"), Some(&2));
    }

    #[test]
    fn a_run_without_the_servers_process_has_no_cost() {
        let out = r#"{"connections":1,"operations":1,"seconds":1.0,"operations_per_second":1.0,
            "latency_us":null,"quiet_latency_us":null,"server":null,"failed":0,"failures":{}}"#;
        let Outcome::Done(measured) = parse(out).unwrap() else { panic!() };
        assert_eq!((measured.cpu(), measured.memory()), (None, None));
    }

    #[test]
    fn what_is_no_result_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("{}").is_err());
    }
}
