//! The signing secret: configured, in a file of its own, or generated once in the data directory.
//! And the admin listener's key, which is in a file or not at all.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule::config::Config;
use vestibule::config::check::{admin_key_problem, secret_problem};

/// The name of the generated secret's file in the data directory.
const KEY_FILE: &str = "signing.key";
/// More bytes than the hash of HS256 has (RFC 7518, section 3.2): as text, enough for HS512 too.
const KEY_BYTES: usize = 48;

/// The secret, as text: its bytes are the HMAC key.
pub(super) struct Secret {
    pub(super) text: String,
    /// What is not as it should be, but no reason to stop.
    pub(super) warning: Option<String>,
}

/// The text is left out: a secret is never logged.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("warning", &self.warning).finish_non_exhaustive()
    }
}

/// Are tokens checked with one secret? Else with keys that are read or fetched elsewhere.
pub(super) fn is_wanted(config: &Config) -> bool {
    let auth = &config.auth;
    auth.jwks_file.is_empty() && auth.algorithms.iter().all(|name| name.starts_with("HS"))
}

/// The secret that signs and verifies. Generates it when none is configured and none is there.
///
/// # Errors
/// One line that names the file and what to do.
pub(super) fn obtain(config: &Config) -> Result<Secret, String> {
    let is_unfit = |text: &str| secret_problem(text, &config.auth.algorithms);
    match SecretSource::of(config) {
        SecretSource::Configured => Ok(Secret { text: config.auth.secret.clone(), warning: None }),
        SecretSource::File(path) => {
            read(&path, is_unfit).map_err(|error| error.of("auth.secret_file", &path))
        }
        SecretSource::Generated(path) => {
            if !path.exists() {
                generate(&path).map_err(|error| {
                    let path = path.display();
                    format!("cannot generate {path}: {error}; set `data` or `auth.secret_file`")
                })?;
            }
            read(&path, is_unfit).map_err(|error| error.of("generated secret", &path))
        }
    }
}

/// Where the secret is, for people, and a warning about it; nothing is generated.
///
/// # Errors
/// As for [`obtain`], but a secret that is not generated yet is no fault.
pub(super) fn inspect(config: &Config) -> Result<(String, Option<String>), String> {
    let is_unfit = |text: &str| secret_problem(text, &config.auth.algorithms);
    match SecretSource::of(config) {
        SecretSource::Configured => Ok(("auth.secret".to_owned(), None)),
        SecretSource::Generated(path) if !path.exists() => {
            Ok((format!("will be generated in {}", path.display()), None))
        }
        SecretSource::File(path) | SecretSource::Generated(path) => {
            let secret =
                read(&path, is_unfit).map_err(|error| error.of("signing secret", &path))?;
            Ok((path.display().to_string(), secret.warning))
        }
    }
}

/// The admin listener's key; `None`: there is none.
///
/// # Errors
/// One line that names the file and what to do.
pub(super) fn admin_key(config: &Config) -> Result<Option<Secret>, String> {
    if config.admin.key_file.is_empty() || config.admin.listen.is_empty() {
        return Ok(None);
    }
    let path = Path::new(&config.admin.key_file);
    let key = read(path, admin_key_problem).map_err(|error| error.of("admin.key_file", path));
    key.map(Some)
}

/// A warning, when others can read the key that the public listeners prove who they are with.
///
/// # Errors
/// One line that names the file.
pub(super) fn tls_exposure(config: &Config) -> Result<Option<String>, String> {
    let path = &config.tls.key_file;
    if path.is_empty() {
        return Ok(None);
    }
    exposure(Path::new(path)).map_err(|error| format!("tls.key_file {path}: {error}"))
}

enum SecretSource {
    Configured,
    File(PathBuf),
    Generated(PathBuf),
}

impl SecretSource {
    fn of(config: &Config) -> Self {
        if !config.auth.secret.is_empty() {
            Self::Configured
        } else if !config.auth.secret_file.is_empty() {
            Self::File(PathBuf::from(&config.auth.secret_file))
        } else {
            Self::Generated(Path::new(&config.data).join(KEY_FILE))
        }
    }
}

#[derive(Debug)]
enum ReadError {
    Io(io::Error),
    Unfit(String),
}

impl ReadError {
    fn of(self, what: &str, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                format!("{what} {path} is not UTF-8 text: encode the secret as base64 or hex")
            }
            Self::Io(error) => format!("{what}: cannot read {path}: {error}"),
            Self::Unfit(problem) => format!("{what} {path}: {problem}"),
        }
    }
}

fn read(path: &Path, is_unfit: impl Fn(&str) -> Option<String>) -> Result<Secret, ReadError> {
    let text = fs::read_to_string(path).map_err(ReadError::Io)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
    if let Some(problem) = is_unfit(&text) {
        return Err(ReadError::Unfit(problem));
    }
    let warning = exposure(path).map_err(ReadError::Io)?;
    Ok(Secret { text, warning })
}

/// A warning, when others can read or write the file at `path`, which holds a secret.
pub(super) fn exposure(path: &Path) -> io::Result<Option<String>> {
    let mode = fs::metadata(path)?.permissions().mode();
    Ok((mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!("other users can read or write {path}: run `chmod 600 {path}`")
    }))
}

/// Writes a new secret beside `path`, then links it there: it appears whole or not at all, and of
/// two processes that start at once both read the one that was linked first.
fn generate(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut random = [0; KEY_BYTES + 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let (key, unique) = random.split_at(KEY_BYTES);
    let temporary = directory.join(format!(".{KEY_FILE}.{}", URL_SAFE_NO_PAD.encode(unique)));
    let linked = write_new(&temporary, &URL_SAFE_NO_PAD.encode(key))
        .and_then(|()| fs::hard_link(&temporary, path));
    // When it was never made, there is nothing to remove.
    let _ = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(directory)?.sync_all(),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}
