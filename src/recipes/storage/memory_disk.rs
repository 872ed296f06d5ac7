//! A disk in memory, with others who use it, and a clock that tests set. For worlds in virtual time.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::disk::Disk;
use super::migrations::MIGRATIONS;
use super::place::LostFile;
use super::space::Space;
use super::{OpenStorage, schema};
use crate::node::planted::Planted;

/// The least that is reserved on a real disk.
const RESERVED: u64 = 1 << 20;

/// A disk that a database in memory takes for its own.
#[derive(Clone, Debug)]
pub(in crate::recipes) struct MemoryDisk(Arc<Mutex<DiskState>>);

#[derive(Debug)]
struct DiskState {
    size: u64,
    /// What others have on it.
    foreign: u64,
    /// The database's pages, and those of them that are in use.
    database: u64,
    used: u64,
    is_held: bool,
    now: Duration,
}

impl MemoryDisk {
    pub(in crate::recipes) fn new(size: u64) -> Self {
        let (foreign, database, used, now) = (0, 0, 0, Duration::ZERO);
        Self(Arc::new(Mutex::new(DiskState { size, foreign, database, used, is_held: true, now })))
    }

    /// A new database, which takes at most `limit` bytes. `setup` changes its schema.
    pub(in crate::recipes) fn open(
        &self,
        limit: u64,
        (fault, setup): (Option<Planted>, &str),
    ) -> OpenStorage {
        let mut database = Connection::open_in_memory().unwrap();
        schema::prepare(&database).unwrap();
        schema::migrate(&mut database, MIGRATIONS).unwrap();
        database.execute_batch(setup).unwrap();
        let mut space = Space::on(Box::new(self.clone()), limit);
        space.fault.planted = fault;
        let state = Arc::clone(&self.0);
        let clock = Box::new(move || state.lock().unwrap_or_else(PoisonError::into_inner).now);
        OpenStorage { database, space, checkpointer: None, lock: None, clock }
    }

    pub(in crate::recipes) fn pass(&self, time: Duration) {
        self.lock().now += time;
    }

    /// Others fill the disk but for so many bytes. False: the database has the reserve now, which others
    /// would take.
    pub(in crate::recipes) fn fill(&self, left: u64) -> bool {
        let mut state = self.lock();
        if !state.is_held {
            return false;
        }
        state.foreign = state.size.saturating_sub(state.database + RESERVED + left);
        true
    }

    /// Others leave it.
    pub(in crate::recipes) fn empty(&self) {
        self.lock().foreign = 0;
    }

    /// Whether the room that is reserved was given to what must work.
    pub(in crate::recipes) fn is_released(&self) -> bool {
        !self.lock().is_held
    }

    /// Whether others take nothing, and what the database has in use.
    pub(in crate::recipes) fn state(&self) -> (bool, u64) {
        let state = self.lock();
        (state.foreign == 0, state.used)
    }

    fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database gets no page that the disk has not.
    fn bound(&self, database: &Connection) {
        let number = |pragma| {
            let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            database.pragma_query_value(None, pragma, read).unwrap() as u64
        };
        let [pages, free, size] = ["page_count", "freelist_count", "page_size"].map(number);
        let mut state = self.lock();
        (state.database, state.used) = (pages * size, (pages - free) * size);
        let held = if state.is_held { RESERVED } else { 0 };
        // SQLite takes as many pages as there are for a smaller number.
        let most = (state.size.saturating_sub(state.foreign + held) / size).max(1);
        let bound =
            database.pragma_update_and_check(None, "max_page_count", most as i64, |_| Ok(()));
        bound.unwrap();
    }
}

impl Disk for MemoryDisk {
    fn look(&mut self, database: &Connection) -> Option<LostFile> {
        self.bound(database);
        None
    }

    fn log_bytes(&self) -> u64 {
        0
    }

    fn free_bytes(&self) -> u64 {
        let state = self.lock();
        let held = if state.is_held { RESERVED } else { 0 };
        state.size.saturating_sub(state.foreign + state.database + held)
    }

    fn reserved_bytes(&self) -> u64 {
        RESERVED
    }

    fn was_full(&self) -> bool {
        false
    }

    fn hold(&self) {
        self.lock().is_held = true;
    }

    fn release(&self, database: &Connection) {
        self.lock().is_held = false;
        self.bound(database);
    }

    fn refusal(&self) -> Option<io::Error> {
        None
    }
}
