//! An engine that is reached by a Unix socket, and one by TLS.

use crate::crowd::{Crowd, FEW};
use crate::engine::Engine;
use crate::nodes::Nodes;

#[test]
fn engine_is_reached_by_a_unix_socket() {
    let engine = Engine::lasting();
    let nodes = Nodes::with(&format!("unix:{}", engine.socket().display()), "");
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    crowd.finish("Unix socket");
}

/// The engine's certificate comes from an authority that `cluster.ca_file` names.
#[cfg(feature = "tls")]
#[test]
fn engine_is_reached_by_tls() {
    let fixture = crate::support::tls::fixture;
    let (authority, certificate, key) =
        (fixture("ca.pem"), fixture("server.pem"), fixture("server.key.pem"));
    let port = crate::engine::free_port().to_string();
    let engine = Engine::with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    let lines = format!("ca_file = '{authority}'");
    let nodes = Nodes::with(&format!("rediss://127.0.0.1:{port}"), &lines);
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    engine.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    crowd.chat(60);
    crowd.finish("TLS");
}
