//! The configuration from its layers: flag over environment over file over default.
//!
//! Below them, `SSL_CERT_FILE` names the trusted authorities where the configuration names none.
//!
//! There is one list of keys: what `Config::program_defaults()` serialises to. A layer is a set of
//! (path, value, origin), each judged alone, so that every fault is told with the place it comes from.

mod authorities;
mod environment;
mod file;
mod layers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use vestibule::config::Config;

pub(super) use self::layers::is_near;
use self::layers::{Layers, SettingOrigin};
use super::output::CommandError;

/// Flags that every command accepts, before or after its name.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Configuration file (TOML) [default: none]. Environment variables and flags override it
    #[arg(long, global = true, value_name = "FILE", display_order = 1_000)]
    pub(super) config: Option<PathBuf>,
    /// Directory for persistent data: database, generated signing key [default: ./vestibule-data]
    #[arg(long, global = true, value_name = "DIR", display_order = 1_001)]
    pub(super) data: Option<String>,
}

impl Global {
    /// Loads the configuration from file, environment, these flags, and the command's own (`own`).
    ///
    /// # Errors
    /// Every fault of every layer, one line each, with its file and line, variable or flag.
    pub(super) fn settings(&self, own: &[(&'static str, String)]) -> Result<Config, CommandError> {
        let mut layers = Layers::new()?;
        if let Some(path) = &self.config {
            file::read(path, &mut layers);
        }
        environment::read(std::env::vars_os(), &mut layers);
        let data = self.data.iter().map(|data| ("data", data));
        for (path, text) in own.iter().map(|(path, text)| (*path, text)).chain(data) {
            // `--backend` sets `backend.url`: a flag is called as the first part of its key.
            let name = path.split('.').next().unwrap_or_default();
            layers.set_text(path, text, SettingOrigin::Flag(format!("--{name}")));
        }
        let mut config = layers.finish()?;
        authorities::complete(&mut config, std::env::var_os(authorities::VARIABLE));
        Ok(config)
    }
}

/// `fault`, which begins with its key, behind where that key was set, if it was (see [`Config::given`]):
/// for what is found out later than [`Global::settings`], about a file that the key names.
pub(super) fn located(given: &BTreeMap<String, String>, fault: String) -> String {
    let key = fault.split([' ', ':']).next().unwrap_or_default();
    match given.get(key) {
        Some(place) => format!("{place}: {fault}"),
        None => fault,
    }
}

#[cfg(test)]
mod tests;
