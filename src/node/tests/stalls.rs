//! A process that stood still: input that came meanwhile is read before anybody is judged.

use super::*;

impl World {
    /// The process stands still until `seconds` later, and then finds input of `unread`.
    fn judge_after(&mut self, seconds: u64, unread: &[ConnId]) {
        let to = self.now.monotonic + Duration::from_secs(seconds);
        self.set(to);
        let now = self.now;
        self.node.handle_deadlines(now, now.monotonic, &mut |id| unread.contains(&id));
        self.settle();
    }

    /// The input of `id` is read, and its deadline judged.
    fn read_and_judge(&mut self, id: ConnId, bytes: &[u8]) {
        self.bytes(id, bytes);
        self.node.handle_deadline(self.now, self.now.monotonic, id);
        self.settle();
    }
}

#[test]
fn auth_that_came_in_a_stall_is_in_time() {
    let mut world = World::new();
    let (timely, silent) = (world.authenticating("r"), world.authenticating("r"));
    world.judge_after(6, &[timely]);
    assert_eq!(world.close_reason(silent), "Authentication timeout");
    assert_eq!(world.see(timely), []);
    let token = world.token("alice", 900);
    let auth = text(&envelope("auth", "a", json!({ "token": crate::logs::known(&token) })));
    world.read_and_judge(timely, &auth);
    assert_eq!(world.message(timely)["type"], "recipe_update");
}

#[test]
fn input_that_is_no_auth_puts_nothing_off() {
    let mut world = World::new();
    let id = world.authenticating("r");
    world.judge_after(6, &[id]);
    world.read_and_judge(id, &frame(0x8a, b""));
    assert_eq!(world.close_reason(id), "Authentication timeout");
}

#[test]
fn unread_input_is_asked_for_again_in_a_tick() {
    let mut world = World::new();
    let id = world.authenticating("r");
    world.judge_after(6, &[id]);
    assert!(world.node.poll_timeout().is_some_and(|at| at > world.now.monotonic));
    world.seconds(1);
    assert_eq!(world.close_reason(id), "Authentication timeout");
}

#[test]
fn deadline_after_the_last_look_is_not_judged() {
    let mut world = World::new();
    let id = world.authenticating("r");
    let heard_until = world.now.monotonic + Duration::from_secs(4);
    world.set(world.now.monotonic + Duration::from_secs(10));
    world.node.handle_deadlines(world.now, heard_until, &mut |_| false);
    world.settle();
    assert_eq!(world.see(id), []);
}

#[test]
fn ping_counts_from_when_it_was_written() {
    let mut world = World::new();
    let id = world.connected("r", "alice");
    // Three pings' time passes at once: each ping has its own time to be answered.
    for _ in 0..2 {
        world.judge_after(95, &[]);
        assert_eq!(world.see(id), [Seen::Ping]);
        world.judge_after(29, &[]);
        assert_eq!(world.see(id), []);
    }
    world.judge_after(1, &[]);
    assert_eq!(world.close_reason(id), "Ping timeout");
}

#[test]
fn ping_in_a_full_outbox_is_not_unanswered_yet() {
    let mut world = World::new();
    let id = world.connected("r", "alice");
    world.room.insert(id, 0);
    world.judge_after(30, &[]);
    world.judge_after(25, &[]);
    world.room.insert(id, usize::MAX);
    world.flush(id);
    assert_eq!(world.see(id), [Seen::Ping]);
    world.judge_after(29, &[]);
    assert_eq!(world.see(id), []);
    world.judge_after(1, &[]);
    assert_eq!(world.see(id), [Seen::Ping]);
}
