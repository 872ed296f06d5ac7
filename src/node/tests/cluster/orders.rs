//! Orders and revocations on all nodes.

use super::*;
use crate::bus::model::RefusedScripts;
use crate::node::app::OrderKind;

fn order(
    cluster: &mut ClusterWorld,
    node: usize,
    user: &str,
) -> Arc<std::sync::Mutex<Option<Result<usize, String>>>> {
    let result = Arc::new(std::sync::Mutex::new(None));
    let told = Arc::clone(&result);
    let world = &mut cluster.nodes[node];
    world.node.order(world.now, OrderKind::Disconnect, user, move |done| {
        *told.lock().unwrap() = Some(done.map_err(|fault| fault.to_string()));
    });
    world.settle();
    cluster.pump();
    result
}

fn refused(cluster: &mut ClusterWorld, node: usize, token: &str) -> String {
    let world = &mut cluster.nodes[node];
    let id = world.authenticating("soup");
    world.auth(id, token);
    cluster.pump();
    let seen = cluster.see(node, id).pop().unwrap_or_default();
    seen["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_disconnected_user_is_out_on_all_nodes() {
    let mut cluster = ClusterWorld::new(2);
    let token = cluster.nodes[0].token("ann", 900);
    let (a, b) = (cluster.connected(0, "soup", "ann"), cluster.connected(1, "soup", "ann"));
    let other = cluster.connected(1, "soup", "bob");
    let result = order(&mut cluster, 0, "ann");
    for (node, id) in [(0, a), (1, b)] {
        assert_eq!(cluster.see(node, id).pop().unwrap()["reason"], "Session revoked");
    }
    assert_eq!(result.lock().unwrap().clone(), Some(Ok(1)));
    assert_eq!(cluster.see(1, other), [] as [Value; 0]);
    // The token is refused everywhere, by a node too that is started later.
    let late = cluster.add(|_| {});
    cluster.seconds(1);
    for node in [0, 1, late] {
        assert_eq!(refused(&mut cluster, node, &token), "Session revoked", "node {node}");
    }
}

#[test]
fn a_node_that_is_cut_off_misses_no_revocation() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "ann");
    cluster.cut(1);
    let result = order(&mut cluster, 0, "ann");
    assert_eq!(cluster.see(1, b), [] as [Value; 0]);
    cluster.seconds(2);
    assert_eq!(result.lock().unwrap().clone(), Some(Ok(0)));
    cluster.mend(1);
    cluster.seconds(10);
    assert_eq!(cluster.see(1, b).pop().unwrap()["reason"], "Session revoked");
}

/// Both nodes carry an order out that the engine then forgets; another one follows, which the second node
/// does not hear of.
fn miss_an_order(cluster: &mut ClusterWorld) {
    cluster.engine.take_snapshot();
    order(cluster, 0, "ann");
    cluster.cut(1);
    cluster.engine.fail_over(false);
    cluster.engine.close(None);
    cluster.seconds(8);
    order(cluster, 0, "cat");
    cluster.mend(1);
}

#[test]
fn orders_that_were_missed_have_everybody_asked() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "bob");
    miss_an_order(&mut cluster);
    cluster.seconds(10);
    let asked = cluster.see(1, b).pop().unwrap();
    assert_eq!(asked["type"], "auth_required", "{asked}");
}

/// An order is missing in the log, and so is the revocation that would make up for it.
#[test]
fn revocations_are_read_until_they_are_known() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "cat");
    miss_an_order(&mut cluster);
    cluster.engine.faults.refused = RefusedScripts::Revocations;
    cluster.seconds(10);
    assert!(cluster.see(1, b).iter().all(|message| message["close"].is_null()));
    cluster.engine.faults.refused = RefusedScripts::None;
    cluster.seconds(6);
    assert_eq!(cluster.see(1, b).pop().unwrap()["reason"], "Session revoked");
}

/// The engine's user is given the right that it lacked.
#[test]
fn a_node_that_could_not_read_at_first_admits() {
    for scripts in [RefusedScripts::Logs, RefusedScripts::Revocations] {
        let mut cluster = ClusterWorld::new(0);
        let node = cluster.add(|_| {});
        cluster.engine.faults.refused = scripts;
        cluster.seconds(20);
        let token = cluster.nodes[node].token("ann", 900);
        assert_eq!(refused(&mut cluster, node, &token), "", "{scripts:?}");
        cluster.engine.faults.refused = RefusedScripts::None;
        cluster.seconds(6);
        cluster.connected(node, "soup", "bob");
    }
}

#[test]
fn a_revocation_that_is_not_stored_is_no_success() {
    let mut cluster = ClusterWorld::new(1);
    cluster.cut(0);
    cluster.seconds(3);
    let result = order(&mut cluster, 0, "ann");
    let fault = result.lock().unwrap().clone().unwrap().unwrap_err();
    assert!(fault.contains("the cluster's engine"), "{fault}");
}

#[test]
fn nobody_is_admitted_before_revocations_are_read() {
    let mut cluster = ClusterWorld::new(0);
    let node = cluster.add(|_| {});
    cluster.cut(node);
    cluster.seconds(3);
    let token = cluster.nodes[node].token("ann", 900);
    assert_eq!(refused(&mut cluster, node, &token), "Backend unavailable");
    cluster.mend(node);
    cluster.seconds(10);
    cluster.connected(node, "soup", "ann");
}

#[test]
fn a_fenced_node_closes_its_connections() {
    let mut cluster = ClusterWorld::new(0);
    let fence = |config: &mut Config| config.cluster.fence = crate::config::Length::from_secs(20);
    let node = cluster.add(fence);
    cluster.seconds(1);
    let a = cluster.connected(node, "soup", "ann");
    cluster.cut(node);
    cluster.seconds(19);
    assert_eq!(cluster.see(node, a), [] as [Value; 0]);
    cluster.seconds(2);
    assert_eq!(cluster.see(node, a).pop().unwrap()["reason"], "Backend unavailable");
}

#[test]
fn an_order_that_was_not_heard_of_is_read() {
    let mut cluster = ClusterWorld::new(2);
    let b = cluster.connected(1, "soup", "ann");
    cluster.engine.faults.lost_pushes = 2;
    order(&mut cluster, 0, "ann");
    cluster.engine.faults.lost_pushes = 0;
    assert_eq!(cluster.see(1, b), [] as [Value; 0]);
    cluster.seconds(6);
    assert_eq!(cluster.see(1, b).pop().unwrap()["reason"], "Session revoked");
}

/// The revocation is stored, and no node hears of it.
#[test]
fn an_order_that_is_not_published_is_no_success() {
    let mut cluster = ClusterWorld::new(2);
    let result: Arc<std::sync::Mutex<Option<bool>>> = Arc::default();
    let told = Arc::clone(&result);
    let world = &mut cluster.nodes[0];
    world.node.order(world.now, OrderKind::Disconnect, "ann", move |done| {
        *told.lock().unwrap() = Some(done.is_ok());
    });
    world.settle();
    // The engine stores it, and is cut off before the order comes.
    let output = world.node.bus_output().to_vec();
    world.node.consume_bus_output(output.len());
    let (unix, id) = (world.now.unix, cluster.links[0].unwrap());
    cluster.engine.receive(unix, id, &output);
    let reply = cluster.engine.take_output(id);
    let world = &mut cluster.nodes[0];
    world.node.handle_bus(world.now, BusInput::Bytes(&reply));
    cluster.cut(0);
    cluster.seconds(4);
    assert_eq!(*result.lock().unwrap(), None);
    cluster.seconds(2);
    assert_eq!(*result.lock().unwrap(), Some(false));
}

/// The node was cut off while somebody was disconnected, and then let them in with a new token.
#[test]
fn a_late_revocation_spares_newer_sessions() {
    let mut cluster = ClusterWorld::new(2);
    let signed = |world: &World| {
        let now = world.now.unix.as_millis() / 1_000;
        world.sign(&json!({ "sub": "ann", "exp": now + 900, "iat": now, "nonce": world.messages }))
    };
    let old = signed(&cluster.nodes[1]);
    let before = cluster.connected(1, "soup", "ann");
    cluster.cut(1);
    order(&mut cluster, 0, "ann");
    // Longer than `auth.leeway`.
    cluster.seconds(70);
    let world = &mut cluster.nodes[1];
    let [after, late] = [signed(world), old].map(|token| {
        let id = world.authenticating("soup");
        world.auth(id, &token);
        id
    });
    cluster.pump();
    // `late` is a new session, too, but with a token from before.
    assert_eq!((cluster.see(1, after).len(), cluster.see(1, late).len()), (1, 1));
    cluster.mend(1);
    cluster.seconds(10);
    for id in [before, late] {
        assert_eq!(cluster.see(1, id).pop().unwrap()["reason"], "Session revoked");
    }
    assert_eq!(cluster.see(1, after), [] as [Value; 0]);
    assert_eq!(cluster.nodes[1].node.cluster.as_ref().unwrap().sessions.len(), 1);
}

/// A token of the recipe chat is judged at the gate as it is by an order that comes late: with leeway, as the
/// clock that has shown the order may be behind, and by the millisecond.
#[test]
fn own_tokens_are_judged_alike_early_and_late() {
    let mut cluster = ClusterWorld::new(2);
    let own = |world: &World| {
        let millis = world.now.unix.as_millis();
        world.sign(&json!({
            "sub": "ann", "exp": millis / 1_000 + 900, "iat": millis / 1_000,
            "vestibule_session": "s1", "vestibule_issued_ms": millis, "nonce": world.messages,
        }))
    };
    cluster.connected(1, "soup", "bob");
    cluster.cut(1);
    // Half a second, so that by `iat` both tokens would be from before the end of the leeway.
    cluster.millis(500);
    let ordered = cluster.nodes[0].now.unix;
    order(&mut cluster, 0, "ann");
    let let_in = |cluster: &mut ClusterWorld| {
        let token = own(&cluster.nodes[1]);
        let world = &mut cluster.nodes[1];
        let id = world.authenticating("soup");
        world.auth(id, &token);
        cluster.pump();
        assert_eq!(cluster.see(1, id).pop().unwrap()["type"], "recipe_update");
        (id, refused(cluster, 0, &token))
    };
    let wait_until = |cluster: &mut ClusterWorld, millis| {
        while cluster.nodes[1].now.unix < ordered + Duration::from_millis(millis) {
            cluster.millis(10);
        }
    };
    wait_until(&mut cluster, 29_900);
    let (soon, heard) = let_in(&mut cluster);
    assert_eq!(heard, "Token expired");
    wait_until(&mut cluster, 30_200);
    let (later, heard) = let_in(&mut cluster);
    assert_eq!(heard, "");
    cluster.mend(1);
    cluster.seconds(10);
    assert_eq!(cluster.see(1, soon).pop().unwrap()["reason"], "Session revoked");
    assert_eq!(cluster.see(1, later), [] as [Value; 0]);
}

/// A forged token, and what its sender is told.
fn forge(cluster: &mut ClusterWorld, node: usize) -> String {
    let now = cluster.nodes[node].now.unix.as_millis() / 1_000;
    let claims = json!({ "sub": "ann", "exp": now + 900 });
    let token = crate::testing::token("not the secret, but as long as it", &claims);
    refused(cluster, node, crate::logs::known(&token))
}

/// Is nothing looked at any more that comes from the clients' address?
fn is_shut(cluster: &mut ClusterWorld, node: usize) -> bool {
    let world = &mut cluster.nodes[node];
    let address = "127.0.0.1".parse::<std::net::IpAddr>().unwrap().into();
    world.node.gate.limits.attempts.look(world.now.monotonic, address).is_err()
}

#[test]
fn a_forger_is_shut_out_of_all_nodes() {
    let mut cluster = ClusterWorld::new(3);
    for attempt in 0..13 {
        assert!(!is_shut(&mut cluster, 2));
        forge(&mut cluster, attempt % 2);
        cluster.millis(150);
    }
    assert_eq!([0, 1, 2].map(|node| is_shut(&mut cluster, node)), [true; 3]);
}

#[test]
fn without_the_engine_a_node_counts_its_own_forgers() {
    let mut cluster = ClusterWorld::new(2);
    cluster.cut(1);
    for _ in 0..13 {
        forge(&mut cluster, 1);
    }
    cluster.millis(150);
    assert_eq!([0, 1].map(|node| is_shut(&mut cluster, node)), [false, true]);
}
