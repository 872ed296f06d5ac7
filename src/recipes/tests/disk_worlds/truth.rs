//! What was acknowledged, what is stored, and who is charged for it; and the tests.

use super::*;
use crate::recipes::storage::TaskOrigin;

/// What a user may have beyond its bytes: what it sent when it had less.
const ITEM_BYTES: i64 = 16 << 10;

/// What has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DiskCounts {
    stored: u64,
    at_quota: u64,
    refused: u64,
    pub(super) access: u64,
    pub(super) deletions: u64,
    pub(super) fillings: u64,
    /// Those of a disk on which the database had `recipes.disk`.
    pub(super) fillings_at_limit: u64,
}

impl DiskCounts {
    pub(super) fn add(&mut self, growth: Growth) {
        match growth {
            Growth::Stored => self.stored += 1,
            Growth::AtQuota => self.at_quota += 1,
            Growth::Refused => self.refused += 1,
        }
    }

    fn all(&self) -> [u64; 7] {
        let Self { stored, at_quota, refused, access, deletions, fillings, fillings_at_limit } =
            *self;
        [stored, at_quota, refused, access, deletions, fillings, fillings_at_limit]
    }
}

/// What was acknowledged: each room with its owner and the ids of its messages.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) rooms: BTreeMap<String, (String, Vec<String>)>,
    pub(super) counts: DiskCounts,
}

impl Truth {
    /// A room of this user's: the one with this number, counted around.
    pub(super) fn room_of(&self, user: &str, number: u64) -> Option<String> {
        let of_user = self.rooms.iter().filter(|(_, (owner, _))| owner == user);
        let count = of_user.clone().count();
        let place = (number as usize).checked_rem(count)?;
        of_user.map(|(room, _)| room.clone()).nth(place)
    }

    /// # Errors
    /// Something else is stored than was acknowledged, or somebody is charged for something else.
    pub(super) fn check(&self, test: &TestApp) -> Result<(), String> {
        let messages = "SELECT id, coalesce((SELECT group_concat(id, ' ') FROM
            (SELECT messages.id FROM messages WHERE recipe = recipes.key ORDER BY n)), '')
            FROM recipes ORDER BY id";
        let stored = rows::<String>(test, messages);
        let known = |(room, (_, ids)): (&String, &(_, Vec<String>))| (room.clone(), ids.join(" "));
        let known: Vec<(String, String)> = self.rooms.iter().map(known).collect();
        if stored != known {
            let other = known.iter().find(|room| !stored.contains(room));
            return Err(format!("what is stored was not acknowledged, or lost: {other:?}"));
        }
        let charged = rows::<i64>(test, "SELECT owner, bytes FROM usage ORDER BY owner");
        let of: BTreeMap<String, i64> = rows(test, OWNED).into_iter().collect();
        for (user, bytes) in charged {
            let has = of.get(&user).copied().unwrap_or(0);
            if has != bytes {
                return Err(format!("{user} has {has} bytes, and is charged for {bytes}"));
            }
            if bytes > USER_BYTES as i64 + ITEM_BYTES {
                return Err(format!("{user} has {bytes} bytes, of {USER_BYTES} allowed"));
            }
        }
        Ok(())
    }
}

/// What each user has in its rooms.
const OWNED: &str = "SELECT owner, sum(octet_length(body) + octet_length(summary)
    + (SELECT coalesce(sum(octet_length(body)), 0) FROM versions WHERE recipe = recipes.key)
    + (SELECT coalesce(sum(octet_length(content) + octet_length(reply)), 0) FROM messages
       WHERE recipe = recipes.key)
    + (SELECT coalesce(sum(octet_length(message)), 0) FROM publications
       WHERE recipe = recipes.key)) FROM recipes GROUP BY owner";

fn rows<T: rusqlite::types::FromSql + Send + 'static>(
    test: &TestApp,
    query: &'static str,
) -> Vec<(String, T)> {
    let read = move |database: &rusqlite::Connection| {
        let mut statement = database.prepare(query)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    test.app.storage().ask(TaskOrigin::server().reading(), read).unwrap()
}

#[test]
fn full_disk_and_hoarders_leave_others_their_share() {
    let seeds = match std::env::var("VESTIBULE_SIM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..4).collect(),
    };
    let mut sum = [0; 7];
    for &seed in &seeds {
        let counts = run_disk(seed, None, "").unwrap();
        sum.iter_mut().zip(counts.all()).for_each(|(sum, count)| *sum += count);
    }
    if seeds.len() == 1 {
        eprintln!("{sum:?}");
    } else {
        assert!(sum.iter().all(|count| *count > 3), "{sum:?}");
    }
}

/// The fault is found in one of two worlds, and this is said of it.
fn assert_fault_is_found(fault: Option<Planted>, setup: &str, what: &str) {
    let found: Vec<String> = (0..2).filter_map(|seed| run_disk(seed, fault, setup).err()).collect();
    assert!(found.iter().any(|found| found.contains(what)), "{fault:?}, {setup}: {found:?}");
}

#[test]
fn faults_on_a_full_disk_are_found() {
    assert_fault_is_found(Some(Planted::ReserveForAll), "", "in the room that is kept");
    assert_fault_is_found(Some(Planted::ReserveKept), "", "is not there on a full disk");
    assert_fault_is_found(Some(Planted::FullRefusesDeletion), "", "the deletion of");
}

#[test]
fn faults_in_the_count_of_bytes_are_found() {
    const SENDER_PAYS: &str = "DROP TRIGGER message_stored;
        CREATE TRIGGER message_stored AFTER INSERT ON messages BEGIN
            UPDATE usage SET bytes = bytes + octet_length(NEW.content) + octet_length(NEW.reply)
            WHERE owner = NEW.user;
        END";
    const NO_REFUND: &str = "DROP TRIGGER message_deleted";
    const FREE_CHAT: &str = "DROP TRIGGER message_stored";
    assert_fault_is_found(None, SENDER_PAYS, "is charged for");
    assert_fault_is_found(None, NO_REFUND, "is charged for");
    assert_fault_is_found(None, FREE_CHAT, "is charged for");
}
