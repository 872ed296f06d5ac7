//! A pool of threads behind a bounded queue, which serves its users in turn.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::node::{MinuteThrottle, Payer};
use crate::shares::FairQueue;
use crate::time;

/// How long a server that ends waits for running work. Nothing waits for the result any more, but a
/// write to a database should be completed if a moment is enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long no other thread is started after one could not be. Not longer, because a pool without
/// any refuses all its work until then.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// The most microseconds of a worker's time that a user is behind the others for work that took
/// long.
const MAX_DEBT: u64 = 1_000_000;

/// What a pool's threads do.
pub(super) trait PoolJob: Send + 'static {
    /// What comes of it.
    type Done;

    /// Who is served in turn with others, and charged.
    fn payer(&self) -> Payer;

    /// Does it, after it has waited so long for a thread. Blocks as long as that takes, and does not
    /// panic. `None`: nobody waits for it.
    fn run(self, waited: Duration) -> Option<Self::Done>;
}

/// Takes what has come of a job, on the worker's thread. It may block. False: nobody wants more.
pub(super) type TakeDone<J> = Arc<dyn Fn(<J as PoolJob>::Done) -> bool + Send + Sync>;

/// The pool. A thread is started when there is work for it, and stays: an application that never
/// blocks costs no thread.
pub(super) struct Workers<J: PoolJob> {
    name: &'static str,
    shared: Arc<PoolState<J>>,
    deliver: TakeDone<J>,
    threads: Vec<JoinHandle<()>>,
    starts: ThreadStarts,
    clock: Clock,
    limit: usize,
    // Nothing is ever sent on it: it disconnects when all workers have ended.
    alive: SyncSender<Infallible>,
    gone: Receiver<Infallible>,
}

impl<J: PoolJob> fmt::Debug for Workers<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("name", &self.name).finish_non_exhaustive()
    }
}

struct PoolState<J> {
    /// Jobs, and when each of them came.
    queue: Mutex<JobQueue<(Instant, J)>>,
    wake: Condvar,
    /// Jobs that wait or run. The reactor adds, the workers subtract.
    in_flight: AtomicUsize,
}

/// Jobs that wait.
struct JobQueue<T> {
    waiting: FairQueue<Payer, T>,
    /// How many may wait.
    capacity: usize,
    is_closed: bool,
}

impl<T> JobQueue<T> {
    /// Room for `capacity` commands, at least 1.
    fn new(capacity: usize) -> Self {
        Self { waiting: FairQueue::new(MAX_DEBT), capacity: capacity.max(1), is_closed: false }
    }

    /// Puts in a command, and returns the one that finds no room: the newest of whoever has most, and
    /// this one only where nobody has more than its payer.
    fn push(&mut self, payer: Payer, command: T) -> Option<T> {
        let mut shed = None;
        if self.waiting.len() >= self.capacity {
            match self.waiting.shed(&payer) {
                Some((_, newest)) => shed = Some(newest),
                None => return Some(command),
            }
        }
        self.waiting.push(payer, command);
        shed
    }
}

impl<J> PoolState<J> {
    fn lock(&self) -> MutexGuard<'_, JobQueue<(Instant, J)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the job that is next. `None`: the pool ends.
    fn next(&self) -> Option<(Payer, (Instant, J))> {
        let is_idle =
            |queue: &mut JobQueue<(Instant, J)>| queue.waiting.is_empty() && !queue.is_closed;
        let queue = self.wake.wait_while(self.lock(), is_idle);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed { None } else { queue.waiting.pop() }
    }
}

impl<J: PoolJob> Workers<J> {
    /// At most `limit` threads of this name, and `capacity` jobs that wait for one; at least 1 of
    /// each.
    pub(super) fn new(
        name: &'static str,
        limit: usize,
        capacity: usize,
        deliver: TakeDone<J>,
    ) -> Self {
        let (alive, gone) = mpsc::sync_channel(0);
        let shared = PoolState {
            queue: Mutex::new(JobQueue::new(capacity)),
            wake: Condvar::new(),
            in_flight: AtomicUsize::new(0),
        };
        Self {
            name,
            shared: Arc::new(shared),
            deliver,
            threads: Vec::new(),
            starts: ThreadStarts::default(),
            clock: Clock::start(),
            limit: limit.max(1),
            alive,
            gone,
        }
    }

    /// Queues `job`. Never blocks: when there is no room, or no thread can be started, this gives
    /// back the job that is refused ([`JobQueue::push`]).
    pub(super) fn submit(&mut self, job: J) -> Result<(), J> {
        let in_flight = self.shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        // As many threads as jobs, up to the limit, so that no job waits for another one before
        // that.
        if in_flight > self.threads.len() && self.threads.len() < self.limit {
            self.add_thread();
        }
        let Some(refused) = self.queue(job) else { return Ok(()) };
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        Err(refused)
    }

    /// Starts one more thread, unless one could not be started a moment ago.
    fn add_thread(&mut self) {
        let now = self.clock.monotonic();
        if !self.starts.may_start(now) {
            return;
        }
        match self.start() {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                if let Some(failures) = self.starts.failed(now) {
                    log::warn!(failures; "no thread for a worker: {error}");
                }
            }
        }
    }

    /// How many jobs wait for a thread.
    #[cfg(feature = "tls")]
    pub(super) fn waiting(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed).saturating_sub(self.threads.len())
    }

    /// Queues `job`, and returns the one that finds no room.
    fn queue(&self, job: J) -> Option<J> {
        if self.threads.is_empty() {
            return Some(job);
        }
        let shed = self.shared.lock().push(job.payer(), (clock(), job));
        self.shared.wake.notify_one();
        shed.map(|(_, job)| job)
    }

    /// Lets the workers finish what they do, for at most [`PATIENCE`], and leaves behind who is
    /// stuck: the end of the process takes it. What waits is not begun.
    pub(super) fn end(self) {
        let Self { shared, deliver, threads, alive, gone, .. } = self;
        shared.lock().is_closed = true;
        shared.wake.notify_all();
        drop((deliver, alive));
        match gone.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => log::warn!("a worker is stuck, and left behind"),
            Err(RecvTimeoutError::Disconnected) => {
                for thread in threads {
                    if thread.join().is_err() {
                        log::warn!("a worker had died");
                    }
                }
            }
            Ok(never) => match never {},
        }
    }

    fn start(&self) -> io::Result<JoinHandle<()>> {
        let (shared, deliver) = (Arc::clone(&self.shared), Arc::clone(&self.deliver));
        let alive = self.alive.clone();
        thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            work(&shared, &*deliver);
            drop(alive);
        })
    }
}

/// When threads were not started because the system has no more.
#[derive(Debug, Default)]
struct ThreadStarts {
    last_failure: Option<time::Instant>,
    lines: MinuteThrottle,
}

impl ThreadStarts {
    fn may_start(&self, now: time::Instant) -> bool {
        self.last_failure.is_none_or(|last| now.since(last) >= BETWEEN_STARTS)
    }

    /// A thread could not be started. How many failures a line is to tell of now, if any.
    fn failed(&mut self, now: time::Instant) -> Option<u64> {
        self.last_failure = Some(now);
        self.lines.count(now)
    }
}

fn work<J: PoolJob>(shared: &PoolState<J>, deliver: &dyn Fn(J::Done) -> bool) {
    while let Some((payer, (came, job))) = shared.next() {
        let begun = clock();
        let done = job.run(begun.saturating_duration_since(came));
        let micros = begun.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
        shared.lock().waiting.charge(&payer, micros.max(1));
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if done.is_some_and(|done| !deliver(done)) {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a pool measures what its work costs, and waits")]
fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::rivalry::{self, RivalQueue, Rivalry};

    /// Jobs that are numbers, each with its payer.
    struct Scene {
        queue: JobQueue<usize>,
        payers: Vec<Payer>,
        refused: Vec<usize>,
    }

    impl RivalQueue for Scene {
        fn push(&mut self, _: time::Instant, user: usize, job: usize) {
            let payer = Payer::user(&user.to_string());
            self.payers.push(payer.clone());
            self.refused.extend(self.queue.push(payer, job));
        }

        fn pop(&mut self, _: time::Instant) -> Option<usize> {
            self.queue.waiting.pop().map(|(_, job)| job)
        }

        fn dropped(&mut self) -> Option<usize> {
            self.refused.pop()
        }

        fn done(&mut self, _: time::Instant, job: usize, took: Duration) {
            self.queue.waiting.charge(&self.payers[job], took.as_micros() as u64);
        }
    }

    #[test]
    fn lack_of_threads_is_told_once_a_minute() {
        let mut starts = ThreadStarts::default();
        let (mut tries, mut told) = (0, Vec::new());
        for millis in (0..=60_000).step_by(10) {
            let now = time::Instant::START + Duration::from_millis(millis);
            if starts.may_start(now) {
                tries += 1;
                told.extend(starts.failed(now));
            }
        }
        assert_eq!((tries, told), (61, vec![1, 60]));
    }

    fn new_scene(is_first_come: bool) -> Scene {
        let mut queue = JobQueue::new(64);
        if is_first_come {
            queue.waiting.plant_first_come();
        }
        Scene { queue, payers: Vec::new(), refused: Vec::new() }
    }

    #[cfg(feature = "sim")]
    #[test]
    fn rivals_share_the_workers_of_a_whole_node() {
        let rivalry = Rivalry { rivals: 5, servers: 1, differs_in_cost: true };
        crate::sim::check_in_a_node(rivalry, new_scene);
    }

    #[test]
    fn rival_has_twice_its_part_of_the_workers_at_most() {
        for (rivals, servers) in [(4, 1), (7, 1)] {
            let rivalry = Rivalry { rivals, servers, differs_in_cost: true };
            rivalry::check(rivalry, new_scene);
        }
    }
}
