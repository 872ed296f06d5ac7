//! What a link does when something fails.

use super::*;

#[test]
fn lost_reply_is_asked_for_again() {
    let mut rig = Rig::new(2);
    rig.watch(1, &lobby());
    rig.engine.faults.lost_replies = 1;
    let to = rig.send(0, publish(1, "one")).unwrap();
    rig.pass(Duration::from_millis(500));
    let reply = rig.reply(0, to).unwrap().unwrap();
    assert_eq!(position(&reply), Position::new(1, 1));
    assert_eq!(rig.pushed(1), ["one"]);
    let counts = rig.peers[0].link.counts();
    assert_eq!((counts.retries, counts.failures, counts.connects), (1, 1, 2));
}

#[test]
fn engine_that_is_gone_is_waited_for_and_then_not() {
    let mut rig = Rig::new(1);
    rig.is_unreachable = true;
    rig.engine.close(None);
    let to = rig.send(0, publish(1, "one")).unwrap();
    rig.turn();
    let again = rig.send(0, publish(2, "two")).unwrap();
    rig.pass(Duration::from_millis(900));
    assert_eq!(rig.reply(0, to), None);
    rig.pass(Duration::from_millis(100));
    assert_eq!(rig.reply(0, to), Some(Err(BusFault::Down)));
    assert_eq!(rig.reply(0, again), Some(Err(BusFault::Down)));
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.send(0, publish(3, "three")), Err(BusFault::Down));
    rig.is_unreachable = false;
    rig.pass(Duration::from_secs(10));
    assert!(rig.peers[0].link.is_up());
    rig.ask(0, publish(3, "three"));
}

#[test]
fn subscriptions_outlive_a_connection() {
    let mut rig = Rig::new(2);
    for room in 0..2_500 {
        let log = LogName::Room(format!("room {room}").into());
        rig.send(0, BusCommand::Subscribe(vec![log])).unwrap();
    }
    rig.watch(0, &lobby());
    rig.engine.close(None);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.peers[0].link.subscription_counts(), (2_501, 0));
    rig.ask(1, publish(1, "one"));
    assert_eq!(rig.pushed(0), ["one"]);
}

#[test]
fn engine_that_pushes_nothing_is_left() {
    let mut rig = Rig::new(2);
    rig.watch(1, &lobby());
    // Commands are answered.
    rig.engine.faults.lost_pushes = u32::MAX;
    rig.ask(0, publish(1, "one"));
    rig.pass(Duration::from_secs(10));
    assert!(rig.peers.iter().all(|peer| peer.link.counts().failures > 0));
    rig.engine.faults.lost_pushes = 0;
    rig.pass(Duration::from_secs(10));
    assert!(rig.peers.iter().all(|peer| peer.link.is_up()));
    rig.ask(0, publish(2, "two"));
    assert_eq!(rig.pushed(1), ["two"]);
}

#[test]
fn silent_link_finds_out_that_its_master_was_demoted() {
    let mut rig = Rig::new(2);
    rig.watch(1, &lobby());
    rig.engine.take_snapshot();
    rig.engine.fail_over(true);
    rig.engine.demote();
    rig.pass(Duration::from_secs(6));
    assert!(rig.peers.iter().all(|peer| peer.link.is_up()));
    assert_eq!(rig.peers[0].link.counts().connects, 2);
    rig.ask(0, publish(2, "two"));
    assert_eq!(rig.pushed(1), ["two"]);
}

#[test]
fn replica_is_refused_and_the_next_address_tried() {
    let mut rig = Rig::new(1);
    rig.engine.faults.error = Some(EngineError::ReadOnly);
    let to = rig.send(0, publish(1, "one")).unwrap();
    rig.pass(Duration::from_millis(300));
    assert!(!rig.peers[0].link.is_up());
    rig.engine.faults.error = None;
    rig.pass(Duration::from_millis(600));
    assert!(matches!(rig.reply(0, to), Some(Ok(BusReply::Published { .. }))));
}

#[test]
fn each_error_of_the_engine_is_a_fault_of_its_own() {
    let mut rig = Rig::new(1);
    rig.ask(0, publish(1, "one"));
    rig.engine.faults.error = Some(EngineError::OutOfMemory);
    assert_eq!(rig.try_ask(0, publish(2, "two")), Err(BusFault::OutOfMemory));
    rig.engine.faults.error = Some(EngineError::NoPermission);
    let reply = rig.try_ask(0, publish(2, "two"));
    assert!(matches!(reply, Err(BusFault::NoPermission(_))), "{reply:?}");
    for (error, fault) in
        [(EngineError::Loading, BusFault::Loading), (EngineError::Busy, BusFault::Busy)]
    {
        rig.engine.faults.error = Some(error);
        let to = rig.send(0, publish(2, "two")).unwrap();
        rig.pass(Duration::from_secs(1));
        assert_eq!(rig.reply(0, to), Some(Err(fault)));
    }
    let to = rig.send(0, publish(2, "two")).unwrap();
    rig.pass(Duration::from_millis(500));
    rig.engine.faults.error = None;
    rig.pass(Duration::from_millis(500));
    assert!(matches!(rig.reply(0, to), Some(Ok(BusReply::Published { .. }))));
}

#[test]
fn lost_scripts_are_loaded_again() {
    let mut rig = Rig::new(1);
    rig.engine.flush_scripts();
    let all = (1..=9).map(|id| rig.send(0, publish(id, "text")).unwrap()).collect::<Vec<_>>();
    rig.turn();
    for to in all {
        assert!(matches!(rig.reply(0, to), Some(Ok(BusReply::Published { .. }))));
    }
    assert_eq!(rig.peers[0].link.counts().failures, 0);
}

#[test]
fn log_goes_on_where_an_engine_was_wiped() {
    let mut rig = Rig::new(1);
    rig.ask(0, publish(1, "one"));
    let head = position(&rig.ask(0, publish(2, "two")));
    rig.engine.wipe();
    rig.pass(Duration::from_secs(1));
    let reply = rig.ask(0, read(Some(head)));
    let BusReply::Entries { base, adopted: true, follows: true, .. } = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(base, head);
    assert_eq!(position(&rig.ask(0, publish(3, "three"))).distance_from(head), Some(1));
}

#[test]
fn stale_master_shows_by_the_tags() {
    let mut rig = Rig::new(1);
    rig.ask(0, publish(1, "one"));
    rig.engine.take_snapshot();
    let head = position(&rig.ask(0, publish(2, "two")));
    rig.engine.fail_over(false);
    rig.pass(Duration::from_secs(1));
    let other = position(&rig.ask(0, publish(3, "three")));
    assert_eq!(other.number(), head.number());
    let reply = rig.ask(0, read(Some(head)));
    assert!(matches!(reply, BusReply::Entries { follows: false, .. }), "{reply:?}");
}

#[test]
fn late_reply_is_nobodys() {
    let mut rig = Rig::new(1);
    rig.engine.faults.is_stopped = true;
    let to = rig.send(0, publish(1, "one")).unwrap();
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.reply(0, to), Some(Err(BusFault::Timeout)));
    rig.engine.faults.is_stopped = false;
    let (unix, open) = (rig.unix(), rig.peers[0].link.in_flight().0);
    rig.engine.go_on(unix);
    rig.turn();
    assert_eq!((open, rig.peers[0].link.in_flight()), (1, (0, 0)));
    assert_eq!(rig.reply(0, to), None);
}

#[test]
fn what_is_too_much_is_refused_at_once() {
    let mut rig = Rig::new(1);
    rig.engine.faults.is_stopped = true;
    let large = "x".repeat(2 << 20);
    assert_eq!(rig.send(0, publish(1, &large)), Err(BusFault::TooLong));
    let sent = (0..5_000).filter(|_| rig.send(0, read(None)).is_ok()).count();
    assert_eq!(sent, 4_096 - 256);
    assert_eq!(rig.send(0, publish(1, "one")), Err(BusFault::Full));
    rig.send(0, BusCommand::Leave).unwrap();
    let counts = rig.peers[0].link.counts();
    assert_eq!(counts.faults[BusFault::Full.index()], 5_000 - sent as u64 + 1);
}

#[test]
fn wrong_password_says_what_to_do() {
    let mut rig = Rig::new(1);
    rig.engine.faults.password = Some("secret".to_owned());
    rig.engine.close(None);
    rig.pass(Duration::from_secs(3));
    let reasons: Vec<_> = rig.peers[0].events.iter().map(|event| format!("{event:?}")).collect();
    assert!(reasons.iter().any(|reason| reason.contains("password_file")), "{reasons:?}");
    let now = rig.now;
    rig.peers[0].link.set_password(now, Some("secret".to_owned()));
    rig.turn();
    assert!(rig.peers[0].link.is_up());
    assert!(!format!("{:?}", rig.peers[0].link).contains("secret"));
}

#[test]
fn bytes_that_are_no_resp3_end_the_connection() {
    let mut rig = Rig::new(1);
    for bytes in [&b"?"[..], b"+OK\r\n", b">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"] {
        rig.peers[0].link.received(rig.now, bytes);
        assert!(!rig.peers[0].link.is_up());
        rig.pass(Duration::from_secs(10));
        assert!(rig.peers[0].link.is_up());
    }
}

#[test]
fn engine_of_an_old_version_is_refused() {
    let says = |version: &str| {
        let mut link = BusLink::new(settings(0), &Seed::predictable(1));
        link.handle_timeout(Instant::START);
        link.connected(Instant::START);
        let length = version.len();
        let hello = format!(
            "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n${length}\r\n{version}\r\n\
             $4\r\nrole\r\n$6\r\nmaster\r\n"
        );
        link.received(Instant::START, hello.as_bytes());
        std::iter::from_fn(|| link.poll()).find_map(|event| match event {
            BusEvent::Down { reason } => Some(reason.to_string()),
            _ => None,
        })
    };
    let refused = |version| {
        format!("the engine has the version {version}: Redis 6.2 or later, or Valkey, is needed")
    };
    for version in ["5.0.14", "6.0.9"] {
        assert_eq!(says(version), Some(refused(version)));
    }
    for version in ["6.2.0", "7.0.15", "9.1.2", "255.255.255", "unstable"] {
        assert_eq!(says(version), None, "{version}");
    }
}
