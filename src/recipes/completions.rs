//! How the application's threads hand their answers to the driver.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::node::Completion;

type Deliver = Box<dyn Fn(Completion) + Send + Sync>;

/// The channel through which the application's threads return their answers to the driver.
///
/// A server is created with its application, so the channel is connected afterwards: open the
/// application, create the server, then call [`connect`](CompletionSink::connect).
#[derive(Clone, Default)]
pub struct CompletionSink(Arc<OnceLock<Deliver>>);

impl fmt::Debug for CompletionSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompletionSink").field(&self.0.get().is_some()).finish()
    }
}

impl CompletionSink {
    /// Sends answers to `deliver` from now on. `deliver` may block while the driver is behind: that
    /// is back-pressure on the database and on the queue in front of it. Call it before the server
    /// runs. Only the first call has an effect.
    pub fn connect(&self, deliver: impl Fn(Completion) + Send + Sync + 'static) {
        // With a second driver, answers would reach connections that did not ask.
        let _ = self.0.set(Box::new(deliver));
    }

    /// Hands an answer to the driver. Questions come from the driver, so none is answered before it
    /// is connected.
    pub(super) fn deliver(&self, done: Completion) {
        match self.0.get() {
            Some(deliver) => deliver(done),
            None => log::error!("an answer was dropped: `CompletionSink::connect` was not called"),
        }
    }
}
