//! When a server that is restarted listens again, as a process sees it that tries all the time.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{io, thread};

use vestibule::time::Instant;

use super::engine::clock;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);
/// Nothing is tried for longer than that.
const MOST_TRIES: u32 = 60_000;

/// Watches a listener. The server sees connections that end at once.
#[derive(Debug)]
pub(super) struct ListenerWatch {
    began_at: Instant,
    back_after: Arc<OnceLock<Duration>>,
}

impl ListenerWatch {
    /// Watches from `now` on: the listener goes away, and comes back.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub(super) fn begin(address: SocketAddr, now: Instant) -> io::Result<Self> {
        let back_after = Arc::new(OnceLock::new());
        let found = Arc::clone(&back_after);
        let begun = clock();
        let watch = move || {
            if is_seen_again(address) {
                let _ = found.set(clock().duration_since(begun));
            }
        };
        thread::Builder::new().name("listener".to_owned()).spawn(watch)?;
        Ok(Self { began_at: now, back_after })
    }

    /// When it was back; `None`: it is not yet, or was never seen to be away.
    pub(super) fn back_at(&self) -> Option<Instant> {
        self.back_after.get().map(|after| self.began_at + *after)
    }
}

/// Waits until the listener was away, and accepts again.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which does nothing else")]
fn is_seen_again(address: SocketAddr) -> bool {
    let mut was_away = false;
    for _ in 0..MOST_TRIES {
        let is_there = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        if is_there && was_away {
            return true;
        }
        was_away |= !is_there;
        thread::sleep(PAUSE);
    }
    false
}
