//! The probe: a message to this node itself, by the path that entries take.
//!
//! A connection to a master that was demoted looks well and delivers nothing: that a push comes back
//! is the only proof.

use std::time::Duration;

use crate::time::Instant;

#[derive(Debug)]
pub(super) struct PushProbe {
    interval: Duration,
    /// What was sent and did not come back.
    out: Option<(u64, Instant)>,
    next_at: Instant,
}

impl PushProbe {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, out: None, next_at: Instant::NEVER }
    }

    /// The link is up: the first probe goes at once.
    pub(super) fn start(&mut self, now: Instant) {
        (self.out, self.next_at) = (None, now);
    }

    pub(super) fn stop(&mut self) {
        (self.out, self.next_at) = (None, Instant::NEVER);
    }

    /// Is it time to send one? `nonce` is what it says.
    pub(super) fn is_due(&mut self, now: Instant, nonce: u64) -> bool {
        let is_due = self.out.is_none() && self.next_at <= now;
        if is_due {
            self.out = Some((nonce, now));
            self.next_at = now + self.interval;
        }
        is_due
    }

    /// What the one that is out says.
    pub(super) fn nonce(&self) -> Option<u64> {
        self.out.map(|(nonce, _)| nonce)
    }

    /// A probe came back: how long it took, if it is the one that is out.
    pub(super) fn returned(&mut self, now: Instant, payload: &[u8]) -> Option<Duration> {
        let (_, sent_at) = self.out.take_if(|(nonce, _)| nonce.to_be_bytes() == payload)?;
        Some(now.since(sent_at))
    }

    /// The one that is out did not come back in time.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.out.is_some_and(|(_, sent_at)| sent_at + self.interval <= now)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.out.map_or(self.next_at, |(_, sent_at)| sent_at + self.interval)
    }
}
