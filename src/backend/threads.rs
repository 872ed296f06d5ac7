//! The threads of the backend: the dispatcher, and `backend.workers` that make the calls.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::breaker::{Permit, Transition};
use super::call_queue::{CallAction, CallQueue, QueueSlots, QueuedCall};
use super::caller::BackendClient;
use super::contract::{self, CallError, CallResult};
use super::counts::CallCounts;
use super::signature::SigningSecret;

use crate::config;
use crate::id::{ConnId, MessageIds};
use crate::net::clock::Clock;
use crate::net::{self, Handle};

/// What the dispatcher reacts to.
#[derive(Debug)]
pub(super) enum QueueEvent {
    /// The node has queued a call.
    Queued(QueuedCall),
    /// A call has ended, and its thread is free.
    Done { connection: ConnId, permit: Permit, is_alive: bool, why: Option<String> },
    /// Changes the time limit of calls.
    Timeout(Duration),
    /// The node was dropped: the server has stopped.
    Ended,
}

/// A call that a calling thread is to make.
#[derive(Debug)]
struct Assignment {
    call: QueuedCall,
    permit: Permit,
    time_limit: Duration,
}

/// The backend's threads, which [`Threads::start`] starts once the server exists.
#[derive(Debug)]
pub struct Threads {
    pub(super) config: config::Backend,
    pub(super) secret: Option<SigningSecret>,
    pub(super) events: Sender<QueueEvent>,
    pub(super) inbox: Receiver<QueueEvent>,
    pub(super) slots: Arc<QueueSlots>,
    pub(super) counts: Arc<CallCounts>,
}

/// The backend's threads while the server runs.
#[derive(Debug)]
pub struct RunningThreads {
    counts: Arc<CallCounts>,
    control: Control,
    // Nothing is sent on this channel; it disconnects when the dispatcher's thread ends.
    gone: Receiver<Infallible>,
}

impl Threads {
    /// Starts the threads, which answer through `handle`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread, or returns no random bytes.
    pub fn start(self, handle: Handle) -> io::Result<RunningThreads> {
        let Self { config, secret, events, inbox, slots, counts } = self;
        let (calls, assigned) = mpsc::sync_channel(config.workers);
        let assigned = Arc::new(Mutex::new(assigned));
        let client = Arc::new(BackendClient::new(&config, secret));
        for _ in 0..config.workers {
            let caller = Caller {
                client: Arc::clone(&client),
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
        let queue = CallQueue::new(config.workers, config.timeout.get());
        let dispatcher =
            Dispatcher { queue, inbox, calls, handle, slots, counts: Arc::clone(&counts) };
        let thread = thread::Builder::new().name("vestibule-dispatch".to_owned());
        thread.spawn(move || {
            dispatcher.run();
            drop::<SyncSender<Infallible>>(alive);
        })?;
        Ok(RunningThreads { counts, control, gone })
    }
}

impl RunningThreads {
    /// The metrics of the calls, which are updated while the threads run.
    #[must_use]
    pub fn counts(&self) -> Arc<CallCounts> {
        Arc::clone(&self.counts)
    }

    /// A handle for the thread that reloads the configuration.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Waits at most `time_limit` for the last leaves, after the server has stopped. Returns false
    /// when some were not made. Calls still in flight then end with the process.
    pub fn finish(self, time_limit: Duration) -> bool {
        !matches!(self.gone.recv_timeout(time_limit), Err(RecvTimeoutError::Timeout))
    }
}

/// Changes the settings that can change at run time. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Control {
    events: Sender<QueueEvent>,
}

impl Control {
    /// Sets `backend.timeout`. Calls in flight keep theirs.
    pub fn set_timeout(&self, timeout: Duration) {
        // The dispatcher may have ended; then there are no more calls.
        let _ = self.events.send(QueueEvent::Timeout(timeout));
    }
}

/// Owns the queue, on the dispatcher's thread.
struct Dispatcher {
    queue: CallQueue,
    inbox: Receiver<QueueEvent>,
    /// Has a slot for each calling thread. The queue has at most that many calls in flight, so
    /// sending never blocks.
    calls: SyncSender<Assignment>,
    handle: Handle,
    slots: Arc<QueueSlots>,
    counts: Arc<CallCounts>,
}

impl Dispatcher {
    fn run(mut self) {
        let clock = Clock::start();
        while let Ok(event) = self.inbox.recv() {
            let now = clock.monotonic();
            match event {
                QueueEvent::Queued(call) => self.queue.handle_call(now, call),
                QueueEvent::Done { connection, permit, is_alive, why } => {
                    let transition = self.queue.handle_done(now, connection, permit, is_alive);
                    self.tell(transition, why.as_deref());
                }
                QueueEvent::Timeout(timeout) => self.queue.set_timeout(timeout),
                QueueEvent::Ended => self.queue.handle_end(now),
            }
            while let Some(action) = self.queue.poll_action() {
                self.carry_out(action);
            }
            if self.queue.is_finished() {
                return;
            }
        }
    }

    fn carry_out(&self, action: CallAction) {
        match action {
            CallAction::Send { call, permit, time_limit } => {
                self.slots.release(call.kind);
                // The calling threads end only after this channel, so the send succeeds.
                let _ = self.calls.send(Assignment { call, permit, time_limit });
            }
            CallAction::Skip { call, outcome } => {
                self.slots.release(call.kind);
                self.counts.count(call.kind, outcome);
                answer(&self.handle, &call, CallResult::without_answer(outcome));
            }
        }
    }

    fn tell(&self, transition: Option<Transition>, why: Option<&str>) {
        match transition {
            Some(Transition::Opened(wait)) => {
                self.counts.count_opening();
                let why = why.unwrap_or_default();
                log::warn!("backend circuit breaker opened for {wait:?}, last failure: {why}");
            }
            Some(Transition::Closed) => {
                log::info!("backend circuit breaker closed: the backend answered the probe")
            }
            None => {}
        }
    }
}

/// One calling thread.
struct Caller {
    client: Arc<BackendClient>,
    assigned: Arc<Mutex<Receiver<Assignment>>>,
    events: Sender<QueueEvent>,
    handle: Handle,
    counts: Arc<CallCounts>,
}

impl Caller {
    fn run(&self, mut ids: MessageIds) {
        let clock = Clock::start();
        loop {
            // One thread waits for an assignment, the others for the lock. No call runs under it.
            let next = self.assigned.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Assignment { call, permit, time_limit }) = next else { return };
            let began = clock.now();
            let id = format!("msg_{}", ids.next(began.unix).as_str());
            let received = catch_unwind(AssertUnwindSafe(|| {
                self.client.call(call.kind, &call.body, &id, began.unix, time_limit)
            }));
            let received = received.unwrap_or_else(|_| {
                Err(CallError::Broken("the calling thread panicked".to_owned()))
            });
            let result = contract::interpret(call.kind, received);
            self.counts.count(call.kind, result.outcome);
            self.counts.record(call.kind, clock.monotonic().since(began.monotonic));
            if let Some(why) = &result.why {
                log::debug!("{} of {}: {why}", call.kind.label(), call.connection);
            }
            let (is_alive, why) = (result.is_alive, result.why.clone());
            let done = QueueEvent::Done { connection: call.connection, permit, is_alive, why };
            // The dispatcher first, then the asker: so the asker's next call sees this result in
            // the breaker.
            let is_finished = self.events.send(done).is_err();
            answer(&self.handle, &call, result);
            if is_finished {
                return;
            }
        }
    }
}

/// Answers the node's question, if the call has one.
fn answer(handle: &Handle, call: &QueuedCall, result: CallResult) {
    let outcome = contract::node_outcome(call.kind, result.outcome, result.update);
    if let (Some(ticket), Some(outcome)) = (call.ticket, outcome) {
        // If the server has stopped, nobody waits for the answer.
        let _ = handle.complete(ticket, outcome);
    }
}
