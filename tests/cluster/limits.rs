//! An engine that has too little room for its answers or its data, or another password.

use std::time::Duration;

use crate::crowd::{Crowd, FEW, Visitor};
use crate::engine::Engine;
use crate::history::Report;
use crate::nodes::{Nodes, config, wait_for};
use crate::pause;

/// More than the engine holds for a node comes at once: it cuts all nodes off, again and again.
#[test]
fn tiny_output_limits_lose_nothing() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let crowd = Crowd::start(&nodes, &FEW, true);
    let limits = "pubsub 128kb 32kb 1 normal 128kb 32kb 1";
    engine.ask(&["CONFIG", "SET", "client-output-buffer-limit", limits]);
    let before = nodes.sum("vestibule_cluster_connects_total");
    // On the channel of all nodes, which do not know this word.
    let long = format!(r#"{{"say":"{}"}}"#, "x".repeat(200 << 10));
    for _ in 0..10 {
        crowd.chat(20);
        engine.ask(&["PUBLISH", "v:{a}", &long]);
    }
    crowd.chat(60);
    let after = nodes.sum("vestibule_cluster_connects_total");
    assert!(after - before >= 10.0, "nobody was cut off");
    crowd.finish("tiny output limits");
}

/// New messages are refused while it is full, and nobody loses the connection.
#[test]
fn full_engine_refuses_and_loses_nothing() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    engine.ask(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let refusals = r#"vestibule_cluster_faults_total{reason="out_of_memory"}"#;
    nodes.all().iter().for_each(|server| wait_for(server, refusals, |count| count > 0.0));
    // A revocation needs so little that even this engine keeps it.
    visitor.revoke(&nodes);
    engine.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    crowd.chat(60);
    let reports = crowd.finish("engine full");
    let refused = |report: &Report| report.closes.get("backend_unavailable").copied().unwrap_or(0);
    assert!(reports.iter().map(refused).sum::<usize>() > 0);
    visitor.assert_gone(&nodes);
}

/// The nodes read the new one on SIGHUP; their connections are cut, so that they need it.
#[test]
fn changed_password_is_read_on_sighup() {
    let mut engine = Engine::lasting();
    engine.set_password("the first password");
    let directory = engine.path();
    let file = directory.join("password");
    let write = |password: &str| std::fs::write(&file, format!("{password}\n")).unwrap();
    write("the first password");
    let lines = format!("password_file = '{}'", file.display());
    let nodes = Nodes::with(&engine.url(), &lines);
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    engine.set_password("another one");
    engine.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    engine.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    for server in nodes.all() {
        wait_for(server, "vestibule_cluster_up", |up| up == 0.0);
    }
    pause(Duration::from_secs(1));
    write("another one");
    for server in nodes.all() {
        let news = server.reload(&config(&engine.url(), &lines));
        assert!(!news.contains("not reloaded"), "{news}");
    }
    nodes.wait_until_connected();
    crowd.chat(60);
    crowd.finish("password changed");
}
