//! The descriptor limit, and how many connections it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vestibule::capacity;
use vestibule::config::Config;
use vestibule::net::descriptors::{self, kept_aside};

/// The most connections that 0 stands for. Some systems allow a billion descriptors, far more than
/// their memory could serve.
const MOST_BY_DEFAULT: u64 = 1 << 20;

/// The hard limit of descriptors. Changes nothing.
pub(super) fn possible() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the soft limit to the hard one. Returns the resulting limit.
pub(super) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // If raising is forbidden, the old limit stays and is read below.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the limit, and grows the descriptor table to what the configuration allows. Must be
/// called before the process has a second thread: see [`descriptors`].
pub(super) fn reserve(config: &Config) {
    let mut filled = config.clone();
    // A configuration that leaves no connection is refused later, with its reason. If the table
    // cannot be grown now, the server tries again and logs the failure.
    if fill(&mut filled, raise()).is_ok() {
        let _ = descriptors::reserve(descriptors::needed(&filled));
    }
}

/// Derives limits from `limits.memory`, replaces zeros of `connections` and `pending` by the
/// numbers they stand for, and limits `pending` to `connections`. Descriptors for the admin
/// listener are reserved, so that a full server still answers its operator. Returns a warning when
/// more connections are configured than the descriptors allow, which are taken then.
///
/// # Errors
/// When the limit leaves no connection, or `limits.memory` is too small for the rest.
pub(super) fn fill(config: &mut Config, descriptors: u64) -> Result<Option<String>, String> {
    let reserved = kept_aside(config);
    let left = descriptors.saturating_sub(reserved);
    let most = usize::try_from(left.min(MOST_BY_DEFAULT)).unwrap_or(usize::MAX);
    let mut warning = None;
    if most > 0 {
        capacity::fit(config, most).map_err(|error| error.to_string())?;
    }
    let limits = &mut config.limits;
    if most == 0 {
        return Err(format!(
            "too few file descriptors: the limit is {descriptors} and Vestibule reserves \
             {reserved}: raise it with `ulimit -n` or LimitNOFILE="
        ));
    }
    if limits.connections == 0 {
        limits.connections = most;
    } else if limits.connections as u64 > left {
        // More would take the descriptors of the admin listener, and of files.
        warning = Some(format!(
            "limits.connections is {}, but the limit of {descriptors} file descriptors leaves \
             {left}: at most {left} connections are taken",
            limits.connections
        ));
        limits.connections = usize::try_from(left).unwrap_or(usize::MAX);
    }
    if limits.pending == 0 {
        limits.pending = limits.connections.div_ceil(2);
    }
    limits.pending = limits.pending.min(limits.connections);
    limits.pending_message_bytes = limits.pending_message_bytes.min(limits.message_bytes);
    // With a bound on all memory, these have their share of it.
    if limits.memory.get() == 0 {
        capacity::meet_needs(config);
    }
    Ok(warning)
}

#[cfg(test)]
mod tests {
    use vestibule::config::Limits;

    use super::*;

    /// Without an admin listener.
    fn config(limits: Limits) -> Config {
        Config { limits, ..Config::default() }
    }

    fn filled(connections: usize, pending: usize, descriptors: u64) -> (usize, usize, bool) {
        let mut config = config(Limits { connections, pending, ..Limits::default() });
        let warning = fill(&mut config, descriptors).unwrap();
        (config.limits.connections, config.limits.pending, warning.is_some())
    }

    #[test]
    fn backend_calls_reserve_descriptors() {
        let mut config = config(Limits::default());
        config.backend.url = "http://127.0.0.1:8000".to_owned();
        config.backend.workers = 100;
        assert_eq!(fill(&mut config, 1_200 + 128), Ok(None));
        assert_eq!(config.limits.connections, 1_000);
    }

    #[test]
    fn admin_connections_reserve_descriptors() {
        let mut config = Config::program_defaults();
        config.admin.connections = 100;
        assert_eq!(fill(&mut config, 1_228), Ok(None));
        assert_eq!(config.limits.connections, 1_000);
    }

    #[test]
    fn zero_means_all_free_descriptors_half_pending() {
        assert_eq!(filled(0, 0, 1_128), (1_000, 500, false));
        assert_eq!(filled(0, 0, 129), (1, 1, false));
        assert_eq!(filled(0, 5_000, 1_128), (1_000, 1_000, false));
        assert_eq!(filled(0, 0, u64::MAX), (1 << 20, 1 << 19, false));
    }

    #[test]
    fn too_many_connections_give_a_warning() {
        assert_eq!(filled(1_000, 0, 1_128), (1_000, 500, false));
        assert_eq!(filled(1_001, 0, 1_128), (1_000, 500, true), "the rest are spare");
    }

    #[test]
    fn too_few_descriptors_are_an_error() {
        assert!(fill(&mut config(Limits::default()), 128).is_err());
    }

    #[test]
    fn pending_message_limit_is_capped() {
        let message_bytes = vestibule::config::Size::kib(1);
        let mut config = config(Limits { message_bytes, ..Limits::default() });
        assert_eq!(fill(&mut config, 1_128), Ok(None));
        assert_eq!(config.limits.pending_message_bytes, message_bytes);
    }
}
