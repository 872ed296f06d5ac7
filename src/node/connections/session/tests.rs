use super::*;
use crate::config::Config;
use crate::id::Rng;
use crate::protocol::parse;
use crate::time::{Now, UnixTime};

fn policy() -> Policy {
    Policy::new(&Config::default())
}

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

fn now(seconds: u64) -> Now {
    Now { monotonic: at(seconds), unix: UnixTime::from_millis(1_800_000_000_000 + seconds * 1_000) }
}

/// Clocks of a token that lives for `life` seconds from 0 on, without spread.
fn clocks(life: u64) -> Clocks {
    let policy = Policy { reauth_spread: Duration::ZERO, ..policy() };
    let end = now(0).unix + Duration::from_secs(life);
    Clocks::new(now(0), (end, end), &policy, &mut Rng::new(1))
}

fn connected(life: u64) -> Session {
    let mut session = Session::new(at(0), &policy());
    session.upgraded(at(0), &policy());
    session.joining(at(0), &policy());
    session.admitted(Instant::START, clocks(life));
    session
}

fn chat(id: u32) -> String {
    format!(
        r#"{{"type":"chat_message","id":"m{id}","timestamp":"2026-11-22T10:00:00Z","payload":{{"content":"x"}}}}"#
    )
}

const AUTH: &str =
    r#"{"type":"auth","id":"a","timestamp":"2026-11-22T10:00:00Z","payload":{"token":"t"}}"#;

#[test]
fn a_session_is_40_bytes() {
    assert_eq!(size_of::<Session>(), 40);
}

#[test]
fn reauth_precedes_the_earlier_of_expiry_and_age() {
    let at_and_why = |life| {
        let clocks = clocks(life);
        (clocks.reauth_at.since(at(0)).as_secs_f64(), clocks.reason)
    };
    assert_eq!(at_and_why(900), (840.0, ReauthReason::TokenExpiring));
    assert_eq!(at_and_why(901), (840.0, ReauthReason::SessionAge));
    assert_eq!(at_and_why(86_400), (840.0, ReauthReason::SessionAge));
    assert_eq!(at_and_why(300), (240.0, ReauthReason::TokenExpiring));
    assert_eq!(at_and_why(120), (60.0, ReauthReason::TokenExpiring));
    assert_eq!(at_and_why(119), (59.5, ReauthReason::TokenExpiring));
    assert_eq!(at_and_why(10), (5.0, ReauthReason::TokenExpiring));
}

#[test]
fn the_spread_is_early_and_at_most_a_tenth() {
    let mut rng = Rng::new(1);
    let mut draw = |life: u64| {
        let end = now(0).unix + Duration::from_secs(life);
        Clocks::new(now(0), (end, end), &policy(), &mut rng).reauth_at.since(at(0)).as_secs_f64()
    };
    let long: Vec<_> = (0..1_000).map(|_| draw(900)).collect();
    assert!(long.iter().all(|&seconds| (810.0..=840.0).contains(&seconds)));
    assert!(long.iter().any(|&s| s < 815.0) && long.iter().any(|&s| s > 835.0));
    assert!((0..1_000).all(|_| (5.4..=6.0).contains(&draw(12))));
}

#[test]
fn each_phase_ends_in_its_own_way() {
    let policy = policy();
    let mut session = Session::new(at(0), &policy);
    assert_eq!(session.next_deadline(&policy), at(5));
    assert_eq!(session.due(at(4), &policy), Due::Nothing);
    assert_eq!(session.due(at(5), &policy), Due::Drop);
    session.upgraded(at(5), &policy);
    assert_eq!(session.due(at(9), &policy), Due::Nothing);
    assert_eq!(session.due(at(10), &policy), Due::Close(CloseReason::AuthTimeout));
    session.joining(at(10), &policy);
    assert_eq!(session.due(at(15), &policy), Due::Close(CloseReason::BackendUnavailable));
    session.closing(at(15), Stage::CloseSent);
    assert_eq!(session.due(at(17), &policy), Due::Drop);
}

#[test]
fn unanswered_reauth_request_ends_the_session() {
    let policy = Policy { ping: Duration::ZERO, ..policy() };
    let mut session = connected(900);
    assert_eq!(session.due(at(839), &policy), Due::Nothing);
    let asked = Due::AskReauth { reason: ReauthReason::TokenExpiring, deadline: at(870) };
    assert_eq!(session.due(at(840), &policy), asked);
    assert_eq!(session.phase(), Phase::Reauthenticating);
    assert_eq!(session.due(at(869), &policy), Due::Nothing);
    assert_eq!(session.due(at(870), &policy), Due::Close(CloseReason::ReauthTimeout));
}

#[test]
fn the_grace_never_reaches_past_the_token() {
    let policy = policy();
    let mut session = connected(20);
    let asked = Due::AskReauth { reason: ReauthReason::TokenExpiring, deadline: at(20) };
    assert_eq!(session.due(at(10), &policy), asked);
}

#[test]
fn unanswered_renewal_ends_at_expiry_or_join_timeout() {
    let policy = policy();
    let mut slow = connected(900);
    slow.joining(at(100), &policy);
    assert_eq!(slow.phase(), Phase::Connected);
    assert_eq!(slow.due(at(105), &policy), Due::Close(CloseReason::BackendUnavailable));
    let mut late = connected(20);
    late.touch(at(18));
    late.joining(at(18), &policy);
    assert_eq!(late.due(at(19), &policy), Due::Nothing);
    assert_eq!(late.due(at(20), &policy), Due::Close(CloseReason::ReauthTimeout));
}

#[test]
fn two_pings_without_a_sign_of_life_are_the_end() {
    let policy = policy();
    let mut session = connected(900);
    assert_eq!(session.next_deadline(&policy), at(30));
    assert_eq!(session.due(at(30), &policy), Due::Ping);
    assert_eq!(session.due(at(30), &policy), Due::Nothing);
    session.touch(at(31));
    assert_eq!(session.next_deadline(&policy), at(61));
    assert_eq!(session.due(at(61), &policy), Due::Ping);
    assert_eq!(session.due(at(91), &policy), Due::Ping);
    assert_eq!(session.due(at(120), &policy), Due::Nothing);
    assert_eq!(session.due(at(121), &policy), Due::Close(CloseReason::PingTimeout));
}

#[test]
fn the_first_message_must_be_a_whole_auth() {
    let session = Session::new(at(0), &policy());
    let verdict = |text: &str| match session.judge_first(&parse(text)) {
        Verdict::Close(reason) => Some(reason),
        Verdict::Authenticate { .. } => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(verdict(AUTH), None);
    assert_eq!(verdict(&AUTH.replace("\"t\"", "\"\"")), Some(CloseReason::MissingToken));
    assert_eq!(verdict("nope"), Some(CloseReason::InvalidAuthMessage));
    assert_eq!(verdict("[]"), Some(CloseReason::InvalidAuthMessage));
    assert_eq!(verdict(&AUTH.replace("2026", "26")), Some(CloseReason::InvalidAuthMessage));
    assert_eq!(verdict(&chat(1)), Some(CloseReason::FirstMessageNotAuth));
    assert_eq!(verdict(&chat(1).replace("\"x\"", "7")), Some(CloseReason::FirstMessageNotAuth));
    assert_eq!(verdict(&chat(1).replace("chat_", "x_")), Some(CloseReason::FirstMessageNotAuth));
}

#[test]
fn chat_allows_30_messages_then_one_every_2_seconds() {
    let (policy, mut session) = (policy(), connected(900));
    let mut allowance = ChatAllowance::default();
    let mut send = |seconds| match session.judge(
        at(seconds),
        &policy,
        &mut allowance,
        (&parse(&chat(1)), 0),
    ) {
        Verdict::Chat { .. } => None,
        Verdict::Refuse { error: ErrorCode::RateLimited, retry_after, .. } => retry_after,
        other => panic!("{other:?}"),
    };
    assert!((0..30).all(|_| send(0).is_none()));
    assert_eq!(send(0), Some(Duration::from_secs(2)));
    assert_eq!(send(1), Some(Duration::from_secs(1)));
    assert_eq!(send(2), None);
    assert_eq!(send(2), Some(Duration::from_secs(2)));
    assert!((0..30).all(|_| send(100).is_none()));
}

/// Each reader has to take it: by its bytes, and what its user may say at once is half of a queue.
#[test]
fn long_message_takes_a_part_for_each_4_kib() {
    let (policy, text) = (policy(), chat(1));
    let refused = |bytes: usize, count: usize| {
        let (mut session, mut allowance) = (connected(900), ChatAllowance::default());
        (0..count).find_map(|_| {
            let parsed = parse(&text);
            match session.judge(at(0), &policy, &mut allowance, (&parsed, bytes)) {
                Verdict::Chat { bytes, .. } => allowance.pay_length(at(0), &policy, bytes).err(),
                Verdict::Refuse { retry_after, .. } => retry_after,
                other => panic!("{other:?}"),
            }
        })
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!((refused(4_095, 30), refused(4_095, 31)), (None, seconds(2)));
    assert_eq!((refused(4_096, 15), refused(4_096, 16)), (None, seconds(4)));
    assert_eq!((refused(64 << 10, 1), refused(64 << 10, 2)), (None, seconds(2 * (2 * 17 - 30))));
    // A whole allowance is enough for any.
    assert_eq!((refused(1 << 20, 1), refused(usize::MAX, 1)), (None, None));
}

#[test]
fn answers_for_the_room_use_up_a_minute_in_advance() {
    let (policy, mut allowance) = (policy(), ChatAllowance::default());
    allowance.charge_answer(at(0), &policy, 4_095);
    assert_eq!(allowance, ChatAllowance { used_until: at(0) });
    allowance.charge_answer(at(0), &policy, 64 << 10);
    assert_eq!(allowance, ChatAllowance { used_until: at(32) });
    for _ in 0..100 {
        allowance.charge_answer(at(0), &policy, 64 << 10);
    }
    assert_eq!(allowance, ChatAllowance { used_until: at(120) });
}

#[test]
fn more_than_thirty_refusals_in_a_minute_close() {
    let (policy, mut session) = (policy(), connected(900));
    let mut allowance = ChatAllowance::default();
    for _ in 0..60 {
        let text = chat(1);
        let parsed = parse(&text);
        let verdict = session.judge(at(0), &policy, &mut allowance, (&parsed, 0));
        assert!(!matches!(verdict, Verdict::Close(_)));
    }
    let closed = Verdict::Close(CloseReason::RateLimited);
    assert_eq!(session.judge(at(0), &policy, &mut allowance, (&parse(&chat(1)), 0)), closed);
}

#[test]
fn ten_invalid_messages_in_a_row_close() {
    let (policy, mut session) = (policy(), connected(900));
    let mut allowance = ChatAllowance::default();
    for round in 0..2 {
        for _ in 0..9 {
            let nope = parse("nope");
            let refused = session.judge(at(round * 60), &policy, &mut allowance, (&nope, 0));
            assert!(matches!(refused, Verdict::Refuse { error: ErrorCode::InvalidJson, .. }));
        }
        assert!(matches!(
            session.judge(at(round * 60), &policy, &mut allowance, (&parse(&chat(1)), 0)),
            Verdict::Chat { .. }
        ));
    }
    for _ in 0..9 {
        session.judge(at(120), &policy, &mut allowance, (&parse("{}"), 0));
    }
    let closed = Verdict::Close(CloseReason::TooManyInvalidMessages);
    assert_eq!(session.judge(at(120), &policy, &mut allowance, (&parse("{}"), 0)), closed);
}

#[test]
fn sixth_unasked_auth_in_a_minute_closes() {
    let (policy, mut session) = (policy(), connected(900));
    let mut allowance = ChatAllowance::default();
    for second in [0, 10, 20, 30, 40] {
        let verdict = session.judge(
            at(second),
            &policy,
            &mut allowance,
            (
                &Ok(ClientMessage::Auth {
                    id: "a".into(),
                    token: Some("t".into()),
                    wants: Wants::default(),
                }),
                0,
            ),
        ) == Verdict::Authenticate { id: "a", token: "t", wants: Wants::default() };
        assert!(verdict);
    }
    let closed = Verdict::Close(CloseReason::TooManyAuthAttempts);
    assert_eq!(session.judge(at(59), &policy, &mut allowance, (&parse(AUTH), 0)), closed);
    let mut asked = connected(900);
    assert!(matches!(asked.due(at(840), &policy), Due::AskReauth { .. }));
    for _ in 0..6 {
        assert!(matches!(
            asked.judge(at(840), &policy, &mut allowance, (&parse(AUTH), 0)),
            Verdict::Authenticate { .. }
        ));
    }
}

#[test]
fn what_has_ended_does_not_begin_again() {
    let mut session = connected(900);
    session.closing(at(1), Stage::CloseSent);
    session.set_stage(Stage::Discarding);
    session.set_stage(Stage::Ending);
    session.set_stage(Stage::Discarding);
    assert_eq!(session.stage(), Stage::Ending);
    session.closing(at(1), Stage::Dropped);
    session.closing(at(2), Stage::Responding);
    assert_eq!(session.stage(), Stage::Dropped);
}

#[test]
fn time_to_authenticate_begins_when_the_101_is_out() {
    let policy = policy();
    let mut session = Session::new(at(0), &policy);
    session.upgraded(at(1), &policy);
    assert!(session.is_upgrading());
    session.upgrade_written(at(4), &policy);
    assert!(!session.is_upgrading());
    assert_eq!(session.due(at(8), &policy), Due::Nothing);
    assert_eq!(session.due(at(9), &policy), Due::Close(CloseReason::AuthTimeout));
}
