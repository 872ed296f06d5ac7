//! The breaker in virtual time.

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1_000)
}

fn user(number: u32) -> SmolStr {
    SmolStr::new(format!("user {number}"))
}

/// A message that begins and ends at `now`.
fn call(
    breaker: &mut Breaker,
    now: Instant,
    number: u32,
    evidence: CallEvidence,
) -> Option<Transition> {
    assert!(breaker.admits(now, &user(number)));
    let permit = breaker.permit(now);
    breaker.record(now, permit, (&user(number), true), evidence)
}

fn opened(cause: Cause, wait: u64) -> Option<Transition> {
    Some(Transition::Opened(cause, Duration::from_millis(wait)))
}

/// Open at 0, because of its connections.
fn unconnected() -> Breaker {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    for _ in 0..2 {
        assert_eq!(call(&mut breaker, at(0), 1, CallEvidence::Unconnected), None);
    }
    let transition = call(&mut breaker, at(0), 1, CallEvidence::Unconnected);
    assert_eq!(transition, opened(Cause::Unconnected, 100));
    breaker
}

/// Open at 0, because the calls of three users fail.
fn failing() -> Breaker {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    let transitions = (0..12).map(|call_number| {
        let permit = breaker.permit(at(0));
        breaker.record(at(0), permit, (&user(call_number % 3), true), CallEvidence::Fails)
    });
    let cause = Cause::Majority(Majority { failing: 3, users: 3 });
    assert_eq!(transitions.flatten().next(), opened(cause, 100));
    breaker
}

/// A backend that is down is found with a single user.
#[test]
fn three_failed_connections_open_it_for_100_ms() {
    let breaker = unconnected();
    assert!(!breaker.admits(at(99), &user(1)) && breaker.admits(at(100), &user(1)));
    assert!(!breaker.refuses(at(1_999)) && breaker.refuses(at(2_000)));
}

#[test]
fn response_among_failed_connections_keeps_it_closed() {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    for round in 0..100 {
        let evidence = match round % 3 {
            2 => CallEvidence::Fails,
            _ => CallEvidence::Unconnected,
        };
        assert_eq!(call(&mut breaker, at(0), 1, evidence), None);
    }
}

#[test]
fn one_user_never_opens_it() {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    for millis in 0..10_000 {
        let evidence = if millis % 2 == 0 { CallEvidence::Fails } else { CallEvidence::TimedOut };
        assert_eq!(call(&mut breaker, at(millis), 1, evidence), None);
    }
    assert!(breaker.pauses(at(10_000), &user(1)) && !breaker.pauses(at(10_000), &user(2)));
}

#[test]
fn failures_of_three_of_twenty_users_do_not_open_it() {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    for round in 0..1_000 {
        let number = 19 - round % 20;
        for _ in 0..5 {
            let evidence = if number < 3 { CallEvidence::Fails } else { CallEvidence::Works };
            assert_eq!(call(&mut breaker, at(round.into()), number, evidence), None);
        }
    }
}

#[test]
fn time_outs_of_three_users_open_it() {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    let transition = (0..12).find_map(|round| {
        let permit = breaker.permit(at(0));
        breaker.record(at(5_000), permit, (&user(round % 4), true), CallEvidence::TimedOut)
    });
    let cause = Cause::Majority(Majority { failing: 4, users: 4 });
    assert_eq!(transition, opened(cause, 100));
    assert!(!cause.to_string().is_empty());
}

#[test]
fn successful_probe_closes_it() {
    for mut breaker in [unconnected(), failing()] {
        let probe = breaker.permit(at(100));
        assert!(!breaker.admits(at(1_099), &user(2)), "one probe at a time");
        assert!(breaker.admits(at(1_100), &user(2)), "one that hangs holds up no other");
        let transition = breaker.record(at(1_099), probe, (&user(1), true), CallEvidence::Works);
        assert_eq!(transition, Some(Transition::Closed));
        // As at the start: two failed connections are nothing.
        for _ in 0..2 {
            assert_eq!(call(&mut breaker, at(1_099), 1, CallEvidence::Unconnected), None);
        }
        let again = call(&mut breaker, at(1_099), 1, CallEvidence::Unconnected);
        assert_eq!(again, opened(Cause::Unconnected, 100));
    }
}

/// An error is a response: there is a connection again.
#[test]
fn any_response_is_a_connection() {
    let mut breaker = unconnected();
    let transition = call(&mut breaker, at(100), 1, CallEvidence::Fails);
    assert_eq!(transition, Some(Transition::Closed));
}

#[test]
fn failed_probe_doubles_the_wait_up_to_30s() {
    let mut breaker = unconnected();
    let mut now = at(100);
    for (probe, wait) in
        [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000].into_iter().enumerate()
    {
        let transition = call(&mut breaker, now, probe as u32, CallEvidence::Unconnected);
        assert_eq!(transition, opened(Cause::Unconnected, wait));
        assert_eq!(breaker.poll_timeout(now).min(now + WAIT.0), now + WAIT.0);
        now = now + Duration::from_millis(wait);
        assert!(!breaker.admits(now - Duration::from_micros(1), &user(99)));
    }
}

#[test]
fn user_whose_probe_failed_lets_others_probe_first() {
    let mut breaker = failing();
    let transition = call(&mut breaker, at(100), 1, CallEvidence::Fails);
    assert!(matches!(transition, Some(Transition::Opened(Cause::Majority(_), _))));
    assert!(!breaker.admits(at(300), &user(1)) && breaker.admits(at(300), &user(2)));
    assert!(breaker.admits(at(500), &user(1)), "unless there is nobody else");
    let moments: Vec<_> = [100, 300, 500, 2_000].map(|it| breaker.poll_timeout(at(it))).into();
    assert_eq!(moments, [at(300), at(500), at(2_000), Instant::NEVER]);
    assert_eq!(call(&mut breaker, at(300), 2, CallEvidence::Works), Some(Transition::Closed));
}

#[test]
fn result_from_an_earlier_epoch_is_ignored() {
    let mut breaker = Breaker::new(Duration::from_secs(5));
    let permits: Vec<_> = (0..20).map(|_| breaker.permit(at(0))).collect();
    let result = |breaker: &mut Breaker, now, permit, evidence| {
        breaker.record(now, permit, (&user(1), true), evidence)
    };
    let mut changes = permits
        .iter()
        .filter_map(|&permit| result(&mut breaker, at(0), permit, CallEvidence::Unconnected));
    assert_eq!(changes.next(), opened(Cause::Unconnected, 100));
    assert_eq!(changes.next(), None, "those that failed with them do not prolong it");
    drop(changes);
    let probe = breaker.permit(at(100));
    let second = breaker.permit(at(1_100));
    assert_eq!(result(&mut breaker, at(1_100), permits[0], CallEvidence::Works), None);
    let failed = result(&mut breaker, at(1_101), probe, CallEvidence::Unconnected);
    assert_eq!(failed, opened(Cause::Unconnected, 200));
    assert_eq!(result(&mut breaker, at(1_102), second, CallEvidence::Unconnected), None);
}

#[test]
fn call_with_too_little_time_says_nothing() {
    let mut breaker = unconnected();
    assert_eq!(call(&mut breaker, at(100), 1, CallEvidence::Nothing), None);
    assert!(!breaker.is_closed() && breaker.admits(at(1_100), &user(1)));
}
