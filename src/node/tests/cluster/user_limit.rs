//! Connections of one user over all nodes.

use super::*;

const LIMIT: u32 = 3;

/// Nodes that let a user have [`LIMIT`] connections.
fn limited(count: usize) -> ClusterWorld {
    let mut cluster = ClusterWorld::new(0);
    for _ in 0..count {
        cluster.add(|config| {
            config.limits.connections_per_user = LIMIT;
            config.limits.auth_per_minute_per_user = 0;
        });
    }
    cluster.seconds(1);
    cluster
}

impl ClusterWorld {
    fn is_in(&self, node: usize, id: ConnId) -> bool {
        self.nodes[node].node.is_authenticated(id)
    }

    /// Whether each of these is in its room.
    fn are_in(&self, ids: &[(usize, ConnId)]) -> Vec<bool> {
        ids.iter().map(|&(node, id)| self.is_in(node, id)).collect()
    }

    /// An `auth` of alice, whatever comes of it.
    fn comes(&mut self, node: usize) -> (usize, ConnId) {
        let world = &mut self.nodes[node];
        let id = world.authenticating("soup");
        let token = world.token("alice", 900);
        world.auth(id, &token);
        self.pump();
        (node, id)
    }

    /// The client is alive, and answers pings for so long.
    fn alive(&mut self, ids: &[(usize, ConnId)], millis: u64) {
        for _ in 0..millis / 50 {
            for &(node, id) in ids {
                let seen = self.nodes[node].see(id);
                if seen.contains(&Seen::Ping) {
                    self.nodes[node].bytes(id, &frame(0x8a, b""));
                }
            }
            self.millis(50);
        }
    }

    fn limit_closes(&self) -> u64 {
        let metrics = self.nodes.iter().map(|world| world.node.metrics());
        metrics.map(|metrics| metrics.closes(CloseReason::ConnectionLimit)).sum()
    }

    fn loses(&mut self, node: usize) {
        self.cut(node);
        self.nodes[node].node = World::new().node;
    }
}

#[test]
fn newest_over_all_nodes_is_refused() {
    let mut cluster = limited(3);
    let old = [cluster.comes(0), cluster.comes(0), cluster.comes(1)];
    cluster.alive(&old, 3_000);
    assert_eq!(cluster.are_in(&old), [true; 3]);
    // This node has one already, so it knows; the last one learns it.
    for node in [1, 2] {
        let new = cluster.comes(node);
        cluster.alive(&old, 1_000);
        assert!(!cluster.is_in(new.0, new.1), "at node {node}");
        assert_eq!(cluster.are_in(&old), [true; 3]);
    }
    assert_eq!(cluster.limit_closes(), 2);
    // A place that becomes free at one node is there at another.
    let world = &mut cluster.nodes[0];
    world.node.handle_hangup(world.now, old[0].1, Hangup::Reset);
    cluster.alive(&old[1..], 1_000);
    let new = cluster.comes(2);
    cluster.alive(&[old[1], old[2], new], 3_000);
    assert_eq!(cluster.are_in(&[old[1], old[2], new]), [true; 3]);
    assert_eq!(cluster.limit_closes(), 2);
}

/// All come at once, each node to its limit: within a second there are no more than one may have.
#[test]
fn nodes_filled_at_once_keep_the_oldest() {
    let mut cluster = limited(3);
    let mut ids = Vec::new();
    for node in [0, 1, 2] {
        for _ in 0..LIMIT {
            ids.push(cluster.comes(node));
            cluster.millis(10);
        }
    }
    assert_eq!(cluster.are_in(&ids), [true; 9]);
    cluster.alive(&ids, 1_000);
    let expected: Vec<bool> = (0..9).map(|number| number < 3).collect();
    assert_eq!(cluster.are_in(&ids), expected);
}

/// A laptop was closed and opened, and its browser is led to another node.
#[test]
fn silent_connection_elsewhere_gives_way() {
    let mut cluster = limited(2);
    let old = [cluster.comes(0), cluster.comes(0), cluster.comes(0)];
    cluster.seconds(5);
    let new = cluster.comes(1);
    cluster.alive(&[old[1], old[2], new], 3_000);
    assert_eq!(cluster.are_in(&[old[0], old[1], old[2], new]), [false, true, true, true]);
    assert_eq!((cluster.limit_closes(), cluster.nodes[0].node.metrics().replaced), (0, 1));
}

/// Its connections are not counted, though its lease holds yet.
#[test]
fn connections_of_a_dead_node_take_no_place() {
    let mut cluster = limited(2);
    let lost = [cluster.comes(0), cluster.comes(0)];
    let old = cluster.comes(1);
    cluster.alive(&[lost[0], lost[1], old], 3_000);
    cluster.loses(0);
    let new = [cluster.comes(1), cluster.comes(1)];
    cluster.alive(&[old, new[0], new[1]], 1_500);
    assert_eq!(cluster.are_in(&[old, new[0], new[1]]), [true; 3]);
    let last = cluster.comes(1);
    cluster.alive(&[old, new[0], new[1]], 3_000);
    assert!(!cluster.is_in(last.0, last.1));
    assert_eq!(cluster.limit_closes(), 1);
}

#[test]
fn a_node_without_the_engine_counts_its_own() {
    let mut cluster = limited(2);
    let old = [cluster.comes(0), cluster.comes(0)];
    // The room is followed there.
    cluster.connected(1, "soup", "bob");
    cluster.alive(&old, 2_000);
    cluster.cut(1);
    cluster.seconds(3);
    let mut all = old.to_vec();
    for _ in 0..LIMIT {
        all.push(cluster.comes(1));
        cluster.alive(&all, 1_000);
    }
    assert_eq!(cluster.are_in(&all), [true; 5]);
    // Together there are too many, and the newest go.
    cluster.mend(1);
    cluster.alive(&all, 8_000);
    assert_eq!(cluster.are_in(&all), [true, true, true, false, false]);
}

#[test]
fn nothing_is_remembered_of_users_who_left() {
    let mut cluster = limited(2);
    let old = [cluster.comes(0), cluster.comes(1)];
    cluster.seconds(1);
    let known = |cluster: &ClusterWorld| {
        let nodes = cluster.nodes.iter();
        nodes.map(|world| world.node.gate.user_limit.elsewhere.len()).collect::<Vec<_>>()
    };
    assert_eq!(known(&cluster), [1, 1]);
    for (node, id) in old {
        let world = &mut cluster.nodes[node];
        world.node.handle_hangup(world.now, id, Hangup::Reset);
        cluster.seconds(1);
        assert_eq!(known(&cluster), [0, 0]);
    }
}
