//! What is remembered, for how long, and at what cost.

use std::time::Duration;

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn key(member: u64, id: u64) -> MessageKey {
    MessageKey { member, id }
}

fn content(answers: &mut Answers, now: Instant, key: MessageKey) -> Option<String> {
    match answers.find(now, key)? {
        Known::Answered(answer) => Some(answer.unwrap().content.to_string()),
        Known::Asked(ticket) => Some(format!("asked {}", ticket.serial)),
    }
}

#[test]
fn the_first_answer_is_given_again_for_10_minutes() {
    let mut answers = Answers::new(0, 0);
    answers.asked(at(0), key(1, 1), Ticket { index: 0, serial: 9 });
    assert_eq!(content(&mut answers, at(0), key(1, 1)).as_deref(), Some("asked 9"));
    answers.answered(at(1), key(1, 1), &Ok(Update::text("first")));
    assert_eq!(content(&mut answers, at(600), key(1, 1)).as_deref(), Some("first"));
    assert_eq!(content(&mut answers, at(601), key(1, 1)), None);
    assert_eq!(content(&mut answers, at(1), key(2, 1)), None);
}

#[test]
fn the_last_32_messages_of_a_user_in_a_room_are_remembered() {
    let mut answers = Answers::new(0, 0);
    for id in 0..33 {
        answers.answered(at(0), key(1, id), &Ok(Update::text("x")));
    }
    assert!(answers.find(at(0), key(1, 0)).is_none());
    assert!((1..33).all(|id| answers.find(at(0), key(1, id)).is_some()));
    assert_eq!(answers.messages.len(), 32);
}

#[test]
fn a_message_that_is_done_again_is_among_the_last() {
    let mut answers = Answers::new(0, 0);
    (0..32).for_each(|id| answers.answered(at(0), key(1, id), &Ok(Update::text("old"))));
    answers.answered(at(599), key(1, 99), &Ok(Update::text("keeps the entry")));
    for id in 2..20 {
        answers.answered(at(601), key(1, id), &Ok(Update::text("new")));
    }
    for id in 100..112 {
        answers.answered(at(602), key(1, id), &Ok(Update::text("x")));
    }
    assert_eq!(content(&mut answers, at(602), key(1, 2)).as_deref(), Some("new"));
    assert_eq!(answers.messages.len(), 32);
}

#[test]
fn what_expired_is_gone_and_weighs_nothing() {
    let mut answers = Answers::new(0, 0);
    for member in 0..100 {
        answers.answered(at(member), key(member, 1), &Ok(Update::text("x")));
    }
    answers.answered(at(5_000), key(7, 2), &Err(ErrorCode::Internal));
    assert_eq!((answers.entries.len(), answers.by_member.len()), (1, 1));
    assert_eq!(answers.messages.len(), 1);
    assert_eq!(answers.weight, ENTRY_WEIGHT + size_of::<Message>());
}

#[test]
fn a_message_that_is_hours_old_is_not_taken_for_a_fresh_one() {
    let mut answers = Answers::new(0, 0);
    for step in 0..200 {
        answers.answered(at(step * 599), key(1, step), &Ok(Update::text("x")));
        assert!(answers.find(at(step * 599), key(1, step)).is_some());
        for old in 0..step.saturating_sub(1) {
            assert!(answers.find(at(step * 599), key(1, old)).is_none(), "{old} at {step}");
        }
    }
}

#[test]
fn over_the_bound_the_stalest_go_first() {
    let one = ENTRY_WEIGHT + size_of::<Message>() + Update::text("x").weight();
    let mut answers = Answers::new(3 * one, 0);
    for member in [1, 2, 3] {
        answers.answered(at(0), key(member, 1), &Ok(Update::text("x")));
    }
    answers.answered(at(1), key(1, 1), &Ok(Update::text("x")));
    answers.answered(at(1), key(4, 1), &Ok(Update::text("x")));
    assert!(answers.find(at(1), key(2, 1)).is_none());
    assert!([1, 3, 4].iter().all(|&member| answers.find(at(1), key(member, 1)).is_some()));
    assert_eq!((answers.weight, answers.forgotten()), (3 * one, 1));
}

#[test]
fn a_message_and_an_entry_cost_24_bytes_each_in_their_slabs() {
    // An Option has a tag exactly where a slab's place has one.
    let sizes = (size_of::<Option<Message>>(), size_of::<Option<Entry>>());
    assert_eq!(sizes, (24, 24));
}
