//! What one caller's connection may take: places, bytes, time, and answers.

use super::*;
use crate::backend::served::connection::DISCARD_BYTES;

#[test]
fn connections_and_their_bytes_are_bounded() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    stage.connect();
    assert!(stage.served.handle_connect(stage.now).is_none());
    let call = stage.signed("/message", &message_of("hi"));
    let mut sent = 0;
    while stage.served.wants_input(slot) {
        stage.send(slot, &call);
        sent += call.len();
        assert!(sent <= MAX_BODY + http::MAX_HEAD + 2 * call.len(), "{sent}");
    }
    // It is read again when a call is answered.
    let question = stage.question();
    stage.complete(&question, Outcome::Message(Ok(Update::text("yes"))));
    assert_eq!(stage.answer(slot).0, 200);
    assert!(stage.served.wants_input(slot));
    stage.served.handle_hangup(slot);
    assert!(stage.served.has_place());
}

#[test]
fn silent_callers_are_closed_and_waiting_ones_are_not() {
    let mut stage = Stage::new();
    let (idle, slow) = (stage.connect(), stage.connect());
    let call = stage.signed("/message", &message_of("hi"));
    stage.send(slow, &call[..9]);
    stage.wait(TRANSFER);
    assert!(stage.served.is_over(slow) && !stage.served.is_over(idle));
    assert_eq!(stage.served.poll_changed(), Some(slow));
    stage.served.handle_hangup(slow);
    let waiting = stage.connect();
    stage.send(waiting, &call);
    stage.wait(IDLE);
    stage.wait(IDLE);
    assert!(stage.served.is_over(idle) && !stage.served.is_over(waiting));
    assert_eq!(stage.served.poll_timeout(), None, "the application's time is the caller's");
    // An answer that nobody reads.
    let question = stage.question();
    stage.complete(&question, Outcome::Message(Ok(Update::text("yes"))));
    stage.wait(TRANSFER);
    assert!(stage.served.is_over(waiting));
}

#[test]
fn callers_without_the_secret_get_one_answer() {
    let mut stage = Stage::new();
    let unsigned = b"POST /join HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_vec();
    for call in
        [unsigned, b"GET /join HTTP/1.1\r\n\r\n".to_vec(), b"POST /joins HTTP/1.1\r\n\r\n".to_vec()]
    {
        let slot = stage.connect();
        stage.send(slot, &call.repeat(20));
        let (status, _) = stage.answer(slot);
        assert!(stage.is_silent(slot), "the others have none: {status}");
        // What comes behind it is dropped, up to a bound, and for a moment.
        assert!(stage.served.is_finished(slot) && stage.served.wants_input(slot));
        stage.send(slot, &call);
        assert!(stage.is_silent(slot) && !stage.served.is_over(slot));
        if status == 401 {
            stage.wait(DISCARD_TIME);
        } else {
            stage.send(slot, &vec![0; DISCARD_BYTES]);
        }
        assert!(stage.served.is_over(slot) && !stage.served.wants_input(slot));
        stage.served.handle_hangup(slot);
    }
}

#[test]
fn changed_connection_is_named_once() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let body = json!({ "room": "soup", "user": { "id": "ann" } }).to_string();
    let call = stage.signed("/leave", body.as_bytes());
    stage.send(slot, &call.repeat(20));
    // Each answer that is written brings the next one.
    for _ in 0..20 {
        assert_eq!(stage.answer(slot).0, 204);
        assert!(stage.served.changed() <= 1);
    }
    assert_eq!((stage.served.poll_changed(), stage.served.poll_changed()), (Some(slot), None));
}

#[test]
fn little_is_read_ahead_of_an_answer() {
    let mut stage = Stage::with_max_body(1 << 20);
    let slot = stage.connect();
    let call = stage.signed("/message", &message_of("hi"));
    stage.send(slot, &call);
    let mut ahead = 0;
    while stage.served.wants_input(slot) {
        stage.send(slot, &call);
        ahead += call.len();
    }
    assert!((READ_AHEAD..READ_AHEAD + call.len()).contains(&ahead), "{ahead}");
}

#[test]
fn input_never_takes_more_than_the_table_has() {
    let most = MAX_BODY + http::MAX_HEAD + READ_AHEAD;
    let mut stage = Stage::new();
    let slot = stage.connect();
    let head = format!("POST /join HTTP/1.1\r\nContent-Length: {MAX_BODY}\r\nX: ");
    stage.send(slot, head.as_bytes());
    for length in 1.. {
        if !stage.served.wants_input(slot) {
            break;
        }
        stage.send(slot, &b"x".repeat(length));
        let capacity = stage.served.get(slot).map_or(0, |it| it.input.capacity());
        assert!(capacity <= most, "{capacity}");
    }
}

#[test]
fn longest_idle_connection_makes_place() {
    let mut stage = Stage::new();
    let (first, second) = (stage.connect(), stage.connect());
    assert_eq!(stage.served.longest_idle(), Some(first));
    assert!(stage.served.has_place(), "an idle one has it");
    let call = stage.signed("/message", &message_of("hi"));
    stage.wait(Duration::from_secs(1));
    stage.send(first, &call);
    assert_eq!(stage.served.longest_idle(), Some(second), "the other one is asked");
    let question = stage.question();
    stage.complete(&question, Outcome::Message(Ok(Update::text("yes"))));
    stage.answer(first);
    assert_eq!(stage.served.longest_idle(), Some(second), "it was used before");
    for slot in [first, second] {
        stage.send(slot, &call);
    }
    assert!(!stage.served.has_place() && stage.served.longest_idle().is_none());
    assert_eq!(stage.served.counts().full(), 1, "the bound was met once");
}

#[test]
fn change_whose_caller_is_gone_reaches_the_room() {
    let mut stage = Stage::new();
    let call = stage.signed("/message", &message_of("Double it"));
    let update = |broadcast| {
        let recipe_data = Json::parse("{}".to_owned()).ok();
        Arc::new(Update { recipe_data, broadcast, ..Update::default() })
    };
    for (has_begun, broadcast) in [(true, true), (true, false), (false, true)] {
        let slot = stage.connect();
        stage.send(slot, &call);
        let question = stage.question();
        assert!(!has_begun || question.start.begin());
        stage.served.handle_hangup(slot);
        let event = stage.complete(&question, Outcome::Message(Ok(update(broadcast))));
        match event {
            Some(AppEvent::RecipeChanged { room, .. }) => {
                assert!(has_begun && broadcast && room == "soup");
            }
            event => assert!(!(has_begun && broadcast), "{event:?}"),
        }
        assert!(stage.served.abandoned.is_empty());
    }
}

#[test]
fn forgotten_call_without_a_caller_is_counted() {
    let mut stage = Stage::new();
    let call = stage.signed("/message", &message_of("Double it"));
    let mut questions = Vec::new();
    for count in 0..=CONNECTIONS {
        assert_eq!(stage.served.counts().forgotten(), 0, "after {count}");
        let slot = stage.connect();
        stage.send(slot, &call);
        questions.push(stage.question());
        assert!(questions[count].start.begin());
        stage.served.handle_hangup(slot);
    }
    assert_eq!(stage.served.counts().forgotten(), 1);
    let recipe_data = Json::parse("{}".to_owned()).ok();
    let update = Arc::new(Update { recipe_data, broadcast: true, ..Update::default() });
    let told = questions.iter().map(|question| {
        stage.complete(question, Outcome::Message(Ok(Arc::clone(&update)))).is_some()
    });
    assert_eq!(told.collect::<Vec<_>>(), [false, true, true], "the oldest is");
}

#[test]
fn busy_connections_are_counted_as_they_change() {
    let mut stage = Stage::new();
    let slots = [stage.connect(), stage.connect()];
    let call = stage.signed("/message", &message_of("hi"));
    let (half, rest) = call.split_at(call.len() / 2);
    stage.send(slots[0], half);
    assert_eq!(stage.served.busy, 0, "half a request is none");
    stage.send(slots[0], rest);
    // The second request waits for the answer to the first.
    stage.send(slots[0], &call);
    stage.send(slots[1], &call);
    assert_eq!((stage.served.busy, stage.served.has_place()), (2, false));
    let (first, _) = (stage.question(), stage.question());
    stage.complete(&first, Outcome::Message(Ok(Update::text("yes"))));
    assert_eq!(stage.served.busy, 2, "the answer is to be written");
    stage.answer(slots[0]);
    let second = stage.question();
    assert_eq!(stage.served.busy, 2, "the next one is asked");
    stage.complete(&second, Outcome::Message(Ok(Update::text("yes"))));
    stage.answer(slots[0]);
    assert_eq!((stage.served.busy, stage.served.has_place()), (1, true));
    stage.served.handle_hangup(slots[1]);
    assert_eq!(stage.served.busy, 0);
}

#[test]
fn each_call_has_a_connection_of_its_own() {
    let mut stage = Stage::new();
    let slot = stage.connect();
    let call = stage.signed("/message", &message_of("hi"));
    stage.send(slot, &call);
    let first = stage.question();
    // Its caller is gone, but its work may go on: nobody waits behind it.
    let slot = stage.connect_again(slot);
    stage.send(slot, &call);
    assert_ne!(first.connection, stage.question().connection);
}
