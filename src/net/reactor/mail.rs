//! What other threads have left: answers, keys, a configuration, an operator's orders.

use std::mem;

use super::Reactor;
use crate::net::handle::{Health, Letter, Reload};

/// Answers of workers and handles that one turn takes; more wait in the mail slot.
const MAIL_PER_TURN: usize = 256;

impl Reactor {
    /// Hands the node what workers and handles have answered.
    pub(super) fn take_mail(&mut self) {
        if !mem::take(&mut self.mail_left) {
            return;
        }
        for _ in 0..MAIL_PER_TURN {
            match self.inbox.take() {
                Some(Letter::Done(done)) => {
                    self.node.handle_completion(self.now, done);
                    if self.node.should_flush() {
                        self.act();
                    }
                }
                Some(Letter::Keys(keys)) => self.node.replace_keys(keys),
                Some(Letter::Watched(id, keys)) => {
                    if self.key_watch.as_ref().is_some_and(|watch| watch.is(id)) {
                        self.node.replace_keys(keys);
                    }
                }
                Some(Letter::Reload(reload)) => {
                    self.take_up(*reload);
                }
                Some(Letter::Order(order)) => order.carry_out(&mut self.node, self.now),
                // Who asked may have gone meanwhile.
                Some(Letter::Health(asked)) => drop(asked.try_send(Health::of(&self.node))),
                None => return,
            }
        }
        self.mail_left = true;
    }

    /// A configuration instead of the one that is there.
    fn take_up(&mut self, reload: Reload) {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &reload.acceptor {
            self.secure.replace(acceptor.clone());
        }
        self.key_watch = reload.carry_out(&mut self.node, self.now);
    }

    /// Tells the key watch that tokens name what is not there. One word waits for it at most.
    pub(super) fn ask_for_keys(&mut self) {
        let unknown = self.node.metrics().unknown_keys;
        if mem::replace(&mut self.unknown_keys, unknown) != unknown
            && let Some(watch) = &self.key_watch
        {
            watch.ask();
        }
    }
}
