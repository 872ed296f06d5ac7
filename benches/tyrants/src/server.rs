//! The server that a row is about, in a process and a directory of its own.

use std::error::Error;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use vestibule::testing::logs;

use crate::client::{Answer, Chat, Origin, Outcome};
use crate::contest::{Attack, Attacker};
use crate::process::{Process, Watch};

/// Signs the tokens of both sides; nothing else ever sees it.
const SECRET: &str = "tyrants-tyrants-tyrants-tyrants-tyrants";
/// For a server to say where it listens.
const START: Duration = Duration::from_secs(30);
/// The lifetime of tokens: longer than any row.
const TOKEN_SECONDS: u64 = 15 * 60;
/// Where victims come from, unless a row says otherwise.
pub(crate) const VICTIMS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server that listens. Dropping it kills it, and removes what it wrote.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Process>,
    address: SocketAddr,
    admin: SocketAddr,
    scratch: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts `serve` with these arguments and configuration keys, in a directory below `scratch`, and
    /// waits until it listens.
    ///
    /// # Errors
    /// It cannot be run, or ends.
    pub(crate) fn start(
        binary: &Path,
        scratch: &Path,
        arguments: &[&str],
        keys: &[(&str, &str)],
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Box<dyn Error>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-tyrants-{}-{unique}", std::process::id());
        let scratch = scratch.join(name);
        fs::create_dir(&scratch)?;
        let known = known(binary, keys)?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(scratch.join("data"))
            .args(arguments)
            .env_clear()
            .env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_LOG__FILE", scratch.join("log"))
            .env("VESTIBULE_LOG__LEVEL", "error")
            .env("VESTIBULE_AUTH__SECRET", SECRET)
            .envs(known);
        logs::finest(&mut command);
        let nowhere = SocketAddr::from((VICTIMS, 0));
        let stop = Arc::clone(stop);
        let mut server = Self { process: None, address: nowhere, admin: nowhere, scratch, stop };
        let process = server.process.insert(Process::start(command)?);
        let watch = Watch::new(START, Arc::clone(&server.stop));
        server.address = process.wait_for(&watch, |line| address_in(line, "Chat:"))?;
        server.admin = process.wait_for(&watch, |line| address_in(line, "Admin:"))?;
        Ok(server)
    }

    /// A client's origin.
    pub(crate) fn origin(&self, from: Ipv4Addr) -> Origin {
        Origin { server: self.address, from, stop: Arc::clone(&self.stop) }
    }

    /// A client that `stop` ends.
    pub(crate) fn origin_until(&self, from: Ipv4Addr, stop: &Arc<AtomicBool>) -> Origin {
        Origin { server: self.address, from, stop: Arc::clone(stop) }
    }

    /// Calls the admin API.
    ///
    /// # Errors
    /// No answer.
    pub(crate) fn ask(&self, request: &str) -> Outcome<Answer> {
        self.admin_origin().call(request, None, None)
    }

    /// For calls of the admin API.
    pub(crate) fn admin_origin(&self) -> Origin {
        Origin { server: self.admin, ..self.origin(VICTIMS) }
    }

    /// The size of the database with its log, in bytes.
    pub(crate) fn database_bytes(&self) -> u64 {
        let files =
            ["recipes.db", "recipes.db-wal"].map(|name| self.scratch.join("data").join(name));
        files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First the process, which still writes into the directory.
        self.process = None;
        logs::keep("tyrants", &self.scratch);
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// The server of the victims, and one like it on the same host. What the same attack there does to the
/// victims is not their server's doing.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) own: Server,
    pub(crate) other: Server,
}

impl Servers {
    /// The same attack on both, the other one first. `attackers` makes those of one server, which the
    /// flag stops.
    ///
    /// # Errors
    /// Those of `attackers`.
    pub(crate) fn attacks<'a>(
        &self,
        attackers: impl Fn(&Server, &Arc<AtomicBool>) -> Outcome<Vec<Attacker<'a>>>,
    ) -> Outcome<[Attack<'a>; 2]> {
        let attack = |server: &Server| -> Outcome<Attack<'a>> {
            let stop = Arc::default();
            Ok(Attack::new(attackers(server, &stop)?, stop))
        };
        Ok([attack(&self.other)?, attack(&self.own)?])
    }
}

/// A token for this user, with a `jti` of its own.
pub(crate) fn token(user: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let jti = format!("{user}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({ "sub": user, "iat": now, "exp": now + TOKEN_SECONDS, "jti": jti });
    let token = vestibule::testing::token(logs::known(SECRET), &claims);
    logs::known(&token);
    token
}

/// A recipe of this user in the embedded chat: its id, which is its room.
///
/// # Errors
/// It is refused.
pub(crate) fn recipe(origin: &Origin, user: &str) -> Outcome<String> {
    let draft = json!({
        "title": "Pancakes",
        "yield": "4 servings",
        "ingredients": [{ "text": "2 eggs" }, { "text": "1/2 cup milk" }],
    });
    let answer = origin.expect("POST /v1/recipes", Some(&token(user)), Some(&draft))?;
    Ok(answer.field("id").unwrap_or_default().to_owned())
}

/// A client in a recipe of its own.
///
/// # Errors
/// It is refused.
pub(crate) fn cook(origin: &Origin, user: &str) -> Outcome<Chat> {
    Chat::join(origin, &recipe(origin, user)?, &token(user))
}

/// The variables that set these keys, without those that the binary does not know: an older one can be
/// measured, too.
fn known(binary: &Path, keys: &[(&str, &str)]) -> io::Result<Vec<(String, String)>> {
    let mut variables: Vec<_> =
        keys.iter().map(|(key, value)| (variable(key), (*value).to_owned())).collect();
    let check = Command::new(binary).arg("check").env_clear().envs(variables.clone()).output()?;
    let faults = String::from_utf8_lossy(&check.stderr);
    variables.retain(|(name, _)| !faults.contains(&format!("{name}: unknown variable")));
    Ok(variables)
}

/// `limits.rooms` as a variable of the environment.
fn variable(key: &str) -> String {
    format!("VESTIBULE_{}", key.to_uppercase().replace('.', "__"))
}

/// The address in a line of the welcome, such as `Chat:  ws://127.0.0.1:8080/v1/chat/{id}`.
fn address_in(line: &str, kind: &str) -> Option<SocketAddr> {
    let rest = line.trim().strip_prefix(kind)?;
    rest.split_once("://")?.1.split('/').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_welcome() {
        let address = "127.0.0.1:8080".parse().ok();
        assert_eq!(address_in("  Chat:   ws://127.0.0.1:8080/v1/chat/{id}", "Chat:"), address);
        assert_eq!(address_in("  Admin:  http://127.0.0.1:8080", "Admin:"), address);
        assert_eq!(address_in("  Admin:  http://127.0.0.1:8080", "Chat:"), None);
    }

    #[test]
    fn a_key_has_its_variable() {
        assert_eq!(variable("limits.replay_entries"), "VESTIBULE_LIMITS__REPLAY_ENTRIES");
    }
}
