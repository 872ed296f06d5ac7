//! The way back: how the application's threads hand their answers to the driver.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::node::Completion;

type Deliver = Box<dyn Fn(Completion) + Send + Sync>;

/// Where the application's threads leave their answers.
///
/// The driver is made with the application, so the way to it is known only afterwards: open the
/// application, make the server, then [`connect`](Answers::connect) the two.
#[derive(Clone, Default)]
pub struct CompletionSink(Arc<OnceLock<Deliver>>);

impl fmt::Debug for CompletionSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.0.get().is_some()).finish()
    }
}

impl CompletionSink {
    /// From here on answers go to `deliver`, which may block while the driver is behind: that holds
    /// the database back, and with it the queue in front of it. Must be called before the server
    /// runs; the first call counts.
    pub fn connect(&self, deliver: impl Fn(Completion) + Send + Sync + 'static) {
        // A second driver for one application would answer strangers.
        let _ = self.0.set(Box::new(deliver));
    }

    /// Nobody asks before there is a driver, so nothing is lost before it is connected.
    pub(super) fn deliver(&self, done: Completion) {
        match self.0.get() {
            Some(deliver) => deliver(done),
            None => log::error!("an answer has nowhere to go: `connect` was not called"),
        }
    }
}
