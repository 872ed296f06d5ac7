//! Where keys come from: files and addresses, read at the start and watched by a thread.
//!
//! The node knows nothing of it. New keys reach it as an event in the reactor's mailbox, and are
//! a whole set each time; while a place is faulty, the keys that were read last stay.

#[cfg(feature = "jwks-url")]
mod fetch;
mod file;
#[cfg(any(feature = "jwks-url", test))]
mod plan;

#[cfg(test)]
#[cfg(feature = "jwks-url")]
mod tests;

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;

use self::file::WatchedFile;
use super::clock::Clock;
use super::error::{KeySourceError, StartError};
use crate::auth::{Algorithms, JwksFrom, KeySet, Skipped};
use crate::config::Auth;
use crate::time::Instant;

/// Whether `open` waits for the keys of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitForKeys {
    /// At the start: the issuer may come up later than this server.
    No,
    /// While a server runs: better no change than one to keys that are not there.
    UntilThere,
}

/// The keys that `auth` names a file or an address for, and what is to be watched.
///
/// # Errors
/// When a file cannot be read, or holds no key that can be used: that is a mistake, which is better
/// told than served.
pub(super) fn open(
    auth: &Auth,
    wait: WaitForKeys,
) -> Result<(Option<KeySet>, Option<Watch>), StartError> {
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
        return Ok((Some(keys), Some(Watch { reader, source: KeySource::File(watched) })));
    }
    if auth.jwks_url.is_empty() {
        return Ok((None, None));
    }
    #[cfg(feature = "jwks-url")]
    {
        let place = format!("auth.jwks_url {}", auth.jwks_url);
        let mut reader = KeyReader::new(place, algorithms, JwksFrom::Url);
        let seed = super::entropy::seed().map_err(StartError::Entropy)?;
        let mut fetcher = fetch::Fetcher::new(&auth.jwks_url, seed.rng());
        let mut keys = None;
        if wait == WaitForKeys::UntilThere {
            let text = fetcher.look(Instant::START).unwrap_or_else(|| Ok(String::new()));
            let read = text.and_then(|text| reader.parse(&text));
            keys = Some(read.map_err(|error| at("auth.jwks_url", &auth.jwks_url, error))?);
        }
        Ok((keys, Some(Watch { reader, source: KeySource::Url(fetcher) })))
    }
    #[cfg(not(feature = "jwks-url"))]
    {
        let _ = wait;
        Err(at("auth.jwks_url", &auth.jwks_url, KeySourceError::NoFeature))
    }
}

/// A place that is watched.
#[derive(Debug)]
enum KeySource {
    File(WatchedFile),
    #[cfg(feature = "jwks-url")]
    Url(fetch::Fetcher),
}

impl KeySource {
    /// What is there, if it may be something new. Blocks; an address for 5 seconds at most.
    fn look(&mut self, now: Instant) -> Option<Result<String, KeySourceError>> {
        match self {
            Self::File(watched) => {
                watched.looked(now);
                watched.look()
            }
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.look(now),
        }
    }

    fn next(&self) -> Instant {
        match self {
            Self::File(watched) => watched.next(),
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.next(),
        }
    }

    /// A token names a key that is not there.
    fn ask(&mut self) {
        match self {
            // It is looked at often enough.
            Self::File(_) => {}
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.ask(),
        }
    }
}

/// A place, and what was told about it.
#[derive(Debug)]
pub(super) struct Watch {
    reader: KeyReader,
    source: KeySource,
}

/// Which watch: one that was replaced may still have keys on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WatchId(u64);

/// The reactor's end of a watch, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct KeyWatch {
    id: WatchId,
    asks: SyncSender<()>,
}

impl KeyWatch {
    pub(super) fn is(&self, id: WatchId) -> bool {
        self.id == id
    }

    /// A token names a key which is not there.
    pub(super) fn ask(&self) {
        let _ = self.asks.try_send(()); // Full: an earlier word says the same.
    }
}

impl Watch {
    /// Watches from a thread of its own, until what is returned is dropped or `deliver` is false.
    pub(super) fn start(
        self,
        deliver: impl Fn(WatchId, KeySet) -> bool + Send + 'static,
    ) -> Result<KeyWatch, StartError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = WatchId(LAST.fetch_add(1, Ordering::Relaxed));
        let (asks, asked) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("vestibule-keys".to_owned())
            .spawn(move || self.run(&asked, |keys| deliver(id, keys)))
            .map_err(StartError::Thread)?;
        Ok(KeyWatch { id, asks })
    }

    fn run(mut self, asked: &Receiver<()>, deliver: impl Fn(KeySet) -> bool) {
        let clock = Clock::start();
        loop {
            let wait = self.source.next().since(clock.monotonic());
            // What is due is not put off by those who ask for it.
            let heard = if wait.is_zero() {
                Err(RecvTimeoutError::Timeout)
            } else {
                asked.recv_timeout(wait)
            };
            match heard {
                Ok(()) => self.source.ask(),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let found = self.source.look(clock.monotonic());
                    let Some(keys) = found.and_then(|text| self.reader.take(text)) else {
                        continue;
                    };
                    if !deliver(keys) {
                        return;
                    }
                }
            }
        }
    }
}

/// Makes keys of texts, and says once what is wrong with them.
#[derive(Debug)]
struct KeyReader {
    place: String,
    algorithms: Algorithms,
    from: JwksFrom,
    told: Vec<Skipped>,
    fault: Option<String>,
}

impl KeyReader {
    fn new(place: String, algorithms: Algorithms, from: JwksFrom) -> Self {
        Self { place, algorithms, from, told: Vec::new(), fault: None }
    }

    fn parse(&mut self, text: &str) -> Result<KeySet, KeySourceError> {
        let (keys, skipped) = KeySet::from_jwks(text, &self.algorithms, self.from)?;
        if skipped != self.told {
            skipped.iter().for_each(|skipped| self.warn(skipped));
            self.told = skipped;
        }
        Ok(keys)
    }

    /// The keys of what was found; `None`: those that are there stay.
    fn take(&mut self, found: Result<String, KeySourceError>) -> Option<KeySet> {
        match found.and_then(|text| self.parse(&text)) {
            Ok(keys) => {
                log::info!("{}: {} keys", self.place, keys.len());
                self.fault = None;
                Some(keys)
            }
            Err(error) => {
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    self.warn(&format!("{fault}; the keys stay as they are"));
                    self.fault = Some(fault);
                }
                None
            }
        }
    }

    fn warn(&self, what: &dyn Display) {
        log::warn!("{}: {what}", self.place);
    }
}
