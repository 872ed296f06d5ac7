//! Users who all want more of a queue than there is, in virtual time. For tests of those who own one.
//!
//! Each rival puts in twice as much work as its part, and the first one four times as often, and four
//! times as costly. Beside them somebody has a short job from time to time. Then:
//!
//! * Of `n` rivals none has more than `2/n` of the servers' time.
//! * A job of the frugal user begins soon, and is never dropped for others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use crate::id::Rng;
use crate::time::Instant;

/// A job costs about so much.
pub(crate) const COST: Duration = Duration::from_millis(20);
/// How long it goes on, in costs. What comes in the first tenth does not count.
const LENGTH: u32 = 3_000;
/// In how many costs a frugal job must have begun: behind the one that runs, and another one. None costs
/// more than six.
const SOON: u32 = 13;
/// In how many costs a frugal job follows the last one.
const PAUSE: u32 = 25;

/// A queue, as its owner uses it. Users and jobs are numbers.
pub(crate) trait RivalQueue {
    /// Puts in a job.
    fn push(&mut self, now: Instant, user: usize, job: usize);

    /// The job that begins now, on a free server.
    fn pop(&mut self, now: Instant) -> Option<usize>;

    /// A job that was dropped or refused, and not told of yet.
    fn dropped(&mut self) -> Option<usize>;

    /// A job is done, after so long.
    fn done(&mut self, now: Instant, job: usize, took: Duration);
}

/// How many there are of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rivalry {
    pub(crate) rivals: usize,
    pub(crate) servers: usize,
    /// Are the first rival's jobs four times as costly?
    pub(crate) differs_in_cost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RivalEvent {
    Done(usize),
    Arrival(usize),
}

#[derive(Debug)]
struct RivalJob {
    user: usize,
    came: Instant,
    cost: Duration,
}

/// The state of one run.
struct Run {
    rivalry: Rivalry,
    rng: Rng,
    now: Instant,
    agenda: BinaryHeap<Reverse<(Instant, RivalEvent)>>,
    jobs: Vec<RivalJob>,
    free: usize,
    /// The servers' time that each rival had.
    served: BTreeMap<usize, Duration>,
    frugal_jobs: usize,
}

impl Rivalry {
    /// Has them use `queue`.
    ///
    /// # Errors
    /// What somebody lost, or had too much of.
    pub(crate) fn run(self, seed: u64, queue: &mut impl RivalQueue) -> Result<(), String> {
        let mut run = Run {
            rivalry: self,
            rng: Rng::new(seed),
            now: Instant::START,
            agenda: BinaryHeap::new(),
            jobs: Vec::new(),
            free: self.servers,
            served: BTreeMap::new(),
            frugal_jobs: 0,
        };
        for user in 0..=self.rivals {
            run.agenda.push(Reverse((Instant::START, RivalEvent::Arrival(user))));
        }
        let end = Instant::START + COST * LENGTH;
        while let Some(Reverse((at, event))) = run.agenda.pop()
            && at < end
        {
            run.now = at;
            run.step(event, queue)?;
        }
        run.judge()
    }
}

impl Run {
    fn step(&mut self, event: RivalEvent, queue: &mut impl RivalQueue) -> Result<(), String> {
        match event {
            RivalEvent::Done(job) => {
                self.free += 1;
                let RivalJob { user, cost, .. } = self.jobs[job];
                queue.done(self.now, job, cost);
                if self.now > Instant::START + COST * (LENGTH / 10) {
                    *self.served.entry(user).or_default() += cost;
                }
            }
            RivalEvent::Arrival(user) => {
                let job = self.arrive(user);
                queue.push(self.now, user, job);
            }
        }
        while self.free > 0
            && let Some(job) = queue.pop(self.now)
        {
            self.free -= 1;
            let RivalJob { user, came, cost } = self.jobs[job];
            let waited = self.now.since(came);
            if user == self.rivalry.rivals && waited > COST * SOON {
                return Err(format!("a frugal job waited for {waited:?}"));
            }
            self.agenda.push(Reverse((self.now + cost, RivalEvent::Done(job))));
        }
        while let Some(job) = queue.dropped() {
            if self.jobs[job].user == self.rivalry.rivals {
                return Err("a frugal job was dropped for others".to_owned());
            }
        }
        Ok(())
    }

    /// A new job of `user`, and when its next one comes.
    fn arrive(&mut self, user: usize) -> usize {
        let Rivalry { rivals, servers, differs_in_cost } = self.rivalry;
        let (cost, pause) = if user == rivals {
            self.frugal_jobs += 1;
            (COST / 10, COST * PAUSE)
        } else {
            let part = COST * rivals as u32 / servers as u32 / 2;
            match (user, differs_in_cost) {
                (0, true) => (COST * 4, part / 4),
                (0, false) => (COST, part / 4),
                _ => (COST, part),
            }
        };
        let mut varied = |time: Duration| time * (50 + self.rng.below(101) as u32) / 100;
        let (cost, pause) = (varied(cost), varied(pause));
        self.agenda.push(Reverse((self.now + pause, RivalEvent::Arrival(user))));
        self.jobs.push(RivalJob { user, came: self.now, cost });
        self.jobs.len() - 1
    }

    fn judge(&self) -> Result<(), String> {
        let rivals = self.rivalry.rivals;
        let of = |user| self.served.get(&user).copied().unwrap_or_default();
        let all: Duration = (0..rivals).map(of).sum();
        let most = (0..rivals).map(of).max().unwrap_or_default();
        let least = COST * LENGTH / 2;
        if all < least || self.frugal_jobs < 100 {
            return Err(format!("only {all:?} of work, {} frugal jobs", self.frugal_jobs));
        }
        if most * rivals as u32 > all * 2 {
            return Err(format!(
                "one of {rivals} had {most:?} of {all:?}, more than twice its part"
            ));
        }
        Ok(())
    }
}

/// Runs this for some seeds: with the queue as it is, where nobody loses anything, and first come, first
/// served, where somebody does.
pub(crate) fn check<Q: RivalQueue>(rivalry: Rivalry, new: impl Fn(bool) -> Q) {
    for seed in 0..4 {
        assert_eq!(rivalry.run(seed, &mut new(false)), Ok(()), "{rivalry:?}, {seed}");
        let found = rivalry.run(seed, &mut new(true));
        assert!(found.is_err(), "first come, first served was not found: {rivalry:?}, {seed}");
    }
}
