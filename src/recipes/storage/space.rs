//! Room on the disk: how much there is, what is refused when there is none, and the database's file.
//!
//! ```text
//! writable ──▶ full    too little free space, `recipes.disk` reached, or a write that failed for it
//!    ▲  └────▶ lost    the database's file was moved, deleted or replaced
//!    └──────────┴───   looked at before each batch, and each second
//! ```
//!
//! The log has a line when a state begins and when it ends, at most one of each a minute. A state that
//! begins again within that minute gets its line after it, if it lasts.
//!
//! A full disk refuses only what makes the database grow. So that people can still come in and sign
//! out then, and an operator can lock them out, some room is kept for that: below `recipes.disk`, and
//! on the disk as a file, which is emptied when the disk is full.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::disk::{Disk, Files, MOST_RESERVED, Reserve, free_bytes};
use super::health::{FailureCause, StorageHealth, text_of};
use super::place::{LostFile, log_of, part_of};
use crate::config::counted;
use crate::node::MinuteThrottle;
use crate::node::planted::{Fault, Planted};
use crate::time::Instant;

/// The least that the database may take: what `recipes.disk` may be set to.
const LEAST_LIMIT: u64 = 64 << 20;

/// How long a disk is taken for full after a write failed, though it has free space: a quota may be
/// in the way.
const FULL_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Free pages that the file keeps. As many are given back at once, each second.
const SPARE_PAGES: u64 = 256;

/// What a task does to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    /// Writes little, and must work on a full disk.
    Writes,
    /// Deletes for good: the same, and no copy may stay in the log.
    Erases,
    /// Stores what a user sent.
    Grows,
}

/// The room on the disk, as the storage thread sees it.
#[derive(Debug)]
pub(super) struct Space {
    health: Arc<StorageHealth>,
    /// `None` for a database in memory.
    disk: Option<Box<dyn Disk>>,
    /// The database has the room that is reserved on the disk.
    is_released: bool,
    /// `recipes.disk`, or what it stands for. 0: no bound, for a database in memory.
    limit: u64,
    /// Until then the disk is taken for full.
    failed_until: Instant,
    full_lines: MinuteThrottle,
    lost_lines: MinuteThrottle,
    failure_lines: MinuteThrottle,
    /// Of states that begin. Each has its own, so that the line of one never hides that of another.
    lost_begins: MinuteThrottle,
    full_begins: MinuteThrottle,
    /// Which state the log has, and not yet its end. One whose line was held back is logged when its
    /// minute is over, if it lasts.
    lost_logged: Option<LostFile>,
    full_logged: bool,
    failure_logged: bool,
    pub(super) fault: Fault,
}

impl Space {
    /// The room for the database at `path`, bounded by `limit`; 0: by what it has and half of what is
    /// free on the disk now, so that nobody can fill a disk that others use, too.
    pub(super) fn new(limit: u64, path: &Path, reserve: Reserve) -> Self {
        let limit = if limit == 0 {
            let size = std::fs::metadata(path).map_or(0, |it| it.len());
            let half = free_bytes(reserve.directory()) / 2;
            size.saturating_add(half).max(LEAST_LIMIT)
        } else {
            limit
        };
        Self::on(Box::new(Files::new(path, reserve)), limit)
    }

    /// The room for the database on `disk`, bounded by `limit`.
    pub(super) fn on(disk: Box<dyn Disk>, limit: u64) -> Self {
        let space = Self::unbounded();
        // What was released at the start is for what must work, and no room for anything new.
        space.health.is_full.store(disk.was_full(), Ordering::Relaxed);
        Self { is_released: disk.was_full(), disk: Some(disk), limit, ..space }
    }

    /// For a database in memory.
    pub(super) fn unbounded() -> Self {
        Self {
            health: Arc::default(),
            disk: None,
            is_released: false,
            limit: 0,
            failed_until: Instant::START,
            full_lines: MinuteThrottle::default(),
            lost_lines: MinuteThrottle::default(),
            failure_lines: MinuteThrottle::default(),
            lost_begins: MinuteThrottle::default(),
            full_begins: MinuteThrottle::default(),
            lost_logged: None,
            full_logged: false,
            failure_logged: false,
            fault: Fault::default(),
        }
    }

    pub(super) fn health(&self) -> Arc<StorageHealth> {
        Arc::clone(&self.health)
    }

    pub(super) fn record_commit(&self, took: Duration) {
        self.health.record_commit(took);
    }

    /// Looks at the disk and at the database's file. Some system calls.
    pub(super) fn check(&mut self, now: Instant, database: &Connection) {
        let Some(disk) = &mut self.disk else { return };
        let lost = disk.look(database);
        self.health.set_lost(lost);
        if let Some(lost) = lost.filter(|lost| self.lost_logged != Some(*lost))
            && self.lost_begins.count(now).is_some()
        {
            self.lost_logged = Some(lost);
            log::error!(
                "{}; nothing is stored (docs/troubleshooting.md, VestibuleStorageLost)",
                lost.message()
            );
        }
        if lost.is_none() && self.lost_logged.take().is_some() {
            log::info!("the database's files are in their place again");
        }

        let was_full = self.health.is_full.load(Ordering::Relaxed);
        let log_bytes = disk.log_bytes();
        let database_bytes = used_bytes(database).unwrap_or(0);
        let bytes = database_bytes.saturating_add(log_bytes);
        self.health.database_bytes.store(database_bytes, Ordering::Relaxed);
        self.health.log_bytes.store(log_bytes, Ordering::Relaxed);
        let free = disk.free_bytes();
        self.health.free_bytes.store(free, Ordering::Relaxed);
        let kept = (self.limit / 16).min(MOST_RESERVED);
        let is_over = self.limit > 0 && bytes.saturating_add(kept) > self.limit;
        let is_low = disk.is_low(was_full && !is_over);
        let is_full = is_over || is_low || now < self.failed_until;
        self.health.is_full.store(is_full, Ordering::Relaxed);
        // The disk may become full where the database is at its limit already.
        if is_low && !self.is_released && !self.fault.is(Planted::ReserveKept) {
            disk.release(database);
            self.is_released = true;
        }
        if is_full && !self.full_logged && self.full_begins.count(now).is_some() {
            self.full_logged = true;
            log::error!(
                "nothing new is stored: the disk has {free} bytes left, and the database takes \
                 {bytes} of {} (docs/troubleshooting.md, VestibuleStorageFull)",
                self.limit
            );
        }
        if was_full && !is_full {
            disk.hold();
            self.is_released = false;
            if std::mem::take(&mut self.full_logged) {
                log::info!("there is room on the disk again");
            }
        }
    }

    /// Gives free pages back to the disk: a few, each second.
    pub(super) fn give_back(&self, database: &Connection) -> rusqlite::Result<()> {
        if pragma(database, "PRAGMA freelist_count")? > SPARE_PAGES {
            let mut vacuum = database.prepare_cached("PRAGMA incremental_vacuum(256)")?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Whether a task of this effect is refused now.
    pub(super) fn refuses(&mut self, now: Instant, effect: Effect) -> bool {
        let health = &self.health;
        if let Some(lost) = health.lost().filter(|_| effect != Effect::Reads) {
            health.refused_lost.fetch_add(1, Ordering::Relaxed);
            if let Some(count) = self.lost_lines.count(now) {
                log::error!(
                    "{} refused: {} (docs/troubleshooting.md, \
                     VestibuleStorageLost)",
                    counted(count, "database task"),
                    lost.message()
                );
            }
            return true;
        }
        let is_refused = match effect {
            Effect::Grows => !self.fault.is(Planted::ReserveForAll),
            Effect::Erases => self.fault.is(Planted::FullRefusesDeletion),
            Effect::Reads | Effect::Writes => false,
        };
        if is_refused && health.is_full.load(Ordering::Relaxed) {
            health.refused_full.fetch_add(1, Ordering::Relaxed);
            if let Some(count) = self.full_lines.count(now) {
                let tasks = counted(count, "task");
                log::error!("the disk or recipes.disk is full: {tasks} refused");
            }
            return true;
        }
        false
    }

    /// A transaction has failed. True: the cause may go, and its tasks may be sent again.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        database: &Connection,
        error: &rusqlite::Error,
    ) -> bool {
        let cause = self.count_error(now, error);
        if cause == FailureCause::Full {
            self.failed_until = now + FULL_AFTER_FAILURE;
            self.health.is_full.store(true, Ordering::Relaxed);
            self.health.refused_full.fetch_add(1, Ordering::Relaxed);
            if let Some(disk) = &self.disk {
                disk.release(database);
                self.is_released = true;
            }
        }
        cause.is_temporary()
    }

    /// Counts what SQLite reports, and asks the file system where SQLite cannot tell the cause.
    pub(super) fn count_error(&mut self, now: Instant, error: &rusqlite::Error) -> FailureCause {
        let (mut cause, mut text) = (FailureCause::of(error), text_of(error));
        if cause == FailureCause::Io
            && let Some(refusal) = self.disk.as_ref().and_then(|disk| disk.refusal())
        {
            cause = cause.refined_by(&refusal);
            text = format!("{text}: {refusal}");
        }
        self.count_failure(now, cause, &text);
        cause
    }

    /// SQLite's error names what it has refused, never a bound value.
    pub(super) fn count_failure(&mut self, now: Instant, cause: FailureCause, what: &str) {
        self.health.count_failure(cause);
        if cause == FailureCause::Full {
            if let Some(count) = self.full_lines.count(now) {
                let tasks = counted(count, "task");
                log::error!("the disk or recipes.disk is full: {tasks} refused: {what}");
            }
        } else if let Some(count) = self.failure_lines.count(now) {
            self.failure_logged = true;
            log::error!("{} failed, the last one: {what}", counted(count, "database task"));
        }
    }

    /// Whether a write has failed, and none has succeeded since.
    pub(super) fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    /// A write has succeeded.
    pub(super) fn recovered(&mut self) {
        self.health.recovered();
        if std::mem::take(&mut self.failure_logged) {
            log::info!("the database can be written to again");
        }
    }
}

pub(super) fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Whether the database at `path` was there, though its file is missing or empty: a new one would take its
/// place. SQLite deletes a log without its database, and with it what was stored last.
pub(super) fn refuse_lost_database(path: &Path) -> Result<(), String> {
    let (log, part) = (log_of(path), part_of(path));
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes(path) > 0 {
        return Ok(());
    }
    if part.exists() {
        // Only a restore writes it, and renames it when what was there before is out of the way.
        return Err(format!(
            "the file is missing or empty, and {} is there, so a restore was interrupted: run \
             `vestibule restore` again, or remove that file to begin with an empty database",
            part.display()
        ));
    }
    if bytes(&log) > 0 {
        return Err(format!(
            "the file is missing or empty, and its log {} is there: put the database back next to its \
             log, or remove the log to begin with an empty one",
            log.display()
        ));
    }
    Ok(())
}

/// What the database's pages take that are in use.
fn used_bytes(database: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(database, "PRAGMA page_count")?;
    let free = pragma(database, "PRAGMA freelist_count")?;
    Ok(pages.saturating_sub(free).saturating_mul(pragma(database, "PRAGMA page_size")?))
}

fn pragma(database: &Connection, statement: &str) -> rusqlite::Result<u64> {
    let number: i64 = database.prepare_cached(statement)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}
