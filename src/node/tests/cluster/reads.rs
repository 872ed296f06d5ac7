//! How many logs of rooms are read at once, and whose first.

use super::*;
use crate::node::cluster::READS_AT_ONCE;
use crate::node::cluster::room_states::FollowState;

/// One node, which lets as many in as come.
fn unlimited() -> ClusterWorld {
    let mut cluster = ClusterWorld::new(0);
    cluster.add(|config| {
        let limits = &mut config.limits;
        (limits.connections_per_user, limits.auth_per_minute_per_ip) = (0, 0);
        (limits.auth_per_minute_per_user, limits.pending_per_ip) = (0, 0);
    });
    cluster.seconds(1);
    cluster
}

#[test]
fn rooms_are_read_a_few_at_a_time_after_a_cut() {
    let mut cluster = unlimited();
    for number in 0..200 {
        cluster.connected(0, &format!("room-{number}"), "ann");
    }
    cluster.cut(0);
    cluster.mend(0);
    let mut most = 0;
    for _ in 0..1_000 {
        let world = &mut cluster.nodes[0];
        world.advance(Duration::from_millis(10));
        world.node.handle_timeout(world.now);
        cluster.carry(0);
        most = most.max(cluster.nodes[0].node.cluster.as_ref().unwrap().reads);
    }
    assert_eq!(most, READS_AT_ONCE);
    let member = cluster.nodes[0].node.cluster.as_ref().unwrap();
    let is_live = |number: &i32| {
        let state = member.rooms.state(&format!("room-{number}"));
        state == Some(FollowState::Live)
    };
    assert_eq!(((0..200).filter(is_live).count(), member.reads), (200, 0));
}

/// Rooms that could not be read, while the link is up.
#[test]
fn joins_of_lost_rooms_are_read_a_few_at_a_time() {
    let mut cluster = unlimited();
    let rooms: Vec<smol_str::SmolStr> =
        (0..200).map(|number| format!("room-{number}").into()).collect();
    let mut joining = Vec::new();
    for room in &rooms {
        cluster.connected(0, room, "ann");
        let world = &mut cluster.nodes[0];
        let now = world.now.monotonic;
        world.node.cluster.as_mut().unwrap().rooms.lose(now, room);
    }
    for room in &rooms {
        let world = &mut cluster.nodes[0];
        let id = world.authenticating(room);
        let token = world.token("bob", 900);
        world.auth(id, &token);
        joining.push(id);
    }
    let reads = |cluster: &ClusterWorld| cluster.nodes[0].node.cluster.as_ref().unwrap().reads;
    let mut most = reads(&cluster);
    while cluster.carry(0) {
        most = most.max(reads(&cluster));
    }
    assert_eq!((most, reads(&cluster)), (READS_AT_ONCE, 0));
    for id in joining {
        assert_eq!(cluster.see(0, id)[0]["type"], "recipe_update");
    }
}

#[test]
fn who_is_awaited_is_read_first_after_a_cut() {
    let mut cluster = unlimited();
    for number in 0..150 {
        cluster.connected(0, &format!("room-{number}"), "ann");
    }
    cluster.cut(0);
    let world = &mut cluster.nodes[0];
    let joining = world.authenticating("room-149");
    let token = world.token("bob", 900);
    world.auth(joining, &token);
    cluster.mend(0);
    for _ in 0..300 {
        let world = &mut cluster.nodes[0];
        world.advance(Duration::from_millis(10));
        world.node.handle_timeout(world.now);
        cluster.carry(0);
        let member = cluster.nodes[0].node.cluster.as_ref().unwrap();
        if member.reads > 0 && !cluster.see(0, joining).is_empty() {
            return; // Others are still being read.
        }
    }
    panic!("the client has waited for rooms that nobody waits for");
}
