//! What ureq does not do by itself on a connection: it tells a request that was never sent from one that
//! may have been, and takes answers with any number of header lines.
//!
//! ureq-proto refuses an answer with more than 128 header lines, however short they are. Here the bound is
//! on bytes alone: of a longer head, the lines that ureq goes by are handed on, and no others.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use crate::net::clock::Clock;

/// Header lines up to which a head is handed on as it came.
const PLAIN_LINES: usize = 100;
/// As much as ureq takes by default. What is longer is left to it to refuse.
const MAX_HEAD: usize = 64 << 10;
/// The lines that say where an answer ends, and what it is.
const KEPT_LINES: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "location",
    "transfer-encoding",
];

/// A connection with one exchange after the other on it: a request, then its answer.
pub(super) struct ExchangeTransport<T> {
    inner: T,
    clock: Clock,
    /// Nothing of the next request has been written.
    is_unsent: bool,
    /// The head of the answer, until it is whole.
    head: Option<Vec<u8>>,
    /// What ureq reads: the answer, with its head made shorter.
    input: Vec<u8>,
    consumed: usize,
    has_progressed: bool,
}

impl<T: Transport> ExchangeTransport<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            clock: Clock::start(),
            is_unsent: true,
            head: None,
            input: Vec::new(),
            consumed: 0,
            has_progressed: false,
        }
    }

    /// Hands what came on to ureq. False: the head is not whole, so there is nothing to hand on yet.
    fn hand_on(&mut self, is_open: bool) -> bool {
        let fresh = self.inner.buffers().input();
        let length = fresh.len();
        let Some(head) = &mut self.head else {
            self.input.extend_from_slice(fresh);
            self.inner.buffers().input_consume(length);
            return true;
        };
        head.extend_from_slice(fresh);
        self.inner.buffers().input_consume(length);
        while let Some(end) = head_end(head) {
            let (is_interim, lines) = shortened(head.get(..end).unwrap_or_default());
            self.input.extend_from_slice(&lines);
            head.drain(..end);
            if !is_interim {
                self.input.append(head);
                (self.head, self.is_unsent) = (None, true);
                return true;
            }
        }
        if is_open && head.len() <= MAX_HEAD {
            return false;
        }
        // It never will be whole: ureq says so.
        self.input.append(head);
        true
    }
}

impl<T: Transport> Transport for ExchangeTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_unsent) {
            return self.inner.transmit_output(amount, timeout);
        }
        self.head = Some(Vec::new());
        self.inner.transmit_output(amount, timeout).map_err(|error| match error {
            // A part may have been written by then.
            Error::Timeout(_) => error,
            // A kept connection that its peer has closed meanwhile. What the write took of the request is
            // not a whole one, so nobody acts on it.
            error => Unconnected::mark(error),
        })
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let began = self.clock.monotonic();
        loop {
            let mut timeout = timeout;
            if let Duration::Exact(left) = timeout.after {
                let passed = self.clock.monotonic().since(began);
                timeout.after = Duration::Exact(left.saturating_sub(passed));
            }
            let is_open = self.inner.await_input(timeout)?;
            if self.hand_on(is_open) {
                return Ok(is_open);
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// What goes out is in the buffers of the connection below, what comes in is in our own.
impl<T: Transport> Buffers for ExchangeTransport<T> {
    fn output(&mut self) -> &mut [u8] {
        self.inner.buffers().output()
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.consumed..).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.inner.buffers().input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.inner.buffers().input_appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.has_progressed = amount > 0;
        self.consumed = self.consumed.saturating_add(amount);
        if self.consumed >= self.input.len() {
            self.input.clear();
            self.consumed = 0;
        }
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.inner.buffers().tmp_and_output()
    }

    fn can_use_input(&self) -> bool {
        !self.input().is_empty() && self.has_progressed
    }
}

impl<T> fmt::Debug for ExchangeTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeTransport").finish_non_exhaustive()
    }
}

/// Where the head at the start of `bytes` ends; `None`: it is not whole.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let crlf = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4);
    let lf = memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2);
    [crlf, lf].into_iter().flatten().min()
}

/// Whether a whole head is one before that of the answer, and its lines, of which ureq takes all.
fn shortened(head: &[u8]) -> (bool, Vec<u8>) {
    if head.len() > MAX_HEAD {
        return (false, head.to_vec());
    }
    // A line has three bytes at least.
    let mut lines = vec![httparse::EMPTY_HEADER; head.len() / 3 + 1];
    let mut response = httparse::Response::new(&mut lines);
    if response.parse(head).is_err() {
        return (false, head.to_vec());
    }
    let is_interim = response.code.is_some_and(|code| (100..200).contains(&code) && code != 101);
    if response.headers.len() <= PLAIN_LINES {
        return (is_interim, head.to_vec());
    }
    let mut kept = head.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
    for line in response.headers.iter() {
        if KEPT_LINES.iter().any(|name| line.name.eq_ignore_ascii_case(name)) {
            kept.extend_from_slice(line.name.as_bytes());
            kept.extend_from_slice(b": ");
            kept.extend_from_slice(line.value);
            kept.extend_from_slice(b"\r\n");
        }
    }
    kept.extend_from_slice(b"\r\n");
    (is_interim, kept)
}

/// Takes an error of such a client apart: whether there was no connection (no address, no TCP
/// connection, no TLS, or a kept one that was closed), so that nothing of the request was sent, and what
/// was wrong.
pub(crate) fn take_apart(error: Error) -> (bool, Error) {
    match error {
        Error::Other(other) => match other.downcast::<Unconnected>() {
            Ok(unconnected) => (true, unconnected.0),
            Err(other) => (false, Error::Other(other)),
        },
        error => (false, error),
    }
}

/// Marks an error that came before anything was sent.
#[derive(Debug)]
pub(super) struct Unconnected(Error);

impl std::error::Error for Unconnected {}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Unconnected {
    pub(super) fn mark(error: Error) -> Error {
        Error::Other(Box::new(Self(error)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use ureq::unversioned::transport::LazyBuffers;

    use super::*;

    /// Fails to write when it is told to, and reads these pieces.
    #[derive(Debug)]
    struct Scripted {
        buffers: LazyBuffers,
        writes: VecDeque<bool>,
        reads: VecDeque<Vec<u8>>,
    }

    impl Transport for Scripted {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            match self.writes.pop_front() {
                Some(true) => Ok(()),
                _ => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
            }
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            let Some(piece) = self.reads.pop_front() else { return Ok(false) };
            self.buffers.input_append_buf()[..piece.len()].copy_from_slice(&piece);
            self.buffers.input_appended(piece.len());
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    fn transport(writes: &[bool], reads: Vec<Vec<u8>>) -> ExchangeTransport<Scripted> {
        let buffers = LazyBuffers::new(128 << 10, 1 << 10);
        let (writes, reads) = (writes.iter().copied().collect(), reads.into());
        ExchangeTransport::new(Scripted { buffers, writes, reads })
    }

    fn unlimited() -> NextTimeout {
        NextTimeout::default()
    }

    /// Is a request that fails at this write one that was never sent?
    fn was_never_sent(transport: &mut ExchangeTransport<Scripted>) -> Vec<Option<bool>> {
        let mut write =
            || transport.transmit_output(1, unlimited()).err().map(|it| take_apart(it).0);
        vec![write(), write()]
    }

    #[test]
    fn only_a_failed_first_write_was_never_sent() {
        assert_eq!(was_never_sent(&mut transport(&[false], vec![]))[0], Some(true));
        let mut connection = transport(&[true, false], vec![]);
        assert_eq!(was_never_sent(&mut connection), [None, Some(false)]);
        // The next request of a connection that is kept.
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
        let mut connection = transport(&[true, true, false, false], vec![answer]);
        assert_eq!(was_never_sent(&mut connection), [None, None]);
        assert!(connection.await_input(unlimited()).unwrap());
        assert_eq!(was_never_sent(&mut connection)[0], Some(true));
    }

    /// What ureq reads of an answer that comes in pieces of so many bytes.
    fn read(answer: &[u8], piece: usize) -> Vec<u8> {
        let pieces = answer.chunks(piece).map(<[u8]>::to_vec).collect();
        let mut connection = transport(&[true], pieces);
        connection.transmit_output(1, unlimited()).unwrap();
        while connection.await_input(unlimited()).unwrap() {}
        connection.input().to_vec()
    }

    #[test]
    fn lines_beyond_a_hundred_are_left_out() {
        let few = "X: 1\r\n".repeat(100);
        let many = "X: 1\r\nSet-Cookie: y\r\n".repeat(1_000);
        let (start, kept) = ("HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n");
        let hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
        for piece in [1, 7, 4_096, 64 << 10] {
            let plain = format!("{start}{few}\r\nok\n\n");
            assert_eq!(read(plain.as_bytes(), piece), plain.as_bytes());
            let long = format!("{hints}{start}{many}{kept}{many}\r\nok\n\n");
            let expected = format!("{hints}{start}{kept}\r\nok\n\n");
            assert_eq!(read(long.as_bytes(), piece), expected.as_bytes(), "{piece}");
        }
    }

    #[test]
    fn head_that_is_never_whole_is_handed_on() {
        for answer in
            ["HTTP/1.1 200 OK\r\nX: ".to_owned(), format!("HTTP/1.1 {}", "x".repeat(70_000))]
        {
            assert_eq!(read(answer.as_bytes(), 1_000), answer.as_bytes());
        }
        assert_eq!(read(b"no http\r\n\r\nat all", 1_000), b"no http\r\n\r\nat all");
    }
}
