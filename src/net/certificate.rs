//! The certificate of the public listeners: when it ends, and new ones in its place.
//!
//! A thread looks at both files every two seconds, as the watch of a JWKS file does, and gives a new
//! certificate to the reactor: so a program that renews it need not know this server. The key and the
//! certificate are replaced one after the other; what does not fit at first is looked at again.

use std::convert::Infallible;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::clock::Clock;
use super::error::{StartError, TlsError};
use super::tls::Acceptor;
use crate::config::{self, counted};
use crate::node::{Dependency, Reading};
use crate::time::{Now, UnixTime};

/// How long a change of the files may go unnoticed.
const INTERVAL: Duration = Duration::from_secs(2);

/// Before its end by so much a certificate is warned about: certbot renews 30 days before.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// What is known of the certificate. Any thread may look.
#[derive(Clone, Debug, Default)]
pub(super) struct CertificateState(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    validity: Option<RangeInclusive<UnixTime>>,
    /// Why the files, which have changed, are not used.
    fault: Option<String>,
}

impl CertificateState {
    fn edit(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// This certificate is shown from here on. Warns if it is not valid now, or not for
    /// long.
    pub(super) fn set(&self, now: UnixTime, acceptor: &Acceptor) {
        let validity = acceptor.validity();
        if let Some((_, warning)) = warning(now, validity.as_ref()) {
            log::warn!("tls.cert_file: {warning}");
        }
        self.edit(|known| *known = Known { validity, fault: None });
    }

    /// How the certificate is. Clients decide themselves whether they take one that is not valid, and a
    /// proxy in front may not look, so this keeps nobody out.
    pub(super) fn dependency(&self, now: Now) -> Dependency {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut certificate = Dependency::working("certificate");
        if let Some((code, message)) = warning(now.unix, known.validity.as_ref()) {
            certificate = certificate.degraded(code, message);
        }
        if let Some(fault) = &known.fault {
            let message = format!("The files have changed and cannot be used: {fault}");
            certificate = certificate.degraded("certificate_not_renewed", message);
        }
        certificate
    }

    /// For the metrics.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = known.validity.as_ref().map_or(0, |valid| valid.end().as_millis() / 1_000);
        vec![Reading::new(
            "vestibule_tls_certificate_not_after_seconds",
            "When the certificate of the public listeners expires, in seconds since 1970; or 0.",
            end as f64,
        )]
    }
}

/// What there is to say of a certificate that is valid from then to then.
pub(super) fn warning(
    now: UnixTime,
    validity: Option<&RangeInclusive<UnixTime>>,
) -> Option<(&'static str, String)> {
    let (&start, &end) = (validity?.start(), validity?.end());
    let date = end.to_rfc3339();
    if now < start {
        let text = format!(
            "the certificate is not valid before {}: use one that is valid now, or set this host's clock",
            start.to_rfc3339()
        );
        Some(("certificate_not_yet_valid", text))
    } else if end <= now {
        Some(("certificate_expired", format!("the certificate expired at {date}: renew it")))
    } else if end.since(now) <= WARN_BEFORE {
        let days = end.since(now).as_secs() / 86_400;
        Some((
            "certificate_expires",
            format!("the certificate expires in {}, at {date}: renew it", counted(days, "day")),
        ))
    } else {
        None
    }
}

/// Watches the files. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct CertificateWatch {
    // Nothing is sent on this channel; it disconnects when the watch is dropped.
    _alive: SyncSender<Infallible>,
}

impl CertificateWatch {
    /// Starts the thread, which looks at the files that `tls` names, if it names any. `deliver` gives a
    /// new certificate to the reactor; false: the server has ended.
    pub(super) fn start(
        tls: &config::Tls,
        state: CertificateState,
        deliver: impl Fn(Acceptor) -> bool + Send + 'static,
    ) -> Result<Option<Self>, StartError> {
        if !tls.is_on() {
            return Ok(None);
        }
        let (alive, gone) = mpsc::sync_channel(0);
        let mut files = WatchedPair::new(tls);
        let watch = move || {
            let clock = Clock::start();
            while let Err(RecvTimeoutError::Timeout) = gone.recv_timeout(INTERVAL) {
                match files.look() {
                    None => {}
                    Some(Ok(acceptor)) => {
                        log::info!("tls.cert_file has changed: new connections get it");
                        state.set(clock.now().unix, &acceptor);
                        if !deliver(acceptor) {
                            return;
                        }
                    }
                    Some(Err(fault)) => {
                        let fault = fault.to_string();
                        log::warn!("the certificate from before stays: {fault}");
                        state.edit(|known| known.fault = Some(fault));
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("vestibule-cert".to_owned());
        thread.spawn(watch).map_err(StartError::Thread)?;
        Ok(Some(Self { _alive: alive }))
    }
}

/// Metadata that differs when a file has changed; `None`: it is not there.
type FileStamp = Option<(u64, u64, u64, i64, i64)>;

struct WatchedPair {
    tls: config::Tls,
    /// When what is there was last used, or its fault was told.
    settled: [FileStamp; 2],
    /// At the last look.
    seen: [FileStamp; 2],
}

impl WatchedPair {
    fn new(tls: &config::Tls) -> Self {
        let stamps = stamps(tls);
        Self { tls: tls.clone(), settled: stamps, seen: stamps }
    }

    /// What is in the files, if they have changed. A fault is told when the files stay as they are for
    /// a whole interval, once.
    fn look(&mut self) -> Option<Result<Acceptor, TlsError>> {
        let stamps = stamps(&self.tls);
        let was_seen = std::mem::replace(&mut self.seen, stamps) == stamps;
        if stamps == self.settled {
            return None;
        }
        let loaded = Acceptor::load(&self.tls).transpose()?;
        if loaded.is_err() && !was_seen {
            return None;
        }
        self.settled = stamps;
        Some(loaded)
    }
}

fn stamps(tls: &config::Tls) -> [FileStamp; 2] {
    [&tls.cert_file, &tls.key_file].map(|path| {
        let data = fs::metadata(path).ok()?;
        Some((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_within_14_days_or_late_start_is_warned_about() {
        let end = UnixTime::from_millis(1_800_000_000_000);
        let before = |seconds: u64| UnixTime::from_millis(end.as_millis() - seconds * 1_000);
        let valid = before(90 * 86_400)..=end;
        let code = |now| warning(now, Some(&valid)).map(|(code, _)| code);
        assert_eq!(code(before(90 * 86_400 + 1)), Some("certificate_not_yet_valid"));
        assert_eq!(code(before(90 * 86_400)), None);
        assert_eq!(code(before(15 * 86_400)), None);
        assert_eq!(code(before(14 * 86_400)), Some("certificate_expires"));
        assert_eq!(code(before(1)), Some("certificate_expires"));
        assert_eq!(code(end), Some("certificate_expired"));
        assert_eq!(warning(end, None), None);
        let (_, text) = warning(before(3 * 86_400 + 7), Some(&valid)).unwrap();
        assert!(text.contains("in 3 days, at 2027-01-15T08:00:00"), "{text}");
    }
}
