//! The virtual machine under the server: clock, agenda, sockets, workers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::PoisonError;
use std::time::Duration;

use jsonwebtoken::EncodingKey;

use super::app::{Held, SharedAppControl};
use super::check::{Expect, Times};
use super::issuer::Issuer;
use super::ledger::SharedLedger;
use super::network::{Conditions, Link, LinkId};
use super::return_counts::TurnClock;
use super::scenario::{Disturbance, Scenario};
use super::served::ServedWork;
use super::trace::{Trace, TraceEvent};
use super::transport::{ActiveTransports, Transport};
use super::wire::Seen;
use crate::id::{ConnId, Rng};
use crate::node::{Command, Completion, KeyNews, Phase, StartFlag};
use crate::time::{Instant, Now, UnixTime};

/// The wall clock at the start of every world: 2027-01-15T08:00:00Z.
const BEGIN: UnixTime = UnixTime::from_millis(1_800_000_000_000);

/// An event that the agenda holds until its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimedEvent {
    /// Segments arrive on a link.
    Link(LinkId),
    /// A client acts.
    Client(usize),
    /// A worker, or the holder of a question, finishes this work.
    Work(u64),
    /// A link breaks.
    Break(LinkId),
    /// The wall clock is set.
    WallClock,
    /// The server is disturbed.
    Disturbance(Disturbance),
    /// A fetch of keys begins.
    Fetch,
    /// It is over.
    Fetched,
}

/// News about a link, for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There are bytes to read.
    Readable,
    /// The server has ended its side.
    Ended,
}

/// Work that takes time: a command in a worker, a held question, or a completion on its way.
#[derive(Debug)]
pub(super) enum DelayedWork {
    Run(Command),
    Hold(Held),
    Done(Completion),
    /// A job of a queue that has virtual threads.
    Served(usize),
}

/// An item that another thread leaves for the node.
#[derive(Debug)]
pub(super) enum MailboxItem {
    Done(Completion),
    /// News of the keys.
    Keys(KeyNews),
    /// A disturbance of the server.
    Order(Disturbance),
}

/// The world except its clients, the node and the node's turns.
pub(super) struct Engine {
    pub(super) scenario: Scenario,
    pub(super) now: Now,
    pub(super) rng: Rng,
    pub(super) trace: Trace,
    pub(super) ledger: SharedLedger,
    pub(super) control: SharedAppControl,
    pub(super) times: Times,
    pub(super) is_healed: bool,
    /// The latest time that the wall clock has shown.
    pub(super) latest_unix: UnixTime,
    /// News that clients have not received yet.
    pub(super) news: VecDeque<(usize, LinkId, News)>,
    /// The first violation.
    pub(super) failure: Option<String>,
    pub(super) links: Vec<Option<Box<Link>>>,
    // State of the driver, beside the turn's own.
    pub(super) transports: Vec<Option<Transport>>,
    pub(super) active: ActiveTransports,
    pub(super) clock: TurnClock,
    pub(super) mail: VecDeque<MailboxItem>,
    /// The first connection that ended too early. A node that sheds connections may end them early.
    pub(super) dropped: Option<String>,
    /// Sockets closed in the current turn, and the most closed in any turn.
    pub(super) closed_in_turn: u64,
    pub(super) most_closed: u64,
    /// Units of pending work done so far.
    pub(super) pending_units: u64,
    /// The last read of a connection that was not authenticated: the phase before the read, and the
    /// number of frames in it.
    pub(super) last_read: Option<(ConnId, Phase, u64)>,
    /// The connection whose last output was written most recently.
    pub(super) last_write: Option<ConnId>,
    /// The most units of pending work that an authenticated connection's bytes have waited behind.
    pub(super) longest_wait: u64,
    /// How often a frugal client's bytes waited for crowds of others.
    pub(super) crowd_waits: u64,
    /// The limit on `longest_wait`. It is 0 if bytes come only between turns.
    pub(super) most_wait: u64,
    /// How often such bytes were read.
    pub(super) waits: u64,
    /// The most events that the poller reports in one turn.
    pub(super) events_per_turn: usize,
    /// The largest frame seen in an outbox.
    pub(super) largest_frame: usize,
    /// Bytes that arrive in the middle of turns.
    pub(super) mid_turn_input: VecDeque<(LinkId, Vec<u8>)>,
    // State of the poller.
    pub(super) backlog: VecDeque<LinkId>,
    pub(super) is_listener_ready: bool,
    pub(super) ready: Vec<LinkId>,
    agenda: BinaryHeap<Reverse<(Instant, u64, TimedEvent)>>,
    pub(super) entries: u64,
    pub(super) works: BTreeMap<u64, DelayedWork>,
    pub(super) key: EncodingKey,
    pub(super) tokens: u64,
    /// The address of each client. Empty: all clients have the same one.
    pub(super) addresses: Vec<Ipv4Addr>,
    /// When the key was last replaced.
    pub(super) key_changed: Instant,
    /// Where the node fetches its keys; `None`: they are in its configuration.
    pub(super) issuer: Option<Issuer>,
    /// When each user was last disconnected by an operator.
    pub(super) revoked: BTreeMap<String, Instant>,
    /// How long the process stops now.
    pub(super) stop: Duration,
    pub(super) early_ping_timeouts: u64,
    /// How many connections the node had shed by the end of the previous turn.
    pub(super) shed: u64,
    /// When the shares of rivals are checked next.
    pub(super) rivals_judged: Instant,
    /// A queue in which messages wait; `None`: the application answers them when it likes.
    pub(super) served: Option<ServedWork>,
}

impl Engine {
    pub(super) fn new(
        scenario: Scenario,
        seed: u64,
        ledger: SharedLedger,
        control: SharedAppControl,
    ) -> Self {
        let config = &scenario.config;
        Self {
            now: Now { monotonic: Instant::START, unix: BEGIN },
            rng: Rng::new(seed),
            trace: Trace::default(),
            rivals_judged: Instant::START,
            served: None,
            ledger,
            control,
            times: Times::new(config, scenario.turn),
            is_healed: false,
            latest_unix: BEGIN,
            news: VecDeque::new(),
            failure: None,
            links: Vec::new(),
            transports: Vec::new(),
            active: ActiveTransports::default(),
            clock: TurnClock::default(),
            mail: VecDeque::new(),
            dropped: None,
            closed_in_turn: 0,
            most_closed: 0,
            pending_units: 0,
            last_read: None,
            last_write: None,
            longest_wait: 0,
            crowd_waits: 0,
            most_wait: 0,
            waits: 0,
            events_per_turn: usize::MAX,
            largest_frame: 0,
            mid_turn_input: VecDeque::new(),
            backlog: VecDeque::new(),
            is_listener_ready: false,
            ready: Vec::new(),
            agenda: BinaryHeap::new(),
            entries: 0,
            works: BTreeMap::new(),
            key: EncodingKey::from_secret(config.auth.secret.as_bytes()),
            tokens: 0,
            addresses: Vec::new(),
            key_changed: Instant::START,
            issuer: Issuer::of(&config.auth),
            revoked: BTreeMap::new(),
            stop: Duration::ZERO,
            early_ping_timeouts: 0,
            shed: 0,
            scenario,
        }
    }

    /// Does the server remember ids for as long as the protocol says? A stop of the process may
    /// outlast that, and greedy clients may fill the table.
    pub(super) fn remembers_ids(&self) -> bool {
        !self.scenario.disturbances && self.scenario.clients.greedy == 0
    }

    /// Has the poller any events?
    pub(super) fn has_events(&self) -> bool {
        !self.ready.is_empty() || self.is_listener_ready || !self.mail.is_empty()
    }

    /// Records a violation. Only the first is kept.
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        self.failure.get_or_insert(what.into());
    }

    pub(super) fn note(&mut self, event: &TraceEvent<'_>) {
        self.trace.note(self.now, event);
    }

    // --- Time ---

    pub(super) fn at(&mut self, when: Instant, due: TimedEvent) {
        self.entries += 1;
        self.agenda.push(Reverse((when, self.entries, due)));
    }

    /// The time of the next event on the agenda.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// Advances both clocks.
    pub(super) fn advance(&mut self, to: Instant) {
        // The wall clock counts whole milliseconds. Counting from the monotonic clock loses no
        // remainder.
        let millis = |at: Instant| at.as_micros() / 1_000;
        let passed = millis(to).saturating_sub(millis(self.now.monotonic));
        self.now.unix = self.now.unix + Duration::from_millis(passed);
        self.now.monotonic = self.now.monotonic.max(to);
        self.latest_unix = self.latest_unix.max(self.now.unix);
    }

    /// Takes one event that is due from the agenda.
    pub(super) fn pop_due(&mut self) -> Option<TimedEvent> {
        let now = self.now.monotonic;
        if self.next_due()? > now {
            return None;
        }
        self.agenda.pop().map(|Reverse((_, _, due))| due)
    }

    /// Handles an event that is not a client's.
    pub(super) fn happen(&mut self, due: TimedEvent) {
        match due {
            TimedEvent::Link(link) => self.arrive(link),
            TimedEvent::Work(number) => match self.works.remove(&number) {
                Some(DelayedWork::Run(command)) => self.finish(command.run()),
                Some(DelayedWork::Hold(Held { ticket, start, outcome }))
                    if start.as_ref().is_none_or(StartFlag::begin) =>
                {
                    self.ledger.lock().begun(ticket);
                    self.finish(Completion { ticket, outcome });
                }
                Some(DelayedWork::Done(done)) => self.mail.push_back(MailboxItem::Done(done)),
                Some(DelayedWork::Served(job)) => self.end_served(job),
                Some(DelayedWork::Hold(_)) | None => {}
            },
            TimedEvent::Fetch => self.begin_fetch(),
            TimedEvent::Fetched => self.end_fetch(),
            TimedEvent::Break(link) if !self.is_healed => self.break_link(link),
            TimedEvent::WallClock if !self.is_healed => self.set_wall_clock(),
            TimedEvent::Disturbance(Disturbance::Stop) if !self.is_healed => self.stop(),
            TimedEvent::Disturbance(disturbance) if !self.is_healed => {
                self.mail.push_back(MailboxItem::Order(disturbance));
            }
            TimedEvent::Client(_)
            | TimedEvent::Break(_)
            | TimedEvent::WallClock
            | TimedEvent::Disturbance(_) => {}
        }
    }

    /// Ends all faults: links are fast and the application answers. A lost connection stays lost.
    pub(super) fn heal(&mut self) {
        self.note(&TraceEvent::Heal);
        self.judge_served();
        self.is_healed = true;
        self.control.lock().unwrap_or_else(PoisonError::into_inner).is_healed = true;
        for link in self.links.iter_mut().flatten() {
            link.conditions = Conditions { capacity: link.conditions.capacity, ..Conditions::CALM };
        }
    }

    // --- What clients do ---

    pub(super) fn link(&mut self, link: LinkId) -> Option<&mut Link> {
        self.links.get_mut(link.0 as usize)?.as_deref_mut()
    }

    /// Opens a connection. If `will_break`, it breaks at a random time.
    pub(super) fn connect(
        &mut self,
        client: usize,
        conditions: Conditions,
        will_break: bool,
    ) -> LinkId {
        let link = LinkId(self.links.len() as u32);
        self.note(&TraceEvent::Connect { client, link });
        if will_break {
            let after = Duration::from_millis(self.rng.below(400_000));
            self.at(self.now.monotonic + after, TimedEvent::Break(link));
        }
        self.links.push(Some(Box::new(Link::new(client, conditions))));
        self.backlog.push_back(link);
        self.is_listener_ready = true;
        link
    }

    pub(super) fn send(&mut self, link: LinkId, bytes: &[u8]) {
        let now = self.now.monotonic;
        let mut rng = self.rng.clone();
        let times = self.link(link).map(|link| link.send(now, &mut rng, bytes)).unwrap_or_default();
        self.rng = rng;
        for at in times {
            self.at(at, TimedEvent::Link(link));
        }
    }

    /// The client ends its side of the connection.
    pub(super) fn end(&mut self, link: LinkId) {
        self.on_link(link, Link::end);
    }

    /// The client resets the connection.
    pub(super) fn reset(&mut self, link: LinkId) {
        self.note(&TraceEvent::Reset { link });
        self.on_link(link, Link::reset);
    }

    /// Acts on a link, and schedules the arrival of the effect at the other end.
    pub(super) fn on_link(
        &mut self,
        link: LinkId,
        act: impl FnOnce(&mut Link, Instant, &mut Rng) -> Instant,
    ) {
        let now = self.now.monotonic;
        let mut rng = self.rng.clone();
        let Some(at) = self.link(link).map(|link| act(link, now, &mut rng)) else { return };
        self.rng = rng;
        self.at(at, TimedEvent::Link(link));
    }

    /// The client reads up to `most` bytes. Returns the messages that they complete.
    pub(super) fn read_as_client(&mut self, link: LinkId, most: usize) -> Vec<Seen> {
        let Some(open) = self.link(link) else { return Vec::new() };
        let freed = open.client_reads(most);
        let seen = std::iter::from_fn(|| open.next_seen()).collect();
        if freed {
            self.wake_poller(link);
        }
        seen
    }

    pub(super) fn expect(&mut self, link: LinkId, expect: Expect) {
        if let Some(link) = self.link(link) {
            link.hearing.expected.push_back(expect);
        }
    }

    // --- What the network does ---

    fn arrive(&mut self, link: LinkId) {
        let now = self.now.monotonic;
        let Some(open) = self.link(link) else { return };
        open.arrive(now);
        let (client, is_over, has_unread) = (open.client, open.is_over, open.has_unread());
        if has_unread {
            self.news.push_back((client, link, News::Readable));
        }
        if is_over {
            self.news.push_back((client, link, News::Ended));
        }
        self.wake_poller(link);
    }
}
