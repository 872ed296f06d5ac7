//! What each user takes of what all share, how much that may be, and what is to be left to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::config::{Config, Limits};
use crate::id::ConnId;
use crate::node::Node;
use crate::time::Instant;

/// What the names of users begin with who use little of everything.
pub(super) const FRUGAL: &str = "frugal-";
/// What the simulator's application serves over HTTP.
pub(super) const PAGE: &str = "/page";
/// What it serves in a place for requests that keep users signed in.
pub(super) const REFRESH: &str = "/refresh";

/// Until a table has been full for so long, it has what was taken while there was enough of it.
const SETTLING: Duration = Duration::from_secs(40);

/// The room of a frugal user.
pub(super) fn frugal_room(user: &str) -> String {
    format!("room-of-{user}")
}

/// What users take, over all their connections.
#[derive(Debug, Default)]
pub(super) struct Shares {
    limits: Limits,
    messages: Taken,
    tokens: Taken,
    requests: Taken,
    /// The last end of each frugal user that was in a room.
    ends: BTreeMap<String, ConnId>,
    /// The last ends of every other user that was in a room, as many as may be remembered.
    ends_of_others: BTreeMap<String, VecDeque<ConnId>>,
    /// Since when each table of rivals has been full at times.
    full_since: BTreeMap<&'static str, Instant>,
}

impl Shares {
    pub(super) fn new(config: &Config) -> Self {
        Self { limits: config.limits.clone(), ..Self::default() }
    }

    /// The application gets a message of `user`.
    ///
    /// # Errors
    /// The user's allowance does not reach so far.
    pub(super) fn take_message(&mut self, now: Instant, user: &str) -> Result<(), String> {
        self.messages.take(now, user, self.limits.messages_per_minute, "messages")
    }

    /// A token of `user` was accepted.
    ///
    /// # Errors
    /// The user's allowance does not reach so far.
    pub(super) fn take_token(&mut self, now: Instant, user: &str) -> Result<(), String> {
        self.tokens.take(now, user, self.limits.auth_per_minute_per_user, "tokens")
    }

    /// The application gets a request of `user`.
    ///
    /// # Errors
    /// The user's allowance does not reach so far.
    pub(super) fn take_request(&mut self, now: Instant, user: &str) -> Result<(), String> {
        self.requests.take(now, user, self.limits.requests_per_minute_per_user, "requests")
    }

    /// May answers of `user` be forgotten early? A small table forgets those of whoever has most.
    pub(super) fn may_forget_answers(&self, user: &str) -> bool {
        let usual = Limits::default().answer_bytes;
        self.limits.answer_bytes < usual && !user.starts_with(FRUGAL)
    }

    /// `id`, which was in a room, has ended.
    pub(super) fn ended(&mut self, user: String, id: ConnId) {
        if user.starts_with(FRUGAL) {
            self.ends.insert(user, id);
            return;
        }
        let ends = self.ends_of_others.entry(user).or_default();
        ends.push_back(id);
        if ends.len() > self.limits.recent_ends {
            ends.pop_front();
        }
    }

    /// How many of all ends are remembered, and how many of the user of whom most are.
    fn remembered(&self, node: &Node) -> [u64; 3] {
        let of_user = |ends: &VecDeque<ConnId>| {
            ends.iter().filter(|id| node.remembers_end(**id)).count() as u64
        };
        let counts = self.ends_of_others.values().map(of_user);
        let (all, most) = counts.fold((0, 0), |(all, most), of| (all + of, most.max(of)));
        [all, most, self.limits.recent_ends as u64]
    }

    /// Checks that none of `rivals` users who all want more than there is has more than twice its part
    /// of a table that has been full for some time.
    ///
    /// # Errors
    /// One has more.
    pub(super) fn judge_rivals(
        &mut self,
        now: Instant,
        node: &Node,
        rivals: usize,
    ) -> Result<(), String> {
        let ends = ("recent_ends", self.remembered(node));
        for (table, [all, most, bound]) in std::iter::once(ends).chain(node.view().held()) {
            if bound == 0 || all * 10 < bound * 9 {
                continue;
            }
            let full_since = *self.full_since.entry(table).or_insert(now);
            // Those that wait to be refused are pending beyond the bound.
            let all = all.max(bound);
            if now.since(full_since) > SETTLING && most * rivals as u64 > 2 * all {
                return Err(format!(
                    "one of {rivals} has {most} of {all} in {table}, more than twice its part"
                ));
            }
        }
        Ok(())
    }

    /// Connections whose end must be known: the last one of each frugal user.
    pub(super) fn ends(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.ends.values().copied()
    }
}

/// How much of something each user took.
#[derive(Debug, Default)]
struct Taken {
    by_user: BTreeMap<String, (Instant, u32)>,
}

impl Taken {
    /// `user` takes one more of `what`, of which `per_minute` are allowed, and as many at once; 0: no
    /// limit.
    ///
    /// Counted since the user's first: a user who never pauses gets that much and not more. What
    /// waits in the server may be taken later than it was allowed, never earlier.
    fn take(
        &mut self,
        now: Instant,
        user: &str,
        per_minute: u32,
        what: &str,
    ) -> Result<(), String> {
        if per_minute == 0 {
            return Ok(());
        }
        let (since, taken) = self.by_user.entry(user.to_owned()).or_insert((now, 0));
        *taken += 1;
        let refilled = now.since(*since).as_secs_f64() / 60.0 * f64::from(per_minute);
        // What a rounded interval may add.
        if f64::from(*taken) > f64::from(per_minute) + refilled + 0.01 {
            return Err(format!(
                "{user} took {taken} {what} since {since:?}, beyond its allowance"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_an_allowance_is_a_violation() {
        let mut taken = Taken::default();
        let mut take = |seconds, user| {
            let now = Instant::START + Duration::from_secs(seconds);
            taken.take(now, user, 30, "messages")
        };
        assert!((0..30).all(|_| take(0, "alice").is_ok()));
        assert!(take(2, "alice").is_ok() && take(2, "bob").is_ok());
        assert!(take(2, "alice").is_err());
    }

    #[test]
    fn only_frugal_users_keep_their_ends_for_sure() {
        let mut shares = Shares::default();
        for (serial, user) in [(1, "bad-1"), (2, "frugal-2"), (3, "frugal-2")] {
            shares.ended(user.to_owned(), ConnId::new(0, serial));
        }
        assert_eq!(shares.ends().collect::<Vec<_>>(), [ConnId::new(0, 3)]);
    }
}
