//! Child processes that never outlive their owner, and never block it for ever.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often a wait looks at its watch.
const POLL: Duration = Duration::from_millis(20);

/// Until when something may be waited for: a moment, or a signal.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Instant,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Ends after `timeout`, or with `stop`.
    pub(crate) fn new(timeout: Duration, stop: Arc<AtomicBool>) -> Self {
        Self { deadline: Instant::now() + timeout, stop }
    }

    /// The same stop, and a deadline that is no later.
    pub(crate) fn at_most(&self, timeout: Duration) -> Self {
        let deadline = self.deadline.min(Instant::now() + timeout);
        Self { deadline, stop: Arc::clone(&self.stop) }
    }

    /// A signal came.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether to wait on.
    ///
    /// # Errors
    /// `TimedOut` or `Interrupted`.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_stopped() {
            Err(io::Error::new(io::ErrorKind::Interrupted, "stopped by a signal"))
        } else if Instant::now() >= self.deadline {
            Err(io::Error::new(io::ErrorKind::TimedOut, "timed out"))
        } else {
            Ok(())
        }
    }

    /// Lets a moment pass.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) fn pause(&self) -> io::Result<()> {
        thread::sleep(POLL);
        self.check()
    }
}

/// A line of a child's output, without its end.
#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
}

/// A child's whole output.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Line>,
}

impl Process {
    /// Starts a command, its output read by two threads for as long as it writes: a child never
    /// blocks on a full pipe.
    ///
    /// # Errors
    /// The program is not there, or cannot be run.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", command.get_program().display()))
        })?;
        let (sender, lines) = channel();
        if let Some(out) = child.stdout.take() {
            drain(out, sender.clone(), Line::Out);
        }
        if let Some(err) = child.stderr.take() {
            drain(err, sender, Line::Err);
        }
        Ok(Self { child, lines })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line in which `find` finds something.
    ///
    /// # Errors
    /// The child ends first, or the watch.
    pub(crate) fn wait_for<T>(
        &self,
        watch: &Watch,
        find: impl Fn(&str) -> Option<T>,
    ) -> io::Result<T> {
        let mut last = String::new();
        loop {
            match self.lines.recv_timeout(POLL) {
                Ok(Line::Out(line) | Line::Err(line)) => match find(&line) {
                    Some(found) => return Ok(found),
                    None => last = line,
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let text = format!("it ended before it said where it listens: {last}");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
            }
            watch.check()?;
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end, and gives all output.
    ///
    /// # Errors
    /// The watch ends first; the child is killed then.
    pub(crate) fn finish(mut self, watch: &Watch) -> io::Result<Output> {
        let mut output = Output::default();
        loop {
            let (text, line) = match self.lines.recv_timeout(POLL) {
                Ok(Line::Out(line)) => (&mut output.out, line),
                Ok(Line::Err(line)) => (&mut output.err, line),
                Err(RecvTimeoutError::Timeout) => {
                    watch.check()?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            text.push_str(&line);
            text.push('\n');
        }
        while !self.has_ended() {
            watch.pause()?;
        }
        Ok(output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end, whether or not somebody still listens.
fn drain(from: impl Read + Send + 'static, into: Sender<Line>, line: fn(String) -> Line) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while from.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let _ = into.send(line(String::from_utf8_lossy(&bytes).trim_end().to_owned()));
            bytes.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command).unwrap()
    }

    fn watch(timeout: Duration) -> Watch {
        Watch::new(timeout, Arc::new(AtomicBool::new(false)))
    }

    #[test]
    fn all_output_is_there_at_the_end() {
        let output = shell("echo one; echo two >&2; echo three").finish(&watch(LONG)).unwrap();
        assert_eq!((&*output.out, &*output.err), ("one\nthree\n", "two\n"));
    }

    #[test]
    fn a_hanging_child_is_killed_at_the_deadline() {
        let error = shell("exec sleep 60").finish(&watch(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_signal_ends_the_wait() {
        let watch = watch(LONG);
        watch.stop.store(true, Ordering::Relaxed);
        let error = shell("exec sleep 60").finish(&watch).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn a_line_is_found_on_either_stream() {
        let child = shell("echo no; echo here >&2; exec sleep 60");
        let found = child.wait_for(&watch(LONG), |line| (line == "here").then_some(7));
        assert_eq!(found.unwrap(), 7);
    }

    #[test]
    fn a_child_that_ends_early_says_its_last_line() {
        let error = shell("echo broken").wait_for(&watch(LONG), |_| None::<()>).unwrap_err();
        assert!(error.to_string().ends_with("broken"), "{error}");
    }

    const LONG: Duration = Duration::from_secs(60);
}
