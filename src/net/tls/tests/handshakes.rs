//! Handshakes that wait for a worker.

use std::time::Duration;

use super::super::handshakes::{HandshakeClaim, HandshakeJob};
use super::*;
use crate::id::ConnId;
use crate::net::pool::PoolJob as _;
use crate::node::Payer;

#[test]
fn handshake_that_waited_too_long_is_refused() {
    let patience = Duration::from_millis(2_500);
    let is_made = |waited| {
        let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13]));
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        let (first, rest) = hello.split_at(100);
        pair.feed(first, 100);
        let whole = [first, rest].concat();
        let claim = HandshakeClaim::new(Box::new(pair.session), &whole);
        let (id, payer) = (ConnId::from_bits(1), Payer::user("somebody"));
        let finished = HandshakeJob { id, payer, claim, patience }.run(waited).unwrap();
        assert_eq!(finished.session.buffered_capacity(), 0, "its input is with the worker");
        finished.opened.is_some_and(|opened| !opened.scratch.sealed.is_empty())
    };
    assert!(is_made(patience));
    assert!(!is_made(patience + Duration::from_micros(1)));
}
