//! Revocations that could not be stored, for as long as a restart would forget them.

use std::collections::BTreeMap;

use crate::config::counted;
use crate::time::UnixTime;

/// How many users are kept, as docs/metrics.md says. A name has at most 256 characters, so they take about
/// 1 MiB at most.
const MAX_USERS: usize = 1_024;

/// The users whose revocation is in force, but not stored. They are kept to be stored again.
#[derive(Debug, Default)]
pub(crate) struct UnstoredRevocations {
    by_user: BTreeMap<Box<str>, UnixTime>,
    /// How many found no place here: they are lost at a restart, unless an operator gives them again.
    dropped: u64,
    /// Why the last one could not be stored.
    fault: Box<str>,
}

impl UnstoredRevocations {
    /// The revocation of this user up to `at` could not be stored.
    pub(crate) fn insert(&mut self, user: &str, at: UnixTime, fault: String) {
        self.fault = fault.into();
        if let Some(known) = self.by_user.get_mut(user) {
            *known = at.max(*known);
        } else if self.by_user.len() < MAX_USERS {
            self.by_user.insert(user.into(), at);
        } else {
            self.dropped += 1;
        }
    }

    /// A revocation of this user up to `at` is stored, and with it every earlier one.
    pub(crate) fn remove(&mut self, user: &str, at: UnixTime) {
        if self.by_user.get(user).is_some_and(|&unstored| unstored <= at) {
            self.by_user.remove(user);
        }
    }

    /// One that is to be stored again.
    pub(crate) fn first(&self) -> Option<(Box<str>, UnixTime)> {
        self.by_user.first_key_value().map(|(user, at)| (user.clone(), *at))
    }

    /// Does this user's revocation wait to be stored again?
    pub(crate) fn contains(&self, user: &str) -> bool {
        self.by_user.contains_key(user)
    }

    /// How many revocations found no place here since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many users are kept.
    pub(crate) fn len(&self) -> usize {
        self.by_user.len()
    }

    /// A sentence for the operator, where the revocations of `lost` users are in force, not stored, and not
    /// kept here. `None`: a restart forgets no revocation.
    pub(crate) fn fault(&self, lost: usize) -> Option<String> {
        let (kept, fault) = (self.by_user.len(), &self.fault);
        match (kept, lost) {
            (0, 0) => None,
            (_, 0) => Some(format!(
                "Revocations of {} could not be stored, and a restart forgets them. They are tried again \
                 every 30 seconds: {fault}",
                counted(kept, "user")
            )),
            (0, _) => Some(format!(
                "More revocations could not be stored than were kept to be stored again. A restart forgets \
                 those of {}: end the sessions again that were ended since then: {fault}",
                counted(lost, "user")
            )),
            (..) => Some(format!(
                "Revocations of {} could not be stored, and are tried again every 30 seconds; {} more are not kept \
                 for that. A restart forgets all of them: end the sessions again that were ended \
                 since then: {fault}",
                counted(kept, "user"),
                lost
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unstored_user_is_kept_until_that_moment_is_stored() {
        let at = UnixTime::from_millis;
        let mut unstored = UnstoredRevocations::default();
        for moment in [100, 200, 150] {
            unstored.insert("ann", at(moment), "full".to_owned());
        }
        assert_eq!(unstored.first(), Some(("ann".into(), at(200))));
        unstored.remove("ann", at(199));
        unstored.remove("bob", at(300));
        assert_eq!(unstored.len(), 1);
        unstored.remove("ann", at(200));
        assert_eq!((unstored.len(), unstored.fault(0)), (0, None));
    }

    #[test]
    fn unstored_users_beyond_the_bound_are_told() {
        let mut unstored = UnstoredRevocations::default();
        for user in 0..MAX_USERS + 2 {
            unstored.insert(&user.to_string(), UnixTime::default(), "full".to_owned());
        }
        assert_eq!((unstored.len(), unstored.dropped()), (MAX_USERS, 2));
        assert!(unstored.contains("1") && !unstored.contains(&MAX_USERS.to_string()));
        let fault = unstored.fault(2).unwrap();
        assert!(fault.contains("of 1024 users") && fault.contains("2 more"), "{fault}");
        while let Some((user, at)) = unstored.first() {
            unstored.remove(&user, at);
        }
        let fault = unstored.fault(2).unwrap();
        assert!(fault.contains("forgets those of 2 users: "), "{fault}");
        assert_eq!(unstored.fault(0), None);
    }
}
