//! The application's answers, from a worker or from outside: soon, late, or never.

use std::mem;
use std::sync::PoisonError;
use std::time::Duration;

use super::engine::{DelayedWork, Engine, MailboxItem, TimedEvent};
use crate::node::{Command, Completion, Outcome};

impl Engine {
    /// A worker takes the command, or the pool refuses it.
    pub(super) fn queue_work(&mut self, command: Command) -> Option<Completion> {
        let ticket = command.ticket;
        let done = |outcome| Completion { ticket, outcome };
        let work = match self.rng.below(if self.is_healed { 1 } else { 30 }) {
            28 => return Some(done(Outcome::Refused)),
            29 => DelayedWork::Done(done(Outcome::Panicked)),
            _ => DelayedWork::Run(command),
        };
        self.work(work);
        None
    }

    /// Schedules the answers to the questions that the application holds.
    pub(super) fn take_held(&mut self) {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, asked) = (mem::take(&mut control.held), mem::take(&mut control.asked));
        drop(control);
        held.into_iter().for_each(|held| self.work(DelayedWork::Hold(held)));
        self.serve(asked);
    }

    /// The work is finished: the completion is delivered at once or after a delay.
    pub(super) fn finish(&mut self, done: Completion) {
        if !self.is_healed && self.rng.below(4) == 0 {
            self.work(DelayedWork::Done(done));
        } else {
            self.mail.push_back(MailboxItem::Done(done));
        }
    }

    /// Schedules work: soon, in time, late, or never.
    fn work(&mut self, work: DelayedWork) {
        let millis = match self.rng.below(if self.is_healed { 1 } else { 100 }) {
            0..75 => self.rng.below(300),
            75..90 => self.rng.below(4_900),
            90..97 => 5_000 + self.rng.below(5_000),
            _ => return,
        };
        self.work_for(Duration::from_millis(millis), work);
    }

    /// Work that takes so long.
    pub(super) fn work_for(&mut self, time: Duration, work: DelayedWork) {
        self.entries += 1;
        let number = self.entries;
        self.works.insert(number, work);
        self.at(self.now.monotonic + time, TimedEvent::Work(number));
    }
}
