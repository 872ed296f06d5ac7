//! A replica takes over from a master that was killed, without the last of its messages.

use crate::crowd::{Crowd, FEW, Visitor};
use crate::engine::Engine;
use crate::nodes::Nodes;
use crate::pause;
use crate::support::{PATIENCE, now};

/// Waits until the replica has what its master has now, and the master knows: it counts a replica only once
/// that has acknowledged something, a second after its link is up at worst.
fn wait_until_copied(master: &Engine, replica: &Engine) {
    let offset = |engine: &Engine| engine.info("master_repl_offset").parse::<u64>().unwrap();
    let (goal, began) = (offset(master), now());
    let is_known = || master.ask(&["INFO", "replication"]).contains("state=online");
    while replica.info("master_link_status") != "up" || offset(replica) < goal || !is_known() {
        assert!(began.elapsed() < PATIENCE, "the replica has no copy");
        pause(std::time::Duration::from_millis(20));
    }
}

fn follow(replica: &Engine, master: &Engine) {
    replica.ask(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
}

/// Each time, what was said behind the copy is lost: nodes that have delivered it say so.
#[test]
fn promoted_stale_replica_is_announced() {
    let mut engines = [Engine::lasting(), Engine::lasting()];
    follow(&engines[1], &engines[0]);
    let url = format!("redis://{},{}", engines[0].address(), engines[1].address());
    let nodes = Nodes::with(&url, "");
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &FEW, false);
    for round in 0..4 {
        let [master, replica] = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        crowd.chat(30);
        if round == 1 {
            visitor.revoke(&nodes);
        }
        wait_until_copied(&engines[master], &engines[replica]);
        // From here on the replica has nothing.
        engines[replica].ask(&["REPLICAOF", "127.0.0.1", "1"]);
        crowd.chat(30);
        engines[master].kill();
        engines[replica].ask(&["REPLICAOF", "NO", "ONE"]);
        crowd.chat(30);
        // The old master comes back as a replica: nodes pass it over.
        let port = engines[replica].port();
        engines[master].start_again_behind(port);
    }
    let reports = crowd.finish("stale replicas promoted");
    assert!(reports.iter().map(crate::history::Report::told).sum::<usize>() > 0);
    visitor.assert_gone(&nodes);
}

/// A master that was made a replica with its connections open: nodes leave it, and nothing is lost.
#[test]
fn demoted_master_is_left() {
    let engines = [Engine::lasting(), Engine::lasting()];
    follow(&engines[1], &engines[0]);
    let url = format!("redis://{},{}", engines[0].address(), engines[1].address());
    let nodes = Nodes::with(&url, "");
    let crowd = Crowd::start(&nodes, &FEW, false);
    crowd.chat(60);
    wait_until_copied(&engines[0], &engines[1]);
    engines[0].ask(&["FAILOVER", "TO", "127.0.0.1", &engines[1].port().to_string()]);
    crowd.chat(120);
    crowd.finish("master demoted");
}
