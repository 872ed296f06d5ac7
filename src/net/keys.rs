//! Sources of keys: files and addresses, read at the start and then watched by a thread.
//!
//! The node does not know the source. New keys reach it as an event in the reactor's mailbox,
//! always as a whole set. While a source is faulty, the last keys stay.

#[cfg(feature = "jwks-url")]
mod discovery;
#[cfg(feature = "jwks-url")]
mod fetch;
mod file;
#[cfg(feature = "jwks-url")]
mod freshness;
#[cfg(feature = "jwks-url")]
mod kept;
#[cfg(any(feature = "jwks-url", test))]
mod plan;
mod watch;

#[cfg(test)]
#[cfg(feature = "jwks-url")]
mod tests;

use std::collections::BTreeMap;
use std::mem;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use self::file::WatchedFile;
use self::watch::{KeyReader, KeySource};
pub(crate) use self::watch::{KeyWatch, Watch, WatchId};
#[cfg(feature = "jwks-url")]
use super::clock::Clock;
use super::error::{KeySourceError, StartError};
use crate::auth::{Algorithms, JwksFrom, KeySet, KeySummary, Verifier};
use crate::config::Auth;
#[cfg(feature = "jwks-url")]
use crate::time::{Instant, UnixTime};

/// Whether `open` waits for the keys at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitForKeys {
    /// At the start: the issuer may start later than this server.
    No,
    /// On a reload: no change is better than a change to keys that are not there.
    UntilThere,
}

/// The keys of all issuers that are there at the start, and what to watch.
#[derive(Debug, Default)]
pub(super) struct OpenedKeys {
    /// By the numbers of their issuers.
    pub(super) sets: Vec<(usize, KeySet)>,
    pub(super) watches: Vec<Watch>,
    /// Issuers whose keys cannot be read.
    faulty: Vec<(usize, StartError)>,
}

impl OpenedKeys {
    fn add(&mut self, issuer: usize, opened: Opened) {
        let (keys, watch) = opened;
        self.sets.extend(keys.map(|keys| (issuer, keys)));
        self.watches.extend(watch.map(|watch| Watch { issuer, ..watch }));
    }
}

/// The keys of one issuer that are there, and what to watch.
type Opened = (Option<KeySet>, Option<Watch>);

/// Reads the keys that `auth` and its issuers name by files or addresses.
///
/// # Errors
/// As for one of them.
pub(super) fn open(auth: &Auth, wait: WaitForKeys) -> Result<OpenedKeys, StartError> {
    let mut opened = open_all(&auth.key_places(), wait);
    if opened.faulty.is_empty() { Ok(opened) } else { Err(opened.faulty.swap_remove(0).1) }
}

fn open_all(places: &[(usize, Auth)], wait: WaitForKeys) -> OpenedKeys {
    let mut all = OpenedKeys::default();
    // All at once: one that hangs has its time-out, and those of several would add up.
    let read: Vec<_> = thread::scope(|scope| {
        let one = |auth| scope.spawn(move || open_one(auth, wait));
        let reads: Vec<_> = places.iter().map(|(issuer, auth)| (*issuer, one(auth))).collect();
        reads.into_iter().map(|(issuer, read)| (issuer, read.join())).collect()
    });
    for (issuer, read) in read {
        match read.unwrap_or_else(|panic| resume_unwind(panic)) {
            Ok(opened) => all.add(issuer, opened),
            Err(error) => all.faulty.push((issuer, error)),
        }
    }
    all
}

/// Reads the keys that `auth` names by a file or an address. Also returns what to watch.
///
/// # Errors
/// A file cannot be read, or contains no usable key. That is a mistake of the operator, so the
/// server does not start.
fn open_one(auth: &Auth, wait: WaitForKeys) -> Result<(Option<KeySet>, Option<Watch>), StartError> {
    let algorithms = Algorithms::new(&auth.algorithms)?;
    let at = |setting, place: &str, error| {
        let place = place.to_owned();
        StartError::Keys { setting, place, error }
    };
    if !auth.public_key_file.is_empty() {
        let path = &auth.public_key_file;
        let keys = file::read(Path::new(path))
            .and_then(|text| Ok(KeySet::from_pem(&text, &algorithms)?))
            .map_err(|error| at("auth.public_key_file", path, error))?;
        return Ok((Some(keys), None));
    }
    if !auth.jwks_file.is_empty() {
        let place = format!("auth.jwks_file {}", auth.jwks_file);
        let mut reader = KeyReader::new(place, algorithms, JwksFrom::File);
        let mut watched = WatchedFile::new(&auth.jwks_file);
        let text = watched.look().unwrap_or_else(|| Ok(String::new()));
        let keys = text.and_then(|text| reader.parse(&text));
        let keys = keys.map_err(|error| at("auth.jwks_file", &auth.jwks_file, error))?;
        return Ok((
            Some(keys),
            Some(Watch { issuer: 0, reader, source: KeySource::File(watched) }),
        ));
    }
    if auth.jwks_url.is_empty() {
        return Ok((None, None));
    }
    #[cfg(feature = "jwks-url")]
    {
        let place = format!("auth.jwks_url {}", auth.jwks_url);
        let mut reader = KeyReader::new(place, algorithms, JwksFrom::Url);
        let seed = super::entropy::seed().map_err(StartError::Entropy)?;
        let mut fetcher = fetch::Fetcher::new(auth, seed.rng())?;
        let mut keys = None;
        if wait == WaitForKeys::UntilThere {
            let text = fetcher.look(Instant::START).unwrap_or_else(|| Ok(String::new()));
            let read = text.and_then(|text| reader.parse(&text));
            keys = Some(read.map_err(|error| at("auth.jwks_url", &auth.jwks_url, error))?);
            fetcher.judged(Instant::START, true);
        }
        Ok((keys, Some(Watch { issuer: 0, reader, source: KeySource::Url(fetcher) })))
    }
    #[cfg(not(feature = "jwks-url"))]
    {
        let _ = wait;
        Err(at("auth.jwks_url", &auth.jwks_url, KeySourceError::NoFeature))
    }
}

/// A verifier for what `auth` names, with its keys, and what to watch, in place of `current`.
///
/// An address that `current` names too need not answer: its keys stay. So a change of the configuration
/// does not wait for an issuer that is down.
///
/// # Errors
/// As [`open`]; or the secret cannot be used.
pub(super) fn reopen(auth: &Auth, current: &Auth) -> Result<(Verifier, Vec<Watch>), StartError> {
    let mut verifier = Verifier::new(auth)?;
    let (places, known) = (auth.key_places(), current.key_places());
    let mut opened = open_all(&places, WaitForKeys::UntilThere);
    for (issuer, error) in mem::take(&mut opened.faulty) {
        let place = places.iter().find(|(number, _)| *number == issuer).map(|(_, place)| place);
        let before = known.iter().find(|(_, before)| place.is_some_and(|it| is_alike(it, before)));
        let (Some(place), Some((before, _))) = (place, before) else { return Err(error) };
        log::warn!("The keys from before stay: {error}");
        verifier.mark_unread(issuer, *before);
        opened.add(issuer, open_one(place, WaitForKeys::No)?);
    }
    for (issuer, keys) in opened.sets {
        verifier.replace_keys_of(issuer, keys);
    }
    Ok((verifier, opened.watches))
}

/// Do both name the same address, and read the same from it?
fn is_alike(one: &Auth, other: &Auth) -> bool {
    !one.jwks_url.is_empty()
        && (&one.jwks_url, &one.algorithms) == (&other.jwks_url, &other.algorithms)
}

/// The keys of each issuer, with the setting that names them, and what is wrong with the others.
/// Keys at an address are fetched, unless `is_offline`.
///
/// # Errors
/// A secret cannot be used.
pub(super) fn inspect(auth: &Auth, is_offline: bool) -> Result<InspectedKeys, StartError> {
    let mut verifier = Verifier::new(auth)?;
    let wait = if is_offline { WaitForKeys::No } else { WaitForKeys::UntilThere };
    let opened = open_all(&auth.key_places(), wait);
    for (issuer, keys) in opened.sets {
        verifier.replace_keys_of(issuer, keys);
    }
    let is_sound = |issuer| !opened.faulty.iter().any(|(faulty, _)| *faulty == issuer);
    let sound = verifier.keys().filter(|(issuer, _)| is_sound(*issuer));
    let summaries = sound.map(|(issuer, keys)| (issuer, keys.summary())).collect();
    let faults = opened.faulty.into_iter().map(|(_, error)| error).collect();
    Ok(InspectedKeys { sound: named(auth, summaries), faults })
}

/// What [`check_keys`](super::check_keys) has found.
#[derive(Debug)]
pub struct InspectedKeys {
    /// The keys of each issuer, with the setting that names them.
    pub sound: Vec<(String, KeySummary)>,
    /// Why the keys of the other issuers cannot be used.
    pub faults: Vec<StartError>,
}

/// The keys of each issuer, by the setting that names them: `auth.jwks_file keys.json`.
pub(super) fn named(auth: &Auth, keys: Vec<(usize, KeySummary)>) -> Vec<(String, KeySummary)> {
    let places: BTreeMap<usize, Auth> = auth.key_places().into_iter().collect();
    let name = |issuer| places.get(&issuer).map(place).unwrap_or_default();
    keys.into_iter().map(|(issuer, keys)| (name(issuer), keys)).collect()
}

fn place(auth: &Auth) -> String {
    let settings = [
        ("auth.public_key_file", &auth.public_key_file),
        ("auth.jwks_file", &auth.jwks_file),
        ("auth.jwks_url", &auth.jwks_url),
    ];
    match settings.into_iter().find(|(_, place)| !place.is_empty()) {
        Some((setting, place)) => format!("{setting} {place}"),
        None if auth.issuer.is_empty() => "the secret".to_owned(),
        None => format!("the secret of {}", auth.issuer),
    }
}

/// Logs which keys there are. Those of an address that is not fetched yet are logged when they come.
pub(super) fn log_summary(auth: &Auth, keys: Vec<(usize, KeySummary)>) {
    for (place, keys) in named(auth, keys).into_iter().filter(|(_, keys)| !keys.usable.is_empty()) {
        log::info!("{place}: {keys}");
    }
}

/// The keys that were kept in `directory` from the addresses in `auth`, with the moment of the
/// fetch and the numbers of their issuers. A file that cannot be read is logged.
#[cfg(feature = "jwks-url")]
pub(super) fn kept(auth: &Auth, directory: &Path) -> Vec<(UnixTime, usize, KeySet)> {
    let mut sets = Vec::new();
    for (issuer, auth) in auth.key_places() {
        match kept_of(&auth, directory) {
            Ok(keys) => sets.extend(keys.map(|(read_at, keys)| (read_at, issuer, keys))),
            Err(error) => log::warn!(
                "The last keys of auth.jwks_url {} cannot be read: {error}",
                auth.jwks_url
            ),
        }
    }
    sets
}

#[cfg(feature = "jwks-url")]
fn kept_of(auth: &Auth, directory: &Path) -> Result<Option<(UnixTime, KeySet)>, KeySourceError> {
    if auth.jwks_url.is_empty() || auth.keep_keys.get().is_zero() {
        return Ok(None);
    }
    let kept = kept::KeptKeys::new(directory, &auth.jwks_url);
    let text = kept.read(Clock::start().now().unix, auth.keep_keys.get());
    let Some((read_at, text)) = text.map_err(KeySourceError::File)? else { return Ok(None) };
    let (keys, _) = KeySet::from_jwks(&text, &Algorithms::new(&auth.algorithms)?, JwksFrom::Url)?;
    Ok(Some((read_at, keys)))
}

/// Reads the keys that `auth` and its issuers name by files or addresses, as a server with this
/// configuration does: by the numbers that [`Verifier::replace_keys_of`] takes. Waits for an address, at
/// most 10 seconds. None of an issuer: its tokens are checked with its secret.
///
/// [`Verifier::replace_keys_of`]: crate::auth::Verifier::replace_keys_of
///
/// # Errors
/// The source cannot be read, or contains no usable key.
pub fn read_keys(auth: &Auth) -> Result<Vec<(usize, KeySet)>, StartError> {
    open(auth, WaitForKeys::UntilThere).map(|opened| opened.sets)
}
