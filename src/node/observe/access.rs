//! `log.access`: a line for each connection, when its end is decided.
//!
//! ```text
//! access: address=192.0.2.7:50123 user="alice" room="soup" seconds=843.215 code=1000 in=5120 out=88211
//! ```
//!
//! The code is that of the close frame (RFC 6455, section 7.4), 1006 if there was none, or the HTTP
//! status of a refused request. The close frame itself is not among the bytes; the response to a refused
//! request is.

use crate::config::Log;
use crate::id::{ConnId, Slot};
use crate::node::connections::connection::peer_text;
use crate::node::observe::close_history::{Account, Ending};
use crate::time::Now;

const _: () = assert!(size_of::<[u64; 2]>() == Log::ACCESS_BYTES);

/// The bytes of each connection, in and out, by slot.
#[derive(Debug, Default)]
pub(crate) struct AccessBytes(Vec<[u64; 2]>);

impl AccessBytes {
    /// A connection has come to `slot`.
    pub(crate) fn begin(&mut self, slot: Slot) {
        if self.0.len() <= slot.index() {
            self.0.resize(slot.index() + 1, [0, 0]);
        }
        if let Some(bytes) = self.0.get_mut(slot.index()) {
            *bytes = [0, 0];
        }
    }

    pub(crate) fn add_in(&mut self, slot: Slot, bytes: usize) {
        if let Some([count, _]) = self.0.get_mut(slot.index()) {
            *count = count.saturating_add(bytes as u64);
        }
    }

    pub(crate) fn add_out(&mut self, slot: Slot, bytes: usize) {
        if let Some([_, count]) = self.0.get_mut(slot.index()) {
            *count = count.saturating_add(bytes as u64);
        }
    }

    /// Writes the line of a connection that ends.
    pub(crate) fn log(&self, now: Now, id: ConnId, account: &Account, how: Ending) {
        let [received, sent] = self.0.get(id.slot().index()).copied().unwrap_or_default();
        let seconds = now.unix.since(account.accepted).as_secs_f64();
        let (user, room) = (account.user.as_deref(), account.room.as_deref());
        log::info!(
            target: Log::ACCESS_TARGET,
            connection:% = id;
            "access: address={} user={:?} room={:?} seconds={seconds:.3} code={} in={received} \
             out={sent}",
            peer_text(account.peer),
            user.unwrap_or(""),
            room.unwrap_or(""),
            code(how),
        );
    }
}

fn code(how: Ending) -> u16 {
    match how {
        Ending::Closed(reason) => reason.code(),
        // A close frame without a code (RFC 6455, section 7.1.5).
        Ending::ClosedByClient(code) => code.unwrap_or(1_005),
        Ending::HungUp(_) | Ending::Dropped(_) => 1_006,
        Ending::Refused(refusal) => refusal.status(),
    }
}
