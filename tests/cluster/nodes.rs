//! Three nodes that share an engine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::testing::{logs, token};

use crate::pause;
use crate::support::now;
use crate::support::server::Server;
use crate::{DEADLINE, engine::Engine};

pub(crate) const SECRET: &str = "correct horse battery staple, twice over";
const COUNT: usize = 3;
const MOMENT: Duration = Duration::from_millis(50);

/// The nodes, and where they are.
pub(crate) struct Nodes {
    servers: Vec<Server>,
    pub(crate) addresses: Addresses,
}

/// Where the nodes are: clients look here when they connect.
#[derive(Clone)]
pub(crate) struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    /// The address of a node, whatever the number.
    pub(crate) fn of(&self, node: usize) -> SocketAddr {
        let addresses = self.0.lock().unwrap();
        addresses[node % addresses.len()]
    }

    fn set(&self, node: usize, address: SocketAddr) {
        self.0.lock().unwrap()[node] = address;
    }
}

/// The configuration of a node.
pub(crate) fn config(url: &str, lines: &str) -> String {
    format!(
        "drain = '1ms'\n[auth]\nsecret = '{SECRET}'\n\
         [limits]\npending_per_ip = 0\nauth_per_minute_per_ip = 0\n\
         [log]\nfile = 'log'\n[cluster]\nurl = '{url}'\nlease = '3s'\n{lines}\n"
    )
}

/// A token for `user`.
pub(crate) fn token_for(user: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "sub": user, "iat": now, "exp": now + 3_600 });
    logs::known(&token(SECRET, &claims)).to_owned()
}

impl Nodes {
    /// Starts three that reach this engine.
    pub(crate) fn on(engine: &Engine) -> Self {
        Self::with(&engine.url(), "")
    }

    /// The same with this URL, and with these lines behind those of `[cluster]`.
    pub(crate) fn with(url: &str, lines: &str) -> Self {
        let servers: Vec<_> = (0..COUNT).map(|_| Server::open(&config(url, lines))).collect();
        Self::of(servers)
    }

    /// Waits until these servers know each other.
    pub(crate) fn of(servers: Vec<Server>) -> Self {
        let addresses = servers.iter().map(|server| server.address).collect();
        let nodes = Self { servers, addresses: Addresses(Arc::new(Mutex::new(addresses))) };
        nodes.wait_until_connected();
        nodes
    }

    /// Kills the first one for good. Clients look for it where it was.
    pub(crate) fn without_first(mut self) -> Self {
        self.servers.remove(0).kill();
        self
    }

    pub(crate) fn all(&self) -> &[Server] {
        &self.servers
    }

    /// Kills a node, and starts another one in its place after a while.
    pub(crate) fn kill(&mut self, node: usize, length: Duration) {
        self.servers[node].kill();
        pause(length);
        let config = self.servers[node].read(crate::support::process::FILE);
        let server = Server::open(&config);
        self.addresses.set(node, server.address);
        self.servers[node] = server;
        self.wait_until_connected();
    }

    /// Waits until each node is connected to the engine, and knows the others.
    pub(crate) fn wait_until_connected(&self) {
        for server in &self.servers {
            wait_for(server, "vestibule_cluster_up", |value| value == 1.0);
            wait_for(server, "vestibule_cluster_nodes", |value| value == self.servers.len() as f64);
        }
    }

    /// Something that all nodes have counted together.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.servers.iter().map(|server| metric(server, name)).sum()
    }

    /// Ends the sessions of `user` by a call to one node: again until that is stored.
    pub(crate) fn revoke(&self, user: &str) -> Value {
        let began = now();
        loop {
            let call = format!("POST /v1/users/{user}/disconnect");
            match self.servers[1].ask(&call, "") {
                (200, answer) => return answer,
                (503, answer) => assert!(began.elapsed() < DEADLINE, "not stored: {answer}"),
                other => panic!("{other:?}"),
            }
            pause(MOMENT);
        }
    }
}

/// Waits until a metric of this server is as it should be.
pub(crate) fn wait_for(server: &Server, name: &str, is_good: impl Fn(f64) -> bool) {
    let began = now();
    while !is_good(metric(server, name)) {
        assert!(began.elapsed() < DEADLINE, "{name} is {}", metric(server, name));
        pause(MOMENT);
    }
}

/// Waits until this node has renewed its lease that many times.
pub(crate) fn wait_for_renewals(server: &Server, count: usize) {
    let left = || {
        let (_, answer) = server.ask("GET /v1/nodes", "");
        let own = answer["nodes"].as_array().unwrap().iter().find(|node| node["is_self"] == true);
        own.map_or(0, |node| node["lease_ms"].as_u64().unwrap())
    };
    let (began, mut last) = (now(), left());
    for _ in 0..count {
        loop {
            pause(MOMENT);
            let before = std::mem::replace(&mut last, left());
            if last > before {
                break;
            }
            assert!(began.elapsed() < DEADLINE, "the lease is not renewed");
        }
    }
}

/// The value of a metric without labels, or with these.
pub(crate) fn metric(server: &Server, name: &str) -> f64 {
    let (_, metrics) = server.call("GET /metrics", "", "");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not among the metrics")).parse().unwrap()
}
