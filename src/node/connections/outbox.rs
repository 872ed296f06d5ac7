//! What waits to be written to one peer: frames, shared by reference count.
//!
//! An empty outbox is 8 bytes. Its queue comes from a pool when the first frame is put in and goes
//! back when the last is out, so a chat message that is answered at once allocates no queue.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::node::connections::frame::{Shared, SpareFrames};

/// What a budget counts for each connection that holds some of it, beside the bytes: the boxes and
/// queues that are there only then.
pub(crate) const HOLDER_BYTES: usize = 512;
/// What one frame costs beside its bytes: its place in the queue, and its share of what follows.
const FRAME_OVERHEAD: usize = 16;
/// What it takes of memory beside them: its counts, where its bytes are, and the allocator's own.
const FRAME_HEAP: usize = 80;
/// What its place takes of memory in a queue that doubles to grow.
const PLACE_HEAP: usize = 2 * size_of::<Shared>();
/// Empty queues that are kept for the next peer.
const POOLED: usize = 128;
/// Queues longer than this are not kept: one slow reader must not leave its size behind.
const POOLED_FRAMES: usize = 64;

/// The output of one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Option<Box<OutboxQueue>>,
}

#[derive(Debug, Default)]
struct OutboxQueue {
    frames: VecDeque<Shared>,
    /// Bytes of the first frame that are out.
    sent: usize,
    /// Bytes behind those that are as good as out: the driver has sealed them.
    committed: usize,
    /// Bytes that are not out, and the overhead of their frames.
    weight: usize,
}

/// Empty queues for outboxes to use again.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "the box is what is used again")]
    queues: Vec<Box<OutboxQueue>>,
    /// What all outboxes of this pool weigh: kept as they change, so that nobody has to add it up.
    weight: usize,
    /// What they take of memory: a frame that several share once.
    held: usize,
    /// Frames that are out, for the encoder to use again.
    pub(crate) spares: SpareFrames,
}

impl Pool {
    /// What is queued for all peers, in bytes with the queues' own.
    #[must_use]
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// What is queued takes so much of memory, what peers share counted once.
    #[must_use]
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// `frame` is about to be queued for several peers: it counts until the last one's is out.
    pub(crate) fn share(&mut self, frame: &Shared) {
        self.held += frame_heap(frame);
    }

    /// It was queued for whoever it is for. If that was nobody, it does not count.
    pub(crate) fn shared(&mut self, frame: &Shared) {
        self.release(frame);
    }

    /// A queue lets `frame` go.
    fn drop_frame(&mut self, frame: Shared) {
        self.held = self.held.saturating_sub(PLACE_HEAP);
        self.release(&frame);
        self.spares.keep(frame);
    }

    /// This reference to `frame` goes: with the last one its bytes do.
    fn release(&mut self, frame: &Shared) {
        if frame.is_unique() {
            self.held = self.held.saturating_sub(frame_heap(frame));
        }
    }
}

fn frame_heap(frame: &Shared) -> usize {
    frame.capacity() + FRAME_HEAP
}

/// The peer reads too slowly: the frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Outbox {
    /// Is everything out?
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_none()
    }

    /// What is queued, in bytes with the queue's own.
    #[must_use]
    pub(crate) fn weight(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.weight)
    }

    /// Queues `frame`, unless the queue would then weigh more than `max` (0: no bound). One frame
    /// is always taken by an empty queue.
    ///
    /// # Errors
    /// [`Full`]: the frame was not taken.
    pub(crate) fn push(&mut self, pool: &mut Pool, frame: Shared, max: usize) -> Result<(), Full> {
        let weight = frame.len() + FRAME_OVERHEAD;
        if let Some(queue) = &self.queue
            && max != 0
            && queue.weight.saturating_add(weight) > max
        {
            return Err(Full);
        }
        // A frame that is shared was counted by `share`.
        if frame.is_unique() {
            pool.held += frame_heap(&frame);
        }
        if self.queue.is_none() {
            pool.held += HOLDER_BYTES;
        }
        pool.held += PLACE_HEAP;
        let queue = self.queue.get_or_insert_with(|| pool.queues.pop().unwrap_or_default());
        queue.frames.push_back(frame);
        queue.weight += weight;
        pool.weight += weight;
        Ok(())
    }

    /// The driver has sealed the next `length` bytes: they will be out, whatever is dropped, and are
    /// there twice until then.
    pub(crate) fn commit(&mut self, pool: &mut Pool, length: usize) {
        if let Some(queue) = &mut self.queue {
            queue.committed += length;
            pool.held += length;
        }
    }

    /// Drops every frame of which nothing is out or as good as out: room for a last one. The first
    /// `needed` of them stay: without the 101 no client would understand what comes behind it.
    pub(crate) fn drop_unsent(&mut self, pool: &mut Pool, needed: usize) {
        let Some(queue) = &mut self.queue else { return };
        let before = queue.weight;
        let (taken, mut start) = (queue.sent + queue.committed, 0);
        let is_taken = |frame: &&Shared| {
            let is_taken = start < taken;
            start += frame.len();
            is_taken
        };
        let taken = queue.frames.iter().take_while(is_taken).count();
        let keep = taken.max(needed).min(queue.frames.len());
        for frame in queue.frames.drain(keep..) {
            queue.weight = queue.weight.saturating_sub(frame.len() + FRAME_OVERHEAD);
            pool.drop_frame(frame);
        }
        pool.weight = pool.weight.saturating_sub(before - queue.weight);
        if keep == 0 {
            self.recycle(pool);
        }
    }

    /// Fills `slices` from its start with what is to be written next; returns how many.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some(queue) = &self.queue else { return 0 };
        let mut filled = 0;
        for (place, frame) in slices.iter_mut().zip(&queue.frames) {
            let sent = if filled == 0 { queue.sent } else { 0 };
            *place = IoSlice::new(frame.get(sent..).unwrap_or_default());
            filled += 1;
        }
        filled
    }

    /// Copies what is to be written next into `buffer`, as much as fits; returns how much. Many small
    /// frames are cheaper to copy than to name to the kernel one by one.
    pub(crate) fn copy(&self, buffer: &mut [u8]) -> usize {
        let Some(queue) = &self.queue else { return 0 };
        let (mut skip, mut copied) = (queue.sent, 0);
        for frame in &queue.frames {
            let rest = frame.get(std::mem::take(&mut skip)..).unwrap_or_default();
            let Some(room) = buffer.get_mut(copied..).filter(|room| !room.is_empty()) else {
                break;
            };
            let length = rest.len().min(room.len());
            if let (Some(place), Some(bytes)) = (room.get_mut(..length), rest.get(..length)) {
                place.copy_from_slice(bytes);
            }
            copied += length;
        }
        copied
    }

    /// `written` bytes are out.
    pub(crate) fn consume(&mut self, pool: &mut Pool, written: usize) {
        let Some(queue) = &mut self.queue else { return };
        let before = queue.weight;
        queue.sent += written;
        let sealed = queue.committed.min(written);
        queue.committed -= sealed;
        pool.held = pool.held.saturating_sub(sealed);
        queue.weight = queue.weight.saturating_sub(written);
        while let Some(first) = queue.frames.front()
            && queue.sent >= first.len()
        {
            queue.sent -= first.len();
            queue.weight = queue.weight.saturating_sub(FRAME_OVERHEAD);
            if let Some(frame) = queue.frames.pop_front() {
                pool.drop_frame(frame);
            }
        }
        pool.weight = pool.weight.saturating_sub(before - queue.weight);
        if queue.frames.is_empty() {
            self.recycle(pool);
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        if let Some(queue) = &mut self.queue {
            for frame in queue.frames.drain(..) {
                pool.drop_frame(frame);
            }
            pool.weight = pool.weight.saturating_sub(queue.weight);
            self.recycle(pool);
        }
    }

    fn recycle(&mut self, pool: &mut Pool) {
        if let Some(queue) = &self.queue {
            pool.held = pool.held.saturating_sub(HOLDER_BYTES + queue.committed);
        }
        if let Some(mut queue) = self.queue.take()
            && pool.queues.len() < POOLED
            && queue.frames.capacity() <= POOLED_FRAMES
        {
            (queue.sent, queue.committed, queue.weight) = (0, 0, 0);
            pool.queues.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(byte: u8, length: usize) -> Shared {
        Shared::from(vec![byte; length])
    }

    fn content(outbox: &Outbox) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = outbox.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn frames_go_out_in_order_however_they_are_cut() {
        for step in 1..12 {
            let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
            outbox.push(&mut pool, frame(b'a', 5), 0).unwrap();
            outbox.push(&mut pool, frame(b'b', 6), 0).unwrap();
            let mut out = Vec::new();
            while !outbox.is_empty() {
                let bytes = content(&outbox);
                let written = step.min(bytes.len());
                out.extend_from_slice(&bytes[..written]);
                outbox.consume(&mut pool, written);
            }
            assert_eq!(out, b"aaaaabbbbbb");
            assert_eq!((outbox.weight(), pool.queues.len()), (0, 1));
        }
    }

    #[test]
    fn empty_outbox_takes_one_frame_over_its_byte_bound() {
        let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
        assert_eq!(outbox.push(&mut pool, frame(b'a', 500), 100), Ok(()));
        assert_eq!(outbox.push(&mut pool, frame(b'b', 1), 100), Err(Full));
        outbox.consume(&mut pool, 450);
        assert_eq!(outbox.push(&mut pool, frame(b'b', 10), 100), Ok(()));
        assert_eq!(outbox.weight(), 50 + 10 + 2 * FRAME_OVERHEAD);
    }

    #[test]
    fn a_frame_that_is_partly_out_is_never_dropped() {
        let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
        outbox.push(&mut pool, frame(b'a', 5), 0).unwrap();
        outbox.push(&mut pool, frame(b'b', 5), 0).unwrap();
        outbox.consume(&mut pool, 2);
        outbox.drop_unsent(&mut pool, 0);
        assert_eq!(content(&outbox), b"aaa");
        outbox.consume(&mut pool, 3);
        outbox.push(&mut pool, frame(b'c', 5), 0).unwrap();
        outbox.drop_unsent(&mut pool, 0);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_frame_that_is_partly_taken_over_is_never_dropped() {
        let (mut outbox, mut pool) = (Outbox::default(), Pool::default());
        for byte in *b"abcd" {
            outbox.push(&mut pool, frame(byte, 5), 0).unwrap();
        }
        outbox.consume(&mut pool, 1);
        let before = pool.held();
        outbox.commit(&mut pool, 9);
        assert_eq!(pool.held(), before + 9);
        outbox.drop_unsent(&mut pool, 0);
        assert_eq!(content(&outbox), b"aaaabbbbb");
        outbox.push(&mut pool, frame(b'z', 5), 0).unwrap();
        outbox.consume(&mut pool, 9);
        assert_eq!(content(&outbox), b"zzzzz");
        outbox.drop_unsent(&mut pool, 0);
        assert!(outbox.is_empty());
        assert_eq!(pool.held(), 0);
        outbox.push(&mut pool, frame(b'a', 5), 0).unwrap();
        outbox.commit(&mut pool, 5);
        outbox.clear(&mut pool);
        assert_eq!(pool.held(), 0);
    }

    #[test]
    fn an_empty_outbox_is_8_bytes() {
        assert_eq!(size_of::<Outbox>(), 8);
    }
}
