//! Who is in a room, over all nodes.

use super::*;

impl ClusterWorld {
    /// A connection in its room that asked for presence.
    fn watching(&mut self, node: usize, room: &str, user: &str) -> ConnId {
        let world = &mut self.nodes[node];
        let id = world.authenticating(room);
        let token = world.token(user, 900);
        world.say(id, "auth", json!({ "token": crate::logs::known(&token), "presence": true }));
        self.pump();
        id
    }

    /// What the last `presence` of `id` said; null: it has got none since.
    fn present(&mut self, node: usize, id: ConnId) -> Value {
        let mut told = self.see(node, id).into_iter().filter(|seen| seen["type"] == "presence");
        told.next_back().map_or(Value::Null, |seen| seen["payload"].clone())
    }

    fn leave(&mut self, node: usize, id: ConnId) {
        let world = &mut self.nodes[node];
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        world.settle();
        self.pump();
    }

    /// What a node remembers of others.
    fn remembers_nothing(&self, node: usize) -> bool {
        self.nodes[node].node.rooms.remote.is_empty()
    }

    fn kill(&mut self, node: usize) {
        self.cut(node);
        self.nodes[node].node = World::new().node;
    }
}

/// Nodes at which leaves do not linger.
fn prompt(count: usize, change: impl Fn(&mut Config)) -> ClusterWorld {
    let mut cluster = ClusterWorld::new(0);
    for _ in 0..count {
        cluster.add(|config| {
            config.resume.linger = crate::config::Length::from_secs(0);
            config.limits.connections_per_user = 0;
            change(config);
        });
    }
    cluster.seconds(1);
    cluster
}

fn list(users: &[&str]) -> Value {
    json!({ "users": users, "connections": users.len() })
}

#[test]
fn users_of_all_nodes_are_present() {
    let mut cluster = prompt(3, |_| {});
    cluster.connected(0, "soup", "ann");
    let bob = cluster.watching(1, "soup", "bob");
    cluster.seconds(3);
    assert_eq!(cluster.present(1, bob), list(&["ann", "bob"]));
    let cat = cluster.connected(2, "soup", "cat");
    cluster.seconds(3);
    assert_eq!(cluster.present(1, bob), list(&["ann", "bob", "cat"]));
    // Nobody watches at these.
    assert_eq!((cluster.see(2, cat).len(), cluster.nodes[0].node.metrics().presence_out), (0, 0));
    cluster.leave(2, cat);
    cluster.seconds(3);
    assert_eq!(cluster.present(1, bob), list(&["ann", "bob"]));
    // A second watcher, elsewhere, is told of all.
    let dan = cluster.watching(2, "soup", "dan");
    cluster.seconds(3);
    for (node, id) in [(1, bob), (2, dan)] {
        assert_eq!(cluster.present(node, id), list(&["ann", "bob", "dan"]), "node {node}");
    }
}

#[test]
fn presence_is_told_once_a_second_over_all_nodes() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    let bob = cluster.connected(1, "soup", "bob");
    cluster.seconds(3);
    cluster.see(0, ann);
    let commands = |cluster: &ClusterWorld| {
        cluster.nodes[1].node.cluster.as_ref().unwrap().link.counts().commands
    };
    let before = commands(&cluster);
    for number in 0..100 {
        let id = cluster.connected(1, "soup", &format!("u{number}"));
        cluster.leave(1, id);
        cluster.millis(50);
    }
    let told = cluster.see(0, ann).iter().filter(|seen| seen["type"] == "presence").count();
    assert!(told <= 6, "{told}");
    // Reports, leases, the control log and heads that are compared: a few a second.
    assert!(commands(&cluster) - before <= 15, "{}", commands(&cluster) - before);
    cluster.leave(1, bob);
    cluster.seconds(2);
    assert_eq!(cluster.present(0, ann), list(&["ann"]));
}

#[test]
fn a_dead_node_leaves_no_ghosts() {
    let mut cluster = prompt(3, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    cluster.connected(1, "soup", "bob");
    cluster.connected(2, "soup", "cat");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob", "cat"]));
    cluster.kill(1);
    cluster.seconds(22);
    assert_eq!(cluster.present(0, ann), list(&["ann", "cat"]));
}

/// It has the lease of the dead one, but not its users.
#[test]
fn a_new_process_of_a_name_has_no_old_users() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    cluster.connected(1, "soup", "bob");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob"]));
    cluster.kill(1);
    let next = cluster.add(|config| {
        config.cluster.name = "n1".to_owned();
        config.resume.linger = crate::config::Length::from_secs(0);
    });
    cluster.seconds(8);
    assert_eq!(cluster.present(0, ann), list(&["ann"]));
    cluster.connected(next, "soup", "cat");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "cat"]));
}

#[test]
fn a_node_that_was_cut_off_is_present_again() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    let bob = cluster.watching(1, "soup", "bob");
    cluster.seconds(3);
    cluster.cut(1);
    cluster.seconds(3);
    cluster.connected(0, "soup", "cat");
    cluster.connected(1, "soup", "dan");
    cluster.seconds(25);
    assert_eq!(cluster.present(0, ann), list(&["ann", "cat"]));
    assert_eq!(cluster.present(1, bob), list(&["bob", "dan"]));
    cluster.mend(1);
    cluster.seconds(12);
    for (node, id) in [(0, ann), (1, bob)] {
        assert_eq!(cluster.present(node, id), list(&["ann", "bob", "cat", "dan"]), "node {node}");
    }
}

#[test]
fn the_limit_of_a_list_is_for_all_nodes() {
    let mut cluster = prompt(2, |config| config.limits.presence_members = 3);
    let ann = cluster.watching(0, "soup", "ann");
    cluster.connected(0, "soup", "bob");
    cluster.connected(1, "soup", "cat");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob", "cat"]));
    let dan = cluster.connected(1, "soup", "dan");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), json!({ "users": null, "connections": 4 }));
    cluster.leave(1, dan);
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob", "cat"]));
}

#[test]
fn nothing_is_remembered_of_unwatched_rooms() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    let bob = cluster.connected(1, "soup", "bob");
    cluster.connected(1, "bread", "cat");
    cluster.seconds(3);
    assert!(!cluster.remembers_nothing(1));
    cluster.leave(0, ann);
    cluster.seconds(3);
    assert!(cluster.remembers_nothing(0) && cluster.remembers_nothing(1));
    let ann = cluster.watching(0, "soup", "ann");
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob"]));
    cluster.leave(1, bob);
    cluster.seconds(3);
    assert_eq!(cluster.present(0, ann), list(&["ann"]));
    assert!(cluster.remembers_nothing(0));
}

#[test]
fn a_lost_report_is_repaired_within_minutes() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    cluster.connected(1, "soup", "bob");
    // Both have listed each other by then.
    cluster.seconds(8);
    cluster.connected(1, "soup", "cat");
    cluster.engine.faults.lost_pushes = 1;
    cluster.seconds(3);
    cluster.engine.faults.lost_pushes = 0;
    assert_ne!(cluster.present(0, ann), list(&["ann", "bob", "cat"]));
    cluster.seconds(62);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob", "cat"]));
}

/// What a node tells of itself changes with each of its connections.
#[test]
fn a_node_is_not_taken_for_another_of_its_name() {
    let mut cluster = prompt(1, |_| {});
    for number in 0..4 {
        cluster.connected(0, "soup", &format!("u{number}"));
        cluster.seconds(6);
        assert!(!cluster.nodes[0].node.cluster.as_ref().unwrap().nodes.has_twin());
    }
}

/// The last that it says of the room is lost, and then it has nothing more to say of it.
#[test]
fn a_lost_goodbye_leaves_no_ghosts() {
    let mut cluster = prompt(2, |_| {});
    let ann = cluster.watching(0, "soup", "ann");
    let bob = cluster.connected(1, "soup", "bob");
    cluster.seconds(8);
    assert_eq!(cluster.present(0, ann), list(&["ann", "bob"]));
    cluster.engine.faults.lost_pushes = 1;
    cluster.leave(1, bob);
    cluster.seconds(3);
    cluster.engine.faults.lost_pushes = 0;
    assert_eq!(cluster.present(0, ann), Value::Null);
    cluster.seconds(62);
    assert_eq!(cluster.present(0, ann), list(&["ann"]));
}

#[test]
fn reported_users_have_a_bound_in_bytes() {
    let bounded = |bytes: usize| {
        let size = crate::config::Size::bytes(bytes);
        let mut cluster = prompt(2, |config| config.cluster.presence_bytes = size);
        let ann = cluster.connected(0, "soup", "ann");
        let bob = cluster.watching(1, "soup", "bob");
        cluster.seconds(3);
        let present = cluster.present(1, bob);
        assert_eq!(present["connections"], 2);
        let remote = &cluster.nodes[1].node.rooms.remote;
        let held = (remote.bytes(), remote.refused());
        cluster.leave(0, ann);
        cluster.seconds(3);
        assert_eq!(cluster.nodes[1].node.rooms.remote.bytes(), 0);
        (present["users"] == json!(["ann", "bob"]), held)
    };
    assert_eq!(bounded(200), (true, (171, 0)));
    let (is_listed, (bytes, refused)) = bounded(170);
    assert!(!is_listed && bytes == 0 && refused > 0);
}
