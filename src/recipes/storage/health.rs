//! What the storage can do now, and what has failed: for health checks, metrics and the log.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::ErrorCode;

use super::place::LostFile;
use super::progress::WorkProgress;
use crate::node::{Dependency, Histogram, Reading};

/// Why a task or a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureCause {
    Full,
    /// The disk failed.
    Io,
    /// The file system, the file or the directory may not be written to.
    ReadOnly,
    /// Another process has locked the database for longer than we wait.
    Locked,
    /// What is in the file is no sound database.
    Damaged,
    /// A fault of ours: SQLite has refused a statement.
    Refused,
    /// A fault of ours: the task panicked.
    Panicked,
}

impl FailureCause {
    const ALL: [Self; 7] = [
        Self::Full,
        Self::Io,
        Self::ReadOnly,
        Self::Locked,
        Self::Damaged,
        Self::Refused,
        Self::Panicked,
    ];

    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Io,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Self::ReadOnly
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            _ => Self::Refused,
        }
    }

    /// The cause, after a write of ours to the same file system failed with `error`.
    pub(super) fn refined_by(self, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::ReadOnlyFilesystem { Self::ReadOnly } else { self }
    }

    /// The label in the metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Io => "io",
            Self::ReadOnly => "read_only",
            Self::Locked => "locked",
            Self::Damaged => "damaged",
            Self::Refused => "refused",
            Self::Panicked => "panicked",
        }
    }

    /// It may go without a restart, so what failed for it may be sent again. Where the database is
    /// locked, nothing has begun.
    pub(super) const fn is_temporary(self) -> bool {
        matches!(self, Self::Full | Self::Io | Self::ReadOnly)
    }

    /// A state in which nothing can be stored until a write succeeds: its code, and a sentence.
    const fn state(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Io => ("storage_io", "The disk of the database fails: nothing is stored"),
            Self::ReadOnly => {
                ("storage_read_only", "The database cannot be written to: nothing is stored")
            }
            Self::Locked => {
                ("storage_locked", "Another process has locked the database: nothing is stored")
            }
            Self::Full | Self::Damaged | Self::Refused | Self::Panicked => return None,
        })
    }
}

/// What SQLite says of an error: never the statement, which may be a long script, nor a bound value.
pub(super) fn text_of(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// None by its place in [`FailureCause::ALL`] or [`LostFile::ALL`].
const NONE: usize = usize::MAX;

/// What the storage can do now, and what it has refused. Any thread may look.
#[derive(Debug)]
pub(crate) struct StorageHealth {
    pub(super) is_full: AtomicBool,
    /// Which file is not in its place, by its place in [`LostFile::ALL`]; [`NONE`] if they all are.
    lost: AtomicUsize,
    /// Some of the database was found to be damaged. Only a restart with a sound one ends that.
    is_damaged: AtomicBool,
    /// Why the last write failed, by its place; [`NONE`] if it did not.
    failing: AtomicUsize,
    /// What the database takes of the disk without free pages, and its log; what the disk has left.
    pub(super) database_bytes: AtomicU64,
    pub(super) log_bytes: AtomicU64,
    pub(super) free_bytes: AtomicU64,
    pub(super) refused_full: AtomicU64,
    pub(super) refused_lost: AtomicU64,
    failures: [AtomicU64; FailureCause::ALL.len()],
    refused_members: AtomicU64,
    refused_refreshes: AtomicU64,
    /// Whether the thread gets on.
    pub(super) progress: WorkProgress,
    /// How long commits took, in microseconds.
    commits: Mutex<Histogram>,
}

impl Default for StorageHealth {
    fn default() -> Self {
        Self {
            is_full: AtomicBool::default(),
            lost: AtomicUsize::new(NONE),
            is_damaged: AtomicBool::default(),
            failing: AtomicUsize::new(NONE),
            database_bytes: AtomicU64::default(),
            log_bytes: AtomicU64::default(),
            free_bytes: AtomicU64::default(),
            refused_full: AtomicU64::default(),
            refused_lost: AtomicU64::default(),
            failures: Default::default(),
            refused_members: AtomicU64::default(),
            refused_refreshes: AtomicU64::default(),
            progress: WorkProgress::default(),
            commits: Mutex::default(),
        }
    }
}

impl StorageHealth {
    /// A recipe or an address had as many members and invitations as it may have.
    pub(crate) fn count_refused_member(&self) {
        self.refused_members.fetch_add(1, Ordering::Relaxed);
    }

    /// An account has refreshed its tokens more often than it may.
    pub(crate) fn count_refused_refresh(&self) {
        self.refused_refreshes.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether what makes the database grow is refused.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    pub(super) fn count_failure(&self, cause: FailureCause) {
        if let Some(failures) = self.failures.get(cause as usize) {
            failures.fetch_add(1, Ordering::Relaxed);
        }
        if cause == FailureCause::Damaged {
            self.is_damaged.store(true, Ordering::Relaxed);
        } else if cause.state().is_some() {
            self.failing.store(cause as usize, Ordering::Relaxed);
        }
    }

    /// Which file is not in its place. Writes are refused then.
    pub(super) fn lost(&self) -> Option<LostFile> {
        LostFile::ALL.get(self.lost.load(Ordering::Relaxed)).copied()
    }

    pub(super) fn set_lost(&self, lost: Option<LostFile>) {
        self.lost.store(lost.map_or(NONE, |lost| lost as usize), Ordering::Relaxed);
    }

    /// Whether a write has failed, and none has succeeded since.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed) != NONE
    }

    /// A write has succeeded.
    pub(super) fn recovered(&self) {
        self.failing.store(NONE, Ordering::Relaxed);
    }

    pub(super) fn record_commit(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).record(micros);
    }

    /// How the storage is.
    pub(crate) fn dependency(&self) -> Dependency {
        let mut storage = Dependency::working("storage");
        if let Some(lost) = self.lost() {
            storage = storage.failed("storage_lost", lost.message());
        }
        if self.is_damaged.load(Ordering::Relaxed) {
            let message = "The database is damaged: stop the server and restore a backup";
            storage = storage.failed("storage_damaged", message);
        }
        if self.progress.is_stuck() {
            let message = "The disk of the database does not answer: nothing is stored or read";
            storage = storage.failed("storage_stuck", message);
        }
        let failing = FailureCause::ALL.get(self.failing.load(Ordering::Relaxed));
        if let Some((code, message)) = failing.and_then(|cause| cause.state()) {
            storage = storage.failed(code, message);
        }
        if self.is_full() {
            let message = "The disk or recipes.disk is full: nothing new is stored";
            storage = storage.failed("storage_full", message);
        }
        storage
    }

    /// For the metrics. `waiting`: tasks in the queue.
    pub(crate) fn readings(&self, waiting: usize) -> Vec<Reading> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        let mut readings = self.sizes();
        readings.extend([
            Reading::new(
                "vestibule_storage_queue",
                "Tasks that wait for the storage thread at this moment.",
                waiting as f64,
            ),
            Reading::new(
                "vestibule_storage_busy_seconds",
                "How long the storage thread has been at its present work; 0: there is none.",
                self.progress.busy().as_secs_f64(),
            ),
            Reading::new(
                "vestibule_storage_refused_full_total",
                "Tasks that were not stored because the disk or recipes.disk was full.",
                count(&self.refused_full),
            ),
            Reading::new(
                "vestibule_storage_refused_lost_total",
                "Tasks that were not stored because the database's file was not in its place.",
                count(&self.refused_lost),
            ),
            Reading::by(
                "vestibule_storage_failures_total",
                "Tasks and commits that failed, by the cause.",
                &["cause"],
                FailureCause::ALL
                    .iter()
                    .zip(&self.failures)
                    .map(|(cause, failures)| (vec![cause.name().into()], count(failures)))
                    .collect(),
            ),
            Reading::new(
                "vestibule_storage_members_refused_total",
                "Invitations to a recipe or of an address that had as many as it may have.",
                count(&self.refused_members),
            ),
            Reading::new(
                "vestibule_storage_refreshes_refused_total",
                "Refreshes of an account beyond limits.auth_per_minute_per_user.",
                count(&self.refused_refreshes),
            ),
            Reading::micros(
                "vestibule_storage_commit_seconds",
                "How long commits waited for the disk.",
                self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                // 256 µs to 8 s.
                8..=23,
            ),
        ]);
        readings
    }

    fn sizes(&self) -> Vec<Reading> {
        let bytes = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) as f64;
        let flag = |flag: &AtomicBool| f64::from(u8::from(flag.load(Ordering::Relaxed)));
        let files = [("database", &self.database_bytes), ("log", &self.log_bytes)];
        vec![
            Reading::by(
                "vestibule_storage_bytes",
                "Bytes of the database and of its write-ahead log.",
                &["file"],
                files.map(|(file, size)| (vec![file.into()], bytes(size))).into(),
            ),
            Reading::new(
                "vestibule_storage_free_bytes",
                "Bytes that the disk of the database has left.",
                bytes(&self.free_bytes),
            ),
            Reading::new(
                "vestibule_storage_full",
                "Whether the disk or recipes.disk is full: 1 or 0.",
                flag(&self.is_full),
            ),
            Reading::new(
                "vestibule_storage_lost",
                "Whether the database's file was moved, deleted or replaced: 1 or 0.",
                f64::from(u8::from(self.lost().is_some())),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::storage::progress::STUCK_AFTER;

    #[test]
    fn a_failed_write_is_a_state_until_one_succeeds() {
        let health = StorageHealth::default();
        let codes =
            || -> Vec<&str> { health.dependency().faults.iter().map(|fault| fault.code).collect() };
        assert_eq!(codes(), [""; 0]);
        for (cause, code) in [
            (FailureCause::Io, "storage_io"),
            (FailureCause::ReadOnly, "storage_read_only"),
            (FailureCause::Locked, "storage_locked"),
        ] {
            health.count_failure(cause);
            assert_eq!((codes(), health.is_failing()), (vec![code], true));
        }
        health.recovered();
        health.count_failure(FailureCause::Refused);
        assert_eq!(codes(), [""; 0]);
        health.count_failure(FailureCause::Damaged);
        health.recovered();
        assert_eq!(codes(), ["storage_damaged"], "only a restart ends that");
        let readings = health.readings(7);
        let value = |name: &str, labels: &[&str]| {
            readings.iter().find(|it| it.name() == name).unwrap().value(labels).unwrap()
        };
        assert_eq!(value("vestibule_storage_queue", &[]), 7.0);
        assert_eq!(value("vestibule_storage_failures_total", &["locked"]), 1.0);
        assert_eq!(value("vestibule_storage_failures_total", &["panicked"]), 0.0);
    }

    /// The kernel answers so on a file system that it has made read-only; SQLite says `disk I/O error`.
    #[test]
    fn read_only_file_system_is_told_from_a_bad_disk() {
        let refused = |errno| FailureCause::Io.refined_by(&io::Error::from_raw_os_error(errno));
        assert_eq!(refused(30), FailureCause::ReadOnly, "EROFS");
        assert_eq!(refused(5), FailureCause::Io, "EIO");
    }

    #[test]
    fn disk_that_hangs_is_a_state_until_it_answers() {
        let mut health = StorageHealth::default();
        let codes = |health: &StorageHealth| -> Vec<&str> {
            health.dependency().faults.iter().map(|fault| fault.code).collect()
        };
        health.progress.begin();
        assert_eq!(codes(&health), [""; 0], "it has only begun");
        health.progress.began_before(STUCK_AFTER);
        assert_eq!(codes(&health), ["storage_stuck"]);
        let readings = health.readings(0);
        let busy = readings.iter().find(|it| it.name() == "vestibule_storage_busy_seconds");
        assert!(busy.unwrap().value(&[]).unwrap() >= STUCK_AFTER.as_secs_f64());
        health.progress.end();
        assert_eq!((codes(&health), health.progress.busy()), (vec![], Duration::ZERO));
    }

    #[test]
    fn an_error_is_told_without_its_statement() {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        let script = format!("{} nonsense", "-- long\n".repeat(200));
        let error = database.execute_batch(&script).unwrap_err();
        let text = text_of(&error);
        assert!(text.contains("syntax error") && text.len() < 100, "{text}");
        let failed = database.execute("SELECT * FROM absent", []).unwrap_err();
        assert!(text_of(&failed).contains("no such table"), "{failed}");
    }
}
