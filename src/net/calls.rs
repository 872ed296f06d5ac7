//! The sockets of a listener for the calls of other nodes, within the reactor.
//!
//! Unlike the connections of clients, these are few, of nodes that are known, and kept open; so they have
//! places of their own and pass through no node. What is read and written is a [`CallServer`]'s to say.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};

use mio::{Interest, Registry, Token, event};

use super::handle::{Event, Handle};
use super::listener::{self, Listener};
use super::sockets::ListenerAddress;
use super::transport::{self, Stream};
use crate::config::Config;
use crate::driver::ACCEPT_PAUSE;
use crate::net::error::StartError;
use crate::node::{AppEvent, Completion, MinuteThrottle, Outcome, Ticket};
use crate::time::{Instant, Now};

/// The most listeners, and the most connections: as many tokens are kept for them.
const MAX_LISTENERS: usize = 1 << 10;
const MAX_CONNECTIONS: usize = 1 << 12;
/// How many tokens these sockets have.
pub(super) const TOKENS: usize = MAX_LISTENERS + MAX_CONNECTIONS;

/// What a call takes beside its body and its answer: the head, and what is read ahead.
#[cfg(feature = "recipes")]
pub(crate) const CALL_BYTES: usize = (8 << 10) + READ_BYTES;
/// What one connection reads in a step of the reactor, and at once.
const STEP_BYTES: usize = 128 << 10;
const READ_BYTES: usize = 16 << 10;
/// Writes to one connection at once. Each of them may lead to another answer.
const WRITES: usize = 16;
/// Connections that are accepted in a step.
const ACCEPTS: usize = 64;

/// Answers callers, of which it sees bytes only. Sans I/O: the contract is the
/// [node's](crate::node), mutate, then drain. A connection is known by its slot until
/// [`handle_hangup`](Self::handle_hangup).
pub trait CallServer: Send + fmt::Debug {
    /// Has it room for one more connection, or an idle one whose place it can have? Until then, new ones stay
    /// in the backlog.
    fn has_place(&self) -> bool;

    /// Is every place taken, be it by an idle connection?
    fn is_full(&self) -> bool;

    /// A caller has connected: its slot, less than `recipes.connections`. `None`: there is no place.
    fn handle_connect(&mut self, now: Now) -> Option<usize>;

    /// The connection that has waited longest without a call in progress. It is closed where a new one has no
    /// place.
    fn longest_idle(&self) -> Option<usize>;

    /// May more bytes be read of this connection?
    fn wants_input(&self, slot: usize) -> bool;

    /// A caller has sent these bytes.
    fn handle_bytes(&mut self, now: Now, slot: usize, bytes: &[u8]);

    /// The socket of this connection is gone.
    fn handle_hangup(&mut self, slot: usize);

    /// What a call has asked is answered. If its caller is gone, this returns what the room has to hear all
    /// the same.
    fn handle_completion(&mut self, now: Now, done: Completion) -> Option<AppEvent>;

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Now);

    /// What is to be written next.
    fn output(&self, slot: usize) -> &[u8];

    /// So many bytes of it are written.
    fn consume_output(&mut self, now: Now, slot: usize, count: usize);

    /// Is the socket to be closed?
    fn is_over(&self, slot: usize) -> bool;

    /// Is its last answer written? Then the socket's write side is shut down, and what comes is dropped.
    fn is_finished(&self, slot: usize) -> bool;

    /// How many connections [`poll_changed`](Self::poll_changed) has.
    fn changed(&self) -> usize;

    /// A connection that has something to write, or is over.
    fn poll_changed(&mut self) -> Option<usize>;

    /// When there is something to do without input.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// The listeners and the connections of a [`CallServer`].
#[derive(Debug)]
pub(crate) struct CallSockets {
    server: Box<dyn CallServer>,
    listeners: Vec<Listener>,
    /// The token of the first listener. The others count down, and so do those of the connections behind
    /// [`MAX_LISTENERS`].
    first: usize,
    /// By slot.
    sockets: Vec<Option<CallSocket>>,
    /// Slots that have something to do.
    ready: VecDeque<usize>,
    /// There may be connections to accept.
    has_backlog: bool,
    /// After an accept that failed.
    paused_until: Option<Instant>,
    failures: MinuteThrottle,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
struct CallSocket {
    stream: Stream,
    /// Nothing was read of it yet: it may have a request, and does not look idle only.
    is_new: bool,
    /// It may have more to read: the poller says so once.
    is_readable: bool,
    is_queued: bool,
    /// Its write side is shut down.
    is_shut: bool,
}

impl CallSockets {
    /// Listens at `recipes.listen`.
    pub(super) fn open(
        config: &Config,
        server: Box<dyn CallServer>,
        registry: &Registry,
        first: usize,
    ) -> Result<Self, StartError> {
        let mut listeners = listener::open_for_calls(config)?;
        listeners.truncate(MAX_LISTENERS);
        for (number, listener) in listeners.iter_mut().enumerate() {
            listener.register(registry, Token(first - number)).map_err(StartError::Poll)?;
        }
        let connections = config.recipes.connections.min(MAX_CONNECTIONS);
        Ok(Self {
            server,
            listeners,
            first,
            sockets: (0..connections).map(|_| None).collect(),
            ready: VecDeque::new(),
            has_backlog: true,
            paused_until: None,
            failures: MinuteThrottle::default(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
        })
    }

    pub(super) fn addresses(&self) -> Vec<ListenerAddress> {
        self.listeners.iter().filter_map(Listener::address).collect()
    }

    /// An event of one of these sockets? Then it is noted.
    pub(super) fn on_event(&mut self, event: &event::Event) -> bool {
        let Some(number) = self.first.checked_sub(event.token().0).filter(|it| *it < TOKENS) else {
            return false;
        };
        match number.checked_sub(MAX_LISTENERS) {
            None => self.has_backlog = true,
            Some(slot) => {
                let is_readable = event.is_readable() || event.is_read_closed() || event.is_error();
                if let Some(socket) = self.sockets.get_mut(slot).and_then(Option::as_mut) {
                    socket.is_readable |= is_readable;
                }
                self.queue(slot);
            }
        }
        true
    }

    /// What a call has asked is answered. Returns what the node has to be told of it.
    pub(super) fn complete(&mut self, now: Now, done: Completion) -> Option<Completion> {
        let event = self.server.handle_completion(now, done)?;
        Some(Completion { ticket: Ticket::UNASKED, outcome: Outcome::Event(event) })
    }

    /// Reads, accepts and writes, as far as one step goes.
    pub(super) fn step(&mut self, registry: &Registry, now: Now) {
        for _ in 0..self.ready.len() {
            let Some(slot) = self.ready.pop_front() else { break };
            if let Some(socket) = self.sockets.get_mut(slot).and_then(Option::as_mut) {
                socket.is_queued = false;
            }
            self.serve(now, slot);
        }
        // An idle connection makes place for a new one. Only what is read shows that one is not idle.
        self.accept(registry, now);
        // Time is judged when what has come is read.
        self.server.handle_timeout(now);
        // Those that have their answers now, or whose time is over. Only those that are there by now, and
        // nothing is read: a caller could go on for ever.
        for _ in 0..self.server.changed() {
            let Some(slot) = self.server.poll_changed() else { break };
            self.write(now, slot);
        }
    }

    /// Is there more to do at once?
    pub(super) fn has_more(&self) -> bool {
        let has_work = !self.ready.is_empty() || self.server.changed() > 0;
        has_work || self.wants_to_accept() && self.paused_until.is_none()
    }

    /// When there is something to do without an event.
    pub(super) fn next(&self) -> Option<Instant> {
        let paused = self.paused_until.filter(|_| self.wants_to_accept());
        [paused, self.server.poll_timeout()].into_iter().flatten().min()
    }

    fn wants_to_accept(&self) -> bool {
        self.has_backlog && self.server.has_place()
    }

    fn queue(&mut self, slot: usize) {
        let socket = self.sockets.get_mut(slot).and_then(Option::as_mut);
        if let Some(socket) = socket.filter(|socket| !socket.is_queued) {
            socket.is_queued = true;
            self.ready.push_back(slot);
        }
    }

    fn accept(&mut self, registry: &Registry, now: Now) {
        if self.paused_until.is_some_and(|until| until > now.monotonic) {
            return;
        }
        self.paused_until = None;
        for _ in 0..ACCEPTS {
            if !self.wants_to_accept() {
                return;
            }
            let idle = self.server.is_full().then(|| self.server.longest_idle()).flatten();
            let socket = idle.and_then(|slot| self.sockets.get(slot)?.as_ref());
            if socket.is_some_and(|socket| socket.is_new) {
                // The next step reads it first.
                return;
            }
            let mut accepted = self.listeners.iter().map(Listener::accept);
            let next = accepted.find(|it| !matches!(it, Err(error) if is_empty(error)));
            match next {
                None => self.has_backlog = false,
                Some(Ok((stream, _))) => self.take(registry, now, (stream, idle)),
                Some(Err(error)) if listener::is_passing(&error) => {}
                Some(Err(error)) => {
                    if let Some(count) = self.failures.count(now.monotonic) {
                        log::warn!("recipes.listen: accepting failed {count} times: {error}");
                    }
                    self.paused_until = Some(now.monotonic + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Has the server take a new connection, in place of the idle one if there is one.
    fn take(&mut self, registry: &Registry, now: Now, (mut stream, idle): (Stream, Option<usize>)) {
        if let Some(idle) = idle {
            self.close(idle);
        }
        let Some(slot) = self.server.handle_connect(now) else { return };
        let token = Token(self.first - MAX_LISTENERS - slot);
        // Both from the start: nothing is registered anew, and the poller says each change once.
        let interests = Interest::READABLE | Interest::WRITABLE;
        let registered = registry.register(&mut stream, token, interests);
        match (self.sockets.get_mut(slot), registered) {
            (Some(place), Ok(())) => {
                *place = Some(CallSocket {
                    stream,
                    is_new: true,
                    is_readable: true,
                    is_queued: false,
                    is_shut: false,
                });
                self.queue(slot);
            }
            _ => self.server.handle_hangup(slot),
        }
    }

    /// Reads what has come, and writes what there is to write.
    fn serve(&mut self, now: Now, slot: usize) {
        if self.read(now, slot) { self.write(now, slot) } else { self.close(slot) }
    }

    /// Reads what has come. Returns false if the connection is gone.
    fn read(&mut self, now: Now, slot: usize) -> bool {
        let Self { server, sockets, buffer, .. } = self;
        let Some(socket) = sockets.get_mut(slot).and_then(Option::as_mut) else { return true };
        socket.is_new = false;
        for _ in 0..STEP_BYTES / READ_BYTES {
            if !socket.is_readable || !server.wants_input(slot) {
                break;
            }
            match transport::read(&socket.stream, buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    server.handle_bytes(now, slot, buffer.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => socket.is_readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Writes what there is to write, and closes a connection that is over.
    fn write(&mut self, now: Now, slot: usize) {
        let Self { server, sockets, .. } = self;
        let Some(socket) = sockets.get_mut(slot).and_then(Option::as_mut) else { return };
        let mut is_blocked = false;
        for _ in 0..WRITES {
            if is_blocked || server.output(slot).is_empty() || server.is_over(slot) {
                break;
            }
            match transport::write(&socket.stream, &[IoSlice::new(server.output(slot))]) {
                Ok(count) => server.consume_output(now, slot, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(slot),
            }
        }
        if server.is_over(slot) {
            return self.close(slot);
        }
        if server.is_finished(slot) && !socket.is_shut {
            socket.is_shut = true;
            transport::finish(&socket.stream);
        }
        let has_output = !is_blocked && !server.output(slot).is_empty();
        if has_output || socket.is_readable && server.wants_input(slot) {
            self.queue(slot);
        }
    }

    fn close(&mut self, slot: usize) {
        self.server.handle_hangup(slot);
        // Dropped, and so closed: epoll forgets it.
        if let Some(socket) = self.sockets.get_mut(slot).and_then(Option::take) {
            transport::finish(&socket.stream);
        }
    }
}

impl Handle {
    /// Answers a question of a [`CallServer`]. Blocks while the mailbox is full, so never call it on the
    /// reactor's thread. Returns false if the server has ended.
    pub fn complete_call(&self, ticket: Ticket, outcome: Outcome) -> bool {
        self.mailbox().deliver(Event::Call(Completion { ticket, outcome }))
    }
}

fn is_empty(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests;
