//! What is said to an engine before anything else, and the probe.

use super::flight::FlightKind;
use super::{BusFault, BusLink, BusScript, CommandWriter, LinkState};
use crate::bus::codec::{RespReader, RespToken};
use crate::time::Instant;

impl BusLink {
    /// Sends `HELLO`, the scripts, and the subscription of this node's own channels, all at once.
    pub(super) fn greet(&mut self, now: Instant) {
        let user = self.settings.username.as_deref().unwrap_or("default");
        let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
        // A user without a password is still another one than the engine's default.
        let password = self.settings.password.as_deref();
        if let Some(password) = password.or(self.settings.username.as_ref().map(|_| "")) {
            words.extend_from_slice(&[b"AUTH", user.as_bytes(), password.as_bytes()]);
        }
        // The engine refuses names with spaces; `CLIENT LIST` shows it.
        let name = self.settings.name.as_bytes();
        if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
            words.extend_from_slice(&[b"SETNAME", name]);
        }
        let mut writer = CommandWriter::new(&mut self.out, words.len());
        for word in words {
            writer.word(word);
        }
        self.fly(now, FlightKind::Hello);
        for script in BusScript::ALL {
            self.load(now, script);
        }
        let keys = &self.context.keys;
        let name = &self.context.name;
        CommandWriter::new(&mut self.out, 4)
            .word(b"SUBSCRIBE")
            .word(&keys.nodes_channel(Some(name)))
            .word(&keys.nodes_channel(None))
            .word(&keys.probe_channel(name));
        self.fly(now, FlightKind::OwnChannels(3));
    }

    /// Gives the engine a script.
    pub(super) fn load(&mut self, now: Instant, script: BusScript) {
        CommandWriter::new(&mut self.out, 3)
            .word(b"SCRIPT")
            .word(b"LOAD")
            .word(script.source().as_bytes());
        self.fly(now, FlightKind::Load(script));
    }

    /// Sends a probe, if it is time.
    pub(super) fn send_probe(&mut self, now: Instant) {
        let nonce = self.rng.next_u64();
        if self.state == LinkState::Up && self.probe.is_due(now, nonce) {
            self.context.write_probe(nonce, &mut self.out);
            self.fly(now, FlightKind::Probe);
        }
    }

    /// What the engine answers to a probe; that it comes back is another matter.
    pub(super) fn on_probe_reply(
        &mut self,
        now: Instant,
        error: Option<&[u8]>,
    ) -> Result<(), String> {
        match error.map(BusFault::from_error) {
            Some(BusFault::ReadOnly) => Err("the engine is a replica by now".to_owned()),
            Some(BusFault::NoPermission(words)) => Err(words),
            Some(BusFault::Other(words)) if words.starts_with("NOSCRIPT") => {
                self.load_again(now, BusScript::Probe);
                if let Some(nonce) = self.probe.nonce() {
                    self.context.write_probe(nonce, &mut self.out);
                    self.fly(now, FlightKind::Probe);
                }
                Ok(())
            }
            // Such as MISCONF, or MOVED of a Redis Cluster.
            Some(BusFault::Other(words)) => Err(words),
            _ => Ok(()),
        }
    }

    /// The engine has lost a script: it was restarted, or somebody flushed them all.
    pub(super) fn load_again(&mut self, now: Instant, script: BusScript) {
        if let Some(is_reloading) = self.reloading.get_mut(script as usize)
            && !std::mem::replace(is_reloading, true)
        {
            self.load(now, script);
        }
    }
}

/// Why an engine that answers `HELLO` with this cannot be used; `None`: it can.
pub(super) fn refuse_engine(reader: &mut RespReader<'_>) -> Option<String> {
    match reader.token() {
        Some(RespToken::Error(error)) => Some(explain(error)),
        Some(RespToken::Map(_)) => {
            while let Some(token) = reader.token() {
                if token == RespToken::Text(b"version") {
                    let version = String::from_utf8_lossy(reader.text().unwrap_or_default());
                    if is_too_old(&version) {
                        return Some(format!(
                            "the engine has the version {version}: {WANTED} is needed"
                        ));
                    }
                }
                if token == RespToken::Text(b"role") {
                    return match reader.text() {
                        Some(b"master") => None,
                        role => Some(format!(
                            "the engine is a {}, which accepts no writes",
                            String::from_utf8_lossy(role.unwrap_or(b"stranger"))
                        )),
                    };
                }
            }
            Some("the engine does not say its role".to_owned())
        }
        _ => Some(format!("the engine does not speak RESP3: {WANTED} is needed")),
    }
}

/// The oldest engine that passes the tests.
const WANTED: &str = "Redis 6.2 or later, or Valkey,";

/// A version that does not begin with two numbers is some other engine's, which is tried.
fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (6, 2),
        _ => false,
    }
}

/// The engine's words, with what to do where they do not say it.
fn explain(error: &[u8]) -> String {
    let text = String::from_utf8_lossy(error.get(..200).unwrap_or(error)).into_owned();
    let advice = match error.split(|byte| *byte == b' ').next().unwrap_or_default() {
        b"NOAUTH" => " (set cluster.password_file)".to_owned(),
        b"WRONGPASS" => " (is cluster.password_file set, and up to date?)".to_owned(),
        b"ERR" | b"NOPROTO" => format!(" ({WANTED} is needed)"),
        _ => String::new(),
    };
    format!("the engine refuses the connection: {text}{advice}")
}
