//! How many descriptors a server needs, and how to grow the kernel's table for them in advance.
//!
//! The kernel keeps a process's descriptors in a table that it doubles when a new one does not fit:
//! at 64, 128, 256 and so on. If several threads share the table, the thread that needs the new
//! descriptor waits inside `accept` until every processor has released the old table
//! (`synchronize_rcu` in the kernel's `fs/file.c`), 10 to 30 ms each time. On the reactor's thread
//! all connections would wait, eight times between 64 descriptors and 16,384 in a storm of new
//! ones. So the table is grown before the server runs.
//!
//! A table never shrinks, so it is enough to open one descriptor with a high number once. A process
//! with one thread does not wait at all: call [`reserve`] before the program starts its second
//! thread. [`Server::bind`](super::Server::bind) also calls it, and
//! [`Handle::reload`](super::Handle::reload) does for a larger limit. Then the calling thread waits
//! once, and the reactor never does.

use std::io;
use std::os::fd::RawFd;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::config::Config;

/// Descriptors that are not connections: 64 for connections that are refused with 503, and as many
/// for listeners, epoll, the log, key files and the three standard streams.
const RESERVED: u64 = 128;
/// The most descriptors that are reserved for a configuration without a limit on connections,
/// because some systems allow 1,000 million. A table of 1,048,576 takes 8.3 MiB.
const MOST_BY_DEFAULT: u64 = 1 << 20;
/// The size of a new process's table, which is part of another structure.
const FIRST_TABLE: u64 = 64;

/// Descriptors that are reserved for other uses than connections: 128, one for each of
/// `admin.connections` on each of its two listeners, two for each of `backend.workers` (a call, and the name
/// query for its address), and one for each of `recipes.connections` if `recipes.listen` is set.
#[must_use]
pub fn kept_aside(config: &Config) -> u64 {
    let callers = if config.backend.url.is_empty() { 0 } else { config.backend.workers as u64 };
    let admin = config.admin.all_connections() as u64;
    let served = if config.recipes.listen.is_empty() { 0 } else { config.recipes.connections };
    let callers = callers.saturating_mul(2);
    RESERVED.saturating_add(callers).saturating_add(admin).saturating_add(served as u64)
}

/// How many descriptors `config` can have open at once: `limits.connections` and those that are
/// [kept aside](kept_aside). If there is no limit on connections, as many as the process may have,
/// at most 1,048,576.
#[must_use]
pub fn needed(config: &Config) -> u64 {
    match config.limits.connections {
        0 => allowed().min(MOST_BY_DEFAULT),
        connections => (connections as u64).saturating_add(kept_aside(config)),
    }
}

/// Grows the table for `count` descriptors, or for as many as the limit on open files allows. It
/// costs two system calls if the table is large enough already. If the table grows in a process
/// with several threads, it also costs a wait of 10 to 30 ms, and [`table_bytes`] of kernel memory.
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
        // All descriptors below this number are in use, so the table is grown.
        Err(Errno::MFILE) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Grows the table for `config`. If that fails, the server works, but may sometimes wait.
pub(super) fn prepare(config: &Config) {
    if let Err(error) = reserve(needed(config)) {
        log::warn!("the descriptor table cannot be grown, and will be as clients come: {error}");
    }
}

/// How much kernel memory a table for `count` descriptors takes: 8 bytes each, and three bitmaps.
/// The kernel rounds the number up to a power of two, at least 128.
#[must_use]
pub fn table_bytes(count: u64) -> u64 {
    let slots = count.max(128).checked_next_power_of_two().unwrap_or(u64::MAX);
    // "Open" and "close on exec" take a bit each, and "full" takes a bit for 64 descriptors.
    slots.saturating_mul(8).saturating_add(slots / 4).saturating_add(slots / 512)
}

/// How many descriptors the process may have open.
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
