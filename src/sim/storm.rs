//! A storm of new connections, and how much pending work authenticated connections wait behind.

use std::time::Duration;

use super::app::SharedAppControl;
use super::driver::SimServer;
use super::engine::{Engine, TimedEvent};
use super::network::{Conditions, LinkId};
use super::scenario::{Mix, Scenario};
use super::wire;
use crate::auth::KeyError;
use crate::id::Seed;
use crate::memory::{Access, MemoryApp};
use crate::node::Phase;

/// Thousands of connections that authenticate at once, next to a few that chat.
///
/// ```
/// use vestibule::sim::Storm;
///
/// let storm = Storm { authenticating: 300, silent: 60, ..Storm::default() };
/// let counted = storm.run(1)?;
/// assert_eq!(counted.authenticated, 300);
/// assert!(counted.longest_wait <= u64::from(storm.share));
/// # Ok::<(), vestibule::auth::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// Connections that open, upgrade and authenticate.
    pub authenticating: usize,
    /// Connections that open, and then send nothing or only the upgrade request.
    pub silent: usize,
    /// Connections that are in their rooms before the storm begins.
    pub members: usize,
    /// Chat messages to these connections during the storm, arriving in the middle of turns.
    pub messages: usize,
    /// How many of the authenticated connections hang up at once at the end.
    pub hang_ups: usize,
    /// The share of pending work in a turn: `limits.pending_per_turn`.
    pub share: u32,
    /// The most events that the poller reports in one turn. A driver that takes fewer than all
    /// events does not bound the wait: the event that matters may be the last.
    pub events_per_turn: usize,
}

impl Default for Storm {
    /// 10,000 connections that authenticate and 2,000 silent ones, with the default share.
    fn default() -> Self {
        Self {
            authenticating: 10_000,
            silent: 2_000,
            members: 20,
            messages: 500,
            hang_ups: 0,
            share: 64,
            events_per_turn: usize::MAX,
        }
    }
}

/// The measurements of a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The most units of pending work (accepts, and reads of pending connections) between the
    /// moment when an authenticated connection became readable and its read.
    pub longest_wait: u64,
    /// How often such a connection was read.
    pub waits: u64,
    /// Units of pending work in total.
    pub pending_units: u64,
    /// How many connections authenticated during the storm.
    pub authenticated: u64,
    /// Turns of the driver.
    pub turns: u64,
    /// The most sockets closed in one turn.
    pub most_closed: u64,
}

/// The length of a turn in a storm.
const TURN: Duration = Duration::from_micros(500);
/// More turns than any storm needs: silent connections are closed after 5 seconds.
const MAX_TURNS: u64 = 20_000;

impl Storm {
    /// Runs the storm. `seed` determines everything else, above all the order of the poller's
    /// events.
    ///
    /// # Errors
    /// [`KeyError`]: never, because the scenario has a secret.
    pub fn run(&self, seed: u64) -> Result<Counted, KeyError> {
        let mut server = self.server(seed)?;
        let members: Vec<LinkId> =
            (0..self.members).map(|n| self.arrive(&mut server.engine, n, 2)).collect();
        let mut turns = 0;
        while server.node.connections_in(Phase::Connected) < self.members && turns < MAX_TURNS {
            turn(&mut server);
            turns += 1;
        }
        for n in 0..self.messages {
            let which = server.engine.rng.below(members.len() as u64) as usize;
            let text = wire::envelope("chat_message", &format!("m{n}"), "content", "still?");
            let bytes = wire::masked(0x81, text.as_bytes(), n as u32);
            server.engine.mid_turn_input.extend(members.get(which).map(|link| (*link, bytes)));
        }
        let mut links = Vec::new();
        for n in 0..self.authenticating + self.silent {
            let stage = if n < self.authenticating { 2 } else { n % 2 };
            links.push(self.arrive(&mut server.engine, self.members + n, stage));
        }
        turns = 0;
        let all = self.members + self.authenticating;
        while turns < MAX_TURNS
            && (server.node.connections_in(Phase::Connected) < all
                || !server.engine.mid_turn_input.is_empty())
        {
            turn(&mut server);
            turns += 1;
        }
        links.truncate(self.hang_ups.min(self.authenticating));
        links.iter().for_each(|link| server.engine.reset(*link));
        let left = all - links.len();
        while turns < MAX_TURNS && server.node.connections_in(Phase::Connected) > left {
            turn(&mut server);
            turns += 1;
        }
        let engine = &server.engine;
        Ok(Counted {
            longest_wait: engine.longest_wait,
            waits: engine.waits,
            pending_units: engine.pending_units,
            authenticated: server.node.metrics().authenticated - self.members as u64,
            turns,
            most_closed: engine.most_closed,
        })
    }

    fn server(&self, seed: u64) -> Result<SimServer, KeyError> {
        let mut scenario = Scenario::drawn(seed);
        scenario.clients = Mix::default();
        scenario.config.limits.pending_per_turn = self.share;
        scenario.config.limits.messages_per_minute = 0;
        let app = MemoryApp::new(&scenario.config, Access::Open, &Seed::predictable(seed));
        let mut server =
            SimServer::new(scenario, seed, Box::new(app), SharedAppControl::default())?;
        server.engine.events_per_turn = self.events_per_turn;
        // `longest_wait` is only measured here: the caller checks it.
        server.engine.most_wait = u64::MAX;
        Ok(server)
    }

    /// A connection that sends nothing (0), upgrades (1), or authenticates (2).
    fn arrive(&self, engine: &mut Engine, number: usize, stage: usize) -> LinkId {
        let link = engine.connect(number, Conditions::CALM, false);
        if stage > 0 {
            engine.send(link, &wire::upgrade(&format!("room-{number}")));
        }
        if stage > 1 {
            // In a separate segment, which is another unit of work.
            let token = engine.token(&format!("user-{number}"), 900);
            let id = format!("auth-{number}");
            if let Some(open) = engine.link(link) {
                open.hearing.auths.push_back(id.clone());
                open.conditions.latency += Duration::from_millis(number as u64 % 50);
            }
            let text = wire::envelope("auth", &id, "token", &token);
            engine.send(link, &wire::masked(0x81, text.as_bytes(), number as u32));
        }
        link
    }
}

fn turn(server: &mut SimServer) {
    let engine = &mut server.engine;
    engine.advance(engine.now.monotonic + TURN);
    while let Some(due) = engine.pop_due() {
        if !matches!(due, TimedEvent::Client(_)) {
            engine.happen(due);
        }
    }
    engine.news.clear();
    server.turn();
}
