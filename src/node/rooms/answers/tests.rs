//! What is remembered, for how long, and at what cost.

use std::time::Duration;

use super::*;
use crate::node::app::Update;
use crate::protocol::ErrorCode;
use std::sync::Arc;

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

/// A message of the user that has this one room.
fn key(member: u64, id: u64) -> MessageKey {
    MessageKey { user: member, member, id, content: 0 }
}

fn cache(max_weight: usize) -> DedupCache {
    DedupCache::new(&Seed::predictable(1), max_weight, 0)
}

fn content(answers: &mut DedupCache, now: Instant, key: MessageKey) -> Option<String> {
    match answers.find(now, key)? {
        Lookup::Answered(answer) => Some(answer.unwrap().content.to_string()),
        Lookup::Asked(ticket) => Some(format!("asked {}", ticket.serial)),
        Lookup::NotDone => Some("not done".to_owned()),
        Lookup::OtherContent => Some("other content".to_owned()),
    }
}

#[test]
fn the_first_answer_is_given_again_for_10_minutes() {
    let mut answers = cache(0);
    answers.asked(at(0), key(1, 1), Ticket { index: 0, serial: 9 });
    assert_eq!(content(&mut answers, at(0), key(1, 1)).as_deref(), Some("asked 9"));
    answers.answered(at(1), key(1, 1), &Ok(Update::text("first")));
    assert_eq!(content(&mut answers, at(600), key(1, 1)).as_deref(), Some("first"));
    assert_eq!(content(&mut answers, at(601), key(1, 1)), None);
    assert_eq!(content(&mut answers, at(1), key(2, 1)), None);
}

#[test]
fn last_32_answers_of_a_user_in_a_room_are_remembered() {
    let mut answers = cache(0);
    for id in 0..33 {
        answers.answered(at(0), key(1, id), &Ok(Update::text("x")));
    }
    assert!(answers.find(at(0), key(1, 0)).is_none());
    assert!((1..33).all(|id| answers.find(at(0), key(1, id)).is_some()));
    assert_eq!(answers.messages.len(), 32);
}

#[test]
fn a_message_that_is_done_again_is_among_the_last() {
    let mut answers = cache(0);
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
    let mut answers = cache(0);
    for member in 0..100 {
        answers.answered(at(member), key(member, 1), &Ok(Update::text("x")));
    }
    answers.answered(at(5_000), key(7, 2), &Err(ErrorCode::Internal));
    assert_eq!((answers.entries.len(), answers.by_member.len()), (1, 1));
    assert_eq!(answers.messages.len(), 1);
    assert_eq!(answers.weight, ENTRY_WEIGHT + size_of::<RememberedMessage>());
}

#[test]
fn answers_expire_though_the_user_keeps_sending() {
    let mut answers = cache(0);
    for step in 0..200 {
        answers.answered(at(step * 599), key(1, step), &Ok(Update::text("x")));
        assert!(answers.find(at(step * 599), key(1, step)).is_some());
        for old in 0..step.saturating_sub(1) {
            assert!(answers.find(at(step * 599), key(1, old)).is_none(), "{old} at {step}");
        }
    }
}

/// What one message with an answer of its own takes.
fn one() -> usize {
    let answer = SharedAnswers::ENTRY_BYTES + Update::text("x").weight();
    ENTRY_WEIGHT + size_of::<RememberedMessage>() + answer
}

#[test]
fn the_stalest_room_of_the_heaviest_user_goes_first() {
    let mut answers = cache(4 * one());
    let room = |room: u64, user: u64| MessageKey { user, member: room, id: 1, content: 0 };
    for (second, key) in [(0, room(1, 7)), (1, room(2, 8)), (2, room(3, 8)), (3, room(4, 8))] {
        answers.answered(at(second), key, &Ok(Update::text("x")));
    }
    answers.answered(at(4), room(5, 9), &Ok(Update::text("x")));
    assert!(answers.find(at(4), room(2, 8)).is_none());
    let kept = [room(1, 7), room(3, 8), room(4, 8), room(5, 9)];
    assert!(kept.iter().all(|&key| answers.find(at(4), key).is_some()));
    assert_eq!((answers.weight, answers.forgotten()), (4 * one(), 1));
}

#[test]
fn nobody_is_forgotten_for_who_fills_the_memory() {
    let mut answers = cache(100 * one());
    for member in 0..50 {
        answers.answered(at(0), key(member, 1), &Ok(Update::text("x")));
    }
    for step in 0..5_000 {
        let key = MessageKey { user: 99, member: 1_000 + step % 500, id: step, content: 0 };
        answers.answered(at(1), key, &Ok(Update::text("long".repeat(100))));
    }
    assert!((0..50).all(|member| answers.find(at(1), key(member, 1)).is_some()));
    assert!(answers.weight <= 100 * one());
}

#[test]
fn users_are_indexed_while_half_the_bound_is_used() {
    let mut answers = cache(100 * one());
    let fill = |answers: &mut DedupCache, members: std::ops::Range<u64>, second| {
        members.for_each(|it| answers.answered(at(second), key(it, 1), &Ok(Update::text("x"))));
    };
    let indexed = |answers: &DedupCache| {
        let holdings = answers.by_user.holdings.as_ref();
        holdings.map(|it| (it.len(), it.weight_of(3) as usize, answers.by_user.next == NONE))
    };
    fill(&mut answers, 0..50, 0);
    assert_eq!(indexed(&answers), None);
    // What is written anew meanwhile is weighed as it is now, and once.
    fill(&mut answers, 50..60, 1);
    answers.answered(at(1), key(3, 2), &Ok(Update::text("x")));
    fill(&mut answers, 60..90, 1);
    let message = one() - ENTRY_WEIGHT;
    assert_eq!(indexed(&answers), Some((90, one() + message, true)), "before the bound is reached");
    // All but the last expire.
    fill(&mut answers, 200..201, 700);
    assert_eq!((indexed(&answers), answers.entries.len()), (None, 1));
    fill(&mut answers, 300..380, 701);
    assert_eq!(indexed(&answers).map(|it| (it.0, it.2)), Some((81, true)));
}

/// A room that is written in while the index is made is where that comes by again, fresher than the
/// other room of its user.
#[test]
fn a_room_written_while_indexing_is_fresher() {
    let mut answers = cache(100 * one());
    let room = |member, id| MessageKey { user: 7, member, id, content: 0 };
    let fill = |answers: &mut DedupCache, members: std::ops::Range<u64>, second| {
        members.for_each(|it| answers.answered(at(second), key(it, 1), &Ok(Update::text("x"))));
    };
    answers.answered(at(0), room(1, 1), &Ok(Update::text("x")));
    fill(&mut answers, 100..148, 0);
    answers.answered(at(0), room(2, 1), &Ok(Update::text("x")));
    fill(&mut answers, 148..149, 1);
    let indexed = |answers: &DedupCache| {
        let [first, second] = [1, 2].map(|member| answers.index_of(member).unwrap());
        let holdings = answers.by_user.holdings.as_ref().unwrap();
        (holdings.contains(first), holdings.contains(second), answers.by_user.next == NONE)
    };
    assert_eq!(indexed(&answers), (true, false, false), "the index is partial");
    answers.answered(at(1), room(1, 2), &Ok(Update::text("x")));
    assert_eq!(indexed(&answers), (true, false, false), "the index is partial");
    let mut members = 149..;
    while answers.forgotten() == 0 {
        let member = members.next().unwrap();
        fill(&mut answers, member..member + 1, 2);
    }
    assert!(answers.find(at(2), room(2, 1)).is_none(), "the staler room goes first");
    assert!((1..3).all(|id| answers.find(at(2), room(1, id)).is_some()));
}

#[test]
fn the_ticket_of_an_asked_message_is_charged() {
    let mut answers = cache(1 << 20);
    let ticket = Ticket { index: 0, serial: 1 };
    let message = size_of::<RememberedMessage>();
    answers.asked(at(0), key(1, 1), ticket);
    assert_eq!(answers.weight, ENTRY_WEIGHT + message + 16);
    // What its user is charged for it is the same, however the index comes to it.
    let index = answers.index_of(1).unwrap();
    let asked = *answers.ring(&answers.entries[index as usize]).next().unwrap().1;
    assert_eq!(answers.charge_of(&asked), (message + 16) as u64);
    answers.not_done(at(1), key(1, 1), ticket);
    assert_eq!(answers.weight, ENTRY_WEIGHT + message);
}

#[test]
fn a_shared_answer_counts_once() {
    let mut answers = cache(0);
    let shared = Update::text("the same");
    for member in 0..10 {
        answers.answered(at(0), key(member, 1), &Ok(Arc::clone(&shared)));
    }
    let answer = SharedAnswers::ENTRY_BYTES + shared.weight();
    assert_eq!(answers.weight, 10 * (ENTRY_WEIGHT + size_of::<RememberedMessage>()) + answer);
    assert_eq!(answers.shared.len(), 1);
    // The first to get it is the first to lose it; it still counts as long as others have it.
    answers.answered(at(0), key(0, 1), &Err(ErrorCode::Internal));
    assert_eq!(answers.weight, 10 * (ENTRY_WEIGHT + size_of::<RememberedMessage>()) + answer);
    for member in 1..10 {
        answers.answered(at(0), key(member, 1), &Err(ErrorCode::Internal));
    }
    assert_eq!(answers.weight, 10 * (ENTRY_WEIGHT + size_of::<RememberedMessage>()));
    assert_eq!(answers.shared.len(), 0);
}

#[test]
fn a_message_costs_20_bytes_and_an_entry_32() {
    // An Option has a tag exactly where a slab's place has one. The table of messages has none.
    let sizes = (size_of::<RememberedMessage>(), size_of::<Option<MemberLog>>());
    assert_eq!(sizes, (20, 32));
}

#[test]
fn an_id_with_other_content_is_not_a_repetition() {
    let mut answers = cache(0);
    let (first, other) = (key(1, 1), MessageKey { content: 1, ..key(1, 1) });
    let ticket = Ticket { index: 0, serial: 1 };
    answers.asked(at(0), first, ticket);
    assert_eq!(content(&mut answers, at(0), other).as_deref(), Some("other content"));
    answers.settled(at(1), first, ticket, &Ok(Update::text("first")));
    assert_eq!(content(&mut answers, at(600), other).as_deref(), Some("other content"));
    assert_eq!(content(&mut answers, at(600), first).as_deref(), Some("first"));
    // When it has expired, the id is free.
    assert_eq!(content(&mut answers, at(601), other), None);
    answers.answered(at(601), other, &Ok(Update::text("other")));
    assert_eq!(content(&mut answers, at(601), first).as_deref(), Some("other content"));
    assert_eq!(answers.messages.len(), 1);
}

#[test]
fn only_the_question_of_an_id_changes_its_entry() {
    let mut answers = cache(0);
    let [old, new] = [1, 2].map(|serial| Ticket { index: 0, serial });
    answers.asked(at(0), key(1, 1), old);
    answers.not_done(at(5), key(1, 1), old);
    assert_eq!(content(&mut answers, at(5), key(1, 1)).as_deref(), Some("not done"));
    // It is remembered from when it was asked, whatever became of it.
    assert_eq!(content(&mut answers, at(600), key(1, 1)), None);
    answers.asked(at(600), key(1, 1), new);
    answers.settled(at(601), key(1, 1), old, &Ok(Update::text("old")));
    answers.not_done(at(601), key(1, 1), old);
    answers.forget(at(601), key(1, 1), old);
    assert_eq!(content(&mut answers, at(601), key(1, 1)).as_deref(), Some("asked 2"));
    answers.settled(at(601), key(1, 1), new, &Ok(Update::text("new")));
    assert_eq!(content(&mut answers, at(601), key(1, 1)).as_deref(), Some("new"));
}

#[test]
fn a_forgotten_id_leaves_the_others_of_its_user() {
    for forgotten in 0..3 {
        let mut answers = cache(0);
        let ticket = |id: u64| Ticket { index: 0, serial: id as u32 };
        (0..3).for_each(|id| answers.asked(at(id), key(1, id), ticket(id)));
        answers.forget(at(3), key(1, forgotten), ticket(forgotten));
        for id in 0..3 {
            assert_eq!(answers.find(at(3), key(1, id)).is_none(), id == forgotten);
        }
        for id in 0..3 {
            answers.forget(at(3), key(1, id), ticket(id));
        }
        assert_eq!((answers.entries.len(), answers.messages.len(), answers.weight), (0, 0, 0));
    }
}

#[test]
fn a_late_answer_outlives_newer_messages() {
    let mut answers = cache(0);
    let ticket = Ticket { index: 0, serial: 1 };
    answers.asked(at(0), key(1, 1), ticket);
    answers.answered(at(10), key(1, 2), &Ok(Update::text("newer")));
    answers.settled(at(500), key(1, 1), ticket, &Ok(Update::text("late")));
    answers.answered(at(700), key(2, 1), &Ok(Update::text("another's")));
    assert_eq!(content(&mut answers, at(1_099), key(1, 1)).as_deref(), Some("late"));
    assert_eq!(content(&mut answers, at(1_099), key(1, 2)), None);
    assert_eq!(content(&mut answers, at(1_100), key(1, 1)), None);
    assert_eq!((answers.entries.len(), answers.messages.len()), (1, 1));
}

/// A message is looked for before it is put, or not: what is remembered is the same. Random messages of
/// a few users, some of which expire or are forgotten.
#[test]
fn looking_first_changes_nothing_that_is_kept() {
    let [mut plain, mut looking] = [cache(6_000), cache(6_000)];
    let mut rng = crate::id::Rng::new(1);
    let (mut seconds, shared) = (0, Update::text("shared"));
    for step in 1..30_000_u32 {
        seconds += u64::from(rng.below(50) == 0) * rng.below(400);
        let key = key(rng.below(6), rng.below(60));
        let other = MessageKey { id: rng.below(60), ..key };
        let answer = match rng.below(3) {
            0 => Err(ErrorCode::Internal),
            1 => Ok(Update::text("own")),
            _ => Ok(Arc::clone(&shared)),
        };
        let ticket = Ticket { index: 0, serial: step };
        let looks_between = rng.below(4) == 0;
        let what = rng.below(6);
        for (answers, looks) in [(&mut plain, false), (&mut looking, true)] {
            if looks {
                let _ = answers.find(at(seconds), key);
            }
            if looks && looks_between {
                let _ = answers.find(at(seconds), other);
            }
            match what {
                0 => answers.asked(at(seconds), key, ticket),
                1 => answers.forget(at(seconds), key, Ticket { index: 0, serial: step - 1 }),
                _ => answers.answered(at(seconds), key, &answer),
            }
        }
        if step % 50 == 0 {
            assert_eq!(plain.weight, looking.weight, "step {step}");
        }
    }
    assert_eq!(plain.forgotten, looking.forgotten);
    assert!(plain.forgotten > 0);
    for (user, id) in (0..6).flat_map(|user| (0..60).map(move |id| (user, id))) {
        let [a, b] = [&mut plain, &mut looking]
            .map(|answers| format!("{:?}", answers.find(at(seconds), key(user, id))));
        assert_eq!(a, b, "{user} {id}");
    }
}
