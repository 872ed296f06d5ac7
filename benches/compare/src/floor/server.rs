//! The loop.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::frame::{self, Canned, Kind};
use crate::link::{Index, Link, Links, Phase, index_of};

/// From the 101 to the first text frame.
const TIMEOUT_MS: u32 = 5_000;
/// Events of one turn, and the bytes of one read.
const EVENTS: usize = 1_024;
const READ_BYTES: usize = 64 * 1_024;

/// Everything.
#[derive(Debug)]
pub(crate) struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    started: Instant,
    links: Links,
    /// All deadlines are equally long, so that a queue keeps them in order.
    deadlines: VecDeque<(u32, Index)>,
    canned: Canned,
}

impl Server {
    /// Takes the listener into a new epoll set.
    pub(crate) fn new(listener: TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let key = epoll::EventData::new_u64(u64::from(index_of(listener.as_raw_fd())));
        epoll::add(&epoll, &listener, key, epoll::EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            started: Instant::now(),
            links: Links::default(),
            deadlines: VecDeque::new(),
            canned: Canned::new(),
        })
    }

    /// Serves until the process is killed.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let acceptor = index_of(self.listener.as_raw_fd());
        let mut buffer = vec![0; READ_BYTES];
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let index = Index::try_from(event.data.u64()).unwrap_or(Index::MAX);
                if index == acceptor {
                    self.accept()?;
                } else {
                    self.serve(index, event.flags, &mut buffer);
                }
            }
            self.expire();
        }
    }

    /// Accepts all that wait. An accept that fails for want of descriptors ends the run: a floor
    /// that sheds load would be none.
    fn accept(&mut self) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        loop {
            match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    let key = u64::from(index_of(socket.as_raw_fd()));
                    epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(key), flags)?;
                    self.links.insert(socket);
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One connection's event. Edge-triggered: a read that does not fill the buffer has emptied
    /// the socket, unless the event itself says that the peer is gone.
    fn serve(&mut self, index: Index, flags: epoll::EventFlags, buffer: &mut [u8]) {
        let ends = epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        if flags.contains(epoll::EventFlags::OUT) {
            self.flush(index);
        }
        loop {
            let Some(link) = self.links.find(index) else { return };
            let count = match rustix::io::read(&link.socket, &mut *buffer) {
                Ok(0) => return self.links.remove(index),
                Ok(count) => count,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return self.links.remove(index),
            };
            let is_short = count < buffer.len();
            if link.has_input {
                link.has_input = false;
                let mut joined = self.links.input.remove(&index).unwrap_or_default();
                joined.extend_from_slice(buffer.get(..count).unwrap_or_default());
                self.take_bytes(index, &joined);
            } else {
                self.take_bytes(index, buffer.get(..count).unwrap_or_default());
            }
            if is_short && !flags.intersects(ends) {
                return;
            }
        }
    }

    /// Answers all that is whole in `bytes`, and keeps the rest.
    fn take_bytes(&mut self, index: Index, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(link) = self.links.find(index) else { return };
            let rest = match link.phase {
                Phase::Handshaking => frame::take_head(bytes).map(|(room, rest)| {
                    self.upgrade(index, room);
                    rest
                }),
                Phase::Pending | Phase::Joined => frame::take(bytes).map(|(kind, rest)| {
                    self.answer(index, kind);
                    rest
                }),
            };
            let Some(rest) = rest else {
                if let Some(link) = self.links.find(index) {
                    link.has_input = true;
                    self.links.input.insert(index, bytes.to_vec());
                }
                return;
            };
            bytes = rest;
        }
    }

    fn upgrade(&mut self, index: Index, room: u64) {
        send(&mut self.links, &self.epoll, index, frame::SWITCHING);
        // The clock is read after the 101 is written, and rounded up: never early.
        let deadline = self.elapsed_ms() + 1 + TIMEOUT_MS;
        self.deadlines.push_back((deadline, index));
        if let Some(link) = self.links.find(index) {
            link.phase = Phase::Pending;
            link.room = room;
            link.deadline = deadline;
        }
    }

    fn answer(&mut self, index: Index, kind: Kind) {
        let Some(link) = self.links.find(index) else { return };
        match (kind, link.phase) {
            (Kind::Other, _) | (_, Phase::Handshaking) => {}
            (Kind::Close, _) => {
                send(&mut self.links, &self.epoll, index, frame::CLOSED);
                self.links.remove(index);
            }
            (Kind::Text, Phase::Pending) => {
                link.phase = Phase::Joined;
                link.deadline = 0;
                self.links.join(index);
                send(&mut self.links, &self.epoll, index, &self.canned.welcome);
            }
            (Kind::Text, Phase::Joined) => {
                let mut next = self.links.after(index);
                while let Some(other) = next.filter(|&other| other != index) {
                    send(&mut self.links, &self.epoll, other, &self.canned.chat);
                    next = self.links.after(other);
                }
                send(&mut self.links, &self.epoll, index, &self.canned.reply);
            }
        }
    }

    /// Writes what a full socket left over.
    fn flush(&mut self, index: Index) {
        let Some(bytes) = self.links.output.remove(&index) else { return };
        if let Some(link) = self.links.find(index) {
            link.has_output = false;
            send(&mut self.links, &self.epoll, index, &bytes);
        }
    }

    /// Closes who was silent for too long.
    fn expire(&mut self) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = self.elapsed_ms();
        while let Some((deadline, index)) = self.deadlines.pop_front_if(|&mut (at, _)| at <= now) {
            let is_due =
                |link: &mut Link| link.phase == Phase::Pending && link.deadline == deadline;
            if self.links.find(index).is_some_and(is_due) {
                send(&mut self.links, &self.epoll, index, frame::TIMED_OUT);
                self.links.remove(index);
            }
        }
    }

    /// Until the next deadline; without one, for ever.
    fn timeout(&self) -> Option<Timespec> {
        let &(deadline, _) = self.deadlines.front()?;
        let left = Duration::from_millis(u64::from(deadline.saturating_sub(self.elapsed_ms())));
        Timespec::try_from(left).ok()
    }

    /// Milliseconds since the start: enough for 49 days.
    fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX)
    }
}

/// One write. What a full socket does not take is kept, and the socket's next room asked for. A
/// broken socket is not looked at here: its own event follows.
fn send(links: &mut Links, epoll: &OwnedFd, index: Index, bytes: &[u8]) {
    let Some(link) = links.find(index) else { return };
    if link.has_output {
        links.output.entry(index).or_default().extend_from_slice(bytes);
        return;
    }
    let written = match rustix::io::write(&link.socket, bytes) {
        Ok(written) => written,
        Err(Errno::AGAIN | Errno::INTR) => 0,
        Err(_) => return,
    };
    let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) else { return };
    // Asking again, for the same events too, has epoll look at the socket at once: room that came
    // between the write and this call is not lost.
    let flags = epoll::EventFlags::IN
        | epoll::EventFlags::OUT
        | epoll::EventFlags::RDHUP
        | epoll::EventFlags::ET;
    let key = epoll::EventData::new_u64(u64::from(index));
    if epoll::modify(epoll, &link.socket, key, flags).is_ok() {
        link.has_output = true;
        links.output.insert(index, rest.to_vec());
    }
}
