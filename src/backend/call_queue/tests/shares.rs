//! Who has how much of the callers and of the queue.

use super::*;
use crate::shares::rivalry::{self, RivalQueue, Rivalry};

/// Four users with ten connections each, all of whose messages take very long.
fn four_slow_users() -> QueueScene {
    let mut scene = QueueScene::new(16);
    for connection in 0..10 {
        for user in 1..=4 {
            scene.call(0, CallKind::Message, 100 * user + connection);
        }
    }
    scene
}

#[test]
fn slow_users_leave_callers_free_for_others() {
    let mut scene = four_slow_users();
    for user in 5..9 {
        scene.call(0, CallKind::Message, 100 * user);
        assert!(scene.is_calling(CallKind::Message, 100 * user), "{user}: {:?}", scene.calling());
        scene.end(0, 100 * user, WORKS);
        scene.call(0, CallKind::Join, 100 * user);
        assert!(scene.is_calling(CallKind::Join, 100 * user), "{user}: {:?}", scene.calling());
    }
    for user in 5..200 {
        let now = u64::from(user);
        scene.call(now, CallKind::Message, 100 * user + 50);
        assert!(scene.is_calling(CallKind::Message, 100 * user + 50), "{user}");
        scene.end(now + 1, 100 * user + 50, WORKS);
    }
    assert!(scene.skipped.is_empty());
}

#[test]
fn no_user_has_more_than_its_share_of_callers() {
    for (callers, share) in [(1, 1), (2, 1), (4, 1), (8, 2), (16, 3), (64, 10)] {
        let mut scene = QueueScene::new(callers);
        for connection in 0..90 {
            scene.call(0, CallKind::Message, 100 + connection);
        }
        assert_eq!(scene.calls.len(), share, "{callers}");
        // One that ends is followed by the next.
        scene.done(10, WORKS);
        assert_eq!(scene.calls.len(), share, "{callers}");
    }
}

#[test]
fn slow_leaves_leave_callers_free_for_questions() {
    let mut scene = QueueScene::new(16);
    for user in 1..100 {
        scene.call(0, CallKind::Leave, 100 * user);
    }
    assert_eq!(scene.calls.len(), 4);
    for user in 101..113 {
        scene.call(0, CallKind::Message, 100 * user);
    }
    assert_eq!(scene.calls.len(), 16);
}

#[test]
fn joins_and_messages_take_turns() {
    let mut scene = QueueScene::new(1);
    for user in 1..10 {
        scene.call(0, CallKind::Join, 100 * user);
        scene.call(0, CallKind::Message, 100 * user + 1);
    }
    let kinds: Vec<CallKind> = (1..9)
        .map(|millis| {
            let kind = scene.calling()[0].0;
            scene.done(millis, WORKS);
            kind
        })
        .collect();
    let turns = [CallKind::Join, CallKind::Message];
    assert_eq!(kinds, [turns, turns, turns, turns].concat());
}

#[test]
fn users_share_the_callers_by_time() {
    let mut scene = QueueScene::new(1);
    let (mut now, mut answered) = (0, [0; 2]);
    for connection in 0..200 {
        scene.call(0, CallKind::Message, 100 + connection % 100 + 9_900 * (connection / 100));
    }
    // Calls of user 1 take 50 ms, those of user 100 take 1 ms.
    while now < 1_000 {
        let (call, _) = &scene.calls[0];
        let (is_quick, connection) = (call.user == "100", call.connection.index() as u32);
        now += if is_quick { 1 } else { 50 };
        scene.end(now, connection, WORKS);
        answered[usize::from(is_quick)] += 1;
        scene.call(now, CallKind::Message, connection);
    }
    assert!(answered[1] > 20 * answered[0], "{answered:?}");
}

#[test]
fn full_queue_drops_the_newest_of_the_heaviest() {
    let mut scene = QueueScene::with_limit(1, 6);
    scene.call(0, CallKind::Message, 900);
    for connection in 0..6 {
        scene.call(0, CallKind::Message, 100 + connection);
    }
    scene.call(0, CallKind::Join, 200);
    assert_eq!(scene.skipped, [(CallKind::Message, 105, CallOutcome::Shed)]);
    scene.call(0, CallKind::Message, 106);
    assert_eq!(scene.skipped[1..], [(CallKind::Message, 106, CallOutcome::QueueFull)]);
    for user in 3..7 {
        scene.call(0, CallKind::Message, 100 * user);
    }
    scene.call(0, CallKind::Message, 700);
    let last = scene.skipped.last();
    assert_eq!(last, Some(&(CallKind::Message, 700, CallOutcome::QueueFull)), "one each");
    assert_eq!((scene.queue.waiting_questions, scene.calls.len()), (6, 1));
    for connection in 0..8 {
        scene.call(0, CallKind::Leave, 800 + connection);
    }
    scene.call(0, CallKind::Leave, 201);
    assert_eq!(scene.skipped.last(), Some(&(CallKind::Leave, 805, CallOutcome::Shed)));
}

#[test]
fn full_queue_forgets_what_nobody_waits_for_first() {
    let mut scene = QueueScene::with_limit(1, 3);
    scene.call(0, CallKind::Message, 900);
    let gone = StartFlag::default();
    scene.call_with(0, CallKind::Message, 100, gone.clone());
    scene.call(0, CallKind::Message, 200);
    scene.call(1_000, CallKind::Message, 300);
    assert!(gone.withdraw());
    scene.call(1_000, CallKind::Message, 400);
    assert_eq!(scene.skipped, [(CallKind::Message, 100, CallOutcome::Expired)]);
    scene.call(5_000, CallKind::Message, 500);
    assert_eq!(scene.skipped[1..], [(CallKind::Message, 200, CallOutcome::Expired)]);
    assert_eq!(scene.queue.waiting_questions, 3);
}

#[test]
fn time_out_of_a_call_that_waited_long_says_nothing() {
    let mut scene = QueueScene::new(4);
    for round in 0..100 {
        let now = round * 20_000;
        for user in 1..=8 {
            scene.call(now, CallKind::Message, 100 * user);
        }
        // The first three have all of their time, and answer late; the others have a second.
        for _ in 0..3 {
            scene.done(now + 4_000, WORKS);
        }
        while !scene.calls.is_empty() {
            assert_eq!(scene.done(now + 5_000, CallEvidence::TimedOut), None);
        }
    }
}

/// Calls of rivals, each of a connection of its own.
struct RivalScene {
    queue: CallQueue,
    kind: CallKind,
    begun: VecDeque<usize>,
    dropped: Vec<usize>,
    /// The user whose calls all fail, if there is one, and those that are not done.
    poisoner: Option<usize>,
    poisoned: BTreeSet<usize>,
    /// Each failure is another user's: a fault.
    is_witness_by_call: bool,
}

impl RivalScene {
    fn drain(&mut self) {
        while let Some(action) = self.queue.poll_action() {
            match action {
                CallAction::Send { call, .. } => self.begun.push_back(call.connection.index()),
                CallAction::Skip { call, .. } => self.dropped.push(call.connection.index()),
            }
        }
    }
}

impl RivalQueue for RivalScene {
    fn push(&mut self, now: Instant, user: usize, job: usize) {
        let is_poisoned = self.poisoner == Some(user);
        if is_poisoned {
            self.poisoned.insert(job);
        }
        let witness = if is_poisoned && self.is_witness_by_call { 1_000 + job } else { user };
        let call = QueuedCall {
            kind: self.kind,
            asker: CallAsker::Nobody,
            start: Some(StartFlag::default()),
            user: SmolStr::new(witness.to_string()),
            connection: ConnId::new(job as u32, 0),
            body: Vec::new(),
        };
        self.queue.handle_call(now, call);
        self.drain();
    }

    fn pop(&mut self, now: Instant) -> Option<usize> {
        if self.queue.poll_timeout(now) <= now {
            self.queue.handle_timeout(now);
            self.drain();
        }
        self.begun.pop_front()
    }

    fn dropped(&mut self) -> Option<usize> {
        self.dropped.pop()
    }

    fn done(&mut self, now: Instant, job: usize, _: Duration) {
        let fails = self.poisoned.remove(&job);
        let evidence = if fails { FAILS } else { WORKS };
        self.queue.handle_done(now, ConnId::new(job as u32, 0), evidence);
        self.drain();
    }
}

const RIVALRY: Rivalry = Rivalry { rivals: 24, servers: 8, differs_in_cost: true };

fn new_scene(kind: CallKind, is_first_come: bool) -> RivalScene {
    let mut queue = CallQueue::new(CallerShares::new(8), 256, TIMEOUT);
    if is_first_come {
        queue.messages.waiting.plant_first_come();
        queue.joins.waiting.plant_first_come();
    }
    RivalScene {
        queue,
        kind,
        begun: VecDeque::new(),
        dropped: Vec::new(),
        poisoner: None,
        poisoned: BTreeSet::new(),
        is_witness_by_call: false,
    }
}

/// With many rivals, callers are not kept for each of them any more.
#[test]
fn rival_has_twice_its_part_of_the_callers_at_most() {
    for kind in [CallKind::Message, CallKind::Join] {
        rivalry::check(RIVALRY, |is_first_come| new_scene(kind, is_first_come));
    }
}

#[cfg(feature = "sim")]
#[test]
fn rivals_share_the_callers_of_a_whole_node() {
    let new = |is_first_come| new_scene(CallKind::Message, is_first_come);
    crate::sim::check_in_a_node(RIVALRY, new);
}

/// All calls of the user that makes most of them fail: a circuit breaker that takes each for another
/// user's opens, and drops what others ask.
#[cfg(feature = "sim")]
#[test]
fn failures_of_one_user_drop_no_calls_of_others() {
    crate::sim::check_in_a_node(RIVALRY, |is_witness_by_call| RivalScene {
        poisoner: Some(crate::sim::FIRST_RIVAL),
        is_witness_by_call,
        ..new_scene(CallKind::Message, false)
    });
}
