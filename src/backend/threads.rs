//! The threads of the backend: the dispatcher, and `backend.workers` that make the calls.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::breaker::{CallEvidence, Transition};
use super::breaker_log::{BreakerLine, BreakerLog};
use super::call_queue::{CallAction, CallQueue};
use super::caller::BackendClient;
use super::contract::{CallError, CallResult};
use super::counts::{CallCounts, CallKind};
use super::lane::{CallerShares, QueuedCall};
use super::service::{BackendService, Service};
use super::signature::SigningSecret;
use crate::config::{self, counted};
use crate::id::{ConnId, MessageIds};
use crate::net::clock::Clock;
use crate::net::http::ClientTls;
use crate::net::{self, Handle};
use crate::node::MinuteThrottle;
use crate::time::Instant;

/// What the dispatcher reacts to.
#[derive(Debug)]
pub(super) enum QueueEvent {
    /// The node has queued a call.
    Queued(QueuedCall),
    /// A call has ended, and its thread is free.
    Done { kind: CallKind, connection: ConnId, evidence: CallEvidence, why: Option<String> },
    /// A call was never sent, as there was no connection, and its thread is free.
    Unconnected { call: QueuedCall, why: Option<String> },
    /// The queue has something to do.
    Due,
    /// Changes the time limit of calls.
    Timeout(Duration),
    /// The node was dropped: the server has stopped.
    Ended,
}

/// A call that a calling thread is to make.
#[derive(Debug)]
struct Assignment {
    call: QueuedCall,
    time_limit: Duration,
}

/// The threads of a service, and what they are started with.
pub(super) struct CallPool {
    pub(super) service: Arc<dyn Service>,
    pub(super) shares: CallerShares,
    /// The most calls that wait.
    pub(super) queue: usize,
    pub(super) timeout: Duration,
    pub(super) events: Sender<QueueEvent>,
    pub(super) inbox: Receiver<QueueEvent>,
    pub(super) slots: Arc<QueueSlots>,
    pub(super) counts: Arc<CallCounts>,
}

impl CallPool {
    /// Starts the threads. The channel disconnects when the dispatcher's thread ends.
    pub(super) fn start(self) -> io::Result<Receiver<Infallible>> {
        let Self { service, shares, queue, timeout, events, inbox, slots, counts } = self;
        let (calls, assigned) = mpsc::sync_channel(shares.callers);
        let assigned = Arc::new(Mutex::new(assigned));
        for _ in 0..shares.callers {
            let caller = Caller {
                service: Arc::clone(&service),
                assigned: Arc::clone(&assigned),
                events: events.clone(),
                counts: Arc::clone(&counts),
            };
            let thread = thread::Builder::new().name("vestibule-call".to_owned());
            let ids = MessageIds::new(net::seed()?);
            thread.spawn(move || caller.run(ids))?;
        }
        let (alive, gone) = mpsc::sync_channel(0);
        let queue = CallQueue::new(shares, queue, timeout);
        let dispatcher = Dispatcher {
            queue,
            inbox,
            calls,
            service,
            slots,
            counts,
            failure_lines: MinuteThrottle::default(),
            breaker_log: BreakerLog::default(),
        };
        let thread = thread::Builder::new().name("vestibule-dispatch".to_owned());
        thread.spawn(move || {
            dispatcher.run();
            drop::<SyncSender<Infallible>>(alive);
        })?;
        Ok(gone)
    }
}

/// The backend's threads, which [`Threads::start`] starts once the server exists.
#[derive(Debug)]
pub struct Threads {
    pub(super) config: config::Backend,
    pub(super) client: BackendClient,
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
        let Self { config, client, events, inbox, slots, counts } = self;
        let client = Arc::new(client);
        let pool = CallPool {
            service: Arc::new(BackendService {
                client: Arc::clone(&client),
                handle,
                moderate: config.moderate,
            }),
            shares: CallerShares::new(config.workers),
            queue: config.queue,
            timeout: config.timeout.get(),
            events: events.clone(),
            inbox,
            slots,
            counts: Arc::clone(&counts),
        };
        let gone = pool.start()?;
        let control = Control { events, client };
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
    client: Arc<BackendClient>,
}

impl Control {
    /// Sets `backend.timeout`. Calls in flight keep theirs.
    pub fn set_timeout(&self, timeout: Duration) {
        // The dispatcher may have ended; then there are no more calls.
        let _ = self.events.send(QueueEvent::Timeout(timeout));
    }

    /// Uses `tls`, which was read by [`client_tls`](super::client_tls), for new connections.
    pub fn set_tls(&self, tls: ClientTls) {
        self.client.replace_tls(tls);
    }

    /// Signs further calls with `secret`, if there is one.
    pub fn set_secret(&self, secret: Option<SigningSecret>) {
        self.client.replace_secret(secret);
    }
}

/// Owns the queue, on the dispatcher's thread.
struct Dispatcher {
    queue: CallQueue,
    inbox: Receiver<QueueEvent>,
    /// Has a slot for each calling thread. The queue has at most that many calls in flight, so
    /// sending never blocks.
    calls: SyncSender<Assignment>,
    service: Arc<dyn Service>,
    slots: Arc<QueueSlots>,
    counts: Arc<CallCounts>,
    failure_lines: MinuteThrottle,
    breaker_log: BreakerLog,
}

impl Dispatcher {
    fn run(mut self) {
        let clock = Clock::start();
        loop {
            let now = clock.monotonic();
            let Some(event) = self.next(now) else { return };
            let now = clock.monotonic();
            match event {
                QueueEvent::Queued(call) => self.queue.handle_call(now, call),
                QueueEvent::Done { kind, connection, evidence, why } => {
                    self.slots.release(kind);
                    self.note_failure(now, kind, why);
                    let transition = self.queue.handle_done(now, connection, evidence);
                    self.note_transition(now, transition);
                }
                QueueEvent::Unconnected { call, why } => {
                    self.counts.count_unconnected();
                    self.note_failure(now, call.kind, why);
                    let transition = self.queue.handle_unconnected(now, call);
                    self.note_transition(now, transition);
                }
                QueueEvent::Due => self.queue.handle_timeout(now),
                QueueEvent::Timeout(timeout) => self.queue.set_timeout(timeout),
                QueueEvent::Ended => self.queue.handle_end(now),
            }
            while let Some(action) = self.queue.poll_action() {
                self.carry_out(now, action);
            }
            let line = self.breaker_log.handle_timeout(now);
            self.log(line);
            if self.queue.is_finished() {
                return;
            }
        }
    }

    /// Waits for the next event. `None`: there will be none.
    fn next(&self, now: Instant) -> Option<QueueEvent> {
        match self.queue.poll_timeout(now).min(self.breaker_log.poll_timeout()) {
            Instant::NEVER => self.inbox.recv().ok(),
            due => match self.inbox.recv_timeout(due.since(now)) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => Some(QueueEvent::Due),
                Err(RecvTimeoutError::Disconnected) => None,
            },
        }
    }

    fn carry_out(&self, now: Instant, action: CallAction) {
        match action {
            CallAction::Send { call, time_limit } => {
                // The calling threads end only after this channel, so the send succeeds.
                let _ = self.calls.send(Assignment { call, time_limit });
            }
            CallAction::Skip { call, outcome } => {
                self.slots.release(call.kind);
                self.counts.count(call.kind, outcome);
                self.service.answer(now, call, CallResult::without_answer(outcome));
            }
        }
    }

    fn note_transition(&mut self, now: Instant, transition: Option<Transition>) {
        match transition {
            Some(Transition::Opened(cause, _)) => self.counts.count_opening(cause),
            Some(Transition::Closed) => self.counts.set_closed(),
            None => return,
        }
        let line = transition.and_then(|it| self.breaker_log.handle_transition(now, it));
        self.log(line);
    }

    fn log(&self, line: Option<BreakerLine>) {
        if let Some(line) = line {
            line.log(self.service.name(), self.counts.last_failure());
        }
    }

    /// A call has failed, which may be the fault of one user's message: the breaker stays closed then.
    fn note_failure(&mut self, now: Instant, kind: CallKind, why: Option<String>) {
        let Some(why) = why else { return };
        self.counts.set_last_failure(&why);
        if let Some(count) = self.failure_lines.count(now) {
            let (calls, kind) = (counted(count, "call"), kind.label());
            log::warn!("{calls} to the backend failed, the last one ({kind}): {why}");
        }
    }
}

/// How many calls may be between the reactor and their end: of questions (joins and messages), and
/// of leaves. The reactor acquires, the dispatcher releases. So the unbounded channel between them
/// has a bound, and the reactor never blocks.
#[derive(Debug)]
pub(super) struct QueueSlots {
    questions: AtomicUsize,
    leaves: AtomicUsize,
    /// Of each, when nothing is under way.
    each: usize,
}

impl QueueSlots {
    /// Slots for the calls that wait, as many that are on their way to the queue, where the
    /// dispatcher chooses who gives way, and those that are in flight.
    pub(super) fn new(queue: usize, workers: usize) -> Self {
        let each = queue.saturating_mul(2).saturating_add(workers);
        Self { questions: AtomicUsize::new(each), leaves: AtomicUsize::new(each), each }
    }

    /// How many calls are under way: in the queue, or being made.
    pub(super) fn used(&self) -> usize {
        let used = |left: &AtomicUsize| self.each.saturating_sub(left.load(Ordering::Relaxed));
        used(&self.questions).saturating_add(used(&self.leaves))
    }

    fn of(&self, kind: CallKind) -> &AtomicUsize {
        match kind {
            CallKind::Join | CallKind::Message => &self.questions,
            CallKind::Leave | CallKind::Return => &self.leaves,
        }
    }

    pub(super) fn acquire(&self, kind: CallKind) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.of(kind).fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    fn release(&self, kind: CallKind) {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
    }
}

/// One calling thread.
struct Caller {
    service: Arc<dyn Service>,
    assigned: Arc<Mutex<Receiver<Assignment>>>,
    events: Sender<QueueEvent>,
    counts: Arc<CallCounts>,
}

impl Caller {
    fn run(&self, mut ids: MessageIds) {
        let clock = Clock::start();
        loop {
            // One thread waits for an assignment, the others for the lock. No call runs under it.
            let next = self.assigned.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Assignment { call, time_limit }) = next else { return };
            let began = clock.now();
            let id = format!("msg_{}", ids.next(began.unix).as_str());
            let received = catch_unwind(AssertUnwindSafe(|| {
                self.service.send(&call, &id, began.unix, time_limit)
            }));
            let received = received.unwrap_or_else(|_| {
                Err(CallError::Broken("the calling thread panicked".to_owned()))
            });
            let result = self.service.interpret(call.kind, received);
            if let Some(why) = &result.why {
                log::debug!("{} of {}: {why}", call.kind.label(), call.connection);
            }
            if result.evidence == CallEvidence::Unconnected {
                // The dispatcher has it tried again, or answered.
                if self.events.send(QueueEvent::Unconnected { call, why: result.why }).is_err() {
                    return;
                }
                continue;
            }
            self.counts.count(call.kind, result.outcome);
            let now = clock.monotonic();
            self.counts.record(call.kind, now.since(began.monotonic));
            let (kind, connection) = (call.kind, call.connection);
            let (evidence, why) = (result.evidence, result.why.clone());
            let done = QueueEvent::Done { kind, connection, evidence, why };
            // The dispatcher first, then the asker: so the asker's next call sees this result in
            // the breaker.
            let is_finished = self.events.send(done).is_err();
            self.service.answer(now, call, result);
            if is_finished {
                return;
            }
        }
    }
}
