//! The queue to a thread of the storage: bounded, and fair by what its tasks cost.
//!
//! Two classes take turns, and in each class its users. So a flood of messages does not delay who
//! wants to come in, and a user with many or long tasks delays the others by about one of them.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::node::Payer;
use crate::shares::FairQueue;

/// The most microseconds of the thread's time that a user is behind the others for tasks that took
/// long. A task may take long through no fault of its user's: the host was busy.
const MAX_DEBT: u64 = 100_000;

/// The limits of the storage queue and of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Tasks that may wait.
    pub(crate) items: usize,
    /// Bytes of memory that these may take. 0 means that only their number is limited.
    pub(crate) bytes: usize,
    /// Tasks in one transaction, at most 256.
    pub(crate) batch: usize,
    /// How long the tasks of a transaction run: none begins later.
    pub(crate) batch_time: Duration,
}

/// The queue is full; the task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// What a task is for. The classes share the thread evenly while both have work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskClass {
    /// To come in, to stay in, and to be kept out: joins, accounts, and an operator's orders.
    Access,
    /// Messages and recipes.
    Content,
}

/// Whose turn a task took, to be charged for it.
#[derive(Debug)]
pub(super) struct TaskTurn {
    class: TaskClass,
    payer: Payer,
}

impl TaskTurn {
    /// Whether it is that of a message or a recipe.
    pub(super) fn is_content(&self) -> bool {
        self.class == TaskClass::Content
    }
}

/// A task that waits, and the memory that is charged for it.
pub(super) struct QueuedTask<T> {
    pub(super) item: T,
    pub(super) bytes: usize,
}

/// The queue. Each call but [`wait`](Self::wait) is short.
pub(super) struct TaskQueue<T> {
    state: Mutex<WaitingTasks<T>>,
    wake: Condvar,
    /// Tasks that may wait.
    items: usize,
    /// Bytes of memory that tasks may take until they are answered. 0: any number.
    bytes: usize,
}

struct WaitingTasks<T> {
    /// Each task that waits has an entry here, and is in the queue of its class.
    classes: FairQueue<TaskClass, ()>,
    access: FairQueue<Payer, QueuedTask<T>>,
    content: FairQueue<Payer, QueuedTask<T>>,
    /// Tasks that gave way to others, and are to be answered.
    shed: Vec<T>,
    waiting_bytes: usize,
    /// The same with those that are not answered yet.
    held_bytes: usize,
    is_closed: bool,
}

impl<T> TaskQueue<T> {
    pub(super) fn new(items: usize, bytes: usize) -> Self {
        let state = WaitingTasks {
            classes: FairQueue::new(MAX_DEBT),
            access: FairQueue::new(MAX_DEBT),
            content: FairQueue::new(MAX_DEBT),
            shed: Vec::new(),
            waiting_bytes: 0,
            held_bytes: 0,
            is_closed: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), items: items.max(1), bytes }
    }

    /// Queues a task. When there is no room for it, the newest task of whoever has most gives way.
    ///
    /// # Errors
    /// Nobody has more than this payer, or the thread has stopped: the task is given back.
    pub(super) fn push(
        &self,
        class: TaskClass,
        payer: Payer,
        queued: QueuedTask<T>,
    ) -> Result<(), QueuedTask<T>> {
        let mut state = self.lock();
        if state.is_closed {
            log::error!("the storage thread has stopped: restart the server");
            return Err(queued);
        }
        while !self.has_room(&state, queued.bytes) {
            // What is being done gives no memory back by shedding.
            let done_bytes = state.held_bytes - state.waiting_bytes;
            let is_hopeless = self.bytes > 0 && done_bytes + queued.bytes > self.bytes;
            if is_hopeless || state.shed.len() >= self.items || !state.shed(&payer) {
                return Err(queued);
            }
        }
        state.waiting_bytes += queued.bytes;
        state.held_bytes += queued.bytes;
        state.classes.push(class, ());
        state.of(class).push(payer, queued);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn has_room(&self, state: &WaitingTasks<T>, bytes: usize) -> bool {
        let held = state.held_bytes;
        let is_within = self.bytes == 0 || held == 0 || held.saturating_add(bytes) <= self.bytes;
        is_within && state.classes.len() < self.items
    }

    /// Waits for a task, for so long at most. False: the queue was closed, and is empty.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let is_idle = |state: &mut WaitingTasks<T>| {
            state.classes.is_empty() && state.shed.is_empty() && !state.is_closed
        };
        let waited = self.wake.wait_timeout_while(self.lock(), at_most, is_idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_closed || !state.classes.is_empty() || !state.shed.is_empty()
    }

    /// Takes out the task that is next. [`charge`](Self::charge) follows.
    pub(super) fn pop(&self) -> Option<(TaskTurn, QueuedTask<T>)> {
        let mut state = self.lock();
        let (class, ()) = state.classes.pop()?;
        let (payer, queued) = state.of(class).pop()?;
        state.waiting_bytes -= queued.bytes;
        Some((TaskTurn { class, payer }, queued))
    }

    /// How many tasks wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().classes.len()
    }

    /// What a task has cost, in microseconds of the thread's time.
    pub(super) fn charge(&self, turn: &TaskTurn, micros: u64) {
        let mut state = self.lock();
        state.classes.charge(&turn.class, micros);
        state.of(turn.class).charge(&turn.payer, micros);
    }

    /// Gives back the memory of a task that is answered.
    pub(super) fn release(&self, bytes: usize) {
        self.lock().held_bytes -= bytes;
    }

    /// Takes out the tasks that gave way to others.
    pub(super) fn take_shed(&self) -> Vec<T> {
        mem::take(&mut self.lock().shed)
    }

    /// Nothing more is put in. What waits is done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// The thread ends: what still waits is dropped, so that nobody waits for it.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let dropped: Vec<QueuedTask<T>> = state.access.drain().collect();
        let dropped =
            (dropped, state.content.drain().collect::<Vec<_>>(), mem::take(&mut state.shed));
        drop(state);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, WaitingTasks<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the queue with the thread, also when the thread panics.
pub(super) struct EndOfQueue<T>(pub(super) Arc<TaskQueue<T>>);

impl<T> Drop for EndOfQueue<T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl<T> WaitingTasks<T> {
    fn of(&mut self, class: TaskClass) -> &mut FairQueue<Payer, QueuedTask<T>> {
        match class {
            TaskClass::Access => &mut self.access,
            TaskClass::Content => &mut self.content,
        }
    }

    /// Makes room for `payer`: the newest task of whoever has most in the longer of the two queues
    /// gives way, or else in the other. False: nobody has more than `payer`.
    fn shed(&mut self, payer: &Payer) -> bool {
        let mut order = [TaskClass::Content, TaskClass::Access];
        if self.access.len() > self.content.len() {
            order.reverse();
        }
        for class in order {
            if let Some((_, QueuedTask { item, bytes })) = self.of(class).shed(payer) {
                self.classes.pop_newest(&class);
                self.waiting_bytes -= bytes;
                self.held_bytes -= bytes;
                self.shed.push(item);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::rivalry::{self, RivalQueue, Rivalry};

    fn user(name: char) -> Payer {
        Payer::user(&name.to_string())
    }

    fn queued(bytes: usize) -> QueuedTask<()> {
        QueuedTask { item: (), bytes }
    }

    fn push(queue: &TaskQueue<()>, class: TaskClass, name: char) -> bool {
        queue.push(class, user(name), queued(1)).is_ok()
    }

    /// Takes out `count` tasks, each of which costs so many microseconds.
    fn serve(
        queue: &TaskQueue<()>,
        count: usize,
        cost: impl Fn(&TaskTurn) -> u64,
    ) -> Vec<(TaskClass, Payer)> {
        let mut served = Vec::new();
        for _ in 0..count {
            let Some((turn, QueuedTask { bytes, .. })) = queue.pop() else { break };
            queue.charge(&turn, cost(&turn));
            queue.release(bytes);
            served.push((turn.class, turn.payer));
        }
        served
    }

    #[test]
    fn long_tasks_delay_others_by_a_round_at_most() {
        let queue = TaskQueue::new(1_000, 0);
        for _ in 0..10 {
            ('a'..='x').for_each(|name| assert!(push(&queue, TaskClass::Content, name)));
        }
        // What is measured is never the same twice.
        let costs = std::cell::Cell::new(20_000);
        let cost = |turn: &TaskTurn| {
            costs.set(costs.get() + 7);
            if turn.payer == user('z') { 100 } else { costs.get() }
        };
        serve(&queue, 30, cost);
        for _ in 0..5 {
            assert!(push(&queue, TaskClass::Content, 'z'));
        }
        // A first in, first out queue would have 210 before them.
        let served = serve(&queue, 29, cost);
        let places = served.iter().filter(|(_, payer)| *payer == user('z')).count();
        assert_eq!(places, 5, "{served:?}");
    }

    #[test]
    fn messages_leave_half_of_the_time_to_joins() {
        let queue = TaskQueue::new(1_000, 0);
        for name in ('a'..='z').cycle().take(300) {
            assert!(push(&queue, TaskClass::Content, name));
        }
        for name in ('A'..='Z').cycle().take(300) {
            assert!(push(&queue, TaskClass::Access, name));
        }
        let cost = |turn: &TaskTurn| if turn.class == TaskClass::Content { 9 } else { 1 };
        let served = serve(&queue, 200, cost);
        let joins = served.iter().filter(|(class, _)| *class == TaskClass::Access).count();
        assert!((170..=190).contains(&joins), "{joins}");
    }

    #[test]
    fn full_queue_sheds_the_newest_of_the_heaviest_user() {
        let queue = TaskQueue::new(10, 0);
        assert!((0..10).all(|_| push(&queue, TaskClass::Content, 'a')));
        assert!(!push(&queue, TaskClass::Content, 'a'), "nobody has more");
        assert!(push(&queue, TaskClass::Content, 'b') && push(&queue, TaskClass::Access, 'c'));
        assert_eq!(queue.take_shed().len(), 2);
        let served = serve(&queue, 20, |_| 1);
        let of = |name| served.iter().filter(|(_, payer)| *payer == user(name)).count();
        assert_eq!((served.len(), of('a'), of('b'), of('c')), (10, 8, 1, 1));
        assert!(queue.lock().held_bytes == 0 && queue.lock().waiting_bytes == 0);
    }

    #[test]
    fn bytes_in_work_are_not_won_by_shedding() {
        let queue = TaskQueue::new(10, 100);
        for _ in 0..3 {
            assert!(queue.push(TaskClass::Content, user('a'), queued(30)).is_ok());
        }
        assert!(
            queue.push(TaskClass::Content, user('b'), queued(30)).is_ok(),
            "one of a's gives way"
        );
        assert_eq!(queue.take_shed().len(), 1);
        while queue.pop().is_some() {}
        assert!(queue.push(TaskClass::Content, user('b'), queued(30)).is_err());
        assert!(queue.take_shed().is_empty());
    }

    /// A queue in which jobs are numbers.
    struct RivalScene {
        queue: TaskQueue<usize>,
        class: TaskClass,
        turns: std::collections::BTreeMap<usize, TaskTurn>,
        dropped: Vec<usize>,
    }

    impl RivalQueue for RivalScene {
        fn push(&mut self, _: crate::time::Instant, user: usize, job: usize) {
            let queued = QueuedTask { item: job, bytes: 1 };
            if self.queue.push(self.class, Payer::user(&user.to_string()), queued).is_err() {
                self.dropped.push(job);
            }
        }

        fn pop(&mut self, _: crate::time::Instant) -> Option<usize> {
            let (turn, QueuedTask { item: job, .. }) = self.queue.pop()?;
            self.turns.insert(job, turn);
            Some(job)
        }

        fn dropped(&mut self) -> Option<usize> {
            self.dropped.extend(self.queue.take_shed());
            self.dropped.pop()
        }

        fn done(&mut self, _: crate::time::Instant, job: usize, took: Duration) {
            let turn = self.turns.remove(&job).unwrap();
            self.queue.charge(&turn, took.as_micros() as u64);
            self.queue.release(1);
        }
    }

    fn new_scene(class: TaskClass, is_first_come: bool) -> RivalScene {
        let queue = TaskQueue::new(64, 0);
        if is_first_come {
            queue.lock().of(class).plant_first_come();
        }
        RivalScene { queue, class, turns: Default::default(), dropped: Vec::new() }
    }

    const RIVALRY: Rivalry = Rivalry { rivals: 5, servers: 1, differs_in_cost: true };

    #[test]
    fn rival_has_twice_its_part_of_the_database_at_most() {
        for class in [TaskClass::Content, TaskClass::Access] {
            rivalry::check(RIVALRY, |is_first_come| new_scene(class, is_first_come));
        }
    }

    #[cfg(feature = "sim")]
    #[test]
    fn rivals_share_the_database_of_a_whole_node() {
        let new = |is_first_come| new_scene(TaskClass::Content, is_first_come);
        crate::sim::check_in_a_node(RIVALRY, new);
    }
}
