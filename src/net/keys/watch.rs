//! A watched source of keys: read by a thread of its own, when it is due and when somebody asks.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cfg(feature = "jwks-url")]
use super::fetch::Fetcher;
use super::file::WatchedFile;
use crate::auth::{Algorithms, JwksFrom, KeySet, Skipped};
use crate::net::clock::Clock;
use crate::net::error::{KeySourceError, StartError};
use crate::node::{Fetched, KeyNews, KeyRequest};
use crate::time::{Instant, UnixTime};

/// A watched source of keys.
#[derive(Debug)]
pub(super) enum KeySource {
    File(WatchedFile),
    #[cfg(feature = "jwks-url")]
    Url(Fetcher),
}

impl KeySource {
    /// Reads the source if it may have changed. Blocks, for an address at most 10 seconds a request: one
    /// for the keys, and one for the discovery document, if there is one.
    pub(super) fn look(&mut self, now: Instant) -> Option<Result<String, KeySourceError>> {
        match self {
            Self::File(watched) => {
                watched.looked(now);
                watched.look()
            }
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.look(now),
        }
    }

    /// Were there usable keys in the text that was read at `now`?
    fn judged(&mut self, now: Instant, is_usable: bool) {
        match self {
            // A faulty file is read again when it changes.
            Self::File(_) => {}
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.judged(now, is_usable),
        }
        #[cfg(not(feature = "jwks-url"))]
        let _ = (now, is_usable);
    }

    /// Keeps the keys of an address from here on, in `directory` if one is given now.
    fn keep(&mut self, directory: Option<&Path>, now: UnixTime) {
        match self {
            Self::File(_) => {}
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.keep(directory, now),
        }
        #[cfg(not(feature = "jwks-url"))]
        let _ = (directory, now);
    }

    pub(super) fn next(&self) -> Instant {
        match self {
            Self::File(watched) => watched.next(),
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.next(),
        }
    }

    /// A token names an unknown key: looks again at `at`, or as soon after that as it may.
    fn ask(&mut self, at: Instant) {
        match self {
            Self::File(watched) => watched.ask(at),
            #[cfg(feature = "jwks-url")]
            Self::Url(fetcher) => fetcher.ask(at),
        }
    }
}

/// A source of keys, and the parser of its texts.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The number of the issuer whose keys these are.
    pub(super) issuer: usize,
    pub(super) reader: KeyReader,
    pub(super) source: KeySource,
}

/// The id of a watch. A watch that was replaced may still deliver keys, which are then ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchId(u64);

/// The reactor's end of a watch. Dropping it ends the watch.
#[derive(Debug)]
pub(crate) struct KeyWatch {
    /// The number of its issuer.
    issuer: usize,
    id: WatchId,
    requests: Arc<Mutex<Requests>>,
    wake: SyncSender<()>,
}

/// What was asked for and is not looked at yet. Locked for a few instructions only.
#[derive(Debug, Default)]
struct Requests {
    /// The last request's serial.
    serial: u64,
    /// The soonest that was asked for: after so long.
    after: Option<Duration>,
    /// Where to keep the keys from here on.
    keep_in: Option<PathBuf>,
}

impl KeyWatch {
    pub(crate) fn is(&self, id: WatchId) -> bool {
        self.id == id
    }

    /// Tells the watch that a token names an unknown key, if it is one of its issuer.
    pub(crate) fn ask(&self, request: KeyRequest) {
        if request.issuer != self.issuer {
            return;
        }
        let mut requests = locked(&self.requests);
        requests.serial = request.serial;
        requests.after = Some(requests.after.map_or(request.after, |it| it.min(request.after)));
        drop(requests);
        let _ = self.wake.try_send(()); // If it is full, the watch will look anyway.
    }

    /// Has the keys of an address kept in `directory`, from the last fetch on.
    pub(crate) fn keep_in(&self, directory: &Path) {
        locked(&self.requests).keep_in = Some(directory.to_owned());
        let _ = self.wake.try_send(());
    }
}

fn locked(requests: &Mutex<Requests>) -> MutexGuard<'_, Requests> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Watches from a new thread, until the returned value is dropped or `deliver` returns false.
    pub(crate) fn start(
        self,
        deliver: impl Fn(WatchId, KeyNews) -> bool + Send + 'static,
    ) -> Result<KeyWatch, StartError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = WatchId(LAST.fetch_add(1, Ordering::Relaxed));
        let issuer = self.issuer;
        let (wake, woken) = mpsc::sync_channel(1);
        let requests = Arc::default();
        let shared = Arc::clone(&requests);
        thread::Builder::new()
            .name("vestibule-keys".to_owned())
            .spawn(move || self.run(&shared, &woken, |news| deliver(id, news)))
            .map_err(StartError::Thread)?;
        Ok(KeyWatch { issuer, id, requests, wake })
    }

    /// Looks at the source.
    pub(super) fn look(&mut self, now: Instant) -> Fetched {
        let Some(found) = self.source.look(now) else {
            // What was faulty is still the same.
            return if self.reader.is_faulty() { Fetched::Nothing } else { Fetched::Unchanged };
        };
        let was_read = found.is_ok();
        let keys = self.reader.take(now, found);
        if was_read {
            self.source.judged(now, keys.is_some());
        }
        keys.map_or(Fetched::Nothing, Fetched::Keys)
    }

    fn run(
        mut self,
        requests: &Mutex<Requests>,
        woken: &Receiver<()>,
        deliver: impl Fn(KeyNews) -> bool,
    ) {
        let clock = Clock::start();
        let take = || {
            let mut requests = locked(requests);
            (requests.serial, requests.after.take(), requests.keep_in.take())
        };
        let (mut told, mut tell_unchanged_at) = (0, Instant::START);
        loop {
            let wait = self.source.next().since(clock.monotonic());
            // Requests do not postpone a read that is due.
            let heard = match woken.try_recv() {
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                _ if wait.is_zero() => Err(RecvTimeoutError::Timeout),
                Ok(()) => Ok(()),
                Err(TryRecvError::Empty) => woken.recv_timeout(wait),
            };
            let now = clock.monotonic();
            match heard {
                Ok(()) => {
                    let (_, after, keep_in) = take();
                    if let Some(after) = after {
                        self.source.ask(now + after);
                    }
                    self.source.keep(keep_in.as_deref(), clock.now().unix);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    // Those who ask from here on may want what this look does not find.
                    let (answers, after, keep_in) = take();
                    if let Some(after) = after {
                        // Who waits has a fetch that fails made again soon.
                        self.source.ask(now + after);
                    }
                    let fetched = self.look(now);
                    if let Some(after) = after.filter(|after| !after.is_zero()) {
                        self.source.ask(now + after);
                    }
                    let is_unchanged = matches!(fetched, Fetched::Unchanged);
                    if answers > told || !is_unchanged || now >= tell_unchanged_at {
                        if !deliver(KeyNews { issuer: self.issuer, answers, fetched }) {
                            return;
                        }
                        tell_unchanged_at = now + UNCHANGED_INTERVAL;
                    }
                    told = answers;
                    self.source.keep(keep_in.as_deref(), clock.now().unix);
                }
            }
        }
    }
}

/// How often a watch tells at most that nothing has changed, unless somebody asked.
const UNCHANGED_INTERVAL: Duration = Duration::from_secs(60);
/// The shortest time between two warnings of the same fault.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// Parses keys, and logs each fault, the same one once a minute.
#[derive(Debug)]
pub(super) struct KeyReader {
    place: String,
    algorithms: Algorithms,
    from: JwksFrom,
    told: Vec<Skipped>,
    /// The last fault, and when it was logged.
    pub(super) fault: Option<(String, Instant)>,
}

impl KeyReader {
    pub(super) fn new(place: String, algorithms: Algorithms, from: JwksFrom) -> Self {
        Self { place, algorithms, from, told: Vec::new(), fault: None }
    }

    pub(super) fn parse(&mut self, text: &str) -> Result<KeySet, KeySourceError> {
        let (keys, skipped) = KeySet::from_jwks(text, &self.algorithms, self.from)?;
        if skipped != self.told {
            skipped.iter().for_each(|skipped| self.warn(skipped));
            self.told = skipped;
        }
        Ok(keys)
    }

    fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Parses what was read. `None`: the current keys stay.
    pub(super) fn take(
        &mut self,
        now: Instant,
        found: Result<String, KeySourceError>,
    ) -> Option<KeySet> {
        match found.and_then(|text| self.parse(&text)) {
            Ok(keys) => {
                log::info!("{}: {}", self.place, keys.summary());
                self.fault = None;
                Some(keys)
            }
            Err(error) => {
                let fault = error.to_string();
                let is_told = self
                    .fault
                    .as_ref()
                    .is_some_and(|(told, at)| *told == fault && now.since(*at) < BETWEEN_WARNINGS);
                if !is_told {
                    self.warn(&format!("{fault}; the keys stay as they are"));
                    self.fault = Some((fault, now));
                }
                None
            }
        }
    }

    fn warn(&self, what: &dyn Display) {
        log::warn!("{}: {what}", self.place);
    }
}
