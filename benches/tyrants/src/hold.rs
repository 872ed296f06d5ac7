//! Sockets that are held open, whatever the server does about them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Origin, Outcome};

/// Between two looks at all sockets.
const SWEEP: Duration = Duration::from_millis(20);
/// Between two bytes of a body.
const TRICKLE: Duration = Duration::from_secs(1);

/// Many sockets, each opened again when it is closed.
#[derive(Debug)]
pub(crate) struct Holder {
    sockets: Vec<(Origin, Option<TcpStream>)>,
    /// What each sends when it is open.
    opening: Vec<u8>,
    /// What each sends every second.
    trickle: &'static [u8],
    next: Instant,
}

impl Holder {
    /// Holds `each` sockets from each origin.
    pub(crate) fn new(
        origins: &[Origin],
        each: usize,
        opening: impl Into<Vec<u8>>,
        trickle: &'static [u8],
    ) -> Self {
        let sockets = origins.iter().flat_map(|it| (0..each).map(|_| (it.clone(), None))).collect();
        Self { sockets, opening: opening.into(), trickle, next: Instant::now() + TRICKLE }
    }

    /// Looks at all sockets once.
    ///
    /// # Errors
    /// None: what cannot be opened is tried again.
    pub(crate) fn sweep(&mut self) -> Outcome {
        let is_due = Instant::now() >= self.next;
        if is_due {
            self.next = Instant::now() + TRICKLE;
        }
        for (origin, socket) in &mut self.sockets {
            if socket.as_ref().is_some_and(is_closed) {
                *socket = None;
            }
            match socket {
                Some(open) if is_due => {
                    let _ = open.write(self.trickle);
                }
                Some(_) => {}
                None => *socket = open(origin, &self.opening),
            }
        }
        thread::sleep(SWEEP);
        Ok(())
    }
}

fn open(origin: &Origin, opening: &[u8]) -> Option<TcpStream> {
    let mut socket = origin.connect().ok()?;
    socket.write_all(opening).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

/// Whether the server has ended it, having read what it said.
fn is_closed(mut socket: &TcpStream) -> bool {
    let mut bytes = [0; 4_096];
    match socket.read(&mut bytes) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
