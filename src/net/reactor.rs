//! The event loop: sleeps in the poller, reports the events, and runs the [`Turn`].

mod alarm;
mod io;

use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::time::Duration;

use mio::{Events, event};

use self::alarm::Alarm;
pub(super) use self::io::NetIo;
use super::calls::CallSockets;
use super::clock::wait_until;
use super::history::HistoryFile;
use super::revocations::FileStore;
use super::transport::Stream;
use crate::config::{Config, counted};
use crate::driver::{Io as _, READ_BYTES, Readiness, Turn};
use crate::id::ConnId;
use crate::node::{DependencyCheck, Metrics, Node, Probe};
use crate::time::UnixTime;

/// The turn's buffer, and the temporary copies of a message while it is processed.
pub(crate) const SCRATCH_BYTES: usize = READ_BYTES + (448 << 10);

/// The most events of one turn: one for every connection, so that no authenticated connection is
/// left to a later turn behind pending ones. An event takes 12 bytes of address space, which
/// becomes memory when it is used.
const EVENTS: RangeInclusive<usize> = 1_024..=(1 << 17);

/// The waker's token. A `ConnId` would have this value only in the 2³²nd slot of a slab, so never.
/// The same is true of the tokens below it.
pub(super) const WAKER: usize = usize::MAX;

/// The token of the timer that wakes the poller after the host was suspended.
const ALARM: usize = WAKER - 1;

/// The token of the connection to the cluster's engine.
pub(super) const BUS: usize = ALARM - 1;

/// The token of the first listener. The others count down.
pub(super) const FIRST_LISTENER: usize = BUS - 1;

/// The first token of the sockets for the calls of other nodes. The others count down. Nobody configures
/// as many public addresses as there are tokens before it.
pub(super) const FIRST_CALL: usize = FIRST_LISTENER - (1 << 16);

/// The event loop, with all its state.
#[derive(Debug)]
pub(super) struct Reactor {
    pub(super) io: NetIo,
    turn: Turn<Stream>,
    node: Node,
    alarm: Alarm,
    /// The most events of one turn.
    events: usize,
    is_draining: bool,
    /// Where the rooms' last messages are kept over a restart.
    history: Option<HistoryFile>,
}

impl Reactor {
    pub(super) fn new(config: &Config, node: Node, io: NetIo) -> std::io::Result<Self> {
        Ok(Self {
            alarm: Alarm::new(io.poll.registry(), ALARM)?,
            turn: Turn::new(config, io.now()),
            node,
            io,
            events: config.limits.connections.clamp(*EVENTS.start(), *EVENTS.end()),
            is_draining: false,
            history: None,
        })
    }

    pub(super) fn add_probe(&mut self, probe: Probe) {
        self.node.add_probe(probe);
    }

    #[cfg(test)]
    pub(super) fn metrics(&self) -> &Metrics {
        self.node.metrics()
    }

    pub(super) fn add_dependency(&mut self, check: DependencyCheck) {
        self.node.add_dependency(check);
    }

    /// Restores a revocation that an earlier process stored.
    pub(super) fn restore_revocation(&mut self, user: &str, at: UnixTime) {
        self.node.restore_revocation(self.io.now(), user, at);
    }

    /// Checks tokens with these keys, which were read at `read_at`, until there are others.
    #[cfg(feature = "jwks-url")]
    pub(super) fn begin_with_keys(
        &mut self,
        read_at: UnixTime,
        issuer: usize,
        keys: crate::auth::KeySet,
    ) {
        if !self.node.has_keys_of(issuer) {
            self.node.replace_keys_of(read_at, issuer, keys);
        }
    }

    pub(super) fn keep_revocations(&mut self, store: FileStore) {
        self.node.keep_revocations(Box::new(store));
    }

    /// Goes on with the messages that were `found` in the file, and writes it at the end.
    pub(super) fn keep_history(&mut self, file: HistoryFile, found: Option<&str>) {
        match found.map(|text| self.node.read_history(self.io.now(), text)) {
            Some(Ok(rooms)) => {
                log::info!("clients of {} can go on where they were", counted(rooms, "room"));
            }
            Some(Err(error)) => log::info!("the rooms' last messages are not used: {error}"),
            None => {}
        }
        self.history = Some(file);
    }

    /// Runs until a shutdown is requested and the node is drained. Returns the metrics.
    pub(super) fn run(mut self) -> std::io::Result<Metrics> {
        let mut events = Events::with_capacity(self.events);
        let ended = loop {
            if self.is_draining && self.node.is_drained() {
                break Ok(());
            }
            if let Err(error) = self.step(&mut events) {
                break Err(error);
            }
        };
        let now = self.io.now();
        self.node.leave_cluster(now);
        self.io.write_bus(&mut self.node);
        let Self { io: NetIo { workers, tls, inbox, calls, .. }, mut node, history, .. } = self;
        // Before the node, as it may have a part of the application.
        drop(calls);
        // The inbox goes first, so that a worker that waits for space in the mailbox stops waiting.
        drop(inbox);
        workers.end();
        tls.end();
        let written = history
            .filter(|_| ended.is_ok())
            .map(|file| file.write(|to| node.write_history(now, to).map(drop)));
        let is_written = matches!(written, Some(Ok(true)));
        match written {
            Some(Ok(false)) => log::info!("another process goes on with the rooms"),
            Some(Err(error)) => log::warn!("the rooms' last messages are not kept: {error}"),
            _ => {}
        }
        if !is_written {
            // No other process will.
            node.report_leaves(now);
        }
        ended.map(|()| node.metrics().clone())
    }

    /// Sleeps until there is something to do, and runs a turn.
    pub(super) fn step(&mut self, events: &mut Events) -> std::io::Result<()> {
        let wait = self.wait();
        self.alarm.set(self.turn.ended(), wait);
        match self.io.poll.poll(events, wait) {
            // All input that came before the end of the last turn has been reported by now.
            Ok(()) if events.iter().count() < self.events => self.turn.on_poll_complete(),
            // There may be more events, so deadlines wait.
            Ok(()) => {}
            // A signal came, without events: the process may have been stopped for long. A turn
            // without events is harmless, because it checks no deadline that was not checked
            // before.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.turn.begin(self.io.clock.monotonic());
        for event in events.iter() {
            self.sort(event);
        }
        if !self.is_draining && self.io.inbox.wants_shutdown() {
            self.is_draining = true;
            self.node.handle_shutdown(self.io.now());
        }
        self.io.read_bus(&mut self.node);
        self.io.serve_calls();
        self.read_after_handshakes();
        self.turn.run(&mut self.node, &mut self.io);
        self.io.write_bus(&mut self.node);
        // What the turn has delivered of their answers.
        self.io.serve_calls();
        // Those that found no room: they are closed in the next turn.
        self.read_after_handshakes();
        self.io.tls.count(self.node.metrics_mut());
        Ok(())
    }

    /// Reports the connections whose TLS sessions are back: they have input, and the next turn reads it.
    fn read_after_handshakes(&mut self) {
        for id in self.io.tls.take_back() {
            let readiness = Readiness { readable: true, ..Readiness::default() };
            self.turn.on_event(&self.node, id, readiness);
        }
    }

    /// How long the poller may sleep: not at all while work is left, else until the next deadline.
    pub(super) fn wait(&self) -> Option<Duration> {
        let calls = self.io.calls.as_ref();
        if self.io.bus.as_ref().is_some_and(|bus| bus.has_more())
            || calls.is_some_and(CallSockets::has_more)
        {
            return Some(Duration::ZERO);
        }
        let next = [self.turn.next(&self.node), calls.and_then(CallSockets::next)];
        next.into_iter().flatten().min().map(|next| wait_until(next, self.turn.ended()))
    }

    /// Reports one event to the turn.
    fn sort(&mut self, event: &event::Event) {
        let token = event.token().0;
        match token {
            WAKER => {
                self.io.inbox.clear_wake();
                self.turn.on_wake();
            }
            ALARM => {} // It only wakes the poller.
            BUS => {
                let is_over = event.is_read_closed() || event.is_error();
                if let Some(bus) = &mut self.io.bus {
                    bus.on_event(event.is_readable() || is_over, event.is_writable() || is_over);
                }
            }
            _ if FIRST_LISTENER - token < self.io.listeners.len() => {
                self.turn.on_listener(FIRST_LISTENER - token);
            }
            _ if self.io.calls.as_mut().is_some_and(|calls| calls.on_event(event)) => {}
            _ => {
                let readiness = Readiness {
                    readable: event.is_readable(),
                    writable: event.is_writable() || event.is_write_closed(),
                    read_closed: event.is_read_closed(),
                    broken: event.is_error(),
                };
                self.turn.on_event(&self.node, ConnId::from_bits(token as u64), readiness);
            }
        }
    }
}
