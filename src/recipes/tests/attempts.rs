//! Guesses, and sign-ins that come faster than they can be checked.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::accounts::{error_of, fault};
use super::*;

#[test]
fn sign_ups_and_wrong_passwords_are_guesses() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    for n in 0..4 {
        assert_eq!(test.sign_up(&format!("ann{n}@example.com")).status, 201);
        assert_eq!(test.sign_up(&format!("ann{n}@example.com")).status, 409);
        assert_eq!(test.sign_in("ann0@example.com", "correct horse").status, 200);
        assert_eq!(test.sign_in("ann0@example.com", "wrong horse").status, 401);
    }
    for refused in [test.sign_up("bob@example.com"), test.sign_in("ann1@example.com", "some guess")]
    {
        assert_eq!(error_of(&refused), fault(429, "too_many_attempts"));
        assert_eq!(header(&refused, "Retry-After"), Some("5"));
    }
    // Somebody else is not affected, and the address is let in again when one more fits.
    test.client = IpAddr::from([192, 0, 2, 2]);
    assert_eq!(test.sign_in("ann0@example.com", "correct horse").status, 200);
    test.client = IpAddr::from([192, 0, 2, 1]);
    test.pass(5);
    assert_eq!(test.sign_in("ann0@example.com", "correct horse").status, 200);
    let counters = test.app.account_counters().read();
    let counted =
        |name| counters.iter().find(|counter| counter.name() == name).unwrap().value(&[]).unwrap();
    assert_eq!(counted("vestibule_accounts_guesses_per_ip_refused_total"), 2.0);
    assert_eq!(counted("vestibule_accounts_wrong_passwords_total"), 8.0);
}

#[test]
fn unknown_account_is_refused_like_a_known_one() {
    let scratch = ScratchDir::new();
    let mut test = TestApp::open(&config(&scratch));
    test.sign_up("ann@example.com");
    let mut answers = ["ann@example.com", "bob@example.com"].map(|email| {
        let attempts = (0..20).map(|n| {
            test.client = IpAddr::from([198, 51, 100, n]);
            let answer = test.sign_in(email, "wrong horse");
            (answer.status, answer.headers, answer.body)
        });
        attempts.collect::<Vec<_>>()
    });
    let [known, unknown] = &mut answers;
    assert_eq!(known, unknown);
    assert_eq!(known.iter().filter(|(status, ..)| *status == 401).count(), 10);
}

#[test]
fn sign_ins_beyond_the_queue_are_refused() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.accounts.hashes = 1;
    config.accounts.queue = 4;
    config.accounts.hashes_per_minute_per_account = 0;
    // Nobody is answered while the disk stands still.
    let turning = Arc::new(Mutex::new(()));
    let disk = Arc::clone(&turning);
    let mut commit = by_statement();
    let commit: Commit = Box::new(move |database| {
        drop(disk.lock().unwrap());
        commit(database)
    });
    let held = turning.lock().unwrap();
    let mut test = TestApp::open_with(&config, commit);
    let refused: Vec<_> = (0..100)
        .filter_map(|n| {
            let email = format!("ann{n}@example.com");
            let credentials = json!({ "email": email, "password": "correct horse" });
            test.ask(Method::Post, "/v1/auth/signin", None, &credentials)
        })
        .collect();
    // One at work and four that wait; the one may have been taken late.
    assert!((95..=96).contains(&refused.len()), "{}", refused.len());
    let first = &refused[0];
    assert_eq!(error_of(first), fault(503, "at_capacity"));
    assert_eq!(header(first, "Retry-After"), Some("1"));
    drop(held);
    for _ in refused.len()..100 {
        assert!(matches!(test.next(), Outcome::Response(response) if response.status == 401));
    }
}

#[test]
fn abandoned_sign_up_is_not_done() {
    let scratch = ScratchDir::new();
    let mut config = config(&scratch);
    config.accounts.hashes = 1;
    let mut test = TestApp::open(&config);
    // While the only thread waits for the database, the others wait for the thread.
    let other = rusqlite::Connection::open(scratch.path().join("recipes.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body =
        |n: u32| json!({ "email": format!("a{n}@b.example"), "password": "a long password" });
    let mut withdrawn = Vec::new();
    for n in 0..3 {
        assert!(test.ask(Method::Post, "/v1/auth/signup", None, &body(n)).is_none());
        // The first may have begun.
        withdrawn.push(n == 1 && test.start.withdraw());
    }
    assert_eq!(withdrawn, [false, true, false]);
    other.execute_batch("COMMIT").unwrap();
    for _ in 0..2 {
        assert!(matches!(test.next(), Outcome::Response(response) if response.status == 201));
    }
    // Its address is free.
    let again = test.request(Method::Post, "/v1/auth/signup", None, &body(1));
    assert_eq!(again.status, 201);
}
