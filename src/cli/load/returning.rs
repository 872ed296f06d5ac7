//! The return scenario: all clients are sent away by a restart, and come back as the server tells them.
//!
//! Each client follows the positions of its room, so a message that it has missed or has got twice
//! shows as a gap or a step back in them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::Duration;

use vestibule::id::Rng;
use vestibule::time::Instant;

use self::follower::{Follower, Heard};
use super::args::ReturnArgs;
use super::crowd::Hold;
use super::engine::{LoadEngine, Notice, Script, TextKind};
use super::figures::Latency;
use super::listener_watch::ListenerWatch;
use super::meter::ResourceMeter;
use super::peer::{PeerRole, Visit};
use super::report::Measured;
use super::returned::{Attempts, Joins, Returned};
use super::wire::{Opcode, frame};

mod follower;

/// The longest back-off.
const LONGEST: Duration = Duration::from_secs(30);
/// How long the chat goes on once everybody is back.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Runs the scenario, with a token for each client.
pub(super) fn run(
    engine: &mut LoadEngine,
    meter: &ResourceMeter,
    (options, address): (&ReturnArgs, SocketAddr),
    tokens: Vec<String>,
) -> Result<Measured, String> {
    engine.show("connecting");
    let mut away = Away::new(engine, options, tokens);
    engine.run(&mut away)?;
    engine.run(&mut Hold::new(engine, options.quiet.get()))?;
    let cpu = meter.cpu()?;
    engine.show("coming back");
    away.begin(engine.now(), &options.restart, address)?;
    engine.run(&mut away)?;
    let elapsed = away.last_back.since(away.lost.unwrap_or(away.last_back));
    let (mut returned, latency) = away.returned()?;
    returned.joins = options.admin.as_deref().map(Joins::read).transpose()?;
    let failures = engine.failures();
    for (count, what) in [(returned.missed, "message missed"), (returned.twice, "message twice")] {
        if count > 0 {
            failures.add_many(what.to_owned(), count);
        }
    }
    Ok(Measured {
        connections: options.connections,
        operations: latency.count(),
        elapsed,
        latency,
        quiet: None,
        cpu: meter.cpu_since(cpu)?,
        growth: None,
        others: None,
        hold: None,
        returned: Some(returned),
    })
}

/// One client, whether it is there or not.
#[derive(Debug)]
struct Returner {
    /// Follows the room; `None`: an old client, which cannot.
    follower: Option<Follower>,
    /// How many attempts have failed since it was there.
    failures: u32,
    lost_at: Option<Instant>,
}

/// The clients, the chat among them, and the restart.
#[derive(Debug)]
struct Away {
    clients: Vec<Returner>,
    tokens: Vec<String>,
    room_size: u32,
    /// When each of those that are away comes again.
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    there: u32,
    auths: u64,
    rng: Rng,
    /// Between two messages.
    pause: Duration,
    next_chat: Instant,
    next_talker: u32,
    /// The command that restarts the server; `None`: not begun.
    restart: Option<Child>,
    watch: Option<ListenerWatch>,
    /// When the first connection was lost, the first client got through, and the last one did.
    lost: Option<Instant>,
    server_back: Option<Instant>,
    last_back: Instant,
    /// When the chat ends after that.
    ends_at: Option<Instant>,
    attempts: Attempts,
    back: Latency,
    away_for: Latency,
}

impl Away {
    /// Connects all clients.
    fn new(engine: &mut LoadEngine, options: &ReturnArgs, tokens: Vec<String>) -> Self {
        let is_old = |user: u32| user % 100 < options.old;
        let client = |user| Returner {
            follower: (!is_old(user)).then(Follower::default),
            failures: 0,
            lost_at: None,
        };
        let now = engine.now();
        let away = Self {
            clients: (0..options.connections).map(client).collect(),
            tokens,
            room_size: options.room_size,
            due: BinaryHeap::new(),
            there: 0,
            auths: 0,
            rng: Rng::new(now.since(Instant::START).as_micros() as u64),
            pause: Duration::from_secs(1) / options.rate.max(1),
            next_chat: now,
            next_talker: 0,
            restart: None,
            watch: None,
            lost: None,
            server_back: None,
            last_back: now,
            ends_at: None,
            attempts: Attempts::default(),
            back: Latency::new(),
            away_for: Latency::new(),
        };
        (0..options.connections).for_each(|user| away.open(engine, user));
        away
    }

    fn open(&self, engine: &mut LoadEngine, user: u32) {
        let room = user / self.room_size.max(1) + 1;
        engine.open(Visit { user, room, role: PeerRole::Returning });
    }

    /// Runs the command that restarts the server.
    fn begin(&mut self, now: Instant, command: &str, address: SocketAddr) -> Result<(), String> {
        let watch = ListenerWatch::begin(address, now);
        self.watch = Some(watch.map_err(|error| format!("cannot watch {address}: {error}"))?);
        let started = Command::new("sh").args(["-c", command]).spawn();
        self.restart = Some(started.map_err(|error| format!("cannot run {command:?}: {error}"))?);
        self.next_chat = now;
        Ok(())
    }

    /// What came of it.
    fn returned(mut self) -> Result<(Returned, Latency), String> {
        let status = self.restart.as_mut().map(Child::wait);
        if !status.is_some_and(|status| status.is_ok_and(|status| status.success())) {
            return Err("the command of --restart failed".to_owned());
        }
        let followers = || self.clients.iter().filter_map(|client| client.follower.as_ref());
        let sum = |count: fn(&Follower) -> u64| followers().map(count).sum();
        let returned = Returned {
            attempts_per_client: self.attempts.total() as f64 / self.clients.len().max(1) as f64,
            peak_attempts_per_second: self.attempts.peak_per_second(),
            back_us: self.back.percentiles(),
            resumed: sum(|follower| follower.resumed),
            anew: sum(|follower| follower.anew),
            missed: sum(|follower| follower.missed),
            twice: sum(|follower| follower.twice),
            joins: None,
        };
        Ok((returned, self.away_for))
    }

    fn is_everybody_there(&self) -> bool {
        self.there as usize == self.clients.len()
    }

    fn on_ended(&mut self, user: u32, now: Instant) {
        let Some(client) = self.clients.get_mut(user as usize) else { return };
        if client.lost_at.is_none() {
            client.lost_at = Some(now);
            self.there = self.there.saturating_sub(1);
            self.lost.get_or_insert(now);
        }
        let slot = client.follower.as_mut().and_then(Follower::take_slot);
        let at = slot.filter(|at| *at > now).unwrap_or_else(|| {
            let base = client.follower.as_ref().map_or(1_000, |it| it.within_ms);
            let most = Duration::from_millis(base << client.failures.min(5)).min(LONGEST);
            client.failures += 1;
            let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
            now + Duration::from_micros(self.rng.below(micros.max(1)))
        });
        self.due.push(Reverse((at, user)));
    }

    fn on_acknowledged(&mut self, user: u32, now: Instant) {
        self.there += 1;
        let Some(client) = self.clients.get_mut(user as usize) else { return };
        client.failures = 0;
        if let Some(lost_at) = client.lost_at.take() {
            self.away_for.record(now.since(lost_at));
            let got_through = *self.server_back.get_or_insert(now);
            let listens = self.watch.as_ref().and_then(ListenerWatch::back_at);
            self.back.record(now.since(listens.map_or(got_through, |at| at.min(got_through))));
            self.last_back = now;
        }
    }

    /// Lets the next client that is there say something.
    fn chat(&mut self, engine: &mut LoadEngine, now: Instant) {
        self.next_chat = now + self.pause;
        let users = u32::try_from(self.clients.len()).unwrap_or(u32::MAX).max(1);
        for _ in 0..users.min(100) {
            let user = self.next_talker;
            self.next_talker = (user + 7) % users;
            if engine.chat(user, now) {
                let client = self.clients.get_mut(user as usize);
                if let Some(follower) = client.and_then(|client| client.follower.as_mut()) {
                    follower.said();
                }
                return;
            }
        }
    }
}

impl Script for Away {
    fn on_notice(&mut self, _: &mut LoadEngine, user: u32, notice: Notice, now: Instant) {
        match notice {
            Notice::Upgraded { .. } if self.lost.is_some() => {
                self.server_back.get_or_insert(now);
            }
            Notice::Acknowledged { .. } => self.on_acknowledged(user, now),
            Notice::Ended { .. } => self.on_ended(user, now),
            _ => {}
        }
    }

    fn auth_of(&mut self, user: u32) -> Option<Vec<u8>> {
        self.auths += 1;
        let token = self.tokens.get(user as usize)?;
        let resume = self.clients.get(user as usize)?.follower.as_ref().map(Follower::request);
        let resume = resume.map_or_else(String::new, |resume| format!(",\"resume\":{resume}"));
        let text = format!(
            r#"{{"type":"auth","id":"return_{user}_{}","timestamp":"2026-11-22T10:00:00.000Z","payload":{{"token":"{token}"{resume}}}}}"#,
            self.auths
        );
        Some(frame(Opcode::Text, text.as_bytes()))
    }

    fn on_text(&mut self, user: u32, text: &str, now: Instant) -> TextKind {
        let Some(heard) = Heard::parse(text) else { return TextKind::Other };
        let client = self.clients.get_mut(user as usize);
        if let Some(follower) = client.and_then(|client| client.follower.as_mut()) {
            follower.follow(&heard, now);
        }
        heard.kind()
    }

    fn wake_at(&self) -> Option<Instant> {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        let chat = self.restart.is_some().then_some(self.next_chat);
        due.into_iter().chain(chat).chain(self.ends_at).min()
    }

    fn on_wake(&mut self, engine: &mut LoadEngine, now: Instant) {
        while let Some(&Reverse((at, user))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            self.attempts.add(now);
            self.open(engine, user);
        }
        if self.restart.is_some() && self.next_chat <= now {
            self.chat(engine, now);
        }
        if self.lost.is_some() && self.is_everybody_there() {
            self.ends_at.get_or_insert(now + AFTERWARDS);
        } else {
            self.ends_at = None;
        }
    }

    fn is_done(&self) -> bool {
        match self.restart {
            None => self.is_everybody_there(),
            Some(_) => self.ends_at.is_some_and(|at| at <= self.next_chat),
        }
    }

    fn progress(&self, _now: Instant) -> (u64, u64) {
        (self.there.into(), self.clients.len() as u64)
    }
}
