//! The file of revocations: one line for each, and each on disk before its call is answered.
//!
//! ```text
//! vestibule revocations 1
//! 1795000000000 "alice" 5b3f0c1d      when (in milliseconds since 1970), who, and the line's CRC-32
//! ```
//!
//! Lines are only ever added, each by one write and one wait for the disk, by a thread of its own. So a
//! crash leaves one bad line at most, the last, whose call was not answered: it is cut off at the next
//! start. Any other bad line is damage, and stops the start: to go on without it would let somebody in
//! again, and nobody knows whom. When
//! half of the lines may be out of date, those that count are written anew beside the file, which is
//! then replaced.
//!
//! Two processes may have it open, while one takes over from the other: each operation locks the
//! directory, and opens the file anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{
    self, BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Seek as _, Write as _,
};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;

use super::error::RevocationsError;
use super::handle::{Event, Mailbox};
use crate::node::{Completion, Outcome, Revocation, RevocationStore, StoreError, Ticket};
use crate::time::UnixTime;

const HEADER: &str = "vestibule revocations 1\n";
/// A user has 256 characters of at most 4 bytes, or of 6 where JSON escapes them.
const MAX_LINE_BYTES: usize = 2_048;
/// Revocations that wait for the disk; more are refused at once.
const QUEUE: usize = 1_024;
/// Lines beyond twice those that count, before they are written anew.
const SPARE_LINES: usize = 1_024;

fn unreadable(path: &Path) -> impl Fn(io::Error) -> RevocationsError {
    |error| RevocationsError::Read { path: path.to_owned(), error }
}

/// Reads the file at `path`, and gives each of its revocations to `each`; how many there are. One that
/// is not there has none. What a crash has left of a last line is cut off.
pub(super) fn restore(
    path: &Path,
    mut each: impl FnMut(&str, UnixTime),
) -> Result<usize, RevocationsError> {
    if !path.try_exists().map_err(unreadable(path))? {
        return Ok(0);
    }
    let _lock = lock(path).map_err(unreadable(path))?;
    let found = read(path, &mut each)?;
    if let Some(length) = found.torn_at {
        log::warn!("{}: cut off a last line that was not finished", path.display());
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length));
        // What is added later would come behind it.
        cut.map_err(unreadable(path))?;
    }
    Ok(found.lines)
}

/// Is there a file at `path`, and can it not be used? Nothing is changed.
pub(super) fn inspect(path: &Path) -> Result<(), RevocationsError> {
    let is_there = path.try_exists().map_err(unreadable(path))?;
    if is_there { read(path, &mut |_, _| {}).map(drop) } else { Ok(()) }
}

/// The store of a node: hands each revocation to a thread.
pub(super) struct FileStore {
    queue: SyncSender<AppendJob>,
}

/// What the thread is to do.
struct AppendJob {
    ticket: Ticket,
    user: Box<str>,
    at: UnixTime,
    capacity: usize,
    over_before: Option<UnixTime>,
}

impl FileStore {
    /// Starts the thread for the file at `path`, which has so many lines. It ends when the store is
    /// dropped, after what was given to it by then.
    pub(super) fn start(path: PathBuf, lines: usize, mailbox: Mailbox) -> io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let mut log = LogFile { path, lines };
        thread::Builder::new()
            .name("vestibule-revocations".to_owned())
            .spawn(move || log.serve(&jobs, &mailbox))?;
        Ok(Self { queue })
    }
}

impl RevocationStore for FileStore {
    fn store(&mut self, ticket: Ticket, revocation: &Revocation<'_>) -> Result<(), StoreError> {
        let &Revocation { user, at, capacity, over_before } = revocation;
        let job = AppendJob { ticket, user: user.into(), at, capacity, over_before };
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::QueueFull,
            TrySendError::Disconnected(_) => StoreError::Ended,
        })
    }
}

/// The file, as the thread has it.
struct LogFile {
    path: PathBuf,
    /// About how many lines it has.
    lines: usize,
}

impl LogFile {
    fn serve(&mut self, jobs: &Receiver<AppendJob>, mailbox: &Mailbox) {
        while let Ok(job) = jobs.recv() {
            let stored = self.append(&job).map_err(|error| {
                let path = self.path.clone();
                StoreError::Failed(RevocationsError::Write { path, error }.into())
            });
            let done = Completion { ticket: job.ticket, outcome: Outcome::Stored(stored) };
            mailbox.deliver(Event::Done(done));
            // It is stored by now, and what follows need not be waited for.
            if self.lines > SPARE_LINES.saturating_add(job.capacity.saturating_mul(2))
                && let Err(error) = self.compact(&job)
            {
                log::warn!("cannot write {} anew: {error}", self.path.display());
                // Tried again when it has grown by as much.
                self.lines = 0;
            }
        }
    }

    /// Adds a line, and waits for the disk.
    fn append(&mut self, job: &AppendJob) -> io::Result<()> {
        let made = make_directory(directory(&self.path))?;
        let _lock = lock(&self.path)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let length = end_of_lines(&mut file)?;
        let mut text = line(&job.user, job.at);
        if length == 0 {
            text.insert_str(0, HEADER);
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // A piece of a line would make the next one unreadable. If this fails too, that one sees it.
            let _ = file.set_len(length);
            return Err(error);
        }
        if length == 0 {
            // A file that is in no directory after a power cut was not stored.
            File::open(directory(&self.path))?.sync_all()?;
        }
        if let Some(parent) = made {
            File::open(parent)?.sync_all()?;
        }
        self.lines += 1;
        Ok(())
    }

    /// Writes the lines that count into a new file, which takes the place of the old one.
    fn compact(&mut self, job: &AppendJob) -> io::Result<()> {
        let _lock = lock(&self.path)?;
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
        File::open(directory(&self.path))?.sync_all()?;
        self.lines = lines;
        Ok(())
    }

    fn each(&self, each: &mut impl FnMut(&str, UnixTime)) -> io::Result<()> {
        read(&self.path, each).map(drop).map_err(io::Error::other)
    }
}

/// When each user was revoked last. Users are hashes: their names may take more memory than a file of
/// them should.
#[derive(Default)]
struct Latest {
    hashing: RandomState,
    moments: Vec<(u64, UnixTime)>,
}

impl Latest {
    fn note(&mut self, user: &str, at: UnixTime) {
        self.moments.push((self.hashing.hash_one(user), at));
    }

    /// Everybody is noted: forgets who need not be remembered.
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

    /// Is this a user's last one? True once.
    fn take(&mut self, user: &str, at: UnixTime) -> bool {
        let hash = self.hashing.hash_one(user);
        let found = self.moments.binary_search_by_key(&hash, |&(hash, _)| hash);
        let entry = found.ok().and_then(|index| self.moments.get_mut(index));
        let Some(entry) = entry.filter(|entry| entry.1 == at) else { return false };
        entry.1 = UnixTime::MAX;
        true
    }
}

/// What was found in a file.
struct FileScan {
    lines: usize,
    /// Where a last line begins that is not whole.
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
        // Behind a bad line there is nothing, or it is not what a crash has left.
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

/// A revocation as a line.
fn line(user: &str, at: UnixTime) -> String {
    let text = format!("{} {}", at.as_millis(), serde_json::Value::from(user));
    let sum = crc32(text.as_bytes());
    format!("{text} {sum:08x}\n")
}

/// `None`: this is none, or not a whole one.
fn parse(line: &[u8]) -> Option<(String, UnixTime)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (text, sum) = line.rsplit_once(' ')?;
    if sum.len() != 8 || u32::from_str_radix(sum, 16).ok()? != crc32(text.as_bytes()) {
        return None;
    }
    let (at, user) = text.split_once(' ')?;
    Some((serde_json::from_str(user).ok()?, UnixTime::from_millis(at.parse().ok()?)))
}

/// The CRC-32 of IEEE 802.3, a bit at a time: a line is short, and rare.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            let is_odd = sum & 1 == 1;
            (sum >> 1) ^ if is_odd { 0xedb8_8320 } else { 0 }
        })
    })
}

/// Where whole lines end. What is behind them was left by a write that failed: it is cut off, as the
/// next line would come behind it.
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

/// Held until it is dropped. Another process that has it is done in a moment.
fn lock(path: &Path) -> io::Result<File> {
    let directory = File::open(directory(path))?;
    directory.lock()?;
    Ok(directory)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes `directory`, for its owner alone, where it is missing. Then its parent has changed, too.
fn make_directory(directory: &Path) -> io::Result<Option<&Path>> {
    if directory.is_dir() {
        return Ok(None);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(Some(self::directory(directory)))
}

#[cfg(test)]
mod tests;
