//! A queue that serves its users in turn, by what their work costs.
//!
//! # The order
//!
//! Each user has a first-in, first-out queue, and a number: the service it has received, in any
//! unit of cost. The user with the least service is next (start-time fair queueing: Goyal, Vin and
//! Cheng, SIGCOMM 1996). What an item costs is often known only when it is done, so an item is
//! popped first and charged afterwards.
//!
//! A user that comes back from a pause starts where the users are who wait now, not with what it
//! has saved up; and what it was charged beyond that is remembered until the others have caught
//! up. So `n` users who always have work receive `1/n` each, whatever their items cost, and the
//! first item of a user who has not used its share waits for about one item of somebody else.
//!
//! # A full queue
//!
//! The owner bounds the queue by [`len`](FairQueue::len), and makes room with
//! [`shed`](FairQueue::shed): the newest item of the user that has most in the queue goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Of how many users who do not wait it is remembered that they are ahead.
const MOST_AHEAD: usize = 4_096;

/// A queue of `T`, fair by `K`. O(log users) a call.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    flows: BTreeMap<K, Flow<T>>,
    /// Users who wait, the one with the least service first; of equals, who has waited longest.
    waiting: BTreeSet<(u64, u64, K)>,
    /// Users who do not wait, and have received more service than those who do.
    ahead: BTreeSet<(u64, K)>,
    /// Users by how many items they have in the queue.
    lengths: BTreeSet<(usize, K)>,
    /// The service of the user who was served last.
    virtual_time: u64,
    /// Numbers the moments at which users begin to wait.
    turns: u64,
    len: usize,
    /// The most that a user is charged beyond the others.
    max_debt: u64,
    /// A planted fault: first come, first served. The users of the items, in the order of their arrival.
    #[cfg(test)]
    first_come: Option<VecDeque<K>>,
}

#[derive(Debug)]
struct Flow<T> {
    items: VecDeque<T>,
    service: u64,
    /// Its number among those who wait.
    turn: u64,
}

impl<K: Ord + Clone, T> FairQueue<K, T> {
    /// An empty queue. A user is never charged more than `max_debt` beyond the others, so that a
    /// single item that cost too much does not shut its user out.
    pub(crate) fn new(max_debt: u64) -> Self {
        Self {
            flows: BTreeMap::new(),
            waiting: BTreeSet::new(),
            ahead: BTreeSet::new(),
            lengths: BTreeSet::new(),
            virtual_time: 0,
            turns: 0,
            len: 0,
            max_debt,
            #[cfg(test)]
            first_come: None,
        }
    }

    /// From here on does not tell users apart, to prove that tests find that.
    #[cfg(test)]
    pub(crate) fn plant_first_come(&mut self) {
        self.first_come = Some(VecDeque::new());
    }

    /// The item that came first of those that may go, where that fault is planted.
    #[cfg(test)]
    fn pop_first_come(&mut self, mut may_go: impl FnMut(&K, &T) -> bool) -> Option<(K, T)> {
        let user = self.first_come.as_ref()?.iter().find(|user| {
            let first = self.flows.get(user).and_then(|flow| flow.items.front());
            first.is_some_and(|item| may_go(user, item))
        })?;
        let user = user.clone();
        let item = self.take(&user, VecDeque::pop_front)?;
        Some((user, item))
    }

    /// Puts an item behind the others of `user`.
    pub(crate) fn push(&mut self, user: K, item: T) {
        #[cfg(test)]
        if let Some(first_come) = &mut self.first_come {
            first_come.push_back(user.clone());
        }
        self.turns += 1;
        let (now, turn) = (self.virtual_time, self.turns);
        let flow = self.flows.entry(user.clone()).or_insert_with(|| Flow {
            items: VecDeque::new(),
            service: now,
            turn,
        });
        let before = flow.items.len();
        if before == 0 {
            self.ahead.remove(&(flow.service, user.clone()));
            (flow.service, flow.turn) = (flow.service.max(now), turn);
            self.waiting.insert((flow.service, flow.turn, user.clone()));
        } else {
            self.lengths.remove(&(before, user.clone()));
        }
        flow.items.push_back(item);
        self.lengths.insert((before + 1, user));
        self.len += 1;
    }

    /// Takes out the item that is next, with its user. [`charge`](Self::charge) follows once its
    /// cost is known.
    pub(crate) fn pop(&mut self) -> Option<(K, T)> {
        #[cfg(test)]
        if self.first_come.is_some() {
            return self.pop_first_come(|_, _| true);
        }
        let Some((service, _, user)) = self.waiting.pop_first() else {
            // Nobody waits: nobody is behind, and so nobody is ahead.
            self.forget_ahead(u64::MAX);
            return None;
        };
        self.virtual_time = self.virtual_time.max(service);
        self.forget_ahead(self.virtual_time);
        let item = self.take(&user, VecDeque::pop_front)?;
        Some((user, item))
    }

    /// Takes out the next item that `may_go`, in the order of [`pop`](Self::pop). Users whose first
    /// item may not go keep their places. O(users who are passed over).
    pub(crate) fn pop_if(&mut self, mut may_go: impl FnMut(&K, &T) -> bool) -> Option<(K, T)> {
        #[cfg(test)]
        if self.first_come.is_some() {
            return self.pop_first_come(may_go);
        }
        if self.waiting.is_empty() {
            return self.pop();
        }
        let found = self.waiting.iter().find(|(_, _, user)| {
            let first = self.flows.get(user).and_then(|flow| flow.items.front());
            first.is_some_and(|item| may_go(user, item))
        });
        let place = found?.clone();
        self.waiting.remove(&place);
        let (service, _, user) = place;
        self.virtual_time = self.virtual_time.max(service);
        self.forget_ahead(self.virtual_time);
        let item = self.take(&user, VecDeque::pop_front)?;
        Some((user, item))
    }

    /// What an item of `user` has cost. O(log users).
    pub(crate) fn charge(&mut self, user: &K, cost: u64) {
        if self.len == 0 {
            // Nobody waits: nobody is behind, and so nobody else is ahead.
            self.forget_ahead(u64::MAX);
        }
        let most = self.virtual_time.saturating_add(self.max_debt);
        let now = self.virtual_time;
        let flow = self.flows.entry(user.clone()).or_insert_with(|| Flow {
            items: VecDeque::new(),
            service: now,
            turn: 0,
        });
        let before = flow.service;
        flow.service = flow.service.max(now).saturating_add(cost).min(most.max(before));
        let is_waiting = !flow.items.is_empty();
        let (service, turn) = (flow.service, flow.turn);
        if is_waiting {
            self.waiting.remove(&(before, turn, user.clone()));
            self.waiting.insert((service, turn, user.clone()));
        } else {
            self.ahead.remove(&(before, user.clone()));
            self.ahead.insert((service, user.clone()));
            // Whoever is ahead by least.
            if self.ahead.len() > MOST_AHEAD
                && let Some((_, user)) = self.ahead.pop_first()
            {
                self.flows.remove(&user);
            }
        }
    }

    /// Takes out the newest item of the user that has most in the queue, if that is more than what
    /// `user` has, who needs room. `None`: `user` has as many as anybody.
    pub(crate) fn shed(&mut self, user: &K) -> Option<(K, T)> {
        let own = self.flows.get(user).map_or(0, |flow| flow.items.len());
        let (most, heaviest) = self.lengths.last().cloned()?;
        if most <= own.saturating_add(1) {
            return None;
        }
        let item = self.pop_newest(&heaviest)?;
        Some((heaviest, item))
    }

    /// The user that has most in the queue.
    pub(crate) fn heaviest(&self) -> Option<&K> {
        self.lengths.last().map(|(_, user)| user)
    }

    /// Takes out the newest item of `user`, where the owner of several queues chooses who gives way.
    pub(crate) fn pop_newest(&mut self, user: &K) -> Option<T> {
        self.take(user, VecDeque::pop_back)
    }

    /// Takes out every item that `is_over`. O(items), where those that are over come first.
    pub(crate) fn extract(&mut self, mut is_over: impl FnMut(&T) -> bool) -> Vec<T> {
        let users: Vec<K> = self.lengths.iter().map(|(_, user)| user.clone()).collect();
        let mut over = Vec::new();
        for user in users {
            let mut pick = |items: &mut VecDeque<T>| {
                let index = items.iter().position(&mut is_over)?;
                items.remove(index)
            };
            while let Some(item) = self.take(&user, &mut pick) {
                over.push(item);
            }
        }
        over
    }

    /// Items in the queue.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Is nothing in the queue?
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items `user` has in the queue.
    pub(crate) fn len_of(&self, user: &K) -> usize {
        self.flows.get(user).map_or(0, |flow| flow.items.len())
    }

    /// Takes all items out, in no order that matters.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + use<K, T> {
        self.waiting.clear();
        self.ahead.clear();
        self.lengths.clear();
        self.len = 0;
        std::mem::take(&mut self.flows).into_values().flat_map(|flow| flow.items)
    }

    /// Takes an item of `user` out, and puts the user where it belongs from then on.
    fn take(&mut self, user: &K, pop: impl FnOnce(&mut VecDeque<T>) -> Option<T>) -> Option<T> {
        let flow = self.flows.get_mut(user)?;
        let before = flow.items.len();
        let item = pop(&mut flow.items)?;
        #[cfg(test)]
        if let Some(first_come) = &mut self.first_come
            && let Some(place) = first_come.iter().position(|other| other == user)
        {
            first_come.remove(place);
        }
        let (service, turn, left) = (flow.service, flow.turn, flow.items.len());
        self.len -= 1;
        self.lengths.remove(&(before, user.clone()));
        self.waiting.remove(&(service, turn, user.clone()));
        if left > 0 {
            self.lengths.insert((left, user.clone()));
            self.turns += 1;
            flow.turn = self.turns;
            self.waiting.insert((service, self.turns, user.clone()));
        } else if service > self.virtual_time {
            self.ahead.insert((service, user.clone()));
        } else {
            self.flows.remove(user);
        }
        Some(item)
    }

    /// Forgets who is not ahead of `service`. Each is forgotten once for each charge.
    fn forget_ahead(&mut self, service: u64) {
        while let Some((first, _)) = self.ahead.first()
            && *first <= service
            && let Some((_, user)) = self.ahead.pop_first()
        {
            self.flows.remove(&user);
        }
    }
}

#[cfg(test)]
mod tests;
