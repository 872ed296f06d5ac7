//! Deleting for good: what is deleted must not stay in the database's file, nor in its log.
//!
//! `secure_delete` overwrites what is deleted with zeros, in the pages as the log has them. Earlier
//! pages are in the log too, until it is emptied: a checkpoint that truncates it. A reader that came
//! before, such as a backup, keeps it from that. So it is tried each second, without waiting for
//! anybody.

use rusqlite::Connection;

use super::schema::without_waiting;

/// Whether the log is to be emptied.
#[derive(Debug)]
pub(super) struct Erasure {
    is_due: bool,
}

impl Default for Erasure {
    /// Due at the start: an earlier process may have ended before it had emptied the log.
    fn default() -> Self {
        Self { is_due: true }
    }
}

impl Erasure {
    /// Something is deleted for good.
    pub(super) fn request(&mut self) {
        self.is_due = true;
    }

    /// Empties the log, if that is due and no reader is in the way.
    pub(super) fn run(&mut self, database: &Connection) -> rusqlite::Result<()> {
        if self.is_due {
            self.is_due = !without_waiting(database, empty_log)?;
        }
        Ok(())
    }
}

/// Writes the log into the database and truncates it. False: a reader was in the way.
fn empty_log(database: &Connection) -> rusqlite::Result<bool> {
    let mut checkpoint = database.prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")?;
    checkpoint.query_row([], |row| row.get::<_, bool>(0).map(|is_blocked| !is_blocked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::storage::schema;
    use crate::testing::ScratchDir;

    /// How often the word is in the database and its log.
    fn copies(scratch: &ScratchDir) -> usize {
        let files = ["recipes.db", "recipes.db-wal"];
        let count = |name: &&str| {
            let bytes = std::fs::read(scratch.path().join(name)).unwrap();
            memchr::memmem::find_iter(&bytes, b"lentils").count()
        };
        files.iter().map(count).sum()
    }

    #[test]
    fn deleted_text_leaves_file_and_log() {
        let scratch = ScratchDir::new();
        let database = schema::open(scratch.path()).unwrap();
        let mut erasure = Erasure::default();
        database
            .execute_batch(
                "INSERT INTO recipes (id, owner, body, summary)
                 VALUES ('a', 'ann', 'lentils', 'lentils'), ('b', 'ann', 'beans', 'beans');
                 INSERT INTO messages (recipe, n, user, id, at, content, reply, changed)
                 SELECT key, 1, 'ann', 'm', 1, 'lentils', 'lentils', 0 FROM recipes WHERE id = 'a';
                 UPDATE recipes SET body = 'lentils and rice' WHERE id = 'a';",
            )
            .unwrap();
        erasure.run(&database).unwrap();
        assert!(copies(&scratch) > 0);
        database.execute_batch("DELETE FROM recipes WHERE id = 'a'").unwrap();
        // A reader keeps the log from being emptied, and holds nobody up.
        let backup = Connection::open(scratch.path().join("recipes.db")).unwrap();
        backup.execute_batch("BEGIN; SELECT * FROM recipes;").unwrap();
        erasure.request();
        erasure.run(&database).unwrap();
        assert!(erasure.is_due);
        backup.execute_batch("COMMIT").unwrap();
        erasure.run(&database).unwrap();
        assert!(!erasure.is_due && copies(&scratch) == 0);
    }
}
