//! Holds what the engine sees against the checkers: each write at once, everything after a turn.

use std::io::IoSlice;
use std::mem;

use super::check;
use super::driver::{MOST_UNITS_OF_READ, Transport};
use super::engine::Engine;
use super::network::LinkId;
use super::wire::{Message, Seen};
use crate::id::ConnId;
use crate::node::Phase;
use crate::time::Instant;

/// What an acknowledgement and the close frame may add to a full outbox.
const LAST_WORDS_BYTES: usize = 1_024;

impl Engine {
    /// What the server wrote is what it may write.
    pub(super) fn hear(&mut self, id: ConnId, link: LinkId, bytes: &[u8]) {
        let now = self.now.monotonic;
        let Some(open) = self.links.get_mut(link.0 as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        open.reader.push(bytes);
        let heard = loop {
            let (end, seen) = match open.reader.next() {
                Ok(Some(next)) => next,
                Ok(None) => break Ok(()),
                Err(what) => break Err(what),
            };
            open.hearing.now = now;
            if let Err(what) = open.hearing.hear(&seen) {
                break Err(what);
            }
            if let Some((message, content)) = open.hearing.given.take()
                && !self.ledger.lock().has_said(id, &message, &content)
            {
                break Err(format!(
                    "an answer to {message}, which is not the next of its messages"
                ));
            }
            let room = match &seen {
                Seen::Message(Message::Relayed { id: message, user, content }) => {
                    self.ledger.lock().relayed(id, message, user, content)
                }
                Seen::Message(Message::Answer { to: Some(message), said: Ok(content) }) => {
                    self.ledger.lock().judge_answer(id, message, content)
                }
                Seen::Message(Message::News { content })
                    if !self.ledger.lock().is_news(id, content) =>
                {
                    Err("news that its room was not told".to_owned())
                }
                _ => Ok(()),
            };
            if room.is_err() {
                break room;
            }
            open.unseen.push_back((end, seen));
        };
        if let Err(what) = heard {
            self.fail(format!("{id}: {what}"));
        }
    }

    /// Holds every invariant against the present state.
    pub(super) fn check(&mut self) {
        let faults = self.ledger.lock().take_faults();
        if let Some(what) = faults.into_iter().next() {
            self.fail(what);
        }
        let mut transports = mem::take(&mut self.transports);
        for transport in transports.iter_mut().flatten() {
            if let Err(what) = self.check_one(transport) {
                self.fail(format!("{}: {what}", transport.id));
            }
        }
        let live = transports.iter().flatten().count();
        self.transports = transports;
        let phases = Phase::ALL.iter().map(|phase| self.node.connections_in(*phase)).sum();
        let rooms = self.ledger.lock().occupied_rooms();
        let limits = &self.scenario.config.limits;
        let share = u64::from(limits.pending_per_turn) + MOST_UNITS_OF_READ;
        let ends = 2 * limits.recent_ends;
        let message = limits.message_bytes.get();
        let input = message * (limits.waiting_messages as usize + 2) + self.buffer.len();
        let output = self.most_output();
        let judged = check::judge_usage(&self.node.usage(), live, phases, rooms, input + output);
        if let Err(what) = judged.and_then(|()| self.node.judge_budgets()) {
            self.fail(what);
        }
        if self.node.remembered_ends() > ends {
            self.fail("more ends are remembered than may be".to_owned());
        }
        let (step, slice) = (self.node.longest_step(), self.scenario.slice);
        if step > slice {
            self.fail(format!("a message went to {step} members in one step of {slice}"));
        }
        self.shed = self.shed_so_far();
        if self.longest_wait > share {
            let waited = self.longest_wait;
            self.fail(format!("authenticated bytes waited behind {waited} units of pending work"));
        }
    }

    /// Everybody who is in a room, and has been sent what there was, has heard all of the room.
    pub(super) fn check_heard(&mut self) {
        let ids: Vec<ConnId> = self.transports.iter().flatten().map(|open| open.id).collect();
        for id in ids {
            let unheard = self.ledger.lock().unheard(id);
            if unheard > 0 && self.node.is_authenticated(id) && !self.node.has_output(id) {
                self.fail(format!("{id} has not heard {unheard} messages of its room"));
            }
        }
    }

    /// A connection ended before its time. Who held too much, and went on while that was told, may.
    pub(super) fn unless_shedding(&self, what: String) -> Result<(), String> {
        if self.shed_so_far() > self.shed { Ok(()) } else { Err(what) }
    }

    /// How many connections the node has shed.
    fn shed_so_far(&self) -> u64 {
        let metrics = self.node.metrics();
        metrics.shed_pending + metrics.shed_members + metrics.shed_readers
    }

    /// What may be queued for one peer: the configured bound, or one longer frame where the queue was
    /// empty; and behind it the one answer that was under way, and an acknowledgement.
    fn most_output(&self) -> usize {
        let bound = self.scenario.config.limits.outbound_bytes.get();
        bound.max(self.largest_frame) + self.largest_frame + LAST_WORDS_BYTES
    }

    fn check_one(&mut self, transport: &mut Transport) -> Result<(), String> {
        let id = transport.id;
        let now: Instant = self.now.monotonic;
        let Some(phase) = self.node.phase(id) else {
            return Err("the node has forgotten it, and did not say so".to_owned());
        };
        let (terms, asked) = match self.ledger.lock().member(id) {
            Some(member) => (member.terms, member.asked.map(|(_, at, terms)| (at, terms))),
            None => (None, None),
        };
        if transport.is_read_first() {
            // What came before its deadline is read before that is judged: a bounded number of reads.
            let mut times = self.times.clone();
            times.stopped_until = now;
            transport.life.observe(now, phase, &times, terms, asked)?;
        } else {
            transport.life.observe(now, phase, &self.times, terms, asked)?;
        }
        let close = self.link(transport.link).and_then(|link| link.hearing.close());
        if let Some(reason) = close
            && !mem::replace(&mut transport.is_judged, true)
        {
            self.early_ping_timeouts +=
                u64::from(transport.life.judge_close(reason, &self.times, terms)?);
            if self.early_ping_timeouts > self.node.metrics().replaced {
                return Err("a ping timed out before its time".to_owned());
            }
        }
        if transport.stalled {
            let mut slices = [IoSlice::new(&[]); 256];
            let filled = self.node.pending_output(id, &mut slices);
            let lengths = slices.iter().take(filled).map(|slice| slice.len());
            let (bytes, longest): (usize, _) = (lengths.clone().sum(), lengths.max().unwrap_or(0));
            self.largest_frame = self.largest_frame.max(longest);
            if bytes > self.most_output() {
                return Err(format!("{bytes} bytes are queued to it"));
            }
        }
        Ok(())
    }
}
