//! The queues in virtual time.

mod shares;

use std::collections::BTreeSet;

use super::super::breaker::Cause;
use super::super::lane::CallAsker;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);
const WORKS: CallEvidence = CallEvidence::Works;
const FAILS: CallEvidence = CallEvidence::Fails;
const UNCONNECTED: CallEvidence = CallEvidence::Unconnected;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

/// A queue, with the calls in flight and those that were skipped. Connection 102 is the third one
/// of user 1.
struct QueueScene {
    queue: CallQueue,
    calls: Vec<(QueuedCall, Duration)>,
    skipped: Vec<(CallKind, u32, CallOutcome)>,
    now: Instant,
}

impl QueueScene {
    fn new(callers: usize) -> Self {
        Self::with_limit(callers, 1_024)
    }

    fn with_limit(callers: usize, limit: usize) -> Self {
        let queue = CallQueue::new(CallerShares::new(callers), limit, TIMEOUT);
        Self { queue, calls: Vec::new(), skipped: Vec::new(), now: Instant::START }
    }

    fn call(&mut self, millis: u64, kind: CallKind, connection: u32) {
        self.call_with(millis, kind, connection, StartFlag::default());
    }

    fn call_with(&mut self, millis: u64, kind: CallKind, connection: u32, start: StartFlag) {
        let start = (kind != CallKind::Leave).then_some(start);
        let user = SmolStr::new((connection / 100).to_string());
        let connection = ConnId::new(connection, 0);
        let call = QueuedCall {
            kind,
            asker: CallAsker::Nobody,
            start,
            user,
            connection,
            body: Vec::new(),
        };
        self.queue.handle_call(at(millis), call);
        self.drain();
    }

    /// Ends the call of this connection.
    fn end(&mut self, millis: u64, connection: u32, evidence: CallEvidence) -> Option<Transition> {
        let is_it = |(call, _): &(QueuedCall, _)| call.connection.index() == connection as usize;
        let index = self.calls.iter().position(is_it).unwrap();
        let (call, _) = self.calls.remove(index);
        let transition = match evidence {
            UNCONNECTED => self.queue.handle_unconnected(at(millis), call),
            evidence => self.queue.handle_done(at(millis), call.connection, evidence),
        };
        self.drain();
        transition
    }

    /// Ends the oldest call.
    fn done(&mut self, millis: u64, evidence: CallEvidence) -> Option<Transition> {
        let connection = self.calls[0].0.connection.index() as u32;
        self.end(millis, connection, evidence)
    }

    /// Lets time pass, until `millis`.
    fn wait(&mut self, millis: u64) {
        while let due = self.queue.poll_timeout(self.now)
            && due <= at(millis)
        {
            self.now = self.now.max(due);
            self.queue.handle_timeout(self.now);
            self.drain();
        }
        self.now = at(millis);
    }

    fn drain(&mut self) {
        while let Some(action) = self.queue.poll_action() {
            match action {
                CallAction::Send { call, time_limit } => self.calls.push((call, time_limit)),
                CallAction::Skip { call, outcome } => {
                    self.skipped.push((call.kind, call.connection.index() as u32, outcome));
                }
            }
        }
        let busy: BTreeSet<_> = self.calls.iter().map(|(call, _)| call.connection).collect();
        assert_eq!(busy.len(), self.calls.len(), "one call a connection");
    }

    fn calling(&self) -> Vec<(CallKind, u32)> {
        let call = |(call, _): &(QueuedCall, _)| (call.kind, call.connection.index() as u32);
        self.calls.iter().map(call).collect()
    }

    fn is_calling(&self, kind: CallKind, connection: u32) -> bool {
        self.calling().contains(&(kind, connection))
    }
}

#[test]
fn calls_of_a_connection_are_made_one_at_a_time() {
    let mut scene = QueueScene::new(4);
    scene.call(0, CallKind::Join, 100);
    scene.call(0, CallKind::Message, 100);
    scene.call(0, CallKind::Leave, 100);
    scene.call(0, CallKind::Message, 200);
    assert_eq!(scene.calling(), [(CallKind::Join, 100), (CallKind::Message, 200)]);
    scene.done(1, WORKS);
    assert_eq!(scene.calling(), [(CallKind::Message, 200), (CallKind::Message, 100)]);
    scene.done(2, WORKS);
    scene.done(3, WORKS);
    assert_eq!(scene.calling(), [(CallKind::Leave, 100)]);
}

#[test]
fn questions_go_before_leaves() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 900);
    for connection in [0, 100, 200] {
        scene.call(0, CallKind::Leave, connection);
    }
    scene.call(0, CallKind::Join, 500);
    scene.done(1, WORKS);
    assert_eq!(scene.calling(), [(CallKind::Join, 500)]);
    for connection in [0, 100, 200] {
        scene.done(1, WORKS);
        assert_eq!(scene.calling(), [(CallKind::Leave, connection)]);
    }
}

#[test]
fn time_limit_of_a_call_includes_its_wait() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 100);
    scene.call(1_000, CallKind::Message, 200);
    scene.call(1_500, CallKind::Message, 300);
    scene.done(4_000, WORKS);
    assert_eq!(scene.calls[0].1, Duration::from_secs(2));
    scene.done(6_600, WORKS);
    assert_eq!(scene.skipped, [(CallKind::Message, 300, CallOutcome::Expired)]);
    assert!(scene.calls.is_empty());
}

#[test]
fn changed_timeout_applies_to_queued_calls() {
    let mut scene = QueueScene::new(1);
    for connection in [100, 200, 300] {
        scene.call(0, CallKind::Message, connection);
    }
    scene.queue.set_timeout(2 * TIMEOUT);
    scene.done(6_000, WORKS);
    assert_eq!(scene.calls[0].1, Duration::from_secs(4));
    scene.queue.set_timeout(TIMEOUT);
    scene.done(6_000, WORKS);
    assert_eq!(scene.skipped, [(CallKind::Message, 300, CallOutcome::Expired)]);
}

#[test]
fn abandoned_question_is_not_sent() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 100);
    let start = StartFlag::default();
    scene.call_with(0, CallKind::Join, 200, start.clone());
    scene.call(0, CallKind::Join, 300);
    assert!(start.withdraw());
    scene.done(10, WORKS);
    assert_eq!(scene.calling(), [(CallKind::Join, 300)]);
    assert_eq!(scene.skipped, [(CallKind::Join, 200, CallOutcome::Expired)]);
}

#[test]
fn shutdown_sends_leaves_and_drops_questions() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 100);
    scene.call(0, CallKind::Message, 200);
    scene.call(0, CallKind::Leave, 100);
    scene.call(0, CallKind::Leave, 200);
    scene.queue.handle_end(at(1));
    scene.done(1, WORKS);
    for connection in [200, 100] {
        assert_eq!(scene.calling(), [(CallKind::Leave, connection)]);
        assert!(!scene.queue.is_finished());
        scene.done(2, WORKS);
    }
    assert!(scene.queue.is_finished() && scene.skipped.is_empty());
}

/// One user of twenty whose every message is answered with an error.
#[test]
fn one_users_failing_messages_refuse_nobody_else() {
    let mut scene = QueueScene::new(16);
    for round in 0..200 {
        let now = round * 20;
        for user in 1..=20 {
            let kind = if round % 10 == 0 { CallKind::Join } else { CallKind::Message };
            scene.call(now, kind, 100 * user);
            let is_poison = user == 7 && kind == CallKind::Message;
            if scene.is_calling(kind, 100 * user) {
                let evidence = if is_poison { FAILS } else { WORKS };
                assert_eq!(scene.end(now, 100 * user, evidence), None);
            }
        }
    }
    let refused = (CallKind::Message, 700, CallOutcome::UserRefused);
    assert!(scene.skipped.len() > 100 && scene.skipped.iter().all(|it| *it == refused));
}

#[test]
fn failing_leaves_never_open_the_breaker() {
    let mut scene = QueueScene::new(8);
    for connection in 1..100 {
        scene.call(0, CallKind::Leave, 100 * connection);
        assert_eq!(scene.done(0, FAILS), None);
        scene.call(0, CallKind::Leave, 100 * connection);
        assert_eq!(scene.done(6_000, UNCONNECTED), None);
    }
    assert_eq!(scene.skipped.len(), 99);
    scene.call(6_000, CallKind::Join, 100);
    assert_eq!(scene.calling(), [(CallKind::Join, 100)]);
}

/// A backend that is down for as long as a restart takes costs nobody an answer.
#[test]
fn unsent_call_is_tried_again_until_it_is_sent() {
    let mut scene = QueueScene::new(16);
    scene.call(0, CallKind::Message, 100);
    scene.call(0, CallKind::Message, 200);
    let mut opened = Vec::new();
    for millis in [0, 1, 100, 200, 400, 800] {
        scene.wait(millis);
        opened.extend(scene.done(millis, UNCONNECTED));
    }
    let waits = [100, 200, 400, 800].map(Duration::from_millis);
    assert_eq!(opened, waits.map(|wait| Transition::Opened(Cause::Unconnected, wait)));
    scene.call(900, CallKind::Join, 300);
    assert_eq!((scene.calling(), scene.skipped.len()), (vec![], 0));
    scene.wait(1_600);
    assert_eq!(scene.calls.len(), 1, "the probe");
    assert_eq!(scene.done(1_610, WORKS), Some(Transition::Closed));
    assert_eq!(scene.calls.len(), 2, "{:?}", scene.calling());
    scene.done(1_620, WORKS);
    scene.done(1_620, WORKS);
    assert!(scene.skipped.is_empty() && scene.queue.connections.is_empty());
    assert_eq!(scene.queue.waiting_questions, 0);
}

/// With one user, too.
#[test]
fn dead_backend_is_given_up_after_2_seconds() {
    let mut scene = QueueScene::new(16);
    scene.call(0, CallKind::Message, 100);
    for millis in (0..2_000).step_by(10) {
        scene.wait(millis);
        if !scene.calls.is_empty() {
            scene.done(millis, UNCONNECTED);
        }
    }
    assert!(scene.skipped.is_empty());
    scene.wait(2_200);
    assert_eq!(scene.skipped, [(CallKind::Message, 100, CallOutcome::Refused)]);
    scene.call(2_300, CallKind::Join, 200);
    scene.call(2_300, CallKind::Leave, 300);
    assert_eq!(scene.skipped.len(), 3, "from then on at once");
    // The next one after the wait is the probe.
    scene.call(5_000, CallKind::Leave, 300);
    scene.call(5_000, CallKind::Join, 200);
    scene.call(5_000, CallKind::Join, 400);
    assert_eq!((scene.calling(), scene.skipped.len()), (vec![(CallKind::Join, 200)], 5));
    assert_eq!(scene.done(5_001, WORKS), Some(Transition::Closed));
    scene.call(5_001, CallKind::Leave, 300);
    assert_eq!(scene.calling(), [(CallKind::Leave, 300)]);
}

#[test]
fn abandoned_unsent_call_is_not_tried_again() {
    let mut scene = QueueScene::new(16);
    let start = StartFlag::default();
    scene.call_with(0, CallKind::Message, 100, start.clone());
    scene.call(0, CallKind::Message, 200);
    scene.end(0, 100, UNCONNECTED);
    assert!(start.withdraw(), "it has not begun");
    scene.end(4_950, 200, UNCONNECTED);
    let unconnected = (CallKind::Message, 200, CallOutcome::Unconnected);
    assert_eq!(scene.skipped, [unconnected, (CallKind::Message, 100, CallOutcome::Expired)]);
    assert!(scene.calls.is_empty() && scene.queue.connections.is_empty());
}
