//! The file of revocations. Each is a line, which is on disk before its request is answered.
//!
//! ```text
//! vestibule revocations 1
//! 1795000000000 "alice" 5b3f0c1d      when (in milliseconds since 1970), who, and the line's CRC-32
//! ```
//!
//! A separate thread appends each line by one write, and waits for the disk. So a crash leaves at
//! most one bad line, the last, whose request was not answered. The next start cuts it off. Any
//! other bad line is damage and prevents the start, because skipping it could lift an unknown
//! user's revocation. When half of the lines may be outdated, the current ones are written to a new
//! file, which replaces the old one.
//!
//! Two processes may use the file while one takes over from the other, so each operation locks the
//! directory and opens the file again.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{
    self, BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Seek as _, Write as _,
};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::directory;
use super::error::RevocationsError;
use super::handle::{Event, Mailbox};
use crate::node::{Completion, Outcome, Revocation, RevocationStore, StoreError, Ticket};
use crate::time::UnixTime;

const HEADER: &str = "vestibule revocations 1\n";
/// A user has up to 256 characters of at most 4 bytes, or of 6 if JSON escapes them.
const MAX_LINE_BYTES: usize = 2_048;
/// The most revocations that wait for the disk. More are refused at once.
const QUEUE: usize = 1_024;
/// How many lines beyond twice the current ones are tolerated before the file is rewritten.
const SPARE_LINES: usize = 1_024;

fn unreadable(path: &Path) -> impl Fn(io::Error) -> RevocationsError {
    |error| RevocationsError::Read { path: path.to_owned(), error }
}

/// Reads the file at `path`, passes each revocation to `each`, and returns their number. A missing
/// file has none. An incomplete last line, which a crash left, is cut off.
pub(super) fn restore(
    path: &Path,
    mut each: impl FnMut(&str, UnixTime),
) -> Result<usize, RevocationsError> {
    if !path.try_exists().map_err(unreadable(path))? {
        return Ok(0);
    }
    let _lock = directory::lock(path).map_err(unreadable(path))?;
    let found = read(path, &mut each)?;
    if let Some(length) = found.torn_at {
        log::warn!("{}: cut off a last line that was not finished", path.display());
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length));
        // A line appended later would be joined to it.
        cut.map_err(unreadable(path))?;
    }
    Ok(found.lines)
}

/// Checks the file at `path`, if there is one, without changing it.
pub(super) fn inspect(path: &Path) -> Result<(), RevocationsError> {
    let is_there = path.try_exists().map_err(unreadable(path))?;
    if is_there { read(path, &mut |_, _| {}).map(drop) } else { Ok(()) }
}

/// A node's store: passes each revocation to a thread.
///
/// The bound is counted here: a channel that has it would allocate all its places, 64 KiB, at the start.
pub(super) struct FileStore {
    queue: Sender<AppendJob>,
    waiting: Arc<AtomicUsize>,
}

/// A line that the thread has to append.
struct AppendJob {
    ticket: Ticket,
    user: Box<str>,
    at: UnixTime,
    capacity: usize,
    over_before: Option<UnixTime>,
}

impl FileStore {
    /// Starts the thread for the file at `path`, which has `lines` lines. When the store is
    /// dropped, the thread finishes its queue and ends.
    pub(super) fn start(path: PathBuf, lines: usize, mailbox: Mailbox) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let has_directory = directory::directory_of(&path).is_dir();
        let mut log = LogFile { path, lines, has_directory, waiting: Arc::clone(&waiting) };
        thread::Builder::new()
            .name("vestibule-revocations".to_owned())
            .spawn(move || log.serve(&jobs, &mailbox))?;
        Ok(Self { queue, waiting })
    }
}

impl RevocationStore for FileStore {
    fn store(&mut self, ticket: Ticket, revocation: &Revocation<'_>) -> Result<(), StoreError> {
        let &Revocation { user, at, capacity, over_before } = revocation;
        // Only this thread adds to it, so it cannot pass the bound between the look and the addition.
        if self.waiting.load(Ordering::Relaxed) >= QUEUE {
            return Err(StoreError::QueueFull);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let job = AppendJob { ticket, user: user.into(), at, capacity, over_before };
        self.queue.send(job).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            StoreError::Ended
        })
    }
}

/// The file, in the thread's view.
struct LogFile {
    path: PathBuf,
    /// Approximately how many lines it has.
    lines: usize,
    /// The directory was there. One that is gone since was moved, and is not created again: nobody would
    /// look for the revocations there.
    has_directory: bool,
    /// How many revocations wait for this thread.
    waiting: Arc<AtomicUsize>,
}

impl LogFile {
    fn serve(&mut self, jobs: &Receiver<AppendJob>, mailbox: &Mailbox) {
        while let Ok(job) = jobs.recv() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let stored = self.append(&job).map_err(|error| {
                let path = self.path.clone();
                StoreError::Failed(RevocationsError::Write { path, error }.into())
            });
            let done = Completion { ticket: job.ticket, outcome: Outcome::Stored(stored) };
            mailbox.deliver(Event::Done(done));
            // The line is stored and reported by now, so nothing waits for what follows.
            if self.lines > SPARE_LINES.saturating_add(job.capacity.saturating_mul(2))
                && let Err(error) = self.compact(&job)
            {
                log::warn!("cannot rewrite {}: {error}", self.path.display());
                // Tried again when the file has grown by as much.
                self.lines = 0;
            }
        }
    }

    /// Appends a line, and waits for the disk.
    fn append(&mut self, job: &AppendJob) -> io::Result<()> {
        let made = self.find_place()?;
        let _lock = directory::lock(&self.path)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let length = end_of_lines(&mut file)?;
        let mut text = line(&job.user, job.at);
        if length == 0 {
            text.insert_str(0, HEADER);
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // An incomplete line would make the next one unreadable. If this fails too, the next
            // append cuts it off.
            let _ = file.set_len(length);
            return Err(error);
        }
        if length == 0 {
            // After a power failure, a file that is in no directory is lost.
            File::open(directory::directory_of(&self.path))?.sync_all()?;
        }
        if let Some(parent) = made {
            File::open(parent)?.sync_all()?;
        }
        self.has_directory = true;
        self.lines += 1;
        Ok(())
    }

    /// Creates the directory, if there never was one, and returns what has changed by that.
    fn find_place(&self) -> io::Result<Option<&Path>> {
        let directory = directory::directory_of(&self.path);
        if self.has_directory && !directory.is_dir() {
            let text = "its directory was moved or deleted: put it back";
            return Err(io::Error::new(ErrorKind::NotFound, text));
        }
        if self.lines > 0 && !self.path.try_exists()? {
            let text =
                "the file was moved or deleted, and with it earlier revocations: put it back";
            return Err(io::Error::new(ErrorKind::NotFound, text));
        }
        directory::make(directory)
    }

    /// Writes the current lines to a new file, which replaces the old one.
    fn compact(&mut self, job: &AppendJob) -> io::Result<()> {
        let _lock = directory::lock(&self.path)?;
        let mut latest = Latest::default();
        self.each(&mut |user, at| latest.note(user, at))?;
        latest.sort(job);
        let beside = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let mut writer = BufWriter::new(file);
        writer.write_all(HEADER.as_bytes())?;
        let mut written = Ok(0);
        self.each(&mut |user, at| {
            if let Ok(lines) = written
                && latest.take(user, at)
            {
                written = writer.write_all(line(user, at).as_bytes()).map(|()| lines + 1);
            }
        })?;
        let lines = written?;
        writer.into_inner()?.sync_all()?;
        fs::rename(&beside, &self.path)?;
        File::open(directory::directory_of(&self.path))?.sync_all()?;
        self.lines = lines;
        Ok(())
    }

    fn each(&self, each: &mut impl FnMut(&str, UnixTime)) -> io::Result<()> {
        read(&self.path, each).map(drop).map_err(io::Error::other)
    }
}

/// The last revocation of each user. Users are hashed, because their names may take much memory.
#[derive(Default)]
struct Latest {
    hashing: RandomState,
    moments: Vec<(u64, UnixTime)>,
}

impl Latest {
    fn note(&mut self, user: &str, at: UnixTime) {
        self.moments.push((self.hashing.hash_one(user), at));
    }

    /// Called when all revocations are noted: removes duplicates and those that need not be kept.
    fn sort(&mut self, job: &AppendJob) {
        let moments = &mut self.moments;
        moments.sort_unstable();
        moments.dedup_by(|next, last| {
            let is_same = next.0 == last.0;
            if is_same {
                last.1 = next.1;
            }
            is_same
        });
        let mut first = job.over_before.unwrap_or_default();
        if job.capacity > 0 && moments.len() > job.capacity {
            let mut oldest: Vec<UnixTime> = moments.iter().map(|&(_, at)| at).collect();
            let over = oldest.len() - job.capacity;
            first = first.max(*oldest.select_nth_unstable(over).1);
        }
        moments.retain(|&(_, at)| at >= first);
    }

    /// Is this the user's last revocation? Returns true only once.
    fn take(&mut self, user: &str, at: UnixTime) -> bool {
        let hash = self.hashing.hash_one(user);
        let found = self.moments.binary_search_by_key(&hash, |&(hash, _)| hash);
        let entry = found.ok().and_then(|index| self.moments.get_mut(index));
        let Some(entry) = entry.filter(|entry| entry.1 == at) else { return false };
        entry.1 = UnixTime::MAX;
        true
    }
}

/// The result of reading a file.
struct FileScan {
    lines: usize,
    /// Where an incomplete last line begins.
    torn_at: Option<u64>,
}

fn read(path: &Path, each: &mut impl FnMut(&str, UnixTime)) -> Result<FileScan, RevocationsError> {
    let mut reader = BufReader::new(File::open(path).map_err(unreadable(path))?);
    let mut bytes = Vec::new();
    let (mut found, mut length, mut number) = (FileScan { lines: 0, torn_at: None }, 0, 0);
    loop {
        bytes.clear();
        let most = (MAX_LINE_BYTES + 1) as u64;
        let taken = reader.by_ref().take(most).read_until(b'\n', &mut bytes);
        let taken = taken.map_err(unreadable(path))?;
        if taken == 0 {
            return Ok(found);
        }
        // An incomplete line with more lines after it was not left by a crash.
        if found.torn_at.is_some() {
            return Err(RevocationsError::Damaged { path: path.to_owned(), line: number });
        }
        number += 1;
        let is_header = number == 1;
        let revocation = if is_header { None } else { parse(&bytes) };
        if let Some((user, at)) = &revocation {
            each(user, *at);
            found.lines += 1;
        } else if !is_header || bytes != HEADER.as_bytes() {
            if is_header && !HEADER.as_bytes().starts_with(&bytes) {
                return Err(RevocationsError::Foreign(path.to_owned()));
            }
            found.torn_at = Some(length);
        }
        length += taken as u64;
    }
}

/// The line of a revocation.
fn line(user: &str, at: UnixTime) -> String {
    let text = format!("{} {}", at.as_millis(), serde_json::Value::from(user));
    let sum = crc32(text.as_bytes());
    format!("{text} {sum:08x}\n")
}

/// Parses a line. `None`: it is incomplete or damaged.
fn parse(line: &[u8]) -> Option<(String, UnixTime)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (text, sum) = line.rsplit_once(' ')?;
    if sum.len() != 8 || u32::from_str_radix(sum, 16).ok()? != crc32(text.as_bytes()) {
        return None;
    }
    let (at, user) = text.split_once(' ')?;
    Some((serde_json::from_str(user).ok()?, UnixTime::from_millis(at.parse().ok()?)))
}

/// The CRC-32 of IEEE 802.3, bit by bit: lines are short and rare.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            let is_odd = sum & 1 == 1;
            (sum >> 1) ^ if is_odd { 0xedb8_8320 } else { 0 }
        })
    })
}

/// The offset after the last complete line. A failed write may have left bytes after it, which are
/// cut off, because the next line would be joined to them.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(MAX_LINE_BYTES as u64 + HEADER.len() as u64);
    let mut tail = Vec::new();
    file.seek(io::SeekFrom::Start(start))?;
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    if start > 0 && whole == 0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "the file is damaged at its end"));
    }
    let end = start + whole as u64;
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests;
