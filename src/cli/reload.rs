//! SIGHUP: reads the configuration again, and applies the keys that can change at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use toml::{Table, Value};
use vestibule::config::Config;
use vestibule::net::Handle;
use vestibule::node::Reading;

use super::application::ReloadTargets;
use super::settings::{Global, located};
use super::{descriptors, log, secret};

/// How the last reload ended. The start counts as one.
#[derive(Debug)]
pub(super) struct LastReload {
    has_failed: AtomicBool,
    /// When the configuration in effect was read, in seconds since 1970.
    taken_at: AtomicU64,
}

impl LastReload {
    pub(super) fn at_start() -> Self {
        Self { has_failed: AtomicBool::new(false), taken_at: AtomicU64::new(unix_seconds()) }
    }

    fn set(&self, is_taken: bool) {
        self.has_failed.store(!is_taken, Ordering::Relaxed);
        if is_taken {
            self.taken_at.store(unix_seconds(), Ordering::Relaxed);
        }
    }

    pub(super) fn readings(&self) -> Vec<Reading> {
        let is_taken = !self.has_failed.load(Ordering::Relaxed);
        vec![
            Reading::new(
                "vestibule_last_reload_successful",
                "Whether the last reload was taken: 1 or 0. The start counts as one.",
                f64::from(u8::from(is_taken)),
            ),
            Reading::new(
                "vestibule_last_reload_success_timestamp_seconds",
                "When the configuration in effect was read, in seconds since 1970.",
                self.taken_at.load(Ordering::Relaxed) as f64,
            ),
        ]
    }
}

#[expect(clippy::disallowed_methods, reason = "commands are above the drivers")]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reloads the configuration of a running server.
#[derive(Debug)]
pub(super) struct Reloader {
    pub(super) global: Global,
    /// The keys that flags have set.
    pub(super) flags: Vec<(&'static str, String)>,
    pub(super) handle: Handle,
    /// The configuration in effect, without the secret.
    pub(super) running: Config,
    pub(super) reload_targets: ReloadTargets,
    pub(super) last: Arc<LastReload>,
}

impl Reloader {
    /// Reads the configuration, its secrets and key files, and applies them. Logs the result.
    /// Returns false when nothing was applied.
    pub(super) fn reload(&mut self) -> bool {
        let reloaded = self.try_reload();
        self.last.set(reloaded.is_ok());
        match reloaded {
            Ok(waiting) => {
                for key in waiting {
                    ::log::warn!("SIGHUP: {key} has changed; it takes effect at the next start");
                }
                ::log::info!("SIGHUP: configuration reloaded");
                true
            }
            Err(faults) => {
                for fault in faults {
                    ::log::error!("SIGHUP: {fault}");
                }
                ::log::error!(
                    "SIGHUP: configuration not reloaded; the running one stays in effect"
                );
                false
            }
        }
    }

    fn try_reload(&mut self) -> Result<Vec<String>, Vec<String>> {
        let read = self.global.settings(&self.flags).map_err(|error| error.faults)?;
        self.refuse_emptied_file(&read).map_err(|fault| vec![fault])?;
        let waiting = waiting_keys(&self.running, &read);
        let read = without(&waiting, &self.running, read).map_err(|fault| vec![fault])?;
        let located = |fault| vec![located(&read.given, fault)];
        let (config, warnings) = complete(read.clone()).map_err(located)?;
        let prepared = self.reload_targets.prepare(&config).map_err(located)?;
        self.handle.reload(&config).map_err(|fault| located(fault.to_string()))?;
        for warning in warnings {
            ::log::warn!("{warning}");
        }
        self.reload_targets.apply(&config, prepared);
        log::set_level(&config.log);
        self.running = read;
        Ok(waiting)
    }
}

impl Reloader {
    /// A file without settings would take away the keys of the admin listener, and much else. Whoever writes a
    /// file in place empties it first, and a signal may come before the rest.
    fn refuse_emptied_file(&self, read: &Config) -> Result<(), String> {
        let Some(path) = &self.global.config else { return Ok(()) };
        let path = path.display();
        let of_file = format!("{path}:");
        let has_settings = |it: &Config| it.given.values().any(|at| at.starts_with(&of_file));
        if has_settings(read) || !has_settings(&self.running) {
            return Ok(());
        }
        Err(format!(
            "{path}: there are no settings any more, as if it was being written: send SIGHUP again when it \
             is whole, or restart the server if none are meant"
        ))
    }
}

/// Completes the configuration with its secrets and with the numbers that zeros stand for. Returns
/// warnings, too.
///
/// # Errors
/// One line: a secret cannot be read, or there are no descriptors for connections.
pub(super) fn complete(mut config: Config) -> Result<(Config, Vec<String>), String> {
    let mut warnings = Vec::new();
    if secret::is_wanted(&config) {
        let secret = secret::obtain(&config)?;
        config.auth.secret = secret.text;
        warnings.extend(secret.warnings);
    }
    warnings.extend(secret::read_issuers(&mut config)?);
    warnings.extend(secret::read_admin_keys(&mut config)?);
    warnings.extend(secret::read_cluster_password(&mut config)?);
    warnings.extend(secret::read_memo_secret(&mut config)?);
    warnings.extend(secret::tls_exposure(&config)?);
    warnings.extend(descriptors::fill(&mut config, descriptors::raise())?);
    Ok((config, warnings))
}

/// The changed keys that take effect only at the next start.
fn waiting_keys(running: &Config, read: &Config) -> Vec<String> {
    let (old, new) = (flat(running), flat(read));
    // Certificates can change, but turning TLS on or off would break the clients of the port.
    let turns_tls = running.tls.is_on() != read.tls.is_on();
    let is_live = |path: &str| {
        Config::keys().any(|key| key.path == path && key.reloads)
            && !(turns_tls && path.starts_with("tls."))
    };
    let differs = new.into_iter().filter(|entry| !old.contains(entry));
    differs.map(|(key, _)| key).filter(|key| !is_live(key)).collect()
}

/// The configuration as read, but with the running values of the keys in `waiting`. So an admin
/// listener that keeps running keeps its key, and a server that keeps its `data` keeps its secret.
fn without(waiting: &[String], running: &Config, read: Config) -> Result<Config, String> {
    if waiting.is_empty() {
        return Ok(read);
    }
    // Such a key also keeps whether it was set explicitly.
    let mut given = read.given.clone();
    for key in waiting {
        match running.given.get(key) {
            Some(place) => drop(given.insert(key.clone(), place.clone())),
            None => drop(given.remove(key)),
        }
    }
    let mut table = Table::try_from(read).map_err(|error| error.to_string())?;
    for (key, value) in flat(running).into_iter().filter(|(key, _)| waiting.contains(key)) {
        match key.split_once('.') {
            Some((section, name)) => {
                if let Some(Value::Table(section)) = table.get_mut(section) {
                    section.insert(name.to_owned(), value);
                }
            }
            None => drop(table.insert(key, value)),
        }
    }
    let taken: Result<Config, toml::de::Error> = table.try_into();
    taken.map(|config| Config { given, ..config }).map_err(|error| error.message().to_owned())
}

/// All keys as `section.name`, with their values.
fn flat(config: &Config) -> Vec<(String, Value)> {
    // Every configuration can be serialised as TOML, so this does not fail.
    let table = Table::try_from(config).unwrap_or_default();
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => {
                flat.extend(section.into_iter().map(|(name, v)| (format!("{key}.{name}"), v)));
            }
            value => flat.push((key, value)),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::config::Length;

    #[test]
    fn restart_only_keys_keep_their_running_value() {
        let mut running = Config::program_defaults();
        running.auth.secret = "0123456789abcdef0123456789abcdef".to_owned();
        running.admin.key_file = "there".to_owned();
        let mut read = running.clone();
        read.admin.listen.clear();
        read.data = "elsewhere".to_owned();
        read.limits.workers = 9;
        read.limits.connections_per_user = 1;
        read.auth.secret = read.auth.secret.to_uppercase();
        let taken = without(&waiting_keys(&running, &read), &running, read.clone()).unwrap();
        running.limits.connections_per_user = 1;
        running.auth.secret = read.auth.secret;
        assert_eq!(taken, running);
    }

    #[test]
    fn restart_only_keys_are_named() {
        let running = Config::program_defaults();
        let mut read = running.clone();
        assert_eq!(waiting_keys(&running, &read), Vec::<String>::new());
        read.auth.timeout = Length::from_secs(9);
        read.limits.connections_per_user = 1;
        read.log.level = "debug".to_owned();
        assert_eq!(waiting_keys(&running, &read), Vec::<String>::new());
        read.tls.cert_file = "c".to_owned();
        read.tls.key_file = "k".to_owned();
        assert_eq!(waiting_keys(&running, &read), ["tls.cert_file", "tls.key_file"]);
        let (with_tls, mut renewed) = (read.clone(), read.clone());
        renewed.tls.cert_file = "d".to_owned();
        assert_eq!(waiting_keys(&with_tls, &renewed), Vec::<String>::new());
        read.tls = running.tls.clone();
        read.listen = vec!["127.0.0.1:1".to_owned()];
        read.limits.workers = 9;
        read.log.file = "x".to_owned();
        assert_eq!(waiting_keys(&running, &read), ["limits.workers", "listen", "log.file"]);
    }
}
