//! Session tickets: which servers accept them, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::server::ProducesTickets as _;
use rustls::time_provider::TimeProvider;

use super::super::tickets::Tickets;
use super::*;

const SECRET: &[u8] = b"a secret that the servers share, really";
/// In seconds since 1970, 1,234 of them in an hour.
const START: u64 = 1_800_001_234;
const LIFETIME: u64 = 12 * 3_600;

/// A clock that the test sets.
#[derive(Debug, Default)]
struct SetClock(AtomicU64);

impl TimeProvider for SetClock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = self.0.load(Ordering::Relaxed);
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// A server that has just started, with this secret, at this time.
fn started(secret: Option<&[u8]>, at: u64) -> Acceptor {
    let acceptor = acceptor().at(Arc::new(SetClock(AtomicU64::new(at))));
    acceptor.share_tickets(secret);
    acceptor
}

/// Is the session of a client that `first` gave tickets to resumed by `second`?
fn resumes(
    first: &Acceptor,
    second: &Acceptor,
    version: &'static SupportedProtocolVersion,
) -> bool {
    let offers = offers("p256", &[version]);
    drop(Pair::new(first, &offers).shake(1_024));
    let again = Pair::new(second, &offers).shake(1_024);
    assert_eq!(
        again.client.handshake_kind() == Some(HandshakeKind::Resumed),
        again.session.is_resumed()
    );
    again.session.is_resumed()
}

#[test]
fn ticket_is_accepted_under_the_same_secret() {
    let (before, after) = (started(Some(SECRET), START), started(Some(SECRET), START + 4_000));
    assert!(resumes(&before, &after, &TLS13));
    // A ticket of TLS 1.2 contains the key of the connection, so it ends with the process.
    assert!(resumes(&before, &before, &TLS12));
    assert!(!resumes(&before, &after, &TLS12));
}

#[test]
fn ticket_under_another_secret_is_not_accepted() {
    let server = started(Some(SECRET), START);
    for other in [None, Some(&b"another secret of at least 32 bytes, please"[..])] {
        assert!(!resumes(&server, &started(other, START), &TLS13));
        assert!(!resumes(&started(other, START), &server, &TLS13));
    }
    // Without a secret a ticket is of use until the process ends.
    let alone = started(None, START);
    assert!(resumes(&alone, &alone, &TLS13));
    // A secret that is replaced ends the tickets under it.
    let offers = offers("p256", &[&TLS13]);
    drop(Pair::new(&server, &offers).shake(1_024));
    server.share_tickets(Some(b"the secret after the rotation of secrets"));
    assert!(!Pair::new(&server, &offers).shake(1_024).session.is_resumed());
}

#[test]
fn ticket_is_accepted_for_12_hours_and_no_longer() {
    let given = started(Some(SECRET), START);
    for (at, is_accepted) in [
        (START + LIFETIME, true),
        (START + LIFETIME + 1, false),
        (START + 10 * LIFETIME, false),
        // The clocks of two servers may differ by a minute.
        (START - 60, true),
        (START - 61, false),
    ] {
        assert_eq!(resumes(&given, &started(Some(SECRET), at), &TLS13), is_accepted, "{at}");
    }
}

#[test]
fn ticket_does_not_show_when_it_was_given() {
    let given_at = |seconds| {
        let own = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
        let tickets = Tickets::new(own, Arc::new(SetClock(AtomicU64::new(seconds))));
        tickets.set_secret(Some(SECRET));
        tickets.encrypt(b"\x00\x03\x04 the state of a session").unwrap()
    };
    for ticket in [given_at(START), given_at(START + 1_000)] {
        // The hour. A random nonce and what is sealed follow.
        assert!(ticket.starts_with(&(START / 3_600).to_be_bytes()));
    }
}

#[test]
fn changed_tickets_are_ignored() {
    let own = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    let tickets = Tickets::new(own, Arc::new(SetClock(AtomicU64::new(START))));
    tickets.set_secret(Some(SECRET));
    let state = b"\x00\x03\x04 the state of a session";
    let ticket = tickets.encrypt(state).unwrap();
    assert_eq!(tickets.lifetime(), LIFETIME as u32);
    assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&state[..]));
    assert_ne!(tickets.encrypt(state).unwrap(), ticket);
    for at in 0..ticket.len() {
        let mut changed = ticket.clone();
        changed[at] ^= 1;
        assert_eq!(tickets.decrypt(&changed), None, "byte {at}");
        assert_eq!(tickets.decrypt(&ticket[..at]), None, "{at} bytes");
    }
}
