//! Virtual sockets: bytes are split anywhere, arrive late, stall, end early, and break.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::check::Hearing;
use super::scenario::pick;
use super::wire::{Seen, WireReader};
use crate::id::{ConnId, Rng};
use crate::time::Instant;

/// The number of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LinkId(pub(super) u32);

/// The properties of a link.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// The delay of every segment.
    pub(super) latency: Duration,
    /// The most that is added to the delay of a segment.
    pub(super) jitter: Duration,
    /// The client's bytes arrive in pieces of at most this size.
    pub(super) piece_bytes: usize,
    /// How many bytes fit between the server's write and the client's read.
    pub(super) capacity: usize,
    /// Nothing arrives between these two times.
    pub(super) stall: Option<(Instant, Instant)>,
}

impl Conditions {
    /// A fast and wide link.
    pub(super) const CALM: Self = Self {
        latency: Duration::from_millis(1),
        jitter: Duration::ZERO,
        piece_bytes: 65_536,
        capacity: 262_144,
        stall: None,
    };

    /// A randomly drawn link.
    pub(super) fn drawn(rng: &mut Rng, now: Instant) -> Self {
        let piece_bytes = pick(rng, 1, &[7, 100, 1_460, 4_096, 65_536]);
        let stall = (rng.below(3) == 0).then(|| {
            let from = now + Duration::from_millis(rng.below(300_000));
            (from, from + Duration::from_millis(rng.below(20_000)))
        });
        Self {
            latency: Duration::from_micros(rng.below(100_000)),
            jitter: Duration::from_micros(rng.below(200_000)),
            piece_bytes,
            capacity: pick(rng, 256, &[2_048, 16_384, 262_144]),
            stall,
        }
    }
}

/// A segment on its way.
#[derive(Debug)]
enum Segment<T> {
    Bytes(T),
    Fin,
    Reset,
}

/// What an edge-triggered poller reports of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) read_closed: bool,
    pub(super) broken: bool,
}

/// One connection between a client and the server.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: usize,
    /// Its connection in the node, once it is accepted.
    pub(super) id: Option<ConnId>,
    pub(super) conditions: Conditions,
    /// Parses the bytes that the server wrote.
    pub(super) reader: WireReader,
    /// Checks what the server wrote.
    pub(super) hearing: Hearing,
    /// Parsed messages that the client has not read, each with its end's offset in the stream.
    pub(super) unseen: VecDeque<(u64, Seen)>,
    /// Edges that the poller has not reported yet.
    pub(super) edges: Edges,
    /// The link is in the poller's list.
    pub(super) is_reported: bool,
    up: VecDeque<(Instant, Segment<Vec<u8>>)>,
    down: VecDeque<(Instant, Segment<usize>)>,
    last_up: Instant,
    last_down: Instant,
    /// The server's receive buffer. The two flags below take effect after it is empty.
    arrived: Vec<u8>,
    has_ended: bool,
    is_broken: bool,
    /// The client's receive buffer.
    unread: usize,
    /// Bytes that the server has written and the client has not read.
    outstanding: usize,
    /// How many bytes the client has read.
    seen_bytes: u64,
    /// The client has received the end of the server's side.
    pub(super) is_over: bool,
    /// The client does not use the link any more.
    is_left: bool,
    /// The link drops everything in both directions, without an error at either end.
    has_vanished: bool,
    server_closed: bool,
}

impl Link {
    pub(super) fn new(client: usize, conditions: Conditions) -> Self {
        Self {
            client,
            id: None,
            conditions,
            reader: WireReader::default(),
            hearing: Hearing::default(),
            unseen: VecDeque::new(),
            edges: Edges::default(),
            is_reported: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            last_up: Instant::START,
            last_down: Instant::START,
            arrived: Vec::new(),
            has_ended: false,
            is_broken: false,
            unread: 0,
            outstanding: 0,
            seen_bytes: 0,
            is_over: false,
            is_left: false,
            has_vanished: false,
            server_closed: false,
        }
    }

    fn arrival(&self, now: Instant, rng: &mut Rng, last: Instant) -> Instant {
        let Conditions { latency, jitter, stall, .. } = &self.conditions;
        let late = Duration::from_micros(rng.below(jitter.as_micros() as u64));
        let at = (now + *latency + late).max(last);
        match stall {
            Some((from, until)) if (*from..*until).contains(&at) => *until,
            _ => at,
        }
    }

    /// The client writes. Returns the times at which the pieces arrive.
    pub(super) fn send(&mut self, now: Instant, rng: &mut Rng, bytes: &[u8]) -> Vec<Instant> {
        let mut times = Vec::new();
        if self.is_left || self.has_vanished {
            return times;
        }
        // The first 40 pieces are small. The rest is one piece, because each piece costs a turn.
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = if times.len() < 40 { self.conditions.piece_bytes } else { rest.len() };
            let length = 1 + rng.below(most as u64) as usize;
            let (piece, tail) = rest.split_at(length.min(rest.len()));
            self.last_up = self.arrival(now, rng, self.last_up);
            self.up.push_back((self.last_up, Segment::Bytes(piece.to_vec())));
            times.push(self.last_up);
            rest = tail;
        }
        times
    }

    /// The client ends its side, and continues to read.
    pub(super) fn end(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        self.last_up = self.arrival(now, rng, self.last_up);
        if !self.has_vanished {
            self.up.push_back((self.last_up, Segment::Fin));
        }
        self.last_up
    }

    /// The client resets the connection.
    pub(super) fn reset(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        self.is_left = true;
        self.last_up = self.arrival(now, rng, self.last_up);
        if !self.has_vanished {
            self.up.push_back((self.last_up, Segment::Reset));
        }
        self.last_up
    }

    /// The link drops everything from now on.
    pub(super) fn vanish(&mut self) {
        self.has_vanished = true;
        self.up.clear();
        self.down.clear();
    }

    /// Delivers every segment that is due by `now`, at both ends.
    pub(super) fn arrive(&mut self, now: Instant) {
        while let Some((_, segment)) = self.up.pop_front_if(|(at, _)| *at <= now) {
            match segment {
                Segment::Bytes(bytes) if !self.server_closed => self.arrived.extend(bytes),
                Segment::Bytes(_) => continue,
                Segment::Fin => {
                    self.has_ended = true;
                    self.edges.read_closed = true;
                }
                Segment::Reset => {
                    self.is_broken = true;
                    self.edges.broken = true;
                }
            }
            self.edges.readable = true;
        }
        while let Some((_, segment)) = self.down.pop_front_if(|(at, _)| *at <= now) {
            match segment {
                Segment::Bytes(length) => self.unread += length,
                Segment::Fin => self.is_over = true,
                Segment::Reset => {
                    (self.is_over, self.unread) = (true, 0);
                    self.unseen.clear();
                }
            }
        }
    }

    /// Delivers bytes at once, between two units of work of one turn.
    pub(super) fn hand_over(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
        self.edges.readable = true;
    }

    /// The server reads once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.arrived.is_empty() {
            let length = self.arrived.len().min(buffer.len());
            let (now, later) = self.arrived.split_at(length);
            if let Some(place) = buffer.get_mut(..length) {
                place.copy_from_slice(now);
            }
            self.arrived = later.to_vec();
            Ok(length)
        } else if self.is_broken {
            Err(ErrorKind::ConnectionReset.into())
        } else if self.has_ended {
            Ok(0)
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }

    /// Has input arrived that the server has not read?
    pub(super) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Has the server's end received the client's end or reset?
    pub(super) fn has_hung_up(&self) -> bool {
        self.has_ended || self.is_broken
    }

    /// How many bytes the server can write now. `None`: the connection is broken.
    pub(super) fn room(&self) -> Option<usize> {
        (!self.is_broken).then(|| self.conditions.capacity.saturating_sub(self.outstanding))
    }

    /// The server has written `length` bytes. Returns when they arrive.
    pub(super) fn wrote(&mut self, now: Instant, rng: &mut Rng, length: usize) -> Instant {
        self.outstanding += length;
        self.last_down = self.arrival(now, rng, self.last_down);
        if !self.has_vanished {
            self.down.push_back((self.last_down, Segment::Bytes(length)));
        }
        self.last_down
    }

    /// The server ends its side. Returns when the end arrives.
    pub(super) fn finish(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        self.last_down = self.arrival(now, rng, self.last_down);
        if !self.has_vanished {
            self.down.push_back((self.last_down, Segment::Fin));
        }
        self.last_down
    }

    /// The server closes the socket. Unread input turns the end into a reset, which may overtake
    /// earlier output, as it does in a kernel.
    pub(super) fn close(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        self.server_closed = true;
        self.last_down = self.arrival(now, rng, self.last_down);
        if !self.has_vanished {
            let is_reset = !self.arrived.is_empty() || self.is_broken;
            self.down
                .push_back((self.last_down, if is_reset { Segment::Reset } else { Segment::Fin }));
        }
        self.arrived.clear();
        self.last_down
    }

    /// The client reads up to `most` bytes. Returns true if the server may write more.
    pub(super) fn client_reads(&mut self, most: usize) -> bool {
        let length = self.unread.min(most);
        self.unread -= length;
        self.outstanding -= length.min(self.outstanding);
        self.seen_bytes += length as u64;
        self.edges.writable |= length > 0;
        length > 0
    }

    /// The next message that the client has read completely.
    pub(super) fn next_seen(&mut self) -> Option<Seen> {
        let read = self.seen_bytes;
        self.unseen.pop_front_if(|(end, _)| *end <= read).map(|(_, seen)| seen)
    }

    /// Are there bytes that the client has not read?
    pub(super) fn has_unread(&self) -> bool {
        self.unread > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_in_order_and_in_pieces() {
        let mut rng = Rng::new(3);
        let conditions =
            Conditions { piece_bytes: 5, jitter: Duration::from_secs(1), ..Conditions::CALM };
        let mut link = Link::new(0, conditions);
        let sent: Vec<u8> = (0..60).collect();
        let times = link.send(Instant::START, &mut rng, &sent);
        assert!(times.len() > 12 && times.is_sorted());
        let mut got = Vec::new();
        for at in times {
            link.arrive(at);
            let mut buffer = [0; 64];
            if let Ok(length) = link.read(&mut buffer) {
                got.extend_from_slice(&buffer[..length]);
            }
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn a_socket_takes_what_fits_until_the_client_reads() {
        let mut rng = Rng::new(3);
        let mut link = Link::new(0, Conditions { capacity: 10, ..Conditions::CALM });
        let at = link.wrote(Instant::START, &mut rng, 10);
        assert_eq!(link.room(), Some(0));
        link.arrive(at);
        assert!(link.client_reads(4) && link.edges.writable);
        assert_eq!(link.room(), Some(4));
    }

    #[test]
    fn unread_input_at_close_resets_the_connection() {
        let mut rng = Rng::new(3);
        let mut link = Link::new(0, Conditions::CALM);
        let at = link.send(Instant::START, &mut rng, b"x")[0];
        link.arrive(at);
        let at = link.wrote(at, &mut rng, 5);
        let end = link.close(at, &mut rng);
        link.arrive(end);
        assert!(link.is_over && !link.has_unread());
    }
}
