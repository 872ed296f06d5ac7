//! Runs the checkers: on each write at once, and on everything after a turn.

use std::io::IoSlice;
use std::mem;
use std::time::Duration;

use super::check;
use super::driver::SimServer;
use super::engine::Engine;
use super::network::LinkId;
use super::transport::Transport;
use super::wire::{Message, Seen};
use crate::id::ConnId;
use crate::node::{Node, Phase};
use crate::protocol::CloseReason;
use crate::time::Instant;

/// The most bytes that one read takes.
const READ_BYTES: usize = 64 * 1_024;
/// The most bytes that an acknowledgement and a close frame add to a full outbox.
const LAST_WORDS_BYTES: usize = 1_024;

impl Engine {
    /// Checks the shares of rivals, once a second.
    fn judge_rivals(&mut self, node: &Node) {
        let now = self.now.monotonic;
        if !self.scenario.rivals || self.is_healed || now < self.rivals_judged {
            return;
        }
        self.rivals_judged = now + Duration::from_secs(1);
        let rivals = self.scenario.clients.greedy;
        let judged = self.ledger.lock().shares.judge_rivals(now, node, rivals);
        if let Err(what) = judged {
            self.fail(what);
        }
    }

    /// Checks what the server wrote.
    pub(super) fn hear(&mut self, id: ConnId, link: LinkId, bytes: &[u8]) {
        let now = self.now.monotonic;
        let Some(open) = self.links.get_mut(link.0 as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        open.reader.push(bytes);
        let heard = loop {
            let (end, mut seen) = match open.reader.next() {
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
            if let Seen::Message(Message::Acknowledged { told: Some(told), .. }) = &mut seen {
                told.said_before = self.ledger.lock().said_before(id);
            }
            let room = match &seen {
                Seen::Message(Message::Relayed { id: message, user, content, .. })
                    if !open.hearing.is_missed() =>
                {
                    self.ledger.lock().relayed(id, message, user, content)
                }
                Seen::Message(Message::Answer { to: Some(message), said: Ok(content), .. }) => {
                    self.ledger.lock().judge_answer(id, message, content)
                }
                Seen::Message(Message::News { content, .. })
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
}

impl Engine {
    /// The most bytes that may be queued for one peer: the configured limit, or one longer frame in
    /// an otherwise empty queue. One answer under way and an acknowledgement may come on top.
    fn most_output(&self) -> usize {
        let bound = self.scenario.config.limits.outbound_bytes.get();
        bound.max(self.largest_frame) + self.largest_frame + LAST_WORDS_BYTES
    }
}

impl SimServer {
    /// Checks every invariant after a turn.
    pub(super) fn check(&mut self) {
        let mut transports = mem::take(&mut self.engine.transports);
        for transport in transports.iter_mut().flatten() {
            if let Err(what) = self.check_one(transport) {
                self.engine.fail(format!("{}: {what}", transport.id));
            }
        }
        let ids = || transports.iter().flatten().map(|transport| transport.id);
        if !ids().eq(self.turn.connections()) {
            self.engine.fail("the turn has other connections than there are sockets");
        }
        let live = ids().count();
        self.engine.transports = transports;
        let Self { node, turn, engine } = self;
        let faults = engine.ledger.lock().take_faults();
        if let Some(what) = faults.into_iter().next() {
            engine.fail(what);
        }
        let phases = Phase::ALL.iter().map(|phase| node.connections_in(*phase)).sum();
        let rooms = engine.ledger.lock().occupied_rooms(|id| node.is_authenticated(id));
        let limits = &engine.scenario.config.limits;
        let ends = 2 * limits.recent_ends;
        let message = limits.message_bytes.get();
        let input = message * (limits.waiting_messages as usize + 2) + READ_BYTES;
        let output = engine.most_output();
        let judged = check::judge_usage(&node.usage(), live, phases, rooms, input + output);
        if let Err(what) = judged.and_then(|()| node.judge_budgets()) {
            engine.fail(what);
        }
        if node.remembered_ends() > ends {
            engine.fail("more ends are remembered than may be");
        }
        let forgotten = engine.ledger.lock().shares.ends().find(|&id| !node.remembers_end(id));
        if let Some(id) = forgotten {
            engine.fail(format!("{id}: its end was forgotten for others'"));
        }
        engine.judge_rivals(node);
        if turn.stray_actions() > 0 {
            engine.fail("the node wants something done for a connection that is gone");
        }
        let (step, slice) = (node.longest_step(), engine.scenario.slice);
        if step > slice {
            engine.fail(format!("a message went to {step} members in one step of {slice}"));
        }
        // The node may shed a connection that holds too much before its deadline.
        let shed = shed_so_far(node);
        let is_shedding = mem::replace(&mut engine.shed, shed) < shed;
        if let Some(what) = engine.dropped.take().filter(|_| !is_shedding) {
            engine.fail(what);
        }
    }

    /// Checks that every member whose output is written has received all messages of its room.
    pub(super) fn check_heard(&mut self) {
        let Self { node, engine, .. } = self;
        let ids: Vec<ConnId> = engine.transports.iter().flatten().map(|open| open.id).collect();
        for id in ids {
            let unheard = engine.ledger.lock().unheard(id);
            if unheard > 0 && node.is_authenticated(id) && !node.has_output(id) {
                engine.fail(format!("{id} has not heard {unheard} messages of its room"));
            }
        }
    }

    fn check_one(&mut self, transport: &mut Transport) -> Result<(), String> {
        let Self { node, turn, engine } = self;
        let id = transport.id;
        let now: Instant = engine.now.monotonic;
        let Some(phase) = node.phase(id) else {
            return Err("the node has forgotten it, and did not say so".to_owned());
        };
        let (terms, asked) = match engine.ledger.lock().member(id) {
            Some(member) => (member.terms, member.asked.map(|(_, at, terms)| (at, terms))),
            None => (None, None),
        };
        let mut times = engine.times.clone();
        if turn.is_read_first(id) {
            // Input that came before its deadline is read before the deadline is checked, for a
            // bounded number of reads.
            times.stopped_until = now;
        }
        let began_to_close = transport.life.observe(now, phase, &times, terms, asked)?;
        transport.is_closed_unread |= began_to_close && transport.is_unread;
        let close = engine.link(transport.link).and_then(|link| link.hearing.close());
        if let Some(reason) = close
            && !mem::replace(&mut transport.is_judged, true)
        {
            if transport.is_closed_unread && is_of_time(reason) {
                return Err("was closed at its deadline, with input in its socket".to_owned());
            }
            engine.early_ping_timeouts +=
                u64::from(transport.life.judge_close(reason, &engine.times, terms)?);
            if engine.early_ping_timeouts > node.metrics().replaced {
                return Err("a ping timed out before its time".to_owned());
            }
        }
        if transport.is_full {
            let mut slices = [IoSlice::new(&[]); 256];
            let filled = node.pending_output(id, &mut slices);
            let lengths = slices.iter().take(filled).map(|slice| slice.len());
            let (bytes, longest): (usize, _) = (lengths.clone().sum(), lengths.max().unwrap_or(0));
            engine.largest_frame = engine.largest_frame.max(longest);
            if bytes > engine.most_output() {
                return Err(format!("{bytes} bytes are queued to it"));
            }
        }
        Ok(())
    }
}

/// How many connections the node has shed, or had give way to others.
fn shed_so_far(node: &Node) -> u64 {
    let metrics = node.metrics();
    let gave_way = metrics.pending_gave_way + metrics.gave_way + metrics.requests_gave_way;
    metrics.shed_pending + metrics.shed_members + metrics.shed_readers + gave_way
}

/// Is this the close reason of a missed deadline?
fn is_of_time(reason: CloseReason) -> bool {
    use CloseReason::{AuthTimeout, PingTimeout, ReauthTimeout};
    matches!(reason, AuthTimeout | PingTimeout | ReauthTimeout)
}
