//! Several nodes that share their rooms over an engine (Redis or Valkey).
//!
//! A room's messages are entries of one log in the engine. A node publishes there, and delivers what the
//! engine announces, its own messages too, so every node delivers the same messages in the same order. An
//! entry names its predecessor: a node sees what it has not got, and reads it.
//!
//! ```text
//!  message ─▶ Publish ─▶ engine ─┬─▶ announced ─▶ members, on every node
//!                │               │
//!                └── published ◀─┘ ─▶ the application is asked ─▶ Answer ─▶ engine
//! ```
//!
//! * A message is published before the application is asked about it. Its id is taken with it, in one
//!   step: whoever sends it again, to whichever node, is told what the first one was answered.
//! * While the link is down, connections stay, and their messages are answered with
//!   `backend_unavailable`. What was announced meanwhile is read and delivered afterwards.
//! * Where that cannot be told, the room is broken: an entry says so to every node, and each closes the
//!   connections in that room with `Messages missed`, so that their clients begin anew.
//!
//! This module keeps who waits for which answer. What is done with an answer is in
//! `node/dispatch/cluster`.

pub(crate) mod control;
mod fault_log;
mod followed_room;
pub(crate) mod lists;
mod message_id;
pub(crate) mod nodes;
mod owed_keys;
pub(crate) mod owner;
pub(crate) mod pending;
pub(crate) mod room_states;
pub(crate) mod stored_answer;
pub(crate) mod told;
pub(crate) mod unkept;
mod wanted;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use hashbrown::HashMap;
use smol_str::SmolStr;

use self::control::RevocationReading;
use self::fault_log::FaultLog;
pub(crate) use self::message_id::{content_hash, message_id};
use self::nodes::Nodes;
use self::owed_keys::OwedKeys;
pub(crate) use self::pending::Pending;
use self::room_states::{FollowedRooms, LinkView};
use self::unkept::UnkeptAnswers;
use crate::auth::IssueTime;
use crate::bus::{BusCommand, BusFault, BusLink, BusReply, EntryOrigin, LinkSettings, LogName};
use crate::config::{Cluster as ClusterConfig, ClusterUrl};
use crate::id::{ConnId, Rng, Seed, SeededState, Slot};
use crate::node::observe::MinuteThrottle;
use crate::node::work::port::BusOrder;
use crate::node::work::publication::{IdempotencyKey, ToldTarget};
use crate::node::work::ticket::Ticket;
use crate::protocol::Position;
use crate::time::{Instant, UnixTime};

/// How long an answer of the engine is waited for where nobody else says.
pub(crate) const COMMAND_TIME: Duration = Duration::from_secs(5);
/// How long joins and messages wait for a link that is down.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a message waits until it is looked at again that another node is asked about.
const ASKED_ELSEWHERE: Duration = Duration::from_millis(150);

/// How many rooms are read at once, those that somebody waits for first. So a node with 100,000 rooms that
/// reaches the engine again has at most 64 logs of `cluster.keep_bytes` on their way to it, 4 MiB by
/// default, and what others ask of the engine waits for 64 scripts at most, some 2 ms. With a round trip of
/// a millisecond that is no bound on its pace.
pub(crate) const READS_AT_ONCE: usize = 64;

/// The node's side of the cluster.
#[derive(Debug)]
pub(crate) struct ClusterMember {
    pub(crate) link: BusLink,
    /// This node's.
    pub(crate) name: SmolStr,
    /// Tells this process from an earlier one of the same name.
    pub(crate) run: u64,
    pub(crate) rooms: FollowedRooms,
    pub(crate) nodes: Nodes,
    pub(crate) unkept: UnkeptAnswers,
    pub(crate) owed_keys: OwedKeys,
    /// With which token each connection was let in last.
    pub(crate) sessions: BTreeMap<Slot, SessionToken>,
    /// What the answers of the engine are for.
    pending: HashMap<u64, Pending, SeededState>,
    last_command: u64,
    /// Messages that another node is asked about, and when they are looked at again.
    elsewhere: VecDeque<(Instant, Ticket)>,
    /// The newest entry of the control log that was carried out.
    pub(crate) control_head: Option<Position>,
    /// The control log is subscribed to, as far as the engine has not refused that.
    pub(crate) hears_orders: bool,
    /// Revocations were read at least once: nobody is admitted before.
    pub(crate) has_revocations: bool,
    pub(crate) reading: RevocationReading,
    /// Connections that join when revocations were read.
    pub(crate) early: BTreeSet<ConnId>,
    /// When other nodes may be told of forged tokens again.
    pub(crate) tells_forged_at: Instant,
    /// How many logs of rooms are being read.
    pub(crate) reads: usize,
    /// Since when the link is down; `None`: it is up.
    pub(crate) down_since: Option<Instant>,
    /// It is down for a short time only, so joins wait for it.
    pub(crate) is_patient: bool,
    /// Why the engine was not reached last: what the link says, without secrets.
    pub(crate) down_reason: Box<str>,
    /// For the lines of the log, one a minute each.
    pub(crate) losses: MinuteThrottle,
    pub(crate) refusals: MinuteThrottle,
    pub(crate) faults: FaultLog,
    /// The log says next that the engine is reached: it has said that it was not, or nothing yet.
    pub(crate) tells_return: bool,
    /// Connections were closed because the link was down for too long.
    pub(crate) is_fenced: bool,
    /// What the driver is to do about its connection to the engine.
    pub(crate) orders: VecDeque<BusOrder>,
    tags: Rng,
    ids: Rng,
}

/// The token of a session, for orders that come late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionToken {
    /// By this node's clock.
    pub(crate) accepted_at: UnixTime,
    pub(crate) issued: IssueTime,
}

/// What a connection takes of [`ClusterMember::sessions`].
#[cfg(feature = "net")]
pub(crate) const SESSION_TOKEN_BYTES: usize = 2 * size_of::<(Slot, SessionToken)>();

impl ClusterMember {
    /// `None`: the server is alone.
    pub(crate) fn new(config: &ClusterConfig, window: Duration, seed: &Seed) -> Option<Self> {
        let url = ClusterUrl::parse(&config.url).ok()?;
        let seed = seed.derive("cluster");
        let mut ids = seed.derive("ids").rng();
        let name = match config.name.as_str() {
            "" => SmolStr::new(format!("{:012x}", ids.next_u64() & 0xffff_ffff_ffff)),
            name => SmolStr::new(name),
        };
        let settings = LinkSettings {
            name: name.clone(),
            prefix: config.prefix.as_str().into(),
            username: url.user,
            addresses: url.addresses.len(),
            keep: config.keep,
            keep_bytes: config.keep_bytes.get(),
            keep_for: config.keep_for.get().max(2 * window),
            patience: PATIENCE,
            ..LinkSettings::default()
        };
        Some(Self {
            link: BusLink::new(settings, &seed),
            name,
            run: ids.next_u64(),
            rooms: FollowedRooms::new(&seed),
            nodes: Nodes::new(config.lease.get(), seed.derive("rounds").rng().next_u64()),
            unkept: UnkeptAnswers::new(&seed),
            owed_keys: OwedKeys::default(),
            sessions: BTreeMap::new(),
            pending: HashMap::with_hasher(SeededState::new(&seed.derive("pending commands"))),
            last_command: 0,
            elsewhere: VecDeque::new(),
            control_head: None,
            hears_orders: true,
            has_revocations: false,
            reading: RevocationReading::default(),
            early: BTreeSet::new(),
            tells_forged_at: Instant::START,
            reads: 0,
            down_since: None,
            is_patient: true,
            down_reason: "it was not tried yet".into(),
            losses: MinuteThrottle::default(),
            refusals: MinuteThrottle::default(),
            faults: FaultLog::default(),
            tells_return: true,
            is_fenced: false,
            orders: VecDeque::new(),
            tags: seed.derive("tags").rng(),
            ids,
        })
    }

    /// Sends a command, for whose answer there are `time` and `pending`. What cannot be sent has its
    /// answer at once.
    ///
    /// # Errors
    /// Why it cannot be sent, with what its answer was to be for.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        command: BusCommand,
        (pending, until): (Pending, Instant),
    ) -> Result<(), (BusFault, Pending)> {
        self.last_command += 1;
        let number = self.last_command;
        if let Err(fault) = self.link.send(now, number, command, until) {
            self.log_fault(now, &fault);
            return Err((fault, pending));
        }
        self.pending.insert(number, pending);
        Ok(())
    }

    /// Sends what nobody waits for, and whose failure shows elsewhere.
    pub(crate) fn send_off(&mut self, now: Instant, command: BusCommand, for_long: Duration) {
        let _ = self.send(now, command, (Pending::Nothing, now + for_long));
    }

    /// The engine has answered this command, or never will: what the answer is for.
    pub(crate) fn take_pending(
        &mut self,
        now: Instant,
        number: u64,
        result: &Result<BusReply, BusFault>,
    ) -> Option<Pending> {
        if let Err(fault) = result {
            self.log_fault(now, fault);
        }
        self.pending.remove(&number)
    }

    fn log_fault(&mut self, now: Instant, fault: &BusFault) {
        if let Some(line) = self.faults.line(now, fault) {
            log::warn!("{line}");
        }
    }

    /// Has what is said in `room` announced. A link that is down begins with all rooms when it is up.
    pub(crate) fn subscribe(&mut self, now: Instant, room: &SmolStr) {
        let command = BusCommand::Subscribe(vec![LogName::Room(room.clone())]);
        let _ = self.link.send(now, 0, command, now);
    }

    /// Publishes a text to `room` that is no client's message.
    pub(crate) fn publish_news(
        &mut self,
        now: Instant,
        room: &SmolStr,
        (sender, text): (Option<ConnId>, Box<[u8]>),
    ) -> Result<(), BusFault> {
        let command = self.publication(LogName::Room(room.clone()), sender, text);
        let pending = Pending::News { room: room.clone() };
        let until = now + 12 * COMMAND_TIME;
        self.send(now, command, (pending, until)).map_err(|(fault, _)| fault)
    }

    /// Publishes a text to a log for a target of an operator's publication, which fails if that does.
    ///
    /// # Errors
    /// It has failed at once: no answer comes.
    pub(crate) fn publish_target(
        &mut self,
        now: Instant,
        (target, key): (ToldTarget, Option<IdempotencyKey>),
        (log, text): (LogName, Box<[u8]>),
    ) -> Result<(), BusFault> {
        let mut command = self.publication(log, None, text);
        let mut until = now + 2 * nodes::ROUND;
        if let (Some(key), BusCommand::Publish { id, content, .. }) = (key, &mut command) {
            // The engine knows it again, should the key be used again as nobody knows whether this was done.
            (*id, *content) = (key.id_at(target.index), key.shared_content);
            until = now + 12 * COMMAND_TIME;
        }
        let sent = self.send(now, command, (Pending::Told { target }, until));
        sent.map_err(|(fault, _)| fault).inspect(|()| self.nodes.told.begin(target))
    }

    /// A connection as an entry names it: other than one of another process that has this node's name, as
    /// all of them count their connections from the beginning.
    pub(crate) fn origin_of(&self, sender: ConnId) -> u64 {
        sender.to_bits() ^ self.run
    }

    /// Did this process say it, and not another one of its name? `run`: what the one has drawn that did; 0:
    /// it is of a version that does not tell.
    pub(crate) fn is_own(&self, node: &str, run: u64) -> bool {
        *self.name == *node && (run == 0 || run == self.run)
    }

    /// The connection of this process that has published an entry.
    pub(crate) fn own_sender(&self, origin: &EntryOrigin) -> Option<ConnId> {
        let is_own = origin.node == self.name && origin.connection != 0;
        is_own.then(|| ConnId::from_bits(origin.connection ^ self.run))
    }

    /// What publishes a text that is no client's message.
    pub(crate) fn publication(
        &mut self,
        log: LogName,
        sender: Option<ConnId>,
        frame: Box<[u8]>,
    ) -> BusCommand {
        BusCommand::Publish {
            log,
            id: self.random_id(),
            content: 0,
            asks: false,
            tag: self.tags.next_u64(),
            connection: sender.map_or(0, |sender| self.origin_of(sender)),
            frame,
        }
    }

    /// The log of `room` is to be read from what this node has on.
    pub(crate) fn read_room(&mut self, now: Instant, room: &SmolStr) -> Result<(), BusFault> {
        let Some(head) = self.rooms.begin_reading(room) else { return Ok(()) };
        let pending = Pending::Read { room: room.clone(), head };
        self.read_log(now, LogName::Room(room.clone()), head, pending)?;
        self.reads += 1;
        Ok(())
    }

    /// The head of `room` is to be compared with what the engine has.
    pub(crate) fn compare_room(&mut self, now: Instant, room: SmolStr, head: Position) {
        let pending = Pending::Compare { room: room.clone() };
        // A link that is down reads all rooms when it is up again.
        let _ = self.read_log(now, LogName::Room(room), Some(head), pending);
    }

    pub(crate) fn read_log(
        &mut self,
        now: Instant,
        log: LogName,
        head: Option<Position>,
        pending: Pending,
    ) -> Result<(), BusFault> {
        let command = BusCommand::Read { log, head, fresh: self.tags.next_u64() };
        self.send(now, command, (pending, now + COMMAND_TIME)).map_err(|(fault, _)| fault)
    }

    /// Says to every node that what was before `seen_head` in `room` cannot be told.
    pub(crate) fn break_room(&mut self, now: Instant, room: &SmolStr, seen_head: Position) {
        let log = LogName::Room(room.clone());
        let command = BusCommand::Break { log, tag: self.tags.next_u64(), seen_head };
        let pending = Pending::Break { room: room.clone() };
        self.rooms.begin_break(room);
        if self.send(now, command, (pending, now + COMMAND_TIME)).is_err() {
            self.rooms.set_broken(now, room);
        }
    }

    /// A tag for an attempt to publish.
    pub(crate) fn next_tag(&mut self) -> u64 {
        self.tags.next_u64()
    }

    fn random_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        let (first, second) = id.split_at_mut(8);
        first.copy_from_slice(&self.ids.next_u64().to_be_bytes());
        second.copy_from_slice(&self.ids.next_u64().to_be_bytes());
        id
    }

    /// Another node is asked about the message of this question.
    pub(crate) fn look_again(&mut self, now: Instant, ticket: Ticket) {
        self.elsewhere.push_back((now + ASKED_ELSEWHERE, ticket));
    }

    /// A message that is to be looked at again.
    pub(crate) fn next_elsewhere(&mut self, now: Instant) -> Option<Ticket> {
        self.elsewhere.pop_front_if(|(at, _)| *at <= now).map(|(_, ticket)| ticket)
    }

    /// How the link stands, for those who want to join.
    pub(crate) fn view(&self) -> LinkView {
        match (self.link.is_up(), self.is_patient) {
            (true, _) => LinkView::Up,
            // It was never up yet, or is down for a moment.
            (false, true) => LinkView::Interrupted,
            (false, false) => LinkView::Down,
        }
    }

    /// Until when joins wait for a link that is down.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        self.down_since.filter(|_| self.is_patient).map(|since| since + PATIENCE)
    }

    /// When something is to be done.
    pub(crate) fn next(&self) -> Option<Instant> {
        let elsewhere = self.elsewhere.front().map(|(at, _)| *at);
        let lease = self.link.is_up().then(|| self.nodes.next_renewal());
        let patience = self.patience_ends();
        let (link, rooms, round) =
            (self.link.next_deadline(), self.rooms.next(), self.nodes.next_round());
        [link, rooms, elsewhere, lease, round, patience].into_iter().flatten().min()
    }
}
