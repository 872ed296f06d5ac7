//! Has the messages of a node wait in a real queue, and judges who had how much of its threads.

use std::time::Duration;

use super::app::Held;
use super::engine::{DelayedWork, Engine, MailboxItem};
use super::served::{SETTLING, ServedJob, ServedWork};
use super::shares::FRUGAL;
use crate::node::{Completion, Outcome};
use crate::shares::rivalry::COST;
use crate::time::Instant;

/// In how many costs a frugal message is answered: behind the job that runs and another one, none of
/// which costs more than six, and after its own.
const SOON: u32 = 15;

impl Engine {
    /// What one of the first rival's messages costs more than the others' is in the queue's test.
    fn served_job(&mut self, user: &str, held: Held) -> Option<ServedJob> {
        let first = self.scenario.first_greedy();
        let rivalry = self.served.as_ref()?.rivalry;
        let number = user.rsplit_once('-').and_then(|(_, number)| number.parse().ok())?;
        let is_frugal = user.starts_with(FRUGAL);
        let cost = match is_frugal {
            true => COST / 10,
            false if number == first && rivalry.differs_in_cost => COST * 4,
            false => COST,
        };
        let cost = cost * (50 + self.rng.below(101) as u32) / 100;
        Some(ServedJob { user: number, is_frugal, cost, held: Some(held) })
    }

    /// Puts in what the application was asked, and has free threads begin.
    pub(super) fn serve(&mut self, asked: Vec<(String, Held)>) {
        let now = self.now.monotonic;
        for (user, held) in asked {
            let Some(job) = self.served_job(&user, held) else { continue };
            let Some(served) = &mut self.served else { return };
            let (number, user) = (served.jobs.len(), job.user);
            served.jobs.push(job);
            served.queue.push(now, user, number);
        }
        self.begin_served();
    }

    fn begin_served(&mut self) {
        let now = self.now.monotonic;
        while let Some(number) = self.served.as_mut().and_then(|served| served.begin(now)) {
            let job = self.served.as_ref().and_then(|served| served.jobs.get(number));
            let Some(ServedJob { cost, held: Some(held), .. }) = job else { continue };
            let (cost, ticket) = (*cost, held.ticket);
            self.ledger.lock().begun(ticket);
            self.work_for(cost, DelayedWork::Served(number));
        }
        while let Some(job) = self.served.as_mut().and_then(ServedWork::take_dropped) {
            if job.is_frugal {
                self.fail("a frugal message was dropped for others");
            }
            let Some(Held { ticket, .. }) = job.held else { continue };
            self.mail
                .push_back(MailboxItem::Done(Completion { ticket, outcome: Outcome::Refused }));
        }
    }

    /// A thread is done with a job.
    pub(super) fn end_served(&mut self, number: usize) {
        let now = self.now.monotonic;
        let Some(served) = &mut self.served else { return };
        let Some(job) = served.jobs.get_mut(number) else { return };
        let (user, is_frugal, cost) = (job.user, job.is_frugal, job.cost);
        let held = job.held.take();
        served.queue.done(now, number, cost);
        served.free += 1;
        served.frugal_jobs += usize::from(is_frugal);
        if !is_frugal && now > Instant::START + SETTLING {
            *served.time.entry(user).or_default() += cost;
        }
        if let Some(Held { ticket, outcome, .. }) = held {
            self.mail.push_back(MailboxItem::Done(Completion { ticket, outcome }));
        }
        self.begin_served();
    }

    /// Checks the shares of the threads' time, when the attack ends.
    pub(super) fn judge_served(&mut self) {
        let length = self.scenario.length.saturating_sub(SETTLING);
        let judged = self.served.as_ref().map_or(Ok(()), |served| served.judge(length));
        if let Err(what) = judged {
            self.fail(what);
        }
    }

    /// A frugal message was answered after so long, with or without an error.
    pub(super) fn judge_frugal_answer(&mut self, waited: Duration, is_error: bool) {
        if self.served.is_none() || self.is_healed {
            return;
        }
        if is_error || waited > COST * SOON {
            self.fail(format!("a frugal message had its answer after {waited:?} ({is_error})"));
        }
    }
}
