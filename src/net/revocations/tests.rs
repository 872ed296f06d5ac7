use std::io::ErrorKind;

use super::*;
use crate::testing::ScratchDir;

/// A directory in which there is no data directory yet.
struct Scratch(ScratchDir);

impl Scratch {
    fn new() -> Self {
        Self(ScratchDir::new())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data/revocations")
    }

    fn log(&self) -> LogFile {
        let has_directory = self.path().parent().unwrap().is_dir();
        LogFile { path: self.path(), lines: 0, has_directory, waiting: Arc::default() }
    }

    fn restored(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        restore(&self.path(), |user, at| found.push((user.to_owned(), at.as_millis()))).unwrap();
        found
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }
}

fn job(user: &str, at: u64) -> AppendJob {
    let ticket = Ticket { index: 0, serial: 0 };
    let at = UnixTime::from_millis(at);
    AppendJob { ticket, user: user.into(), at, capacity: 0, over_before: None }
}

#[test]
fn revocations_beyond_the_queue_are_refused() {
    let (queue, jobs) = mpsc::channel();
    let mut store = FileStore { queue, waiting: Arc::default() };
    let mut store_one = || {
        let at = UnixTime::from_millis(1);
        let revocation = Revocation { user: "alice", at, capacity: 0, over_before: None };
        store.store(Ticket { index: 0, serial: 0 }, &revocation)
    };
    assert!((0..QUEUE).all(|_| store_one().is_ok()));
    assert!(matches!(store_one(), Err(StoreError::QueueFull)));
    drop(jobs);
}

#[test]
fn what_was_added_is_read_whatever_it_is_called() {
    let scratch = Scratch::new();
    assert_eq!(scratch.restored(), []);
    let long = "\u{7}".repeat(256);
    let names = ["alice", "auth0|bob é", "a \"b\"\nc\\", "12 34", &long];
    for (at, name) in (1..).zip(names) {
        scratch.log().append(&job(name, at)).unwrap();
    }
    let expected: Vec<_> = (1..).zip(names).map(|(at, name)| (name.to_owned(), at)).collect();
    assert_eq!(scratch.restored(), expected);
    assert!(scratch.bytes().split(|&b| b == b'\n').all(|line| line.len() < MAX_LINE_BYTES));
}

#[test]
fn the_sum_of_a_line_is_its_crc_32() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(line("alice", UnixTime::from_millis(7)), "7 \"alice\" 5332a613\n");
}

#[test]
fn a_file_that_is_cut_anywhere_keeps_its_whole_lines() {
    let scratch = Scratch::new();
    for at in 1..=3 {
        scratch.log().append(&job("alice", at)).unwrap();
    }
    let whole = scratch.bytes();
    for length in 0..whole.len() {
        fs::write(scratch.path(), &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(scratch.restored().len(), lines.saturating_sub(1), "{length}");
        // The bad line is cut off, and the next one is appended.
        scratch.log().append(&job("bob", 9)).unwrap();
        assert_eq!(scratch.restored().last(), Some(&("bob".to_owned(), 9)), "{length}");
    }
}

#[test]
fn a_piece_that_a_failed_write_has_left_is_cut_off() {
    let scratch = Scratch::new();
    scratch.log().append(&job("alice", 1)).unwrap();
    let mut bytes = scratch.bytes();
    bytes.extend(b"2 \"bo");
    fs::write(scratch.path(), bytes).unwrap();
    scratch.log().append(&job("carol", 3)).unwrap();
    assert_eq!(scratch.restored(), [("alice".to_owned(), 1), ("carol".to_owned(), 3)]);
}

#[test]
fn a_changed_byte_is_told_by_its_line() {
    let scratch = Scratch::new();
    for at in 1..=3 {
        scratch.log().append(&job("alice", at)).unwrap();
    }
    let whole = scratch.bytes();
    // Removing the end of the second line joins it to the last, which looks like the end of a
    // crash.
    let end = whole.len() - line("alice", UnixTime::from_millis(3)).len() - 1;
    for at in 0..end {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(scratch.path(), &bytes).unwrap();
        let fault = inspect(&scratch.path()).unwrap_err();
        let expected = if at < HEADER.len() { "no file of revocations" } else { "is damaged" };
        let text = fault.to_string();
        assert!(text.contains(expected) && text.contains("revocations"), "{at}: {text}");
        assert!(restore(&scratch.path(), |_, _| {}).is_err());
        assert_eq!(scratch.bytes(), bytes, "nothing is changed");
    }
}

#[test]
fn a_line_that_is_too_long_is_no_line() {
    let scratch = Scratch::new();
    scratch.log().append(&job("alice", 1)).unwrap();
    let mut bytes = scratch.bytes();
    bytes.extend([b'x'; 3 * MAX_LINE_BYTES]);
    fs::write(scratch.path(), bytes).unwrap();
    assert!(matches!(inspect(&scratch.path()), Err(RevocationsError::Damaged { line: 2 | 3, .. })));
    let refused = scratch.log().append(&job("bob", 2)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_long_file_is_written_anew_with_what_counts() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    for at in 1..=9 {
        log.append(&job(if at % 2 == 0 { "even" } else { "odd" }, at)).unwrap();
    }
    log.append(&job("last", 10)).unwrap();
    assert_eq!(log.lines, 10);
    log.compact(&job("", 0)).unwrap();
    let expected = [("even".to_owned(), 8), ("odd".to_owned(), 9), ("last".to_owned(), 10)];
    assert_eq!((scratch.restored(), log.lines), (expected.to_vec(), 3));
    log.compact(&AppendJob { capacity: 2, ..job("", 0) }).unwrap();
    assert_eq!(scratch.restored(), expected[1..]);
    log.compact(&AppendJob { over_before: Some(UnixTime::from_millis(10)), ..job("", 0) }).unwrap();
    assert_eq!(scratch.restored(), expected[2..]);
    log.append(&job("next", 11)).unwrap();
    assert_eq!(scratch.restored().len(), 2);
}

#[test]
fn the_file_and_its_directory_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = Scratch::new();
    scratch.log().append(&job("alice", 1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.path()), 0o600);
    assert_eq!(mode(&scratch.0.path().join("data")), 0o700);
    scratch.log().compact(&job("", 0)).unwrap();
    assert_eq!(mode(&scratch.path()), 0o600);
}

/// A line in a directory that nobody looks in again, or in a file without the earlier lines, would be
/// reported as stored and lost.
#[test]
fn nothing_is_stored_beside_a_place_that_was_moved() {
    let scratch = Scratch::new();
    let mut log = scratch.log();
    log.append(&job("alice", 1)).unwrap();
    for (place, said) in [("data", "its directory was moved"), ("data/revocations", "the file was")]
    {
        let (place, aside) = (scratch.0.path().join(place), scratch.0.path().join("aside"));
        fs::rename(&place, &aside).unwrap();
        let fault = log.append(&job("bob", 2)).unwrap_err().to_string();
        assert!(fault.starts_with(said), "{fault}");
        assert!(!place.exists());
        fs::rename(&aside, &place).unwrap();
        log.append(&job("bob", 2)).unwrap();
    }
    assert_eq!(scratch.restored().len(), 3);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_an_error() {
    let scratch = Scratch::new();
    fs::write(scratch.0.path().join("data"), "a file where the directory should be").unwrap();
    assert!(scratch.log().append(&job("alice", 1)).is_err());
}
