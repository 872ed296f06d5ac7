//! The queues in virtual time.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

/// A desk, and what is being called.
struct Scene {
    desk: Desk,
    calls: Vec<(Call, ConnId, Pass, Duration)>,
    given_up: Vec<(Call, u32, Fate)>,
}

impl Scene {
    fn new(callers: usize) -> Self {
        Self { desk: Desk::new(callers, TIMEOUT), calls: Vec::new(), given_up: Vec::new() }
    }

    fn job(&mut self, millis: u64, call: Call, connection: u32) {
        let connection = ConnId::new(connection, 0);
        let job = Job { call, ticket: None, start: None, connection, body: Vec::new() };
        self.desk.handle_job(at(millis), job);
        self.drain();
    }

    /// Ends the oldest call.
    fn done(&mut self, millis: u64, is_alive: bool) -> Option<Change> {
        let (_, connection, pass, _) = self.calls.remove(0);
        let change = self.desk.handle_done(at(millis), connection, pass, is_alive);
        self.drain();
        change
    }

    fn drain(&mut self) {
        while let Some(order) = self.desk.poll_order() {
            match order {
                Order::Call { job, pass, patience } => {
                    self.calls.push((job.call, job.connection, pass, patience));
                }
                Order::GiveUp { job, fate } => {
                    self.given_up.push((job.call, job.connection.index() as u32, fate));
                }
            }
        }
        let mut busy: Vec<_> = self.calls.iter().map(|call| call.1).collect();
        busy.dedup();
        assert_eq!(busy.len(), self.calls.len(), "one call a connection");
    }

    fn calling(&self) -> Vec<(Call, u32)> {
        self.calls.iter().map(|call| (call.0, call.1.index() as u32)).collect()
    }
}

#[test]
fn calls_of_one_connection_go_one_by_one_and_others_beside_them() {
    let mut scene = Scene::new(3);
    scene.job(0, Call::Join, 1);
    scene.job(0, Call::Message, 1);
    scene.job(0, Call::Leave, 1);
    scene.job(0, Call::Message, 2);
    assert_eq!(scene.calling(), [(Call::Join, 1), (Call::Message, 2)]);
    scene.done(1, true);
    assert_eq!(scene.calling(), [(Call::Message, 2), (Call::Message, 1)]);
    scene.done(2, true);
    scene.done(3, true);
    assert_eq!(scene.calling(), [(Call::Leave, 1)]);
}

#[test]
fn questions_go_before_leaves() {
    let mut scene = Scene::new(1);
    scene.job(0, Call::Message, 9);
    for connection in 0..3 {
        scene.job(0, Call::Leave, connection);
    }
    scene.job(0, Call::Join, 5);
    scene.done(1, true);
    assert_eq!(scene.calling(), [(Call::Join, 5)]);
    for connection in 0..3 {
        scene.done(1, true);
        assert_eq!(scene.calling(), [(Call::Leave, connection)]);
    }
}

#[test]
fn a_question_has_the_time_that_its_wait_has_left() {
    let mut scene = Scene::new(1);
    scene.job(0, Call::Message, 1);
    scene.job(1_000, Call::Message, 2);
    scene.job(1_500, Call::Message, 3);
    scene.done(4_000, true);
    assert_eq!(scene.calls[0].3, Duration::from_secs(2));
    scene.done(6_600, true);
    assert_eq!(scene.given_up, [(Call::Message, 3, Fate::Expired)]);
    assert!(scene.calls.is_empty());
}

#[test]
fn another_timeout_holds_for_what_waits_too() {
    let mut scene = Scene::new(1);
    scene.job(0, Call::Message, 1);
    scene.job(0, Call::Message, 2);
    scene.job(0, Call::Message, 3);
    scene.desk.set_timeout(2 * TIMEOUT);
    scene.done(6_000, true);
    assert_eq!(scene.calls[0].3, Duration::from_secs(4));
    scene.desk.set_timeout(TIMEOUT);
    scene.done(6_000, true);
    assert_eq!(scene.given_up, [(Call::Message, 3, Fate::Expired)]);
}

#[test]
fn an_open_breaker_answers_everybody_at_once() {
    let mut scene = Scene::new(5);
    for connection in 0..7 {
        scene.job(0, Call::Message, connection);
    }
    scene.job(0, Call::Leave, 7);
    for _ in 0..4 {
        // Each that fails lets the next one go: two questions, and then the leave.
        assert_eq!(scene.done(10, false), None);
    }
    scene.job(10, Call::Message, 8);
    scene.job(10, Call::Message, 9);
    assert_eq!(scene.given_up, []);
    assert_eq!(scene.done(10, false), Some(Change::Opened(Duration::from_secs(1))));
    assert_eq!(scene.given_up, [(Call::Message, 9, Fate::Refused)]);
    scene.job(1_009, Call::Join, 10);
    scene.job(1_009, Call::Leave, 11);
    assert_eq!(
        scene.given_up[1..],
        [(Call::Join, 10, Fate::Refused), (Call::Leave, 11, Fate::Refused)]
    );
    // Those that were under way end without a change, and one probe goes out.
    while !scene.calls.is_empty() {
        assert_eq!(scene.done(1_009, false), None);
    }
    scene.job(1_010, Call::Join, 12);
    scene.job(1_010, Call::Join, 13);
    assert_eq!(scene.calling(), [(Call::Join, 12)]);
    assert_eq!(scene.given_up.last(), Some(&(Call::Join, 13, Fate::Refused)));
    assert_eq!(scene.done(1_020, true), Some(Change::Closed));
    scene.job(1_020, Call::Join, 14);
    assert_eq!(scene.calling(), [(Call::Join, 14)]);
}

#[test]
fn at_the_end_leaves_are_told_and_questions_are_not_asked() {
    let mut scene = Scene::new(1);
    scene.job(0, Call::Message, 1);
    scene.job(0, Call::Message, 2);
    scene.job(0, Call::Leave, 1);
    scene.desk.handle_end(at(1));
    scene.done(1, true);
    assert_eq!(scene.calling(), [(Call::Leave, 1)]);
    assert!(!scene.desk.is_over());
    scene.done(2, true);
    assert!(scene.desk.is_over() && scene.given_up.is_empty());
}

#[test]
fn question_that_nobody_waits_for_is_not_asked() {
    let mut scene = Scene::new(1);
    scene.job(0, Call::Message, 1);
    let start = StartFlag::default();
    for (connection, start) in [(2, Some(start.clone())), (3, Some(StartFlag::default()))] {
        let connection = ConnId::new(connection, 0);
        let job = Job { call: Call::Join, ticket: None, start, connection, body: Vec::new() };
        scene.desk.handle_job(at(0), job);
    }
    assert!(start.withdraw());
    scene.done(10, true);
    assert_eq!(scene.calling(), [(Call::Join, 3)]);
    assert_eq!(scene.given_up, [(Call::Join, 2, Fate::Expired)]);
}
