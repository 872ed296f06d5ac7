//! What the node wants done: writes, ends, work for others.

use std::io::{self, ErrorKind, IoSlice};
use std::mem;

use super::{Reactor, SLICES};
use crate::id::ConnId;
use crate::node::{Action, Hangup, Phase};

impl Reactor {
    /// Writes on where a short write stopped. After the fresh answers: these readers are slow.
    pub(super) fn write_on(&mut self) {
        let mut writable = mem::take(&mut self.writable);
        for id in writable.drain(..) {
            self.write(id);
        }
        self.writable = writable; // Its memory is used again.
    }

    /// Does what the node wants done.
    pub(super) fn act(&mut self) {
        while let Some(action) = self.node.poll_action() {
            match action {
                // While the kernel's buffer is full a write is in vain: the poller will tell.
                Action::Flush(id) if self.is_stalled(id) => {}
                Action::Flush(id) if self.node.phase(id) == Some(Phase::Closing) => {
                    self.end_later(id);
                }
                Action::Flush(id) => self.write(id),
                Action::Finish(id) => {
                    #[cfg(feature = "tls")]
                    self.close_tls(id);
                    if let Some(transport) = self.transports.find(id) {
                        transport.finish();
                    }
                }
                Action::Resume(id) => self.make_ready(id),
                Action::Close(id) => {
                    #[cfg(feature = "tls")]
                    self.close_tls(id);
                    self.transports.close(id);
                }
                Action::Submit(command) => {
                    if let Err(refused) = self.workers.submit(command) {
                        self.node.handle_completion(self.now, refused);
                    }
                }
            }
        }
    }

    pub(super) fn is_stalled(&self, id: ConnId) -> bool {
        self.transports.find(id).is_some_and(|transport| transport.stalled)
    }

    /// Writes until nothing is left or the kernel's buffer is full.
    pub(super) fn write(&mut self, id: ConnId) {
        #[cfg(feature = "tls")]
        if self.transports.is_secure(id) {
            if let Err(error) = self.write_sealed(id) {
                self.broke(id, &error);
            }
            return;
        }
        let Self { node, transports, poll, now, buffer, .. } = self;
        let Some(transport) = transports.find_mut(id) else { return };
        let watched = loop {
            if !node.has_output(id) {
                break transport.stall(poll.registry(), id, false);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = node.pending_output(id, &mut slices);
            let slices = slices.get(..filled).unwrap_or_default();
            // Many small frames are copied together: one write takes all of them. The buffer is free
            // between reads.
            let (written, length) = if filled == SLICES {
                let length = node.copy_output(id, buffer);
                let bytes = buffer.get(..length).unwrap_or_default();
                (transport.write(&[IoSlice::new(bytes)]), length)
            } else {
                (transport.write(slices), slices.iter().map(|slice| slice.len()).sum())
            };
            match written {
                Ok(written) => {
                    let is_short = written < length;
                    node.consume_output(*now, id, written);
                    if is_short {
                        break transport.stall(poll.registry(), id, true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    node.consume_output(*now, id, 0);
                    break transport.stall(poll.registry(), id, true);
                }
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = watched {
            self.broke(id, &error);
        }
    }

    pub(super) fn broke(&mut self, id: ConnId, error: &io::Error) {
        log::debug!(connection:% = id; "broke: {error}");
        self.hang_up(id, Hangup::Reset);
    }
}
