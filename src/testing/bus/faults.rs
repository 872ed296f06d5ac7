//! What a link makes of the faults of a real engine. Each function panics where it is wrong, and
//! leaves the engine as it was.

use std::path::Path;
use std::time::Duration;

use super::peer::{BusPeer, operate};
use crate::bus::{
    BusCommand, BusEvent, BusFault, BusReply, LinkSettings, LogName, StoredRevocation,
};
use crate::protocol::Position;

/// The rules of the engine's user that a node needs, for keys that begin with `PREFIX`.
pub const LEAST_PERMISSIONS: &str = "~PREFIX:* resetchannels &PREFIX:* -@all +hello +evalsha \
     +script|load +subscribe +unsubscribe +publish +info +time +get +set +del +expire +persist +hget \
     +hset +hdel +hmget +hgetall +rpush +lpop +llen +lindex +lrange +zadd +zrem +zscore +zrank +zcard \
     +zcount +zrange +zrangebyscore";

#[track_caller]
fn order(socket: &Path, words: &str) {
    let answer = operate(socket, words);
    assert!(answer.starts_with("+OK") || answer.starts_with(':'), "{words}: {answer}");
}

fn settings(prefix: &str) -> LinkSettings {
    LinkSettings { prefix: prefix.into(), ..LinkSettings::default() }
}

/// A link that is up.
fn up(settings: LinkSettings, socket: &Path) -> BusPeer {
    let mut peer = BusPeer::real(settings, socket);
    peer.serve_until(&|peer| peer.link.is_up());
    peer
}

fn log() -> LogName {
    LogName::Room("lobby".into())
}

fn publish(id: u8) -> BusCommand {
    let (id, frame) = ([id; 16], vec![id; 100].into());
    BusCommand::Publish { log: log(), id, content: 0, asks: true, tag: 5, connection: 0, frame }
}

fn read(head: Option<Position>) -> BusCommand {
    BusCommand::Read { log: log(), head, fresh: 9 }
}

/// An engine without memory takes no message, and changes nothing by it; but it takes leases,
/// revocations and the answers to what it has.
pub fn without_memory(socket: &Path) {
    let mut peer = up(settings("memory"), socket);
    assert!(matches!(peer.ask(publish(1)), Ok(BusReply::Published { .. })));
    let before = peer.ask(read(None)).unwrap();
    // Its expiry is set again, as it is long ago that it was.
    order(socket, "HSET memory:{r:lobby}:m x 1");
    order(socket, "CONFIG SET maxmemory 1");
    assert_eq!(peer.ask(publish(2)), Err(BusFault::OutOfMemory));
    assert_eq!(peer.ask(read(None)), Ok(before));
    let other = BusCommand::Read { log: LogName::Room("other".into()), head: None, fresh: 1 };
    assert_eq!(peer.ask(other), Err(BusFault::OutOfMemory));
    let orders = BusCommand::Read { log: LogName::Control, head: None, fresh: 1 };
    assert!(matches!(peer.ask(orders), Ok(BusReply::Entries { adopted: true, .. })));
    let lease = BusCommand::Lease { ttl_ms: 15_000, info: b"info".as_slice().into() };
    assert!(matches!(peer.ask(lease), Ok(BusReply::Nodes { .. })));
    let revocation = BusCommand::StoreRevocation {
        user: "eve".into(),
        at: 1,
        until: 4_000_000_000,
        capacity: 0,
    };
    assert_eq!(peer.ask(revocation), Ok(BusReply::Stored(true)));
    let order_to_all = BusCommand::Publish {
        log: LogName::Control,
        id: [9; 16],
        content: 0,
        asks: false,
        tag: 1,
        connection: 0,
        frame: b"{}".as_slice().into(),
    };
    for _ in 0..2 {
        assert!(matches!(
            peer.ask(order_to_all.clone()),
            Ok(BusReply::Published { .. } | BusReply::Unasked { .. })
        ));
    }
    let answer = b"yes".as_slice().into();
    let answer = BusCommand::Answer { log: log(), id: [1; 16], answer };
    assert_eq!(peer.ask(answer), Ok(BusReply::Stored(true)));
    assert_eq!(
        peer.ask(BusCommand::Tell { node: None, payload: [1].into() }),
        Ok(BusReply::Told(1))
    );
    order(socket, "CONFIG SET maxmemory 0");
    assert!(matches!(peer.ask(publish(2)), Ok(BusReply::Published { .. })));
}

/// Scripts that the engine has lost are given to it again, and nobody notices.
pub fn with_lost_scripts(socket: &Path) {
    let mut peer = up(settings("scripts"), socket);
    order(socket, "SCRIPT FLUSH");
    let sent: Vec<u64> = (1..=9).map(|id| peer.send(publish(id)).unwrap()).collect();
    peer.serve_until(&|peer| sent.iter().all(|to| peer.has_reply(*to)));
    let is_published = |event: &&BusEvent| {
        matches!(event, BusEvent::Reply { result: Ok(BusReply::Published { .. }), .. })
    };
    assert_eq!(peer.events.iter().filter(is_published).count(), 9);
    assert_eq!(peer.link.counts().failures, 0);
}

/// A cut connection is made again, with its subscriptions, and the command on its way is not lost.
pub fn with_a_killed_connection(socket: &Path) {
    let mut peer = up(settings("killed"), socket);
    let logs: Vec<_> = (0..2_500).map(|room| LogName::Room(format!("r{room}").into())).collect();
    peer.send(BusCommand::Subscribe(logs)).unwrap();
    peer.send(BusCommand::Subscribe(vec![log()])).unwrap();
    peer.serve_until(&|peer| peer.link.subscription_counts() == (2_501, 0));
    order(socket, "CLIENT KILL TYPE pubsub");
    assert!(matches!(peer.ask(publish(1)), Ok(BusReply::Published { subscribers: 0 | 1, .. })));
    peer.serve_until(&|peer| peer.link.subscription_counts() == (2_501, 0));
    assert_eq!(peer.link.counts().connects, 2);
    assert!(matches!(peer.ask(publish(2)), Ok(BusReply::Published { subscribers: 1, .. })));
}

/// A replica is refused when it is connected to, and left when it becomes one.
pub fn as_a_replica(socket: &Path) {
    let mut peer = up(settings("replica"), socket);
    let says = |peer: &BusPeer, text: &str| {
        let is_it =
            |event: &BusEvent| matches!(event, BusEvent::Down { reason } if reason.contains(text));
        peer.events.iter().any(is_it)
    };
    // Its second probe finds out.
    peer.serve_until(&|peer| peer.link.counts().probe.is_some());
    // Nobody listens there. The engine answers with what it has, and takes no writes.
    order(socket, "REPLICAOF 127.0.0.1 1");
    peer.now = peer.now + Duration::from_secs(5);
    peer.serve_until(&|peer| says(peer, "the engine is a replica by now"));
    let to = peer.send(publish(1)).unwrap();
    peer.serve_until(&|peer| says(peer, "the engine is a replica, which accepts no writes"));
    order(socket, "REPLICAOF NO ONE");
    peer.serve_until(&|peer| peer.has_reply(to));
    let is_published = |event: &BusEvent| {
        matches!(event, BusEvent::Reply { result: Ok(BusReply::Published { .. }), .. })
    };
    assert!(peer.events.iter().any(is_published));
}

/// A user that may do what [`LEAST_PERMISSIONS`] says, and nothing else, can do everything.
pub fn with_least_permissions(socket: &Path) {
    let rules = LEAST_PERMISSIONS.replace("PREFIX", "least");
    order(socket, &format!("ACL SETUSER least on >least {rules}"));
    let credentials = LinkSettings {
        username: Some("least".to_owned()),
        password: Some("least".to_owned()),
        keep: 2,
        ..settings("least")
    };
    let mut peer = up(credentials, socket);
    peer.send(BusCommand::Subscribe(vec![log()])).unwrap();
    peer.send(BusCommand::Unsubscribe(vec![log()])).unwrap();
    for id in 1..=4 {
        peer.ask(publish(id)).unwrap();
    }
    let head = Position::new(3, 5);
    for command in [
        publish(1),
        read(None),
        read(Some(head)),
        BusCommand::Break { log: log(), tag: 1, seen_head: Position::new(4, 5) },
        BusCommand::Claim { log: log(), id: [1; 16], from: "node".into() },
        BusCommand::Release { log: log(), id: [2; 16] },
        publish(2),
        BusCommand::Answer { log: log(), id: [1; 16], answer: [1].into() },
        BusCommand::StoreRevocation { user: "a".into(), at: 1, until: 2, capacity: 1 },
        BusCommand::StoreRevocation { user: "b".into(), at: 1, until: 4_000_000_000, capacity: 1 },
        BusCommand::StoreRevocation { user: "c".into(), at: 1, until: 4_000_000_000, capacity: 1 },
        BusCommand::ReadRevocations { after: None },
        BusCommand::ReadRevocations {
            after: Some(StoredRevocation { user: "c".into(), at: 1, until: 4_000_000_000 }),
        },
        BusCommand::ReadRevocations {
            after: Some(StoredRevocation { user: "b".into(), at: 1, until: 9 }),
        },
        BusCommand::Lease { ttl_ms: 0, info: [1].into() },
        BusCommand::Lease { ttl_ms: 9_000, info: [1].into() },
        BusCommand::Leave,
        BusCommand::Tell { node: None, payload: [1].into() },
        BusCommand::Inspect,
        BusCommand::TryRights,
    ] {
        let reply = peer.ask(command.clone());
        assert!(reply.is_ok(), "{command:?}: {reply:?}");
    }
    peer.serve_until(&|peer| peer.link.counts().probe.is_some());
    assert_eq!(peer.link.counts().faults, [0; BusFault::LABELS.len()]);
    // Each of them that is called by a script is missed by its name.
    let of_scripts = LEAST_PERMISSIONS.split_whitespace().filter_map(|rule| rule.strip_prefix('+'));
    let direct = ["hello", "evalsha", "script|load", "subscribe", "unsubscribe", "info"];
    for command in of_scripts.filter(|command| !direct.contains(command)) {
        order(socket, &format!("ACL SETUSER least -{command}"));
        assert_eq!(peer.ask(BusCommand::TryRights), Ok(BusReply::Refused(vec![command.into()])));
        order(socket, &format!("ACL SETUSER least +{command}"));
    }
    assert_eq!(peer.ask(BusCommand::TryRights), Ok(BusReply::Refused(Vec::new())));
    order(socket, "ACL DELUSER least");
}

/// A user without a permission is told which.
pub fn with_few_permissions(socket: &Path) {
    order(socket, "ACL SETUSER few on >few ~few:* resetchannels &few:* +@all -info");
    let credentials = |user: &str| LinkSettings {
        username: Some(user.to_owned()),
        password: Some(user.to_owned()),
        ..settings("few")
    };
    let mut peer = up(credentials("few"), socket);
    assert!(matches!(peer.ask(publish(1)), Ok(BusReply::Published { .. })));
    let refused = peer.ask(BusCommand::Inspect);
    let is_named = |text: &String| text.contains("info");
    assert!(matches!(&refused, Err(BusFault::NoPermission(text)) if is_named(text)), "{refused:?}");
    // Neither the scripts nor the channels.
    for (user, rules, words) in [
        ("noscript", "~few:* resetchannels &few:* +@all -script", "takes no script: NOPERM"),
        ("nochannel", "~few:* resetchannels &other:* +@all", "subscribes to no channel: NOPERM"),
    ] {
        order(socket, &format!("ACL SETUSER {user} on >{user} {rules}"));
        let mut peer = BusPeer::real(credentials(user), socket);
        peer.serve_until(&|peer| !peer.events.is_empty());
        let events = format!("{:?}", peer.events);
        assert!(events.contains(words), "{events}");
        order(socket, &format!("ACL DELUSER {user}"));
    }
    order(socket, "ACL DELUSER few");
}

/// A user that the engine asks for no password is not taken for its default one.
pub fn without_a_password(socket: &Path) {
    order(socket, "ACL SETUSER open on nopass ~open:* resetchannels &open:* +@all");
    let settings = LinkSettings { username: Some("open".to_owned()), ..settings("open") };
    let peer = up(settings, socket);
    let clients = operate(socket, "CLIENT LIST");
    assert!(clients.contains("user=open"), "{clients}");
    drop(peer);
    order(socket, "ACL DELUSER open");
}

/// A password that is wrong, or missing, is named by its key; a new one is used at once.
pub fn with_wrong_password(socket: &Path) {
    order(socket, "ACL SETUSER asks on >right ~* &* +@all");
    let settings = LinkSettings {
        username: Some("asks".to_owned()),
        password: Some("wrong".to_owned()),
        ..settings("password")
    };
    let mut peer = BusPeer::real(settings, socket);
    peer.serve_until(&|peer| !peer.events.is_empty());
    let events = format!("{:?}", peer.events);
    assert!(events.contains("WRONGPASS") && events.contains("cluster.password_file"), "{events}");
    peer.link.set_password(peer.now, Some("right".to_owned()));
    peer.serve_until(&|peer| peer.link.is_up());
    order(socket, "ACL DELUSER asks");
}
