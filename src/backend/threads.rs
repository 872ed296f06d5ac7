//! The threads: one at the desk, and as many that call as are configured.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::Places;
use super::breaker::{Change, Pass};
use super::caller::Peer;
use super::contract::{self, Fault, Ruling};
use super::counts::Counts;
use super::desk::{Desk, Job, Order};
use super::signature::Secret;

use crate::config;
use crate::id::{ConnId, MessageIds};
use crate::net::clock::Clock;
use crate::net::{self, Handle};

/// What the desk hears of.
#[derive(Debug)]
pub(super) enum Event {
    /// The node has something to say.
    Asked(Job),
    /// A caller is free again.
    Done { connection: ConnId, pass: Pass, is_alive: bool, why: Option<String> },
    /// Calls have this much time from here on.
    Timeout(Duration),
    /// The node is gone.
    Ended,
}

/// A call that is to be made.
#[derive(Debug)]
struct Assignment {
    job: Job,
    pass: Pass,
    patience: Duration,
}

/// Threads that are not started yet.
#[derive(Debug)]
pub struct Threads {
    pub(super) config: config::Backend,
    pub(super) secret: Option<Secret>,
    pub(super) events: Sender<Event>,
    pub(super) inbox: Receiver<Event>,
    pub(super) places: Arc<Places>,
    pub(super) counts: Arc<Counts>,
}

/// Threads that call the backend, until the server has ended.
#[derive(Debug)]
pub struct Running {
    counts: Arc<Counts>,
    control: Control,
    // Never sent on: it is gone when the desk is.
    gone: Receiver<Infallible>,
}

impl Threads {
    /// Starts them all, for the server of this handle.
    ///
    /// # Errors
    /// When the system has no thread left, or no random bits.
    pub fn start(self, handle: Handle) -> io::Result<Running> {
        let Self { config, secret, events, inbox, places, counts } = self;
        let (calls, assigned) = mpsc::sync_channel(config.workers);
        let assigned = Arc::new(Mutex::new(assigned));
        let peer = Arc::new(Peer::new(&config, secret));
        for _ in 0..config.workers {
            let caller = Caller {
                peer: Arc::clone(&peer),
                assigned: Arc::clone(&assigned),
                events: events.clone(),
                handle: handle.clone(),
                counts: Arc::clone(&counts),
            };
            let thread = thread::Builder::new().name("vestibule-call".to_owned());
            let ids = MessageIds::new(net::seed()?);
            thread.spawn(move || caller.run(ids))?;
        }
        let control = Control { events };
        let (alive, gone) = mpsc::sync_channel(0);
        let desk = Desk::new(config.workers, config.timeout.get());
        let clerk = Clerk { desk, inbox, calls, handle, places, counts: Arc::clone(&counts) };
        let thread = thread::Builder::new().name("vestibule-desk".to_owned());
        thread.spawn(move || {
            clerk.run();
            drop::<SyncSender<Infallible>>(alive);
        })?;
        Ok(Running { counts, control, gone })
    }
}

impl Running {
    /// What is counted, as it goes on.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// For the thread that changes settings.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// After the server has ended: lets the last leaves be told, for at most `patience`. False when
    /// some were not. Whoever still calls then is left behind: the end of the process takes it.
    pub fn finish(self, patience: Duration) -> bool {
        !matches!(self.gone.recv_timeout(patience), Err(RecvTimeoutError::Timeout))
    }
}

/// Changes what can change while calls are made. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Control {
    events: Sender<Event>,
}

impl Control {
    /// `backend.timeout` from here on; calls that are under way keep theirs.
    pub fn set_timeout(&self, timeout: Duration) {
        // When the desk is gone, there is nobody who would need it.
        let _ = self.events.send(Event::Timeout(timeout));
    }
}

/// Who sits at the desk.
struct Clerk {
    desk: Desk,
    inbox: Receiver<Event>,
    /// Has a place for each caller, and the desk never gives more calls than there are callers.
    calls: SyncSender<Assignment>,
    handle: Handle,
    places: Arc<Places>,
    counts: Arc<Counts>,
}

impl Clerk {
    fn run(mut self) {
        let clock = Clock::start();
        while let Ok(event) = self.inbox.recv() {
            let now = clock.monotonic();
            match event {
                Event::Asked(job) => self.desk.handle_job(now, job),
                Event::Done { connection, pass, is_alive, why } => {
                    let change = self.desk.handle_done(now, connection, pass, is_alive);
                    self.tell(change, why.as_deref());
                }
                Event::Timeout(timeout) => self.desk.set_timeout(timeout),
                Event::Ended => self.desk.handle_end(now),
            }
            while let Some(order) = self.desk.poll_order() {
                self.carry_out(order);
            }
            if self.desk.is_over() {
                return;
            }
        }
    }

    fn carry_out(&self, order: Order) {
        match order {
            Order::Call { job, pass, patience } => {
                self.places.give_back(job.call);
                // A caller never ends before its assignments do.
                let _ = self.calls.send(Assignment { job, pass, patience });
            }
            Order::GiveUp { job, fate } => {
                self.places.give_back(job.call);
                self.counts.count(job.call, fate);
                answer(&self.handle, &job, Ruling::without_answer(fate));
            }
        }
    }

    fn tell(&self, change: Option<Change>, why: Option<&str>) {
        match change {
            Some(Change::Opened(wait)) => {
                self.counts.count_opening();
                let why = why.unwrap_or_default();
                log::warn!("the backend fails ({why}): it is left alone for {wait:?}");
            }
            Some(Change::Closed) => log::info!("the backend answers again"),
            None => {}
        }
    }
}

/// Who calls.
struct Caller {
    peer: Arc<Peer>,
    assigned: Arc<Mutex<Receiver<Assignment>>>,
    events: Sender<Event>,
    handle: Handle,
    counts: Arc<Counts>,
}

impl Caller {
    fn run(&self, mut ids: MessageIds) {
        let clock = Clock::start();
        loop {
            // One waits for the assignment, the others for the lock; nobody calls under it.
            let next = self.assigned.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Assignment { job, pass, patience }) = next else { return };
            let began = clock.now();
            let id = format!("msg_{}", ids.next(began.unix).as_str());
            let heard = catch_unwind(AssertUnwindSafe(|| {
                self.peer.call(job.call, &job.body, &id, began.unix, patience)
            }));
            let heard =
                heard.unwrap_or_else(|_| Err(Fault::Broken("the call panicked".to_owned())));
            let ruling = contract::rule(job.call, heard);
            self.counts.count(job.call, ruling.fate);
            self.counts.record(job.call, clock.monotonic().since(began.monotonic));
            if let Some(why) = &ruling.why {
                log::debug!("{} of {}: {why}", job.call.label(), job.connection);
            }
            let (is_alive, why) = (ruling.is_alive, ruling.why.clone());
            let done = Event::Done { connection: job.connection, pass, is_alive, why };
            // First the desk, then the asker: what is asked next finds a breaker that knows.
            let is_over = self.events.send(done).is_err();
            answer(&self.handle, &job, ruling);
            if is_over {
                return;
            }
        }
    }
}

/// Gives a question its answer.
fn answer(handle: &Handle, job: &Job, ruling: Ruling) {
    let outcome = contract::outcome(job.call, ruling.fate, ruling.update);
    if let (Some(ticket), Some(outcome)) = (job.ticket, outcome) {
        // When the server has ended, nobody waits for it.
        let _ = handle.complete(ticket, outcome);
    }
}
