//! Carries out the node's actions: writes, ends, and work for other threads.

use std::io::{self, IoSlice};

use super::io::{Io, Written};
use super::slots::{Facts, SocketSlot, Stall};
use super::turn::Turn;
use crate::admin;
use crate::id::ConnId;
use crate::node::planted::Planted;
use crate::node::{Action, Node, Phase};

/// The most slices of one write. An answer is one or two, so this is rarely reached.
const SLICES: usize = 16;

impl<S> Turn<S> {
    /// Carries out all queued actions.
    pub(super) fn act(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>) {
        loop {
            // Also what is refused below may be an operator's.
            admin::answer(node, self.now);
            let Some(action) = node.poll_action() else { return };
            match action {
                Action::Flush(_) if self.fault.is(Planted::NeverFlushes) => {}
                Action::Flush(id) => self.flush(node, io, id),
                Action::Finish(id) => {
                    if let Some(slot) = self.named(id) {
                        io.shutdown(id, &mut slot.socket);
                    }
                }
                Action::Resume(id) => {
                    self.named(id);
                    self.make_ready(node, id);
                }
                Action::Close(id) => self.close(io, id),
                Action::FetchKeys(request) => io.fetch_keys(request),
                Action::Submit(command) => {
                    if let Err(refused) = io.submit(command) {
                        node.handle_completion(self.now, refused);
                    }
                }
            }
        }
    }

    /// The slot of the connection that an action names.
    fn named(&mut self, id: ConnId) -> Option<&mut SocketSlot<S>> {
        let slot = self.slots.find(id);
        self.stray_actions += u64::from(slot.is_none());
        slot
    }

    fn flush(&mut self, node: &mut Node, io: &mut impl Io<Socket = S>, id: ConnId) {
        let Some(slot) = self.named(id) else { return };
        if slot.stall != Stall::No {
            // The socket is full, and the poller reports when it is writable. But a connection that
            // begins to close accepts input again, such as the close frame that is in its socket.
            return self.make_ready(node, id);
        }
        if node.phase(id) == Some(Phase::Closing) {
            self.end_later(node, id);
        } else {
            self.write(node, io, id);
        }
    }

    fn close(&mut self, io: &mut impl Io<Socket = S>, id: ConnId) {
        let Some(slot) = self.named(id) else { return };
        io.close(id, &mut slot.socket);
        if !self.fault.is(Planted::CloseWithoutRemove) {
            self.slots.remove(id);
        }
    }

    /// Writes until no output is left or the socket is full. Returns how many bytes were written.
    pub(super) fn write(
        &mut self,
        node: &mut Node,
        io: &mut impl Io<Socket = S>,
        id: ConnId,
    ) -> usize {
        let Some(slot) = self.slots.find(id) else { return 0 };
        slot.set(Facts::WRITES_AFTER_READ, false);
        let mut sum = 0;
        let is_stalled = loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = node.pending_output(id, &mut slices);
            if filled == 0 && !io.has_unsent(id) {
                break Ok(false);
            }
            let written = if filled == SLICES {
                // Many small frames are copied together, so that one write takes them all. The
                // buffer is free between reads.
                let length = node.copy_output(id, &mut self.buffer);
                let bytes = self.buffer.get(..length).unwrap_or_default();
                io.write(node, id, &mut slot.socket, &[IoSlice::new(bytes)])
            } else {
                let slices = slices.get(..filled).unwrap_or_default();
                io.write(node, id, &mut slot.socket, slices)
            };
            match written {
                Ok(Written::Out(0)) => {} // None of the node's output: write again.
                Ok(Written::Out(length)) => {
                    sum += length;
                    node.consume_output(self.now, id, length);
                }
                Ok(Written::Full { out, held }) => {
                    if held > 0 {
                        node.commit_output(id, out + held);
                    }
                    sum += out;
                    // Call it for 0 bytes too: the node then sees that the reader is slow.
                    node.consume_output(self.now, id, out);
                    break Ok(true);
                }
                Ok(Written::AfterRead) => {
                    slot.set(Facts::WRITES_AFTER_READ, true);
                    break Ok(false);
                }
                Err(error) => break Err(error),
            }
        };
        let watched = is_stalled.and_then(|is_stalled| stall(io, id, slot, is_stalled));
        if let Err(error) = watched {
            self.broke(node, id, &error);
        }
        sum
    }
}

/// Asks the poller to report when the socket is writable, or to stop that.
fn stall<S>(
    io: &mut impl Io<Socket = S>,
    id: ConnId,
    slot: &mut SocketSlot<S>,
    is_stalled: bool,
) -> io::Result<()> {
    let was_stalled = slot.stall != Stall::No;
    slot.stall = if is_stalled { Stall::Full } else { Stall::No };
    if was_stalled == is_stalled {
        return Ok(());
    }
    io.watch_writable(id, &mut slot.socket, is_stalled)
}
