//! When an answer came, as the kernel has it: a client that waits for a core is not a slow server.
//!
//! The kernel stamps what arrives at a socket (`SO_TIMESTAMPNS`). A read takes down how long the bytes had
//! been there before it returned them, and a measurement leaves that out.

use std::cell::Cell;
use std::io::{self, IoSliceMut, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

thread_local! {
    static OWN: Cell<OwnTime> = const { Cell::new(OwnTime { sum: Duration::ZERO, until: None }) };
}

/// The time of an operation that is its client's, and not the server's.
#[derive(Clone, Copy, Debug)]
struct OwnTime {
    sum: Duration,
    /// What is before this moment is counted already.
    until: Option<SystemTime>,
}

impl OwnTime {
    /// What was read at `now` had been there since `at`.
    fn add(&mut self, at: SystemTime, now: SystemTime) {
        let from = self.until.map_or(at, |until| until.max(at));
        self.sum += now.duration_since(from).unwrap_or_default();
        self.until = Some(now);
    }
}

/// Does `operation` on this thread: how long the server took for it, which is until the last bytes that
/// it had to wait for were there to be read.
pub(crate) fn measure<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    OWN.set(OwnTime { sum: Duration::ZERO, until: None });
    let began = Instant::now();
    let done = operation();
    (done, began.elapsed().saturating_sub(OWN.get().sum))
}

/// Does what is no part of the operation that is measured.
pub(crate) fn unmeasured<T>(aside: impl FnOnce() -> T) -> T {
    let (before, began) = (OWN.get(), Instant::now());
    let done = aside();
    OWN.set(OwnTime { sum: before.sum + began.elapsed(), until: Some(SystemTime::now()) });
    done
}

/// A socket whose reads know when the bytes came.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    /// For the stamps: made once.
    control: Vec<u8>,
}

impl Stream {
    /// # Errors
    /// The kernel does not stamp.
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        Ok(Self { socket, control: cmsg_space!(TimeSpec) })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut slices = [IoSliceMut::new(buffer)];
        let (socket, control) = (self.socket.as_raw_fd(), &mut self.control);
        let read = recvmsg::<()>(socket, &mut slices, Some(control), MsgFlags::empty())?;
        let now = SystemTime::now();
        for stamp in read.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(at) = stamp {
                let mut own = OWN.get();
                own.add(UNIX_EPOCH + Duration::from(at), now);
                OWN.set(own);
            }
        }
        Ok(read.bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn what_waits_in_the_socket_is_not_the_servers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut client = Stream::new(client).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let whole = Instant::now();
        let ((), measured) = measure(|| {
            server.write_all(b"here").unwrap();
            // The kernel's clock is coarser than a system call takes.
            let sent = Instant::now();
            while sent.elapsed() < Duration::from_millis(20) {
                std::thread::yield_now();
            }
            assert_eq!(client.read(&mut [0; 8]).unwrap(), 4);
        });
        // Two clocks, of which one is adjusted.
        assert!(whole.elapsed() - measured >= Duration::from_millis(15), "{measured:?}");
    }

    #[test]
    fn a_moment_is_counted_once() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let mut own = OwnTime { sum: Duration::ZERO, until: None };
        for (came, read) in [(10, 30), (20, 35), (50, 51)] {
            own.add(at(came), at(read));
        }
        assert_eq!(own.sum, Duration::from_millis(20 + 5 + 1));
    }

    #[test]
    fn what_is_aside_does_not_count() {
        let sum = || OWN.get().sum;
        measure(|| {
            let began = Instant::now();
            unmeasured(|| {
                while began.elapsed() < Duration::from_millis(5) {
                    std::thread::yield_now();
                }
            });
            assert!(sum() > Duration::ZERO && sum() <= began.elapsed());
        });
    }
}
