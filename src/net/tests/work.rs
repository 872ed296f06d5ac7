//! Answers that come later, from workers and through the handle.

use super::*;
use crate::auth::tests::{Pair, jwks};
use crate::auth::{Algorithms, JwksFrom, KeySet, SignatureCheck, Verification, Verifier};
use crate::config::Limits;
use crate::net::certificate::CertificateState;
use crate::node::app::Admission;
use crate::node::{AppEvent, Command, Completion, Outcome, Payer, StartFlag, Work};

#[test]
fn an_answer_from_a_worker_delays_nobody_else() {
    let server = Running::start(&config());
    let (mut one, mut other) = (server.join(), server.join());
    one.say("work");
    let go_on = server.running();
    other.say("meanwhile");
    assert_eq!(other.hear(), "meanwhile");
    drop(go_on);
    assert_eq!(one.hear(), "worked");
    server.end((one, other));
}

#[test]
fn as_many_jobs_run_at_once_as_there_are_workers() {
    let mut config = config();
    config.limits.workers = 3;
    let server = Running::start(&config);
    let mut clients: Vec<_> = (0..3).map(|_| server.join()).collect();
    clients.iter_mut().for_each(|client| client.say("work"));
    let jobs: Vec<_> = (0..3).map(|_| server.running()).collect();
    drop(jobs);
    clients.iter_mut().for_each(|client| assert_eq!(client.hear(), "worked"));
    server.end(clients);
}

#[test]
fn worker_panic_fails_only_its_own_message() {
    let mut config = config();
    config.limits.workers = 1;
    let server = Running::start(&config);
    let mut client = server.join();
    for _ in 0..3 {
        client.say("panic");
        assert_eq!(client.hear(), client::PANICKED);
    }
    client.say("work");
    drop(server.running());
    assert_eq!(client.hear(), "worked");
    server.end(client);
}

#[test]
fn a_full_queue_refuses_and_the_rest_is_done() {
    let mut config = config();
    config.limits.workers = 1;
    config.limits.worker_queue = 1;
    let server = Running::start(&config);
    let (mut runs, mut waits, mut refused) = (server.join(), server.join(), server.join());
    runs.say("work");
    let first = server.running();
    waits.say("work");
    waits.settle(&mut refused);
    refused.say("work");
    assert_eq!(refused.hear(), client::REFUSED);
    drop(first);
    drop(server.running());
    assert_eq!(runs.hear(), "worked");
    assert_eq!(waits.hear(), "worked");
    server.end((runs, waits, refused));
}

#[test]
fn a_held_question_is_answered_through_the_handle() {
    let server = Running::start(&config());
    let mut client = server.join();
    client.say("hold");
    let (ticket, handle) = (server.held(), server.handle.clone());
    let answering =
        thread::spawn(move || handle.complete_message(ticket, Ok(Update::text("at last"))));
    assert_eq!(client.hear(), "at last");
    answering.join().unwrap().unwrap();
    server.end(client);
}

#[test]
fn rooms_hear_what_nobody_asked_for() {
    let server = Running::start(&config());
    let mut client = server.join();
    for content in ["one", "two"] {
        let (room, update) = (client.room.clone(), Update::text(content));
        server.handle.tell(AppEvent::RecipeChanged { room, update }).unwrap();
    }
    assert_eq!(client.hear(), "one");
    assert_eq!(client.hear(), "two");
    server.end(client);
}

#[test]
fn many_held_answers_from_many_threads_all_arrive() {
    let server = Running::start(&config());
    let mut clients: Vec<_> = (0..50).map(|_| server.join()).collect();
    clients.iter_mut().for_each(|client| client.say("hold"));
    let tickets: Vec<_> = (0..50).map(|_| server.held()).collect();
    let answering: Vec<_> = tickets
        .into_iter()
        .map(|ticket| {
            let handle = server.handle.clone();
            thread::spawn(move || handle.complete_message(ticket, Ok(Update::text("at last"))))
        })
        .collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.hear(), "at last"));
    answering.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    server.end(clients);
}

#[test]
fn input_held_by_back_pressure_is_read_after_it() {
    let mut config = config();
    config.limits.waiting_messages = 1;
    let server = Running::start(&config);
    let mut client = server.join();
    client.say("hold");
    let ticket = server.held();
    let all: Vec<u8> =
        (0..50).flat_map(|n| client.frame(&format!("{n}{}", "y".repeat(9_000)))).collect();
    let mut writer = client.stream().try_clone().unwrap();
    let writing = thread::spawn(move || writer.write_all(&all));
    server.handle.complete_message(ticket, Ok(Update::text("at last"))).unwrap();
    assert_eq!(client.hear(), "at last");
    for n in 0..50 {
        assert_eq!(client.hear().trim_end_matches('y'), n.to_string());
    }
    writing.join().unwrap().unwrap();
    server.end(client);
}

#[test]
fn reset_is_noticed_under_back_pressure() {
    let mut config = config();
    config.limits.waiting_messages = 1;
    let server = Running::start(&config);
    let (mut client, mut other) = (server.join(), server.join());
    client.say("hold");
    let _ticket = server.held();
    (0..50).for_each(|n| client.say(&n.to_string()));
    client.settle(&mut other);
    SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert!(matches!(server.told(), Told::Left));
    server.end(other);
}

#[test]
fn stuck_worker_does_not_keep_server_from_ending() {
    let mut config = config();
    config.limits.workers = 1;
    let server = Running::start(&config);
    let mut client = server.join();
    client.say("work");
    let go_on = server.running();
    server.end(client);
    drop(go_on);
}

#[test]
fn answer_to_a_full_or_ended_server_is_undelivered() {
    let server = Running::start(&config());
    let mut client = server.join();
    client.say("hold");
    let ticket = server.held();
    server.end(client);

    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), Token(WAKER)).unwrap();
    let (mailbox, inbox) = handle::mailbox(waker, 2);
    let handle = Handle::new(mailbox, CertificateState::default(), Auth::default());
    let answer = || handle.complete_join(ticket, Admission::Deny);
    assert_eq!(answer(), Ok(()));
    assert_eq!(answer(), Ok(()));
    assert_eq!(answer(), Err(Undelivered::Full));
    assert!(inbox.take().is_some());
    assert_eq!(answer(), Ok(()));
    drop(inbox);
    assert_eq!(answer(), Err(Undelivered::Ended));
}

#[test]
fn handle_is_clone_send_sync_and_server_is_send() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn moved<T: Send + 'static>() {}
    shared::<Handle>();
    moved::<Server>();
}

#[test]
fn the_poller_is_woken_once_until_that_is_cleared() {
    let mut poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), Token(WAKER)).unwrap();
    let (mailbox, inbox) = handle::mailbox(waker, 2);
    let handle = Handle::new(mailbox, CertificateState::default(), Auth::default());
    let mut events = mio::Events::with_capacity(4);
    let mut wakes = || {
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().count()
    };
    handle.shutdown();
    assert_eq!(wakes(), 1);
    handle.shutdown();
    assert_eq!(wakes(), 0);
    inbox.clear_wake();
    handle.shutdown();
    assert_eq!(wakes(), 1);
    assert!(inbox.wants_shutdown());
}

/// A token with a valid signature that needs a public key.
fn signature() -> SignatureCheck {
    let algorithms = ["EdDSA".to_owned()];
    let key = Pair::Ed25519.jwk(&serde_json::json!({ "kid": "a" }));
    let known = Algorithms::new(&algorithms).unwrap();
    let mut config = config();
    config.auth.secret.clear();
    config.auth.algorithms = algorithms.into();
    let mut verifier = Verifier::new(&config.auth).unwrap();
    verifier.replace_keys(KeySet::from_jwks(&jwks(&[key]), &known, JwksFrom::Url).unwrap().0);
    let header = serde_json::json!({ "alg": "EdDSA", "kid": "a" });
    match verifier.begin(&Pair::Ed25519.token(&header, "{}")) {
        Ok(Verification::Unchecked(check)) => check,
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocked_jobs_stop_no_signature_check() {
    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registry(), Token(WAKER)).unwrap();
    let (mailbox, inbox) = handle::mailbox(waker, 16);
    let limits = Limits { workers: 4, ..Limits::default() };
    let mut pools = Pools::new(&limits, &mailbox);
    let mut jobs = Vec::new();
    let mut submit = |serial, work| {
        let ticket = Ticket { index: 0, serial };
        pools
            .submit(Command { ticket, work, payer: Payer::Operator, start: StartFlag::default() })
            .unwrap();
    };
    for serial in 0..4 {
        let (go_on, wait) = mpsc::channel::<()>();
        jobs.push(go_on);
        let job = move || {
            let _ = wait.recv();
            Ok(Update::text("worked"))
        };
        submit(serial, Work::Message(Box::new(job)));
    }
    submit(4, Work::Verify(signature()));
    let next = || loop {
        match inbox.take() {
            Some(handle::Event::Done(done)) => break done,
            Some(other) => panic!("{other:?}"),
            None => thread::yield_now(),
        }
    };
    // The message is sent again while every worker is busy.
    let Completion { ticket, outcome } = next();
    assert_eq!(ticket.serial, 4);
    assert!(matches!(outcome, Outcome::Verified(Ok(_))), "{outcome:?}");
    drop(jobs);
    (0..4).for_each(|_| assert!(matches!(next().outcome, Outcome::Message(Ok(_)))));
    pools.end();
}

#[test]
fn withdrawn_work_in_a_queue_is_not_done() {
    let server = Running::start(&{
        let mut config = config();
        config.limits.workers = 1;
        config.backend.timeout = Length::from_millis(50);
        config
    });
    let (mut one, mut other) = (server.join(), server.join());
    one.say("work");
    let first = server.running();
    other.say("work");
    assert_eq!(other.hear(), client::TIMED_OUT);
    assert_eq!(one.hear(), client::TIMED_OUT);
    drop(first);
    // The worker has skipped it when it runs the next one.
    one.say("work");
    drop(server.running());
    one.hear();
    assert!(server.told.try_recv().is_err());
    server.end((one, other));
}
