//! Secrets: the signing secret, which is configured, in a file, or generated once in the data
//! directory, and the admin listener's key, which is in a file.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule::config::check::{admin_key_problem, secret_problem, secret_warning, shared_users};
use vestibule::config::{Config, PublishedKind};

use super::small_file::bytes_of;

/// The file of the generated secret in the data directory.
const KEY_FILE: &str = "signing.key";
/// The length of a generated key. HS256 needs 32 bytes (RFC 7518, section 3.2); as base64 text, 48
/// bytes are the 64 that HS512 needs.
const KEY_BYTES: usize = 48;
/// The shortest secret of memos.
const MEMO_SECRET_BYTES: usize = 32;

/// A secret as text. The bytes of the signing secret are the HMAC key.
pub(super) struct Secret {
    pub(super) text: String,
    /// Warnings: other users can access its file, or it is likely to hold a mistake.
    pub(super) warnings: Vec<String>,
}

/// Omits the text: a secret must never be logged.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

/// Whether the server verifies tokens with a signing secret of its own, rather than with public keys,
/// a JWK set, or the keys of `auth.issuers` only.
pub(super) fn is_wanted(config: &Config) -> bool {
    let auth = &config.auth;
    let has_secret = !auth.secret.is_empty() || !auth.secret_file.is_empty();
    (auth.issuers.is_empty() || has_secret)
        && auth.jwks_file.is_empty()
        && auth.algorithms.iter().all(|name| name.starts_with("HS"))
}

/// Whether the signing secret would be generated, as there is none yet.
pub(super) fn is_missing(config: &Config) -> bool {
    matches!(SecretSource::of(config), SecretSource::Generated(path) if !path.exists())
}

/// Returns the signing secret. Generates it if none is configured and the file is missing.
///
/// # Errors
/// One line that names the file and says what to do.
pub(super) fn obtain(config: &Config) -> Result<Secret, String> {
    let is_unfit = |text: &str| secret_problem(text, &config.auth.algorithms);
    match SecretSource::of(config) {
        SecretSource::Configured => Ok(configured(config)),
        SecretSource::File(path) => {
            read_signing(&path, is_unfit).map_err(|error| error.of("auth.secret_file", &path))
        }
        SecretSource::Generated(path) => {
            if !path.exists() {
                generate(&path).map_err(|error| {
                    let (path, advice) = (path.display(), generation_advice(error.kind()));
                    format!("cannot generate {path}: {error}: {advice}")
                })?;
            }
            read_signing(&path, is_unfit).map_err(|error| error.of_generated(&path))
        }
    }
}

/// What to do where no secret can be generated.
fn generation_advice(error: ErrorKind) -> &'static str {
    match error {
        ErrorKind::PermissionDenied => {
            "give the directory to the user that the server runs as, or set `data` to a directory of \
             that user, or name a secret in auth.secret_file"
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "`data` must name a directory",
        _ => "set `data` to a writable directory, or name a secret in auth.secret_file",
    }
}

/// Reads the secrets of `auth.issuers` that are in files. Returns warnings about them, and about
/// issuers that can name the same user.
///
/// # Errors
/// One line that names the file and says what to do.
pub(super) fn read_issuers(config: &mut Config) -> Result<Vec<String>, String> {
    let mut warnings = shared_users(&config.auth.issuers);
    for issuer in &mut config.auth.issuers {
        if !issuer.secret_file.is_empty() {
            let path = PathBuf::from(&issuer.secret_file);
            let secret = read_signing(&path, |text| secret_problem(text, &issuer.algorithms))
                .map_err(|error| error.of("auth.issuers: secret_file", &path))?;
            issuer.secret = secret.text;
            warnings.extend(secret.warnings);
        } else if let Some(warning) = secret_warning(&issuer.secret) {
            warnings.push(format!("auth.issuers: secret: {warning}"));
        }
    }
    Ok(warnings)
}

/// Is the secret to be generated, so that the data directory must be writable?
pub(super) fn is_generated(config: &Config) -> bool {
    is_wanted(config) && is_missing(config)
}

/// The secret in the configuration itself.
fn configured(config: &Config) -> Secret {
    let text = config.auth.secret.clone();
    let warning = secret_warning(&text).map(|warning| format!("auth.secret: {warning}"));
    Secret { text, warnings: warning.into_iter().collect() }
}

/// Where the secret is, and the secret. `None`: it is not generated yet. Generates nothing.
///
/// # Errors
/// As for [`obtain`].
pub(super) fn inspect(config: &Config) -> Result<(String, Option<Secret>), String> {
    let is_unfit = |text: &str| secret_problem(text, &config.auth.algorithms);
    match SecretSource::of(config) {
        SecretSource::Configured => Ok(("auth.secret".to_owned(), Some(configured(config)))),
        SecretSource::Generated(path) if !path.exists() => Ok((path.display().to_string(), None)),
        SecretSource::File(path) | SecretSource::Generated(path) => {
            let is_generated = config.auth.secret_file.is_empty();
            let secret = read_signing(&path, is_unfit).map_err(|error| match is_generated {
                true => error.of_generated(&path),
                false => error.of("auth.secret_file", &path),
            })?;
            Ok((path.display().to_string(), Some(secret)))
        }
    }
}

/// Returns the admin listener's key. `None` when none is configured.
///
/// # Errors
/// One line that names the file and says what to do.
pub(super) fn admin_key(config: &Config) -> Result<Option<Secret>, String> {
    read_admin("admin.key_file", &config.admin.key_file, config)
}

/// Puts the keys of the admin listener into `config`. Returns warnings about their files.
///
/// # Errors
/// One line that names the file and says what to do.
pub(super) fn read_admin_keys(config: &mut Config) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    if let Some(key) = admin_key(config)? {
        config.admin.key = key.text;
        warnings.extend(key.warnings);
    }
    let setting = "admin.publish_key_file";
    if let Some(key) = read_admin(setting, &config.admin.publish_key_file, config)? {
        config.admin.publish_key = key.text;
        warnings.extend(key.warnings);
        // What was to be seen before the files were read has been refused already.
        let faults = config.faults();
        if let Some(fault) = faults.into_iter().find(|fault| fault.key == setting) {
            return Err(format!("{setting} {}: {}", config.admin.publish_key_file, fault.problem));
        }
    }
    Ok(warnings)
}

/// Puts the password of the cluster's engine into `config`. Returns warnings about its file.
///
/// # Errors
/// One line that names the file and says what to do.
pub(super) fn read_cluster_password(config: &mut Config) -> Result<Vec<String>, String> {
    let file = &config.cluster.password_file;
    if file.is_empty() || !config.cluster.is_on() {
        return Ok(Vec::new());
    }
    let path = Path::new(file);
    let is_unfit = |text: &str| {
        let is_line = !text.is_empty() && !text.contains(['\n', '\r']);
        (!is_line).then(|| "it must hold the password on one line".to_owned())
    };
    let secret = read(path, is_unfit).map_err(|error| error.of("cluster.password_file", path))?;
    config.cluster.password = secret.text;
    Ok(secret.warnings)
}

/// Puts the secret of memos into the configuration: the one of `resume.secret_file`, or the one that is
/// shared with the backend. See `resume.secret_file`.
pub(super) fn read_memo_secret(config: &mut Config) -> Result<Option<String>, String> {
    let resume = ("resume.secret_file", config.resume.secret_file.clone());
    let backend = ("backend.secret_file", config.backend.secret_file.clone());
    let is_derived = resume.1.is_empty();
    if is_derived && (backend.1.is_empty() || !config.auth.secret.is_empty()) {
        return Ok(None);
    }
    let (setting, path) = if is_derived { backend } else { resume };
    let secret =
        bytes_of(Path::new(&path)).map_err(|error| format!("{setting} {path}: {error}"))?;
    if !is_derived && secret.len() < MEMO_SECRET_BYTES {
        let bytes = secret.len();
        return Err(format!(
            "{setting} {path}: the secret has {bytes} bytes, at least {MEMO_SECRET_BYTES} are required"
        ));
    }
    config.resume.secret = secret;
    if is_derived {
        return Ok(None);
    }
    exposure(Path::new(&path)).map_err(|error| format!("{setting} {path}: {error}"))
}

fn read_admin(setting: &str, path: &str, config: &Config) -> Result<Option<Secret>, String> {
    if path.is_empty() || config.admin.listen.is_empty() {
        return Ok(None);
    }
    let path = Path::new(path);
    read(path, admin_key_problem).map_err(|error| error.of(setting, path)).map(Some)
}

/// Returns a warning if other users can access the TLS private key.
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
enum SecretReadError {
    Io(io::Error),
    Unfit(String),
}

impl SecretReadError {
    fn of(self, what: &str, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Io(error) if error.kind() == ErrorKind::InvalidData => {
                format!("{what} {path} is not UTF-8 text: encode the secret as base64 or hex")
            }
            Self::Io(error) => format!("{what}: cannot read {path}: {error}"),
            Self::Unfit(problem) => format!("{what} {path}: {problem}"),
        }
    }

    /// Of the secret that the server has generated in `data`.
    fn of_generated(self, path: &Path) -> String {
        let advice = match &self {
            Self::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                ": give the files in `data` to the user that the server runs as"
            }
            Self::Io(error) if error.kind() != ErrorKind::InvalidData => "",
            _ => {
                "; put the file back from a backup, or remove it to generate another, with which all \
                  users sign in again"
            }
        };
        self.of("generated secret", path) + advice
    }
}

/// Reads the signing secret, with a warning if it is likely to hold a mistake.
fn read_signing(
    path: &Path,
    is_unfit: impl Fn(&str) -> Option<String>,
) -> Result<Secret, SecretReadError> {
    let mut secret = read(path, is_unfit)?;
    let warning = secret_warning(&secret.text);
    secret.warnings.extend(warning.map(|warning| format!("{}: {warning}", path.display())));
    Ok(secret)
}

fn read(path: &Path, is_unfit: impl Fn(&str) -> Option<String>) -> Result<Secret, SecretReadError> {
    let text = String::from_utf8(bytes_of(path).map_err(SecretReadError::Io)?);
    // A key in DER is no text. To encode it, as is said of other bytes, would not make it a secret.
    let text = text.map_err(|error| match PublishedKind::of(error.as_bytes()) {
        Some(kind) => SecretReadError::Unfit(kind.to_string()),
        None => SecretReadError::Io(ErrorKind::InvalidData.into()),
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
    if let Some(problem) = is_unfit(&text) {
        return Err(SecretReadError::Unfit(problem));
    }
    let warning = exposure(path).map_err(SecretReadError::Io)?;
    Ok(Secret { text, warnings: warning.into_iter().collect() })
}

/// Returns a warning if other users can read or write the secret file at `path`.
pub(super) fn exposure(path: &Path) -> io::Result<Option<String>> {
    let mode = fs::metadata(path)?.permissions().mode();
    Ok((mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!("other users can read or write {path}: run `chmod 600 {path}`")
    }))
}

/// Writes a new secret to a temporary file, then links it to `path`. So it appears complete or not
/// at all, and two processes that start at the same time both use the one that was linked first.
fn generate(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut random = [0; KEY_BYTES + 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let (key, unique) = random.split_at(KEY_BYTES);
    let temporary = directory.join(format!(".{KEY_FILE}.{}", URL_SAFE_NO_PAD.encode(unique)));
    let linked = write_new(&temporary, &URL_SAFE_NO_PAD.encode(key))
        .and_then(|()| fs::hard_link(&temporary, path));
    // If it was never created, there is nothing to remove.
    let _ = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(directory)?.sync_all(),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memo_secret_is_read_or_derived_and_not_short() {
        let directory = std::env::temp_dir().join(format!("vestibule-memo-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        let (long, short) = (file("long", &"x".repeat(32)), file("short", "hush"));
        let mut config = Config::default();
        assert_eq!(read_memo_secret(&mut config), Ok(None));
        assert_eq!(config.resume.secret, b"");
        config.backend.secret_file.clone_from(&short);
        assert_eq!(read_memo_secret(&mut config), Ok(None));
        assert_eq!(config.resume.secret, b"hush");
        config.resume.secret_file = long;
        assert_eq!(read_memo_secret(&mut config), Ok(None));
        assert_eq!(config.resume.secret, "x".repeat(32).as_bytes());
        config.resume.secret_file = short;
        let fault = read_memo_secret(&mut config).unwrap_err();
        assert!(fault.ends_with("the secret has 4 bytes, at least 32 are required"), "{fault}");
        assert!(!fault.contains("hush"));
        fs::remove_dir_all(directory).unwrap();
    }
}
