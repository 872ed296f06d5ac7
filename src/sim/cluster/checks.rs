//! What is checked in a world of several nodes while it runs.

use std::time::Duration;

use super::asks::{Asked, MessageName};
use super::chatter::{Chatter, ChatterState};
use super::revocations;
use super::stage::StageEvent;
use super::world::{IN_TIME, NodesWorld};
use crate::protocol::Position;
use crate::time::Instant;

/// How long it takes until a mishap is over for everybody.
const SETTLED: Duration = Duration::from_secs(20);
/// How long an announcement that was lost may not be noticed.
const COMPARED: Duration = Duration::from_secs(75);
/// How long a process that was stopped takes to go on.
const WOKEN: Duration = Duration::from_secs(1);
/// How long it takes at most until an application is asked what the engine has let its node ask.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

impl NodesWorld {
    /// The application is asked twice only where whoever has asked it first is gone.
    pub(super) fn check_asks(&mut self) {
        let news = self.stage.with_asks(|asks| std::mem::take(&mut asks.news));
        for name in news {
            self.stage.note(|| format!("asked about {name:?}"));
            let times = self.stage.with_asks(|asks| asks.times(&name));
            for pair in times.windows(2) {
                let [before, last] = pair else { continue };
                self.stage.counted.asked_twice += 1;
                self.check_again(&name, *before, *last);
            }
        }
    }

    fn check_again(&mut self, name: &MessageName, before: Asked, last: Asked) {
        let Asked { process, at, losses } = before;
        let Asked { process: other, at: again, .. } = last;
        let earlier =
            |at: Instant, by| Instant::START + at.since(Instant::START).saturating_sub(by);
        let contacts = &self.stage.contacts;
        // Whoever has asked may seem to be gone; and who was stopped goes on with what was taken over.
        let is_gone = contacts.may_have_lapsed(process, earlier(at, SETTLED), again);
        let was_stopped = contacts.may_have_lapsed(other, earlier(again, WOKEN), again);
        let is_excused = losses != last.losses
            || self.stage.losses > 0 && self.stage.lost_at >= earlier(at, ON_ITS_WAY)
            || self.stage.is_split
            || self.stage.facts.is_published_again(name)
            || process != other && (is_gone || was_stopped);
        if !is_excused {
            self.stage.fail(format!(
                "G3: {name:?} is asked by process {other} at {again:?}, and was by {process} at {at:?}"
            ));
        }
    }

    /// Has nothing gone wrong for a while at this moment, and nothing since?
    fn is_quiet_since(&self, at: Instant) -> bool {
        let stage = &self.stage;
        let is_over = |last: Instant, length| last + length < at || last == Instant::START;
        is_over(stage.disturbed_at, SETTLED)
            && is_over(stage.push_lost_at, COMPARED)
            && !stage.is_split
            && self.buses.lost_pushes == 0
    }

    /// Everybody who was there has an entry by now, if nothing has gone wrong for a while.
    pub(super) fn check_late(&mut self, room: usize, position: Position) {
        let stage = &self.stage;
        let fact = stage.facts.at(room, position).filter(|fact| self.is_quiet_since(fact.at));
        let Some(fact) = fact else { return };
        let is_there = |client: &&Chatter| {
            client.room == room
                && client.state == ChatterState::Inside
                && client.inside_since + IN_TIME / 2 < stage.now.monotonic
        };
        let late = self.clients.iter().filter(is_there).find(|client| {
            let own = client.own(stage);
            client.chain.as_ref().is_some_and(|chain| !chain.has(&stage.facts, own, position))
        });
        if let Some(client) = late {
            let what =
                format!("G2: {} at {position} is late for client {}", fact.content, client.number);
            self.stage.fail(what);
        }
    }

    /// Looks whether whoever was disconnected is.
    pub(super) fn sweep(&mut self) {
        let is_quiet = self.is_quiet_since(self.stage.now.monotonic);
        let stage = &mut self.stage;
        self.visitors.judge(stage, is_quiet);
        revocations::look(stage);
        for client in &self.clients {
            let line = client.line.and_then(|line| stage.lines.get(&line));
            let node = line.filter(|_| client.state == ChatterState::Inside).map(|line| line.node);
            if let Some(place) = node.and_then(|node| self.places.get(node)) {
                revocations::judge(stage, place, (&client.user, client.issued), false);
            }
        }
        stage.after(Duration::from_millis(250), StageEvent::Sweep);
    }
}
