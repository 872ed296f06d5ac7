//! How the server is: `/readyz` for programs, and `/v1/status` for people.

use serde::Serialize;

use crate::node::{Dependency, DependencyState, Node, Phase, Response};
use crate::time::Now;

/// Would a new client be served? Only the codes are told: who asks need not be an operator.
pub(super) fn readiness(node: &Node, now: Now) -> Response {
    let dependencies = node.dependencies(now);
    let codes = |is_wanted: fn(bool) -> bool| -> Vec<&str> {
        let faults = dependencies.iter().flat_map(|it| &it.faults);
        faults.filter(|it| is_wanted(it.stops_clients)).map(|it| it.code).collect()
    };
    let mut degraded = codes(|stops_clients| !stops_clients);
    degraded.dedup();
    let own = own_fault(node).map(|(code, message)| (code, message.to_owned()));
    let failed = dependencies.iter().flat_map(|it| &it.faults).find(|it| it.stops_clients);
    let first = own.or_else(|| failed.map(|it| (it.code, it.message.to_string())));
    let Some((error, message)) = first else {
        return Response::json(200, &Ready { status: "ready", degraded });
    };
    let own = own_fault(node).map(|(code, _)| code);
    let not_ready = own.into_iter().chain(codes(|stops_clients| stops_clients)).collect();
    Response::json(503, &NotReady { error, message, not_ready, degraded })
}

/// Why the server itself accepts no new clients.
fn own_fault(node: &Node) -> Option<(&'static str, &'static str)> {
    if node.is_draining() {
        Some(("draining", "The server accepts no new connections"))
    } else if node.is_full() {
        Some(("at_capacity", "The server is full"))
    } else {
        None
    }
}

#[derive(Serialize)]
struct Ready<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'a str>,
}

#[derive(Serialize)]
struct NotReady<'a> {
    error: &'a str,
    message: String,
    not_ready: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'a str>,
}

/// What an operator looks at first. The messages may name hosts and files, so it needs the key.
pub(super) fn status(node: &Node, now: Now) -> Response {
    let dependencies = node.dependencies(now);
    let usage = node.usage();
    let worst = dependencies.iter().map(Dependency::state).max();
    let own = own_fault(node);
    let status = match worst {
        _ if own.is_some() => "not_ready",
        Some(DependencyState::Failed) => "not_ready",
        Some(DependencyState::Degraded) => "degraded",
        Some(DependencyState::Working) | None => "ready",
    };
    let connections =
        Phase::ALL.map(|phase| (phase.name().to_owned(), node.connections_in(phase).into()));
    Response::json(
        200,
        &Status {
            status,
            reason: own.map(|(code, _)| code),
            version: env!("CARGO_PKG_VERSION"),
            connections: connections.into_iter().collect(),
            rooms: usage.rooms,
            users: usage.users,
            dependencies: dependencies.iter().map(DependencyStatus::of).collect(),
        },
    )
}

/// The nodes of the cluster that are alive; none where the server is alone.
pub(super) fn nodes(node: &Node, now: Now) -> Response {
    let nodes = node.cluster_nodes(now);
    let name = nodes.as_ref().map(|(name, _)| *name);
    let nodes = nodes.map(|(_, nodes)| nodes).unwrap_or_default();
    Response::json(200, &serde_json::json!({ "node": name, "nodes": nodes }))
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    /// Why the server itself is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    version: &'static str,
    connections: serde_json::Map<String, serde_json::Value>,
    rooms: usize,
    users: usize,
    dependencies: Vec<DependencyStatus<'a>>,
}

#[derive(Serialize)]
struct DependencyStatus<'a> {
    name: &'a str,
    state: &'static str,
    faults: Vec<FaultStatus<'a>>,
}

#[derive(Serialize)]
struct FaultStatus<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> DependencyStatus<'a> {
    fn of(dependency: &'a Dependency) -> Self {
        let faults = dependency.faults.iter();
        let faults = faults.map(|it| FaultStatus { code: it.code, message: &it.message });
        Self { name: dependency.name, state: dependency.state().name(), faults: faults.collect() }
    }
}
