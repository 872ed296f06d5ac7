//! What several nodes see of each other while nothing fails.

use super::*;

#[test]
fn entry_reaches_every_node_in_order() {
    let mut rig = Rig::new(3);
    (0..3).for_each(|node| rig.watch(node, &lobby()));
    let first = rig.ask(0, publish(1, "one"));
    let BusReply::Published { position, previous, subscribers: 3 } = first else {
        panic!("{first:?}")
    };
    assert_eq!((position, previous.number()), (Position::new(1, 1), 0));
    rig.ask(1, publish(2, "two"));
    (0..3).for_each(|node| assert_eq!(rig.pushed(node), ["one", "two"]));
    rig.send(2, BusCommand::Unsubscribe(vec![lobby()])).unwrap();
    rig.turn();
    rig.ask(0, publish(3, "three"));
    assert_eq!((rig.pushed(1).len(), rig.pushed(2).len()), (1, 0));
}

#[test]
fn id_is_published_once_and_asked_once() {
    let mut rig = Rig::new(2);
    let position = position(&rig.ask(0, publish(1, "one")));
    let by = "n0".into();
    assert_eq!(rig.ask(1, publish(1, "one")), BusReply::Asked { by, position });
    assert_eq!(rig.ask(1, publish(1, "other")), BusReply::OtherContent);
    let id = [1; 16];
    let claim = |from: &str| BusCommand::Claim { log: lobby(), id, from: from.into() };
    assert_eq!(rig.ask(1, claim("n7")), BusReply::Claimed(false));
    assert_eq!(rig.ask(1, claim("n0")), BusReply::Claimed(true));
    let answer = || BusCommand::Answer { log: lobby(), id, answer: b"yes".as_slice().into() };
    assert_eq!(rig.ask(0, answer()), BusReply::Stored(false));
    assert_eq!(rig.ask(1, BusCommand::Release { log: lobby(), id }), BusReply::Done);
    assert_eq!(rig.ask(0, publish(1, "one")), BusReply::Unasked { position });
    assert_eq!(rig.ask(0, answer()), BusReply::Stored(true));
    assert_eq!(rig.ask(1, publish(1, "one")), BusReply::Answered(b"yes".as_slice().into()));
    rig.pass(Duration::from_secs(601));
    assert!(matches!(rig.ask(1, publish(1, "one")), BusReply::Published { .. }));
}

fn take(id: u8) -> BusCommand {
    let BusCommand::Publish { log, id, content, .. } = publish(id, "text") else { panic!() };
    BusCommand::TakeKey { log, id, content }
}

/// Nobody has seen the message of an id that was only taken.
#[test]
fn an_id_that_is_given_up_can_be_published() {
    let mut rig = Rig::new(2);
    let release = || BusCommand::Release { log: lobby(), id: [1; 16] };
    assert_eq!(rig.ask(0, take(1)), BusReply::Claimed(true));
    let taken = BusReply::Asked { by: "n0".into(), position: Position::new(0, 0) };
    assert_eq!(rig.ask(1, publish(1, "text")), taken);
    rig.ask(0, release());
    assert!(matches!(rig.ask(1, publish(1, "text")), BusReply::Published { .. }));
    // Its own too: an earlier process of this name has taken it.
    rig.ask(0, take(2));
    let position = position(&rig.ask(0, publish(2, "text")));
    let by = "n0".into();
    assert_eq!(rig.ask(1, publish(2, "text")), BusReply::Asked { by, position });
}

#[test]
fn an_id_that_was_published_is_not_held() {
    let mut rig = Rig::new(2);
    let position = position(&rig.ask(0, publish(1, "text")));
    let (by, nowhere) = ("n0".into(), Position::new(0, 0));
    assert_eq!(rig.ask(1, take(1)), BusReply::Asked { by, position: nowhere });
    assert_eq!(rig.ask(0, take(1)), BusReply::Unasked { position });
    rig.ask(0, BusCommand::Release { log: lobby(), id: [1; 16] });
    for _ in 0..2 {
        assert_eq!(rig.ask(1, take(1)), BusReply::Unasked { position });
    }
}

#[test]
fn read_gives_what_is_behind_a_head() {
    let mut rig = Rig::new(1);
    let BusReply::Entries { base, adopted: true, follows: true, entries } = rig.ask(0, read(None))
    else {
        panic!("a log that is not there begins")
    };
    assert_eq!((base, entries.len()), (Position::new(0, 99), 0));
    let heads: Vec<_> = (1..=6).map(|id| position(&rig.ask(0, publish(id, "text")))).collect();
    let BusReply::Entries { base, follows: true, adopted: false, entries } =
        rig.ask(0, read(Some(heads[3])))
    else {
        panic!("the head is there")
    };
    assert_eq!((base, entries.len(), entries[0].previous), (heads[3], 2, heads[3]));
    assert_eq!((&*entries[1].frame, entries[1].position), (&b"text"[..], heads[5]));
    assert_eq!((&*entries[1].origin.node, entries[1].origin.connection), ("n0", 7));
    // Four entries are kept. The first one that is gone, a foreign tag, and one that is ahead.
    for head in [heads[0], Position::new(4, 77), Position::new(9, 6)] {
        let BusReply::Entries { base, follows: false, entries, .. } = rig.ask(0, read(Some(head)))
        else {
            panic!("{head} does not follow")
        };
        assert_eq!((base, entries.len()), (heads[1], 4));
    }
}

#[test]
fn a_break_is_declared_by_one_node() {
    let mut rig = Rig::new(2);
    rig.watch(1, &lobby());
    let seen_head = position(&rig.ask(0, publish(1, "one")));
    let declare = |tag| BusCommand::Break { log: lobby(), tag, seen_head };
    let head = position(&rig.ask(0, declare(50)));
    assert_eq!(head, seen_head.next(50));
    assert_eq!(rig.ask(1, declare(51)), BusReply::Moved { head });
    let kinds = rig.peers[1].events.iter().filter_map(|event| match event {
        BusEvent::Entry { entry, .. } => Some(entry.kind),
        _ => None,
    });
    assert_eq!(kinds.collect::<Vec<_>>(), [EntryKind::Message, EntryKind::Break]);
    let BusReply::Entries { base, entries, .. } = rig.ask(0, read(None)) else { panic!() };
    assert_eq!((base, entries.len()), (seen_head, 1));
}

#[test]
fn leases_show_who_lives() {
    let mut rig = Rig::new(2);
    let lease = |ttl_ms, info: &str| BusCommand::Lease { ttl_ms, info: info.as_bytes().into() };
    rig.ask(0, lease(15_000, "a"));
    let names = |reply| match reply {
        BusReply::Nodes { live, taken_from } => {
            let names: Vec<_> = live.iter().map(|node| node.name.to_string()).collect();
            (names.join(" "), taken_from.is_some())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(names(rig.ask(1, lease(15_000, "b"))), ("n0 n1".to_owned(), false));
    // Two nodes of one name.
    assert_eq!(names(rig.ask(1, lease(15_000, "c"))), ("n0 n1".to_owned(), true));
    rig.pass(Duration::from_secs(10));
    rig.ask(0, lease(15_000, "a"));
    rig.pass(Duration::from_secs(6));
    assert_eq!(names(rig.ask(0, lease(15_000, "a"))), ("n0".to_owned(), false));
    assert_eq!(rig.ask(0, BusCommand::Leave), BusReply::Done);
    assert_eq!(names(rig.ask(1, lease(1, "b"))), ("n1".to_owned(), false));
}

#[test]
fn revocations_are_read_in_pages() {
    let mut rig = Rig::new(1);
    let store = |user: String, at, until| BusCommand::StoreRevocation {
        user: user.into(),
        at,
        until,
        capacity: 700,
    };
    for user in 0..720 {
        rig.ask(0, store(format!("user {user}"), user, 1_900_000_000 + user / 4));
    }
    // The later moments count, in any order.
    rig.ask(0, store("user 700".to_owned(), 1, 1));
    // What is over goes with the next.
    rig.ask(0, store("late".to_owned(), 1, 1));
    let (mut users, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let reply = rig.ask(0, BusCommand::ReadRevocations { after: after.clone() });
        let BusReply::Revocations { page, complete } = reply else { panic!() };
        after = page.last().cloned();
        users.extend(page);
        pages += 1;
        if complete {
            break;
        }
    }
    assert_eq!((pages, users.len()), (2, 700));
    let kept = users.iter().find(|revocation| revocation.user == "user 700").unwrap();
    assert_eq!((kept.at, kept.until), (700, 1_900_000_175));
}

#[test]
fn node_is_told_what_is_meant_for_it() {
    let mut rig = Rig::new(3);
    let tell = |node: Option<&str>| BusCommand::Tell {
        node: node.map(Into::into),
        payload: b"hello".as_slice().into(),
    };
    assert_eq!(rig.ask(0, tell(Some("n1"))), BusReply::Told(1));
    assert_eq!(rig.ask(0, tell(None)), BusReply::Told(3));
    assert_eq!(rig.ask(0, tell(Some("nobody"))), BusReply::Told(0));
    let told = rig.peers.iter().map(|peer| {
        peer.events.iter().filter(|event| matches!(event, BusEvent::Told { .. })).count()
    });
    assert_eq!(told.collect::<Vec<_>>(), [1, 2, 1]);
    let BusReply::Inspected(engine) = rig.ask(0, BusCommand::Inspect) else { panic!() };
    assert_eq!((&*engine.server, &*engine.eviction), ("redis 7.0.0", "noeviction"));
}
