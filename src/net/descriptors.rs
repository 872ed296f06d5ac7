//! How many descriptors a server needs, and a table that has room for them before it serves.
//!
//! The kernel keeps a process's descriptors in a table that it doubles when a new one does not fit:
//! at 64, 128, 256 and so on. When the table is shared by several threads, the one that needs the
//! new descriptor waits inside `accept` until every processor has let go of the old table
//! (`synchronize_rcu` in the kernel's `fs/file.c`), 10 to 30 ms each time. On the reactor's thread
//! all connections wait with it, and in a storm of new ones it happens eight times between 64
//! descriptors and 16,384. So the table is grown before the server runs.
//!
//! A table never shrinks, so it is enough to have had one descriptor with a high number. A process
//! with one thread does not wait at all: a program should call [`reserve`] before it starts its
//! second one. [`Server::bind`](super::Server::bind) calls it too, and
//! [`Handle::reload`](super::Handle::reload) for a larger limit: the wait is then theirs, once, and
//! never the reactor's.

use std::io;
use std::os::fd::RawFd;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::config::Config;

/// Descriptors that are not connections: 64 for connections that are told that there is no room,
/// and as many for listeners, epoll, log, key files, the three standard ones.
const RESERVED: u64 = 128;
/// The most that are reserved for a configuration without a limit on connections: some systems
/// allow a thousand million descriptors. 1,048,576 of them are a table of 8.3 MiB.
const MOST_BY_DEFAULT: u64 = 1 << 20;
/// A new process's table, which is part of a structure that it has anyway.
const FIRST_TABLE: u64 = 64;

/// Descriptors that are kept aside from connections: 128, one for each of `admin.connections`, and
/// two for each of `backend.workers`: a call, and the question for its address.
#[must_use]
pub fn kept_aside(config: &Config) -> u64 {
    let callers = if config.backend.url.is_empty() { 0 } else { config.backend.workers as u64 };
    let admin = if config.admin.listen.is_empty() { 0 } else { config.admin.connections as u64 };
    RESERVED.saturating_add(callers.saturating_mul(2)).saturating_add(admin)
}

/// Descriptors that are open at once when `config` is used to its limits: `limits.connections` and
/// what is [kept aside](kept_aside). Without that limit, as many as the process may have, 1,048,576
/// at most.
#[must_use]
pub fn needed(config: &Config) -> u64 {
    match config.limits.connections {
        0 => allowed().min(MOST_BY_DEFAULT),
        connections => (connections as u64).saturating_add(kept_aside(config)),
    }
}

/// Makes room for `count` descriptors in the table, or for as many as the limit of open files
/// allows. Costs two system calls where there is room already, a wait of some 10 to 30 ms where the
/// table grows in a process with several threads, and [`table_bytes`] of the kernel's memory.
///
/// # Errors
/// The kernel has no memory for the table, or no descriptor is free to be duplicated. The table
/// then grows as connections come.
pub fn reserve(count: u64) -> io::Result<()> {
    let count = count.min(allowed());
    if count <= FIRST_TABLE {
        return Ok(());
    }
    let highest = RawFd::try_from(count - 1).unwrap_or(RawFd::MAX);
    // Any descriptor will do. A pipe needs no file, no network, and none of the standard streams,
    // which a program may have closed.
    let (any, _other_end) = io::pipe()?;
    match rustix::io::fcntl_dupfd_cloexec(&any, highest) {
        Ok(duplicate) => drop(duplicate),
        // Everything from there on is in use, so the table reaches that far.
        Err(Errno::MFILE) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Grows the table for `config`. A server without it serves all the same, and waits now and then.
pub(super) fn prepare(config: &Config) {
    if let Err(error) = reserve(needed(config)) {
        log::warn!("the descriptor table cannot be grown, and will be as clients come: {error}");
    }
}

/// What a table for `count` descriptors takes of the kernel's memory: 8 bytes for each and three
/// bitmaps. The kernel rounds the number up to a power of two, of 128 at least.
#[must_use]
pub fn table_bytes(count: u64) -> u64 {
    let slots = count.max(128).checked_next_power_of_two().unwrap_or(u64::MAX);
    // "Is open" and "close on exec" are a bit each, and "all open" is one for 64.
    slots.saturating_mul(8).saturating_add(slots / 4).saturating_add(slots / 512)
}

/// The descriptors that the process may have open.
fn allowed() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(connections: usize) -> Config {
        let mut config = Config::default();
        config.limits.connections = connections;
        config
    }

    #[test]
    fn each_connection_and_what_is_kept_aside_is_needed() {
        let mut config = config(1_000);
        assert_eq!(needed(&config), 1_128);
        config.admin.listen = "127.0.0.1:0".to_owned();
        config.admin.connections = 10;
        config.backend.url = "http://127.0.0.1:1".to_owned();
        config.backend.workers = 20;
        assert_eq!(needed(&config), 1_000 + 128 + 10 + 40);
        config.limits.connections = usize::MAX;
        assert_eq!(needed(&config), u64::MAX);
    }

    #[test]
    fn no_limit_needs_what_the_process_may_have() {
        let needed = needed(&config(0));
        assert!(needed == allowed() || needed == MOST_BY_DEFAULT, "{needed}");
    }

    #[test]
    fn a_table_of_a_million_takes_8_mib() {
        assert_eq!(table_bytes(1), 128 * 8 + 32);
        assert_eq!(table_bytes(1_000), 1_024 * 8 + 256 + 2);
        assert_eq!(table_bytes(1 << 20) >> 10, 8_192 + 256 + 2);
        assert_eq!(table_bytes(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_count_beyond_the_limit_is_no_error() {
        assert!(reserve(0).is_ok() && reserve(u64::MAX).is_ok());
    }
}
