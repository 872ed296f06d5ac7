//! Signals: a thread waits for them, and another one reloads.
//!
//! A reload reads files, which may take as long as the disk or the network takes that they are on. So it has
//! a thread of its own, and so has the start: a signal that ends the process is always heard.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;
use vestibule::config::Config;
use vestibule::net::Handle;

use super::log;
use super::notify::Notify;
use super::reload::Reloader;

/// How long a second signal waits for the last log lines.
const AT_ONCE: Duration = Duration::from_millis(250);

/// The threads, and how far the server is.
pub(super) struct SignalWatch(Arc<Mutex<ServerPhase>>);

enum ServerPhase {
    Starting {
        /// What the start has read may have changed since.
        wants_reload: bool,
    },
    Running(Box<RunningServer>),
}

/// How the process ends without a drain.
struct ProcessEnd {
    code: i32,
    /// How long it waits for the last log lines.
    last_lines: Duration,
}

/// What signals are about.
struct RunningServer {
    handle: Handle,
    notify: Notify,
    /// Holds one: a reload that waits reads what is there when it begins.
    reloads: SyncSender<()>,
    is_reloading: bool,
    is_draining: bool,
    /// The configuration in effect.
    config: Config,
}

impl SignalWatch {
    /// From here on, signals are handled by a thread instead of ending the process. SIGHUP reloads the
    /// configuration and opens the log file again, SIGUSR1 does only the latter. The first SIGINT, SIGTERM or
    /// SIGQUIT drains, the second ends the process; during the start, the first one does.
    ///
    /// The log has started by now: while nobody hears the signals, they end the process.
    pub(super) fn start(logging: log::Logging) -> Result<Self, String> {
        let mut signals = register()?;
        let phase = Arc::new(Mutex::new(ServerPhase::Starting { wants_reload: false }));
        let watched = Arc::clone(&phase);
        spawn("signals", move || {
            for signal in signals.forever() {
                match signal {
                    SIGUSR1 => logging.reopen(),
                    SIGUSR2 => ::log::warn!("received SIGUSR2, which means nothing here"),
                    // Whoever wrote beyond the limit of file sizes got an error, and reports it.
                    SIGXFSZ => {}
                    SIGHUP => {
                        logging.reopen();
                        lock(&watched).request_reload();
                    }
                    _ => {
                        if let Some(end) = lock(&watched).stop(name(signal)) {
                            logging.finish(end.last_lines);
                            std::process::exit(end.code);
                        }
                    }
                }
            }
        })?;
        Ok(Self(phase))
    }

    /// The server has started.
    pub(super) fn serve(
        &self,
        handle: Handle,
        reloader: Reloader,
        notify: Notify,
    ) -> Result<(), String> {
        let (reloads, requests) = mpsc::sync_channel(1);
        let config = reloader.running.clone();
        let (is_reloading, is_draining) = (false, false);
        let server = RunningServer { handle, notify, reloads, is_reloading, is_draining, config };
        let phase = Arc::clone(&self.0);
        spawn("reload", move || reload(reloader, &requests, &phase))?;
        let mut phase = lock(&self.0);
        let before = std::mem::replace(&mut *phase, ServerPhase::Running(Box::new(server)));
        if matches!(before, ServerPhase::Starting { wants_reload: true }) {
            phase.request_reload();
        }
        Ok(())
    }
}

impl ServerPhase {
    fn request_reload(&mut self) {
        match self {
            Self::Starting { wants_reload } => *wants_reload = true,
            Self::Running(server) => {
                if server.is_reloading {
                    ::log::warn!(
                        "SIGHUP: the reload before this one still reads its files; this one comes next"
                    );
                }
                // If one waits, it does what this one would.
                let _ = server.reloads.try_send(());
            }
        }
    }

    /// Stops the server. `Some`: the process ends without a drain.
    fn stop(&mut self, signal: &str) -> Option<ProcessEnd> {
        match self {
            Self::Starting { .. } => {
                ::log::warn!("received {signal} during the start: stopping");
                Some(ProcessEnd { code: 0, last_lines: log::LAST_LINES })
            }
            Self::Running(server) if server.is_draining => {
                ::log::warn!("received {signal} again: stopping at once");
                Some(ProcessEnd { code: 1, last_lines: AT_ONCE })
            }
            Self::Running(server) => {
                server.is_draining = true;
                let drain = server.config.drain;
                ::log::info!(
                    "received {signal}: draining for up to {drain} (send it again to stop at once)"
                );
                server.notify.stopping(&server.config);
                server.handle.shutdown();
                None
            }
        }
    }

    /// The server, unless it is about to end: the supervisor is told nothing more then.
    fn told(&mut self) -> Option<&mut RunningServer> {
        match self {
            Self::Running(server) if !server.is_draining => Some(server),
            _ => None,
        }
    }
}

/// Reloads at each request, and tells the supervisor.
fn reload(mut reloader: Reloader, requests: &Receiver<()>, phase: &Mutex<ServerPhase>) {
    while requests.recv().is_ok() {
        if let ServerPhase::Running(server) = &mut *lock(phase) {
            server.is_reloading = true;
        }
        if let Some(server) = lock(phase).told() {
            server.notify.reloading();
        }
        let is_taken = reloader.reload();
        if let ServerPhase::Running(server) = &mut *lock(phase) {
            server.is_reloading = false;
            server.config = reloader.running.clone();
        }
        if let Some(server) = lock(phase).told() {
            let status = if is_taken { "reloaded" } else { "reload failed: see the log" };
            server.notify.ready(status);
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map(drop).map_err(|error| format!("cannot start the thread {name}: {error}"))
}

/// No phase is half changed when a thread panics.
fn lock(phase: &Mutex<ServerPhase>) -> MutexGuard<'_, ServerPhase> {
    phase.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGQUIT => "SIGQUIT",
        _ => "SIGTERM",
    }
}

/// The signals that are watched.
fn register() -> Result<Signals, String> {
    Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ])
        .map_err(|error| format!("cannot watch for signals: {error}"))
}
