//! The queue to a thread of the storage: bounded, and fair by what its tasks cost.
//!
//! Two classes take turns, and in each class its users. So a flood of messages does not delay who
//! wants to come in, and a user with many or long tasks delays the others by about one of them.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::node::Payer;
use crate::shares::FairQueue;

/// The most microseconds of the thread's time that a user is behind the others for tasks that took
/// long. A task may take long through no fault of its user's: the host was busy.
const MAX_DEBT: u64 = 100_000;

/// What a task is for. The classes share the thread evenly while both have work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::recipes) enum Class {
    /// To come in, to stay in, and to be kept out: joins, accounts, and an operator's orders.
    Access,
    /// Messages and recipes.
    Content,
}

/// Whose turn a task took, to be charged for it.
#[derive(Debug)]
pub(super) struct Turn {
    class: Class,
    payer: Payer,
}

/// A task that waits, and the memory that is charged for it.
pub(super) struct Queued<T> {
    pub(super) item: T,
    pub(super) bytes: usize,
}

/// The queue. Each call but [`wait`](Self::wait) is short.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    /// Tasks that may wait.
    items: usize,
    /// Bytes of memory that tasks may take until they are answered. 0: any number.
    bytes: usize,
}

struct State<T> {
    /// Each task that waits has an entry here, and is in the queue of its class.
    classes: FairQueue<Class, ()>,
    access: FairQueue<Payer, Queued<T>>,
    content: FairQueue<Payer, Queued<T>>,
    /// Tasks that gave way to others, and are to be answered.
    shed: Vec<T>,
    waiting_bytes: usize,
    /// The same with those that are not answered yet.
    held_bytes: usize,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(items: usize, bytes: usize) -> Self {
        let state = State {
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
        class: Class,
        payer: Payer,
        queued: Queued<T>,
    ) -> Result<(), Queued<T>> {
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

    fn has_room(&self, state: &State<T>, bytes: usize) -> bool {
        let held = state.held_bytes;
        let is_within = self.bytes == 0 || held == 0 || held.saturating_add(bytes) <= self.bytes;
        is_within && state.classes.len() < self.items
    }

    /// Waits for a task. False: the queue was closed, and is empty.
    pub(super) fn wait(&self) -> bool {
        let is_idle = |state: &mut State<T>| {
            state.classes.is_empty() && state.shed.is_empty() && !state.is_closed
        };
        let state = self.wake.wait_while(self.lock(), is_idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        !state.classes.is_empty() || !state.shed.is_empty()
    }

    /// Takes out the task that is next. [`charge`](Self::charge) follows.
    pub(super) fn pop(&self) -> Option<(Turn, Queued<T>)> {
        let mut state = self.lock();
        let (class, ()) = state.classes.pop()?;
        let (payer, queued) = state.of(class).pop()?;
        state.waiting_bytes -= queued.bytes;
        Some((Turn { class, payer }, queued))
    }

    /// What a task has cost, in microseconds of the thread's time.
    pub(super) fn charge(&self, turn: &Turn, micros: u64) {
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
        let dropped: Vec<Queued<T>> = state.access.drain().collect();
        let dropped =
            (dropped, state.content.drain().collect::<Vec<_>>(), mem::take(&mut state.shed));
        drop(state);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn of(&mut self, class: Class) -> &mut FairQueue<Payer, Queued<T>> {
        match class {
            Class::Access => &mut self.access,
            Class::Content => &mut self.content,
        }
    }

    /// Makes room for `payer`: the newest task of whoever has most in the longer of the two queues
    /// gives way, or else in the other. False: nobody has more than `payer`.
    fn shed(&mut self, payer: &Payer) -> bool {
        let mut order = [Class::Content, Class::Access];
        if self.access.len() > self.content.len() {
            order.reverse();
        }
        for class in order {
            if let Some((_, Queued { item, bytes })) = self.of(class).shed(payer) {
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

    fn user(name: char) -> Payer {
        Payer::user(&name.to_string())
    }

    fn queued(bytes: usize) -> Queued<()> {
        Queued { item: (), bytes }
    }

    fn push(queue: &Queue<()>, class: Class, name: char) -> bool {
        queue.push(class, user(name), queued(1)).is_ok()
    }

    /// Takes out `count` tasks, each of which costs so many microseconds.
    fn serve(queue: &Queue<()>, count: usize, cost: impl Fn(&Turn) -> u64) -> Vec<(Class, Payer)> {
        let mut served = Vec::new();
        for _ in 0..count {
            let Some((turn, Queued { bytes, .. })) = queue.pop() else { break };
            queue.charge(&turn, cost(&turn));
            queue.release(bytes);
            served.push((turn.class, turn.payer));
        }
        served
    }

    #[test]
    fn long_tasks_delay_others_by_a_round_at_most() {
        let queue = Queue::new(1_000, 0);
        for _ in 0..10 {
            ('a'..='x').for_each(|name| assert!(push(&queue, Class::Content, name)));
        }
        // What is measured is never the same twice.
        let costs = std::cell::Cell::new(20_000);
        let cost = |turn: &Turn| {
            costs.set(costs.get() + 7);
            if turn.payer == user('z') { 100 } else { costs.get() }
        };
        serve(&queue, 30, cost);
        for _ in 0..5 {
            assert!(push(&queue, Class::Content, 'z'));
        }
        // A first in, first out queue would have 210 before them.
        let served = serve(&queue, 29, cost);
        let places = served.iter().filter(|(_, payer)| *payer == user('z')).count();
        assert_eq!(places, 5, "{served:?}");
    }

    #[test]
    fn messages_leave_half_of_the_time_to_joins() {
        let queue = Queue::new(1_000, 0);
        for name in ('a'..='z').cycle().take(300) {
            assert!(push(&queue, Class::Content, name));
        }
        for name in ('A'..='Z').cycle().take(300) {
            assert!(push(&queue, Class::Access, name));
        }
        let cost = |turn: &Turn| if turn.class == Class::Content { 9 } else { 1 };
        let served = serve(&queue, 200, cost);
        let joins = served.iter().filter(|(class, _)| *class == Class::Access).count();
        assert!((170..=190).contains(&joins), "{joins}");
    }

    #[test]
    fn full_queue_sheds_the_newest_of_the_heaviest_user() {
        let queue = Queue::new(10, 0);
        assert!((0..10).all(|_| push(&queue, Class::Content, 'a')));
        assert!(!push(&queue, Class::Content, 'a'), "nobody has more");
        assert!(push(&queue, Class::Content, 'b') && push(&queue, Class::Access, 'c'));
        assert_eq!(queue.take_shed().len(), 2);
        let served = serve(&queue, 20, |_| 1);
        let of = |name| served.iter().filter(|(_, payer)| *payer == user(name)).count();
        assert_eq!((served.len(), of('a'), of('b'), of('c')), (10, 8, 1, 1));
        assert!(queue.lock().held_bytes == 0 && queue.lock().waiting_bytes == 0);
    }

    #[test]
    fn bytes_in_work_are_not_won_by_shedding() {
        let queue = Queue::new(10, 100);
        for _ in 0..3 {
            assert!(queue.push(Class::Content, user('a'), queued(30)).is_ok());
        }
        assert!(queue.push(Class::Content, user('b'), queued(30)).is_ok(), "one of a's gives way");
        assert_eq!(queue.take_shed().len(), 1);
        while queue.pop().is_some() {}
        assert!(queue.push(Class::Content, user('b'), queued(30)).is_err());
        assert!(queue.take_shed().is_empty());
    }
}
