//! An application that answers from a worker what nobody waits for: joins of those who came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::memory::MemoryApp;
use crate::node::app::{Admission, Answer, App, Incoming, Join, Left, Reply};
use crate::time::UnixTime;

/// Which users it has admitted to which rooms, and the tokens that it must be asked about, over all
/// processes.
#[derive(Debug, Default)]
struct Distrust {
    admitted: BTreeMap<(String, String), UnixTime>,
    /// Users whom an operator has disconnected, and when.
    disconnected: BTreeMap<String, UnixTime>,
    tokens: BTreeSet<u64>,
    faults: Vec<String>,
    told: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SharedDistrust(Arc<Mutex<Distrust>>);

impl SharedDistrust {
    /// The join with this token must be asked about, as the memo beside it is not good.
    pub(super) fn add(&self, token: u64) {
        self.lock().tokens.insert(token);
    }

    /// This user was disconnected: what it was admitted to before is void.
    pub(super) fn disconnect(&self, user: &str, at: UnixTime) {
        self.lock().disconnected.insert(user.to_owned(), at);
    }

    /// The users who were disconnected, and when.
    pub(super) fn disconnected(&self) -> Vec<(String, UnixTime)> {
        self.lock().disconnected.iter().map(|(user, at)| (user.clone(), *at)).collect()
    }

    /// Users who came in though the application had to be asked.
    pub(super) fn take_fault(&self) -> Option<String> {
        self.lock().faults.pop()
    }

    /// How many joins the application was only told of.
    pub(super) fn told(&self) -> u64 {
        self.lock().told
    }

    fn lock(&self) -> MutexGuard<'_, Distrust> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, join: &Join<'_>, trusted: Duration) {
        let mut distrust = self.lock();
        let key = (join.room.to_owned(), join.user.to_owned());
        if !join.resumed {
            distrust.admitted.insert(key, join.now);
            return;
        }
        distrust.told += 1;
        let claims: Value = serde_json::from_str(join.claims).unwrap_or_default();
        let token = claims.get("jti").and_then(Value::as_str);
        let token = token.and_then(|id| id.parse().ok()).unwrap_or(0);
        let at = distrust.admitted.get(&key).copied();
        // An admission counts from its answer, which comes later.
        let is_known = at.is_some_and(|at| join.now.since(at) < trusted * 2);
        // A clock that was set back does not make a memo good that is from the future.
        let is_from_future = at.is_some_and(|at| at > join.now);
        let disconnected = distrust.disconnected.get(join.user);
        let is_void = at.zip(disconnected).is_some_and(|(at, disconnected)| at < *disconnected);
        if !is_known || is_from_future || is_void || distrust.tokens.contains(&token) {
            let fault = format!("{} is let in by a memo alone", join.user);
            distrust.faults.push(fault);
        }
    }
}

/// An application in memory that answers later where it is only told.
#[derive(Debug)]
pub(super) struct LateJoins {
    pub(super) app: MemoryApp,
    pub(super) trusted: Duration,
    pub(super) distrust: SharedDistrust,
}

impl App for LateJoins {
    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        self.distrust.judge(join, self.trusted);
        match self.app.on_join(join) {
            Reply::Now(admission) if join.resumed => Reply::later(move || admission),
            reply => reply,
        }
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.app.on_message(message)
    }

    fn on_leave(&mut self, left: &Left<'_>) {
        self.app.on_leave(left);
    }
}
