//! One connection to an engine, and the next one when it is lost: a state machine without a socket.
//!
//! In: [`connected`](BusLink::connected), [`received`](BusLink::received), [`lost`](BusLink::lost)
//! from the driver, [`send`](BusLink::send) from the node, and
//! [`handle_timeout`](BusLink::handle_timeout) once a turn, after the bytes. Out:
//! [`poll`](BusLink::poll) until it is `None`, and [`output`](BusLink::output), which goes to the
//! transport. A fault of the engine is an event or a reply, never an error of the link.
//!
//! ```text
//!          Connect          connected()           HELLO, scripts, own channels
//!  Idle ------------> Connecting -----> Greeting ------------------------------> Up
//!    ^                    |                |                                      |
//!    +--------------------+----------------+----- lost(), or a fault: Disconnect -+
//! ```
//!
//! Commands wait while there is no connection, and those that were cut off are sent again, until
//! their deadlines: see [`BusCommand`].

mod answers;
mod flight;
mod greeting;
mod lifecycle;
mod probe;
mod settings;
mod subscriptions;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

#[cfg(feature = "net")]
pub(crate) use self::settings::LINK_REPLY_BYTES;
pub(crate) use self::settings::{LinkCounts, LinkSettings};

use self::flight::{Flight, FlightKind, PendingCommand};
use self::probe::PushProbe;
use self::subscriptions::Subscriptions;
use super::codec::{CommandWriter, RespDecoder};
use super::command::{BusCommand, BusFault, BusReply};
use super::entry::{LogEntry, LogName};
use super::keys::KeySpace;
use super::request::{Draws, RequestContext};
use super::scripts::{BusScript, ScriptNames};
use crate::id::{Rng, Seed};
use crate::protocol::Position;
use crate::time::Instant;

/// Commands without a reply, at most.
const MAX_COMMANDS: usize = 4_096;
/// Bytes of them, at most.
pub(crate) const LINK_COMMAND_BYTES: usize = 4 << 20;
/// Bytes of one of them, at most.
const MAX_COMMAND_BYTES: usize = 1 << 20;
/// What a command weighs beside its payload.
const COMMAND_BYTES: usize = 256;
/// How long a busy or loading engine is left alone.
const PAUSE: Duration = Duration::from_millis(100);

/// What a link tells the node and the driver.
#[derive(Debug)]
pub(crate) enum BusEvent {
    /// To the driver: connect to the address of this index, then call `connected` or `lost`.
    Connect { address: usize },
    /// To the driver: close the connection. `lost` need not be called.
    Disconnect,
    /// The engine answers commands.
    Up,
    /// The engine was lost, or not reached: once for each attempt.
    Down { reason: String },
    /// A command ended. `to` is what the node gave it.
    Reply { to: u64, result: Result<BusReply, BusFault> },
    /// From now on the entries of this log are pushed. What came before is to be read.
    Subscribed(LogName),
    /// The engine refuses to, and the log is not wanted any more until it is subscribed to again.
    NotSubscribed { log: LogName, fault: BusFault },
    /// An entry was published. It may be this node's own, late, or not the next.
    Entry { log: LogName, entry: LogEntry },
    /// Another node, or this one, told something.
    Told { payload: Box<[u8]> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkState {
    Idle {
        retry_at: Instant,
    },
    /// The transport and the greeting share the time.
    Connecting {
        until: Instant,
    },
    Greeting {
        until: Instant,
    },
    Up,
}

/// A link to an engine.
pub(crate) struct BusLink {
    settings: LinkSettings,
    context: RequestContext,
    rng: Rng,
    state: LinkState,
    /// Which address is tried.
    address: usize,
    /// Failures since a probe came back.
    failures: u32,
    /// Since when there is no engine.
    down_since: Option<Instant>,
    decoder: RespDecoder,
    out: Vec<u8>,
    /// How much of `out` is written.
    written: usize,
    flights: VecDeque<Flight>,
    /// What is sent when the link is up.
    waiting: VecDeque<PendingCommand>,
    /// What is sent then, if the link is up.
    delayed: VecDeque<(Instant, PendingCommand)>,
    /// How many commands have no reply, and their bytes.
    open: (usize, usize),
    /// No command's deadline is before it.
    earliest: Instant,
    /// Scripts that are on their way to an engine that had lost them.
    reloading: [bool; BusScript::ALL.len()],
    subscriptions: Subscriptions,
    probe: PushProbe,
    events: VecDeque<BusEvent>,
    counts: LinkCounts,
    /// All attempts have the first one's tag: a planted fault.
    pub(crate) repeats_tags: bool,
}

impl BusLink {
    /// A link that asks for its first connection at the next [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn new(settings: LinkSettings, seed: &Seed) -> Self {
        let seed = seed.derive("bus link");
        let context = RequestContext {
            name: settings.name.clone(),
            keys: KeySpace::new(settings.prefix.clone()),
            keep: settings.keep.max(1) as u64,
            keep_bytes: settings.keep_bytes as u64,
            keep_for: settings.keep_for.as_secs().max(1),
            keep_id_for: settings.keep_id_for.as_secs().max(1),
            scripts: ScriptNames::unknown(),
        };
        Self {
            context,
            rng: seed.derive("draws").rng(),
            state: LinkState::Idle { retry_at: Instant::START },
            address: 0,
            failures: 0,
            down_since: None,
            decoder: RespDecoder::new(settings.max_reply()),
            out: Vec::new(),
            written: 0,
            flights: VecDeque::new(),
            waiting: VecDeque::new(),
            delayed: VecDeque::new(),
            open: (0, 0),
            earliest: Instant::NEVER,
            reloading: [false; BusScript::ALL.len()],
            subscriptions: Subscriptions::new(&seed),
            probe: PushProbe::new(settings.probe_interval),
            events: VecDeque::new(),
            counts: LinkCounts::default(),
            repeats_tags: false,
            settings,
        }
    }

    /// Sends a command; its reply comes as [`BusEvent::Reply`] with `to`, at `deadline` at the
    /// latest. While there is no engine it waits, unless there was none for `patience`.
    ///
    /// # Errors
    ///
    /// [`BusFault::Down`], [`BusFault::Full`] or [`BusFault::TooLong`]: there will be no reply.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        to: u64,
        command: BusCommand,
        deadline: Instant,
    ) -> Result<(), BusFault> {
        match command {
            BusCommand::Subscribe(logs) => {
                logs.into_iter().for_each(|log| self.subscriptions.want(log));
                self.pump_subscriptions(now);
                return Ok(());
            }
            BusCommand::Unsubscribe(logs) => {
                logs.iter().for_each(|log| self.subscriptions.unwant(log));
                self.pump_subscriptions(now);
                return Ok(());
            }
            _ => {}
        }
        let bytes = command.payload_bytes() + COMMAND_BYTES;
        if let Err(fault) = self.admit(now, &command, bytes) {
            self.count_fault(&fault);
            return Err(fault);
        }
        self.counts.commands += 1;
        self.open.0 += 1;
        self.open.1 += bytes;
        self.earliest = self.earliest.min(deadline);
        let (tags, attempts, fault) = (Vec::new(), 0, BusFault::Down);
        let is_abandoned = false;
        let pending =
            PendingCommand { to, command, deadline, bytes, tags, attempts, fault, is_abandoned };
        if self.is_up() {
            self.transmit(now, pending);
        } else {
            self.waiting.push_back(pending);
        }
        Ok(())
    }

    /// May this command come in?
    fn admit(&self, now: Instant, command: &BusCommand, bytes: usize) -> Result<(), BusFault> {
        if bytes > MAX_COMMAND_BYTES {
            return Err(BusFault::TooLong);
        }
        // A sixteenth is kept for leases and answers.
        let reserved = if command.is_bulk() { 16 } else { usize::MAX };
        let (commands, size) = (self.open.0 + 1, self.open.1 + bytes);
        if commands > MAX_COMMANDS - MAX_COMMANDS / reserved
            || size > LINK_COMMAND_BYTES - LINK_COMMAND_BYTES / reserved
        {
            return Err(BusFault::Full);
        }
        match self.down_since {
            Some(since) if now.since(since) >= self.settings.patience => Err(BusFault::Down),
            _ => Ok(()),
        }
    }

    /// Writes a command to the connection.
    fn transmit(&mut self, now: Instant, mut pending: PendingCommand) {
        let tag = match pending.command {
            BusCommand::Publish { tag, .. } | BusCommand::Break { tag, .. }
                if pending.attempts == 0 || self.repeats_tags =>
            {
                tag
            }
            // A second attempt with the first one's tag would let two histories look alike.
            _ => self.rng.next_u64(),
        };
        let tag = Position::new(0, tag).tag();
        pending.add_tag(tag);
        if pending.attempts > 0 {
            self.counts.retries += 1;
        }
        pending.attempts += 1;
        pending.fault = BusFault::Timeout;
        let draws = Draws { tag, base: self.rng.next_u64() };
        self.context.write(&pending.command, draws, &mut self.out);
        self.fly(now, FlightKind::Command(Box::new(pending)));
    }

    /// Notes what was just written: its reply is the next after those before it.
    fn fly(&mut self, now: Instant, kind: FlightKind) {
        self.flights.push_back(Flight { kind, sent_at: now });
    }

    /// The bytes that go to the transport next.
    pub(crate) fn output(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or_default()
    }

    /// The transport took this many of them.
    pub(crate) fn written(&mut self, length: usize) {
        self.written = (self.written + length).min(self.out.len());
        if self.written == self.out.len() {
            self.written = 0;
            self.out.clear();
            // A burst is not kept for ever.
            self.out.shrink_to(64 << 10);
        }
    }

    /// What happened, in order; `None`: nothing more.
    pub(crate) fn poll(&mut self) -> Option<BusEvent> {
        self.events.pop_front()
    }

    /// Does the engine answer commands?
    pub(crate) fn is_up(&self) -> bool {
        self.state == LinkState::Up
    }

    /// What it has counted.
    pub(crate) const fn counts(&self) -> &LinkCounts {
        &self.counts
    }

    /// How many commands have no reply, and their bytes.
    pub(crate) const fn in_flight(&self) -> (usize, usize) {
        self.open
    }

    /// How many logs are wanted, and how many of them the engine has not confirmed.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn subscription_counts(&self) -> (usize, usize) {
        self.subscriptions.counts()
    }

    /// From the next connection on this is the password. A link that waits tries at once.
    pub(crate) fn set_password(&mut self, now: Instant, password: Option<String>) {
        self.settings.password = password;
        self.retry_now(now);
    }

    fn retry_now(&mut self, now: Instant) {
        if let LinkState::Idle { retry_at } = &mut self.state {
            *retry_at = (*retry_at).min(now);
        }
    }

    /// Sends what is to be subscribed to and what is not wanted any more.
    fn pump_subscriptions(&mut self, now: Instant) {
        if !self.is_up() {
            return;
        }
        loop {
            let drops = self.subscriptions.next_drops();
            if drops.is_empty() {
                break;
            }
            self.write_channels(b"UNSUBSCRIBE", &drops);
            self.fly(now, FlightKind::Unsubscribe(drops.len()));
        }
        let batch = self.subscriptions.next_batch();
        if !batch.is_empty() {
            self.write_channels(b"SUBSCRIBE", &batch);
            let count = batch.len();
            self.fly(now, FlightKind::Subscribe(batch, count));
        }
    }

    fn write_channels(&mut self, command: &[u8], logs: &[LogName]) {
        let mut writer = CommandWriter::new(&mut self.out, 1 + logs.len());
        writer.word(command);
        for log in logs {
            writer.word(&self.context.keys.channel(log));
        }
    }

    /// Ends a command.
    fn finish(&mut self, pending: &PendingCommand, result: Result<BusReply, BusFault>) {
        self.open.0 = self.open.0.saturating_sub(1);
        self.open.1 = self.open.1.saturating_sub(pending.bytes);
        if !pending.is_abandoned {
            self.report(pending.to, result);
        }
    }

    fn report(&mut self, to: u64, result: Result<BusReply, BusFault>) {
        if let Err(fault) = &result {
            self.count_fault(fault);
        }
        self.events.push_back(BusEvent::Reply { to, result });
    }

    fn count_fault(&mut self, fault: &BusFault) {
        if let Some(count) = self.counts.faults.get_mut(fault.index()) {
            *count += 1;
        }
    }
}

/// Without the commands and the password.
impl fmt::Debug for BusLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusLink")
            .field("settings", &self.settings)
            .field("state", &self.state)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
