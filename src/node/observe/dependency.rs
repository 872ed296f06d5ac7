//! What the server depends on, and how that is at a moment: for health checks, metrics and people.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::node::observe::family::{Family, Numbers, gauge};
use crate::time::Now;

/// Something that the server depends on, such as its database, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// One word, such as `storage`. It is a label of the metrics.
    pub name: &'static str,
    /// What is wrong with it. Empty: it works.
    pub faults: Vec<DependencyFault>,
}

/// What is wrong with a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyFault {
    /// As `/readyz` says it: `storage_full`.
    pub code: &'static str,
    /// A sentence for the operator. It holds no secret.
    pub message: Cow<'static, str>,
    /// The server should get no new clients until this is mended: it is not ready. Else it serves them,
    /// but not as it should: it is degraded.
    pub stops_clients: bool,
}

/// How a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependencyState {
    /// There is no fault.
    Working,
    /// There is one with which the server still serves clients.
    Degraded,
    /// There is one for which the server should get no new clients.
    Failed,
}

impl DependencyState {
    /// Every one, the best first.
    pub const ALL: [Self; 3] = [Self::Working, Self::Degraded, Self::Failed];

    /// The label in the metrics, and the word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

impl Dependency {
    /// One without a fault.
    #[must_use]
    pub const fn working(name: &'static str) -> Self {
        Self { name, faults: Vec::new() }
    }

    /// The same with this fault, with which clients are still served.
    #[must_use]
    pub fn degraded(self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        self.with(DependencyFault { code, message: message.into(), stops_clients: false })
    }

    /// The same with this fault, for which no new clients should come.
    #[must_use]
    pub fn failed(self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        self.with(DependencyFault { code, message: message.into(), stops_clients: true })
    }

    fn with(mut self, fault: DependencyFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// By the worst of its faults.
    #[must_use]
    pub fn state(&self) -> DependencyState {
        let of = |fault: &DependencyFault| match fault.stops_clients {
            true => DependencyState::Failed,
            false => DependencyState::Degraded,
        };
        self.faults.iter().map(of).max().unwrap_or(DependencyState::Working)
    }
}

/// Says how a dependency is. It runs on the reactor's thread at each health check and collection, so it
/// reads what another thread has found out, and never blocks.
pub type DependencyCheck = Arc<dyn Fn(Now) -> Dependency + Send + Sync>;

/// The checks that the driver and the program have added.
#[derive(Clone, Default)]
pub(crate) struct DependencyChecks(Vec<DependencyCheck>);

impl DependencyChecks {
    pub(crate) fn add(&mut self, check: DependencyCheck) {
        self.0.push(check);
    }

    pub(crate) fn run(&self, now: Now) -> impl Iterator<Item = Dependency> {
        self.0.iter().map(move |check| check(now))
    }
}

impl fmt::Debug for DependencyChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks", self.0.len())
    }
}

pub(crate) fn state_family(dependencies: &[Dependency]) -> Family<'static> {
    let of = |dependency: &Dependency| {
        let (name, state) = (dependency.name, dependency.state());
        DependencyState::ALL
            .map(|each| (vec![name.into(), each.name().into()], f64::from(u8::from(each == state))))
    };
    let numbers: Numbers = dependencies.iter().flat_map(of).collect();
    gauge(
        "vestibule_dependency_state",
        "1 for the state that a dependency is in, and 0 for the others.",
        &["dependency", "state"],
        numbers,
    )
}
