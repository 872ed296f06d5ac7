//! The simulated server: the real node and the real turn over virtual sockets.

use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};

use super::app::SharedAppControl;
use super::engine::{Engine, MailboxItem};
use super::ledger::SharedLedger;
use super::measure::MOST_UNITS_OF_READ;
use super::network::{Edges, Link, LinkId};
use super::scenario::Scenario;
use super::trace::TraceEvent;
use super::transport::Transport;
use super::watched::WatchedApp;
use crate::auth::KeyError;
use crate::driver::{Accepted, Input, Io, Readiness, Role, Turn, Written};
use crate::id::{ConnId, Seed};
use crate::node::app::App;
use crate::node::{Command, Completion, Hangup, KeyRequest, Node, Outcome, Phase};
use crate::time::Now;

/// The node, its turns, and the virtual machine that they run on.
pub(super) struct SimServer {
    pub(super) node: Node,
    pub(super) turn: Turn<LinkId>,
    pub(super) engine: Engine,
}

impl SimServer {
    pub(super) fn new(
        scenario: Scenario,
        seed: u64,
        app: Box<dyn App>,
        control: SharedAppControl,
    ) -> Result<Self, KeyError> {
        let config = &scenario.config;
        let ledger = SharedLedger::new(config);
        let app = WatchedApp { app, ledger: ledger.clone() };
        let mut node = Node::new(config, &Seed::predictable(seed), Box::new(app))?;
        node.set_slice(scenario.slice);
        let planted = scenario.planted;
        let engine = Engine::new(scenario, seed, ledger, control);
        let mut turn = Turn::new(&engine.scenario.config, engine.now);
        if let Some(fault) = planted {
            turn.plant(fault);
            node.plant(fault);
        }
        Ok(Self { node, turn, engine })
    }

    /// Is there work for a turn?
    pub(super) fn wants_turn(&self) -> bool {
        let now = self.engine.now.monotonic;
        self.engine.has_events() || self.turn.next(&self.node).is_some_and(|at| at <= now)
    }

    /// Runs one turn at the current time.
    pub(super) fn turn(&mut self) {
        let Self { node, turn, engine } = self;
        engine.ledger.lock().now = engine.now;
        engine.begin_turn(node);
        let before = engine.pending_units;
        engine.report(node, turn);
        turn.run(node, engine);
        engine.end_turn(node);
        let spent = engine.pending_units - before;
        let share = u64::from(engine.scenario.config.limits.pending_per_turn);
        if spent > share + MOST_UNITS_OF_READ {
            engine.fail(format!("one turn did {spent} units of pending work"));
        }
    }
}

impl Engine {
    // --- The poller ---

    /// Queues `link` for the poller if it has unreported edges.
    pub(super) fn wake_poller(&mut self, link: LinkId) {
        let Some(open) = self.link(link) else { return };
        let with_input = open.id.filter(|_| open.has_arrived());
        let has_edges = open.edges != Edges::default();
        if has_edges && !mem::replace(&mut open.is_reported, true) {
            self.ready.push(link);
        }
        self.active.with_input.extend(with_input.map(ConnId::index));
    }

    /// Reports the poller's events to the turn in random order, up to its limit for one turn.
    fn report(&mut self, node: &Node, turn: &mut Turn<LinkId>) {
        turn.begin(self.now.monotonic);
        if mem::take(&mut self.is_listener_ready) {
            turn.on_listener(0);
        }
        if !self.mail.is_empty() {
            turn.on_wake();
        }
        let mut ready = mem::take(&mut self.ready);
        ready.iter().for_each(|link| self.note_arrival(node, *link));
        for end in (1..ready.len()).rev() {
            ready.swap(end, self.rng.below(end as u64 + 1) as usize);
        }
        self.ready = ready.split_off(ready.len().min(self.events_per_turn));
        for link in ready {
            let Some(open) = self.link(link) else { continue };
            open.is_reported = false;
            let Some(id) = open.id else { continue };
            let edges = mem::take(&mut open.edges);
            let readiness = Readiness {
                readable: edges.readable,
                writable: edges.writable || edges.broken,
                read_closed: edges.read_closed,
                broken: edges.broken,
            };
            if edges.broken
                && let Some(transport) = self.transport(id)
            {
                transport.life.was_hung_up = true;
            }
            turn.on_event(node, id, readiness);
        }
        if self.ready.is_empty() {
            turn.on_poll_complete();
        }
    }

    /// `link` has readable bytes: starts to measure how long an authenticated connection's bytes
    /// wait.
    fn note_arrival(&mut self, node: &Node, link: LinkId) {
        let units = self.pending_units;
        let Some(open) = self.link(link) else { return };
        let Some(id) = open.id.filter(|_| open.edges.readable) else { return };
        self.note_pending_arrival(node, link, id);
        if node.is_authenticated(id)
            && node.wants_input(id)
            && let Some(transport) = self.transport(id)
        {
            transport.waiting_since.get_or_insert(units);
            self.active.touched.insert(id.index());
        }
    }

    /// In a storm, messages to authenticated connections also arrive in the middle of a turn.
    fn deliver_mid_turn(&mut self, node: &Node) {
        if self.mid_turn_input.is_empty() || self.rng.below(8) != 0 {
            return;
        }
        if let Some((link, bytes)) = self.mid_turn_input.pop_front() {
            self.link(link).into_iter().for_each(|open| open.hand_over(&bytes));
            self.note_arrival(node, link);
            self.wake_poller(link);
        }
    }

    fn complete(&mut self, node: &mut Node, done: Completion) {
        let ticket = done.ticket;
        self.note(&TraceEvent::Completion { ticket });
        {
            let mut ledger = self.ledger.lock();
            // After a stop an answer may come so late that the node has dropped its question.
            let is_awaited = node.awaits(ticket)
                && ledger.asker(ticket).is_some_and(|asker| {
                    node.phase(asker).is_some_and(|phase| phase != Phase::Closing)
                });
            match &done.outcome {
                Outcome::Join(admission) if is_awaited => ledger.joined(ticket, Some(admission)),
                Outcome::Message(answer) if node.awaits(ticket) => {
                    ledger.answered(ticket, answer);
                }
                _ => ledger.joined(ticket, None),
            }
        }
        node.handle_completion(self.now, done);
    }
}

impl Io for Engine {
    type Socket = LinkId;

    fn now(&self) -> Now {
        let spent = self.clock.spent;
        Now { monotonic: self.now.monotonic + spent, unix: self.now.unix + spent }
    }

    fn accept(&mut self, _: &Node, _: usize) -> Accepted<LinkId> {
        self.pending_units += 1;
        let Some(link) = self.backlog.pop_front() else { return Accepted::Empty };
        let client = self.link(link).map_or(0, |open| open.client);
        let ip = self.addresses.get(client).copied().unwrap_or(Ipv4Addr::LOCALHOST);
        let peer = SocketAddr::from((ip, 1_024 + (link.0 % 60_000) as u16));
        Accepted::Connection(link, peer, Role::Client)
    }

    fn refuse(&mut self, link: LinkId) {
        self.note(&TraceEvent::Drop { link });
        self.on_link(link, Link::close);
    }

    fn open(&mut self, id: ConnId, link: &mut LinkId, _: Role) -> io::Result<()> {
        let link = *link;
        self.note(&TraceEvent::Accept { link, id });
        if self.transports.len() <= id.index() {
            self.transports.resize_with(id.index() + 1, || None);
        }
        let transport = Transport::new(id, link, self.now.monotonic);
        let slot = self.transports.get_mut(id.index());
        if let Some(old) = slot.and_then(|slot| slot.replace(transport)) {
            self.fail(format!("{id} took the slot of {}, which is not closed", old.id));
        }
        if let Some(open) = self.link(link) {
            open.id = Some(id);
        }
        // Bytes that came before the accept are reported when the socket is registered.
        self.wake_poller(link);
        Ok(())
    }

    fn read<'a>(
        &'a mut self,
        node: &Node,
        id: ConnId,
        link: &mut LinkId,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a> {
        self.clock.spend(node.metrics(), self.scenario.turn);
        let phase = node.phase(id).unwrap_or(Phase::Closing);
        self.note_read(node, id, phase);
        let input = Input::read(buffer, most, |room| match self.link(*link) {
            Some(open) => open.read(room),
            None => Err(ErrorKind::ConnectionReset.into()),
        });
        let now = self.now.monotonic;
        if !input.bytes.is_empty() {
            self.note(&TraceEvent::Read { id, bytes: input.bytes });
            if let Some(transport) = self.transport(id) {
                // Input of a closing connection postpones no deadline.
                if phase != Phase::Closing {
                    transport.life.bytes(now);
                }
                // Counted from the frame headers alone, independently of the node.
                let frames = transport.frames.count(input.bytes);
                self.last_read = (!phase.is_authenticated()).then_some((id, phase, frames));
            }
        }
        if let Some(why) = input.end {
            self.hung_up(id, why == Hangup::Reset);
        }
        if !phase.is_authenticated() {
            self.deliver_mid_turn(node);
        }
        input
    }

    fn write(
        &mut self,
        node: &Node,
        id: ConnId,
        link: &mut LinkId,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        let link = *link;
        self.clock.spend(node.metrics(), self.scenario.turn);
        let Some(room) = self.link(link).and_then(|link| link.room()) else {
            self.hung_up(id, true);
            return Err(ErrorKind::BrokenPipe.into());
        };
        let mut frames = [IoSlice::new(&[]); 32];
        let filled = node.pending_output(id, &mut frames);
        let longest = frames.iter().take(filled).map(|frame| frame.len()).max().unwrap_or(0);
        self.largest_frame = self.largest_frame.max(longest);
        let bytes: Vec<u8> = output.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        let length = written.len();
        let is_closing = node.phase(id) == Some(Phase::Closing);
        let mut touched = None;
        if let Some(transport) = self.transport(id) {
            let was_full = mem::replace(&mut transport.is_full, length < bytes.len());
            if length > 0 {
                *transport.written.get_or_insert_default() |= was_full;
                touched = Some(id.index());
            }
            if is_closing && !was_full {
                self.pending_units += 1;
                self.last_write = Some(id);
            }
        }
        self.active.touched.extend(touched);
        if length > 0 {
            self.note(&TraceEvent::Write { id, bytes: written });
            self.on_link(link, |link, now, rng| link.wrote(now, rng, length));
            self.hear(id, link, written);
        }
        Written::of(Ok(length), output)
    }

    fn shutdown(&mut self, id: ConnId, link: &mut LinkId) {
        self.note(&TraceEvent::Finish { id });
        self.on_link(*link, Link::finish);
    }

    fn close(&mut self, id: ConnId, link: &mut LinkId) {
        self.note(&TraceEvent::Close { id });
        self.closed_in_turn += 1;
        self.most_closed = self.most_closed.max(self.closed_in_turn);
        let Some(transport) = self.transports.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        let now = self.now.monotonic;
        if let Some(open) = self.link(transport.link) {
            let hearing = &open.hearing;
            let (is_answered, is_told) = (hearing.has_closed || hearing.is_wild, hearing.is_over());
            let judged = transport.life.judge_end(now, &self.times, is_told, is_answered);
            if let Err(what) = judged {
                self.dropped.get_or_insert(format!("{id}: {what}"));
            }
        }
        self.on_link(*link, Link::close);
        self.ledger.lock().gone(id);
    }

    fn fetch_keys(&mut self, request: KeyRequest) {
        self.ask_issuer(request);
    }

    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        let Some(refused) = self.queue_work(command) else { return Ok(()) };
        let ticket = refused.ticket;
        self.note(&TraceEvent::Completion { ticket });
        self.ledger.lock().joined(ticket, None);
        Err(refused)
    }

    fn deliver(&mut self, node: &mut Node, _: Now) -> bool {
        match self.mail.pop_front() {
            Some(MailboxItem::Done(done)) => self.complete(node, done),
            Some(MailboxItem::Keys(news)) => node.handle_keys(self.now, news),
            Some(MailboxItem::Order(disturbance)) => self.disturb(node, disturbance),
            None => return false,
        }
        true
    }
}
