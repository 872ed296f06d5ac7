//! The queues in virtual time.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

/// A queue, with the calls in flight and those that were skipped.
struct QueueScene {
    queue: CallQueue,
    calls: Vec<(CallKind, ConnId, Permit, Duration)>,
    skipped: Vec<(CallKind, u32, CallOutcome)>,
}

impl QueueScene {
    fn new(callers: usize) -> Self {
        Self { queue: CallQueue::new(callers, TIMEOUT), calls: Vec::new(), skipped: Vec::new() }
    }

    fn call(&mut self, millis: u64, kind: CallKind, connection: u32) {
        let connection = ConnId::new(connection, 0);
        let call = QueuedCall { kind, ticket: None, start: None, connection, body: Vec::new() };
        self.queue.handle_call(at(millis), call);
        self.drain();
    }

    /// Ends the oldest call.
    fn done(&mut self, millis: u64, is_alive: bool) -> Option<Transition> {
        let (_, connection, permit, _) = self.calls.remove(0);
        let transition = self.queue.handle_done(at(millis), connection, permit, is_alive);
        self.drain();
        transition
    }

    fn drain(&mut self) {
        while let Some(action) = self.queue.poll_action() {
            match action {
                CallAction::Send { call, permit, time_limit } => {
                    self.calls.push((call.kind, call.connection, permit, time_limit));
                }
                CallAction::Skip { call, outcome } => {
                    self.skipped.push((call.kind, call.connection.index() as u32, outcome));
                }
            }
        }
        let mut busy: Vec<_> = self.calls.iter().map(|call| call.1).collect();
        busy.dedup();
        assert_eq!(busy.len(), self.calls.len(), "one call a connection");
    }

    fn calling(&self) -> Vec<(CallKind, u32)> {
        self.calls.iter().map(|call| (call.0, call.1.index() as u32)).collect()
    }
}

#[test]
fn calls_of_a_connection_are_made_one_at_a_time() {
    let mut scene = QueueScene::new(3);
    scene.call(0, CallKind::Join, 1);
    scene.call(0, CallKind::Message, 1);
    scene.call(0, CallKind::Leave, 1);
    scene.call(0, CallKind::Message, 2);
    assert_eq!(scene.calling(), [(CallKind::Join, 1), (CallKind::Message, 2)]);
    scene.done(1, true);
    assert_eq!(scene.calling(), [(CallKind::Message, 2), (CallKind::Message, 1)]);
    scene.done(2, true);
    scene.done(3, true);
    assert_eq!(scene.calling(), [(CallKind::Leave, 1)]);
}

#[test]
fn questions_go_before_leaves() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 9);
    for connection in 0..3 {
        scene.call(0, CallKind::Leave, connection);
    }
    scene.call(0, CallKind::Join, 5);
    scene.done(1, true);
    assert_eq!(scene.calling(), [(CallKind::Join, 5)]);
    for connection in 0..3 {
        scene.done(1, true);
        assert_eq!(scene.calling(), [(CallKind::Leave, connection)]);
    }
}

#[test]
fn time_limit_of_a_call_includes_its_wait() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 1);
    scene.call(1_000, CallKind::Message, 2);
    scene.call(1_500, CallKind::Message, 3);
    scene.done(4_000, true);
    assert_eq!(scene.calls[0].3, Duration::from_secs(2));
    scene.done(6_600, true);
    assert_eq!(scene.skipped, [(CallKind::Message, 3, CallOutcome::Expired)]);
    assert!(scene.calls.is_empty());
}

#[test]
fn changed_timeout_applies_to_queued_calls() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 1);
    scene.call(0, CallKind::Message, 2);
    scene.call(0, CallKind::Message, 3);
    scene.queue.set_timeout(2 * TIMEOUT);
    scene.done(6_000, true);
    assert_eq!(scene.calls[0].3, Duration::from_secs(4));
    scene.queue.set_timeout(TIMEOUT);
    scene.done(6_000, true);
    assert_eq!(scene.skipped, [(CallKind::Message, 3, CallOutcome::Expired)]);
}

#[test]
fn open_breaker_refuses_every_queued_call() {
    let mut scene = QueueScene::new(5);
    for connection in 0..7 {
        scene.call(0, CallKind::Message, connection);
    }
    scene.call(0, CallKind::Leave, 7);
    for _ in 0..4 {
        // Each that fails lets the next one go: two questions, and then the leave.
        assert_eq!(scene.done(10, false), None);
    }
    scene.call(10, CallKind::Message, 8);
    scene.call(10, CallKind::Message, 9);
    assert_eq!(scene.skipped, []);
    assert_eq!(scene.done(10, false), Some(Transition::Opened(Duration::from_secs(1))));
    assert_eq!(scene.skipped, [(CallKind::Message, 9, CallOutcome::Refused)]);
    scene.call(1_009, CallKind::Join, 10);
    scene.call(1_009, CallKind::Leave, 11);
    assert_eq!(
        scene.skipped[1..],
        [(CallKind::Join, 10, CallOutcome::Refused), (CallKind::Leave, 11, CallOutcome::Refused)]
    );
    // Those that were under way end without a change, and one probe goes out.
    while !scene.calls.is_empty() {
        assert_eq!(scene.done(1_009, false), None);
    }
    scene.call(1_010, CallKind::Join, 12);
    scene.call(1_010, CallKind::Join, 13);
    assert_eq!(scene.calling(), [(CallKind::Join, 12)]);
    assert_eq!(scene.skipped.last(), Some(&(CallKind::Join, 13, CallOutcome::Refused)));
    assert_eq!(scene.done(1_020, true), Some(Transition::Closed));
    scene.call(1_020, CallKind::Join, 14);
    assert_eq!(scene.calling(), [(CallKind::Join, 14)]);
}

#[test]
fn shutdown_sends_leaves_and_drops_questions() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 1);
    scene.call(0, CallKind::Message, 2);
    scene.call(0, CallKind::Leave, 1);
    scene.queue.handle_end(at(1));
    scene.done(1, true);
    assert_eq!(scene.calling(), [(CallKind::Leave, 1)]);
    assert!(!scene.queue.is_finished());
    scene.done(2, true);
    assert!(scene.queue.is_finished() && scene.skipped.is_empty());
}

#[test]
fn abandoned_question_is_not_sent() {
    let mut scene = QueueScene::new(1);
    scene.call(0, CallKind::Message, 1);
    let start = StartFlag::default();
    for (connection, start) in [(2, Some(start.clone())), (3, Some(StartFlag::default()))] {
        let connection = ConnId::new(connection, 0);
        let call =
            QueuedCall { kind: CallKind::Join, ticket: None, start, connection, body: Vec::new() };
        scene.queue.handle_call(at(0), call);
    }
    assert!(start.withdraw());
    scene.done(10, true);
    assert_eq!(scene.calling(), [(CallKind::Join, 3)]);
    assert_eq!(scene.skipped, [(CallKind::Join, 2, CallOutcome::Expired)]);
}
