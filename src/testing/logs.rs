//! The logs of a whole run of the tests, gathered to be searched for secrets by
//! `tests/operations/secrets_in_logs`.
//!
//! `./test` names a directory in `LOGS_OF_TESTS`. Whoever starts a server has it log at the finest
//! level into there, and whoever holds a secret writes it down beside it, so that it is known what to
//! look for. Without the variable nothing of this happens.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where logs are gathered; `None`: nobody asks for them.
fn directory() -> Option<&'static Path> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let named = || {
        let named = std::env::var_os("LOGS_OF_TESTS").filter(|path| !path.is_empty());
        named.map(PathBuf::from)
    };
    DIRECTORY.get_or_init(named).as_deref()
}

/// A file there that nobody else has.
fn fresh(suite: &str, ending: &str) -> Option<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, unique) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    directory().map(|directory| directory.join(format!("{suite}-{process}-{unique}.{ending}")))
}

/// From here on `secret` is looked for. It has no line end in it.
pub fn known(secret: &str) -> &str {
    if let Some(directory) = directory() {
        let file = directory.join(format!("{}.secrets", std::process::id()));
        let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
        // In one write, so that threads do not cut each other's lines.
        file.write_all(format!("{secret}\n").as_bytes()).unwrap();
    }
    secret
}

/// Whatever in `request` is behind `Bearer` or `token=` is a secret.
pub fn known_in(request: &[u8]) {
    if directory().is_none() {
        return;
    }
    let text = String::from_utf8_lossy(request);
    for mark in ["Bearer ", "token="] {
        for rest in text.split(mark).skip(1) {
            let secret = rest.split([' ', '&', '\r', '\n']).next().unwrap_or_default();
            known(secret);
        }
    }
}

/// What in a request's or an answer's body is a secret.
pub fn known_of(body: &serde_json::Value) {
    for name in ["token", "access_token", "refresh_token", "password", "invitation"] {
        if let Some(secret) = body.get(name).and_then(serde_json::Value::as_str) {
            known(secret);
        }
    }
}

/// Has the server that `command` starts log everything.
pub fn finest(command: &mut Command) {
    if directory().is_some() {
        command.env("VESTIBULE_LOG__LEVEL", "trace").env("VESTIBULE_LOG__QUEUE", "65536");
    }
}

/// The same, and keeps what it says on standard error, panics too.
pub fn follow(suite: &str, command: &mut Command) {
    finest(command);
    if let Some(file) = fresh(suite, "log") {
        command.stderr(File::create(file).unwrap());
    }
}

/// Keeps the log in a server's `folder`, which is about to go, and what is secret in there.
pub fn keep(suite: &str, folder: &Path) {
    for name in ["log", "stderr"] {
        if let Ok(log) = fs::read(folder.join(name)) {
            keep_text(suite, &log);
        }
    }
    for name in SECRET_FILES {
        // Of many lines is what everybody may know: a set of public keys.
        if let Ok(text) = fs::read_to_string(folder.join(name))
            && text.trim_end().lines().count() == 1
        {
            known(text.trim_end());
        }
    }
    let config = fs::read_to_string(folder.join("v.toml")).unwrap_or_default();
    for rest in config.split("secret = '").skip(1) {
        known(rest.split('\'').next().unwrap_or_default());
    }
}

/// Where tests put keys and secrets, from a server's folder.
const SECRET_FILES: [&str; 5] = ["key", "secret", "good", "bad", "vestibule-data/signing.key"];

/// Keeps what a process has said.
pub fn keep_text(suite: &str, said: &[u8]) {
    if let Some(file) = fresh(suite, "log")
        && !said.is_empty()
    {
        fs::write(file, said).unwrap();
    }
}

/// Has this process log everything, whoever logs it, and keeps the messages of its panics.
pub fn in_process(suite: &str) {
    static LOGGER: OnceLock<TestLogger> = OnceLock::new();
    let Some(path) = fresh(suite, "log") else { return };
    let mut is_first = false;
    let logger = LOGGER.get_or_init(|| {
        is_first = true;
        TestLogger(OpenOptions::new().append(true).create(true).open(path).unwrap())
    });
    if is_first {
        // Whoever has a logger of its own is searched elsewhere.
        if log::set_logger(logger).is_ok() {
            log::set_max_level(log::LevelFilter::Trace);
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            logger.write(&format!("{panic}\n"));
            before(panic);
        }));
    }
}

struct TestLogger(File);

impl TestLogger {
    fn write(&self, line: &str) {
        (&self.0).write_all(line.as_bytes()).unwrap();
    }
}

impl log::Log for TestLogger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // The tests' own clients, which tell what they send. The server has it read headers.
        !metadata.target().starts_with("tungstenite")
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = format!("[{}] {}: ", record.level(), record.target());
        let _ = write!(line, "{}", record.args());
        if let Some(connection) = record.key_values().get("connection".into()) {
            let _ = write!(line, " {connection}");
        }
        line.push('\n');
        self.write(&line);
    }

    fn flush(&self) {}
}
