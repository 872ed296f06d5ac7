//! A link with a transport: a Unix socket of a real engine, or the model.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::bus::model::ModelEngine;
use crate::bus::{BusCommand, BusEvent, BusFault, BusLink, BusReply, LinkSettings};
use crate::id::Seed;
use crate::time::{Instant, UnixTime};

/// How long a real engine may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rounds of a loop that waits for something, at most.
const MAX_ROUNDS: usize = 100_000;

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum EngineWire {
    Socket(PathBuf, Option<UnixStream>),
    /// The engine, the wall clock, and the connection.
    Model(Rc<RefCell<ModelEngine>>, UnixTime, Option<u64>),
}

/// A node's link. Its clock moves only where it has to wait.
#[derive(Debug)]
pub(super) struct BusPeer {
    pub(super) link: BusLink,
    pub(super) now: Instant,
    /// What the link said, but for its orders.
    pub(super) events: Vec<BusEvent>,
    wire: EngineWire,
    sent: u64,
}

impl BusPeer {
    pub(super) fn new(settings: LinkSettings, seed: &Seed, wire: EngineWire) -> Self {
        let (now, events) = (Instant::START, Vec::new());
        Self { link: BusLink::new(settings, seed), now, events, wire, sent: 0 }
    }

    /// A link to the engine at `path`.
    pub(super) fn real(settings: LinkSettings, path: &Path) -> Self {
        Self::new(settings, &Seed::predictable(1), EngineWire::Socket(path.to_owned(), None))
    }

    /// Sends a command with a minute for it: its number, or why not.
    pub(super) fn send(&mut self, command: BusCommand) -> Result<u64, BusFault> {
        self.sent += 1;
        let deadline = self.now + Duration::from_secs(60);
        self.link.send(self.now, self.sent, command, deadline).map(|()| self.sent)
    }

    /// Sends a command and waits for its reply, which is taken.
    pub(super) fn ask(&mut self, command: BusCommand) -> Result<BusReply, BusFault> {
        let to = self.send(command)?;
        self.serve_until(&|peer| peer.has_reply(to));
        let at = self.events.iter().position(|event| is_reply(event, to)).unwrap();
        match self.events.remove(at) {
            BusEvent::Reply { result, .. } => result,
            _ => Err(BusFault::Protocol),
        }
    }

    pub(super) fn has_reply(&self, to: u64) -> bool {
        self.events.iter().any(|event| is_reply(event, to))
    }

    /// Moves bytes until it is `done`.
    pub(super) fn serve_until(&mut self, done: &dyn Fn(&Self) -> bool) {
        for _ in 0..MAX_ROUNDS {
            if self.link.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                self.link.handle_timeout(self.now);
            }
            self.obey();
            self.write();
            if done(self) {
                return;
            }
            if self.is_connected() {
                self.read();
            } else {
                // The pause until the next attempt.
                self.now = self.link.next_deadline().unwrap_or(self.now).max(self.now);
            }
        }
        self.fail(&format!("it does not come to it: {:?} {:?}", self.link, self.events));
    }

    fn is_connected(&self) -> bool {
        match &self.wire {
            EngineWire::Socket(_, socket) => socket.is_some(),
            EngineWire::Model(_, _, id) => id.is_some(),
        }
    }

    fn obey(&mut self) {
        while let Some(event) = self.link.poll() {
            match event {
                BusEvent::Connect { .. } if self.connect() => self.link.connected(self.now),
                BusEvent::Connect { .. } => self.link.lost(self.now, "nobody listens"),
                BusEvent::Disconnect => self.disconnect(),
                event => self.events.push(event),
            }
        }
    }

    fn connect(&mut self) -> bool {
        match &mut self.wire {
            EngineWire::Socket(path, socket) => {
                *socket = UnixStream::connect(path).ok();
                if let Some(socket) = socket {
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                }
            }
            EngineWire::Model(engine, _, id) => *id = Some(engine.borrow_mut().connect()),
        }
        self.is_connected()
    }

    fn disconnect(&mut self) {
        match &mut self.wire {
            EngineWire::Socket(_, socket) => *socket = None,
            EngineWire::Model(engine, _, id) => {
                if let Some(id) = id.take() {
                    engine.borrow_mut().disconnect(id);
                }
            }
        }
    }

    fn write(&mut self) {
        let output = self.link.output();
        let length = output.len();
        match &mut self.wire {
            // That it is closed is seen when it is read.
            EngineWire::Socket(_, Some(socket)) => drop(socket.write_all(output)),
            EngineWire::Model(engine, unix, Some(id)) => {
                engine.borrow_mut().receive(*unix, *id, output);
            }
            _ => return,
        }
        self.link.written(length);
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 64 << 10];
        let input = match &mut self.wire {
            EngineWire::Socket(_, Some(socket)) => match socket.read(&mut buffer) {
                Ok(length) => buffer.get(..length).unwrap_or_default().to_vec(),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Vec::new(),
                Err(error) => {
                    let counts = self.link.counts();
                    let fault = format!("the engine is silent: {error}, {counts:?}");
                    return self.fail(&fault);
                }
            },
            EngineWire::Model(engine, _, Some(id)) => engine.borrow_mut().take_output(*id),
            _ => return,
        };
        if input.is_empty() {
            self.disconnect();
            self.link.lost(self.now, "closed");
        } else {
            self.link.received(self.now, &input);
        }
    }

    #[expect(clippy::panic, reason = "a helper of tests fails the test")]
    fn fail(&self, fault: &str) {
        panic!("{fault}");
    }
}

fn is_reply(event: &BusEvent, to: u64) -> bool {
    matches!(event, BusEvent::Reply { to: of, .. } if *of == to)
}

/// Sends words to the engine as an operator does: the first bytes of its answer.
pub(super) fn operate(socket: &Path, words: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(format!("{words}\r\n").as_bytes()).unwrap();
    let mut buffer = [0; 4_096];
    let length = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned()
}
