//! `vestibule serve`: starts the server, and stops it on a signal.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestibule::config::Config;
use vestibule::driver::Role;
use vestibule::net::{ListenerAddress, Server, Sockets};
use vestibule::node::{Histogram, Metrics};
use vestibule::protocol::CloseReason;

use super::notify::{Notify, Watchdog};
use super::output::{self, CommandResult};
use super::reload::{self, LastReload, Reloader};
use super::serve_args::ServeArgs;
use super::settings::{Global, located};
use super::signals::SignalWatch;
use super::{application, descriptors, inherited, log, secret};

/// Runs the server until it has drained.
pub(super) fn run(args: &ServeArgs, global: &Global) -> CommandResult {
    let config = global.settings(&args.settings())?;
    // Before any thread starts, as this removes variables from the environment.
    let sockets = inherited::take(&config).map_err(|fault| vec![fault])?;
    // Also before any thread starts: growing the descriptor table stalls a process with threads.
    descriptors::reserve(&config);
    let notify = Notify::from_environment().map_err(|fault| vec![fault])?;
    let logging = log::start(&config.log).map_err(|fault| vec![fault])?;
    let signals = SignalWatch::start(logging.clone()).map_err(|fault| vec![fault])?;
    let has_file = !config.log.file.is_empty();
    let hint = if secret::is_wanted(&config) {
        token_hint(global.config.as_deref(), global.data.as_deref())
    } else {
        format!("issued by the holder of the signing key ({})", config.auth.algorithms.join(", "))
    };
    let given = config.given.clone();
    let outcome = serve(config, (sockets, notify), args, global, &signals, &logging, &hint);
    let outcome = outcome.map_err(|fault| located(&given, fault));
    match &outcome {
        Ok(()) => ::log::info!("drained, exiting"),
        // Without a log file, the caller prints the error to standard error anyway.
        Err(fault) if has_file => ::log::error!("{fault}"),
        Err(_) => {}
    }
    if logging.dropped() > 0 {
        ::log::warn!("log lines dropped in total: {}", logging.dropped());
    }
    logging.finish(log::LAST_LINES);
    Ok(outcome?)
}

fn serve(
    config: Config,
    (sockets, notify): (Sockets, Notify),
    args: &ServeArgs,
    global: &Global,
    signals: &SignalWatch,
    logging: &log::Logging,
    hint: &str,
) -> Result<(), String> {
    let running = config.clone();
    let (config, warnings) = reload::complete(config)?;
    for warning in warnings {
        ::log::warn!("{warning}");
    }
    let (app, background) = application::choose(&config)?;
    let has_page = app.serves("/");
    let inherited_sockets = inherited::InheritedSockets::of(&sockets);
    let mut server =
        Server::with_sockets(&config, sockets, app).map_err(|error| error.to_string())?;
    #[cfg(feature = "jwks-url")]
    server.keep_keys(&config.auth, Path::new(&config.data));
    server.keep_revocations(&revocations(&config)).map_err(|error| error.to_string())?;
    // The engine of a cluster has what rooms have said last.
    let keeps_history = background.outlives_process && !config.cluster.is_on();
    inherited_sockets.log_addresses(&config, &server);
    let background = background.start(&config, &mut server)?;
    let (lines, log) = (logging.clone(), logging.clone());
    server.add_probe(Arc::new(move || lines.readings()));
    server.add_dependency(Arc::new(move |_| log.dependency()));
    let last = Arc::new(LastReload::at_start());
    let reloads = Arc::clone(&last);
    server.add_probe(Arc::new(move || reloads.readings()));
    let handle = server.handle();
    let watchdog = Watchdog::start(&notify, &handle)?;
    let (global, flags, reload_targets) =
        (global.clone(), args.settings(), background.reload_targets());
    let reloader =
        Reloader { global, flags, handle: handle.clone(), running, reload_targets, last };
    signals.serve(handle, reloader, notify.clone())?;
    // From here on only this process has what the file had, and `run` writes it at the end. So no step of
    // the start may fail after this, and a signal must drain the server instead of ending the process.
    keep_history(&mut server, &config, keeps_history);
    let banner = Banner::of(&server, &config, has_page, hint);
    ::log::info!(
        "listening on {} (admin: {}; metrics only: {}), at most {} connections, {} of them pending",
        list(&banner.public),
        list(&banner.admin),
        list(&server.addresses(Role::Collector)),
        config.limits.connections,
        config.limits.pending
    );
    // A closed or full standard output must not stop the server.
    let _ = output::print(&banner.text());
    notify.ready("serving");
    let counted = server.run().map_err(|error| format!("the server failed: {error}"))?;
    drop(watchdog);
    background.finish();
    ::log::info!("{}", summary(&counted));
    Ok(())
}

/// Has the server go on with what rooms said last before a restart, if the configuration and the
/// application are for that.
fn keep_history(server: &mut Server, config: &Config, outlives_process: bool) {
    let path = Path::new(&config.data).join("history");
    if config.resume.persist && config.limits.history_bytes.get() > 0 && outlives_process {
        server.keep_history(&config.limits, &path);
        return;
    }
    // Messages of this process would be missing in it.
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => ::log::warn!("cannot remove {}: {error}", path.display()),
    }
}

/// The path of the file of revocations.
pub(super) fn revocations(config: &Config) -> PathBuf {
    Path::new(&config.data).join("revocations")
}

/// One line with the server's counters. Close reasons with a count of zero are left out.
fn summary(counted: &Metrics) -> String {
    let closes: String = CloseReason::ALL
        .iter()
        .filter(|&&reason| counted.closes(reason) > 0)
        .map(|&reason| format!(" {}={}", reason.label(), counted.closes(reason)))
        .collect();
    let spread = |values: &Histogram| {
        format!("n={} p99={} max={}", values.count(), values.quantile(0.99), values.max())
    };
    format!(
        "counted: accepted={} upgraded={} authenticated={}; closes:{closes}; \
         timer lateness in µs: {}; turns in µs: {}",
        counted.accepted,
        counted.upgraded,
        counted.authenticated,
        spread(&counted.timer_lateness),
        spread(&counted.turns),
    )
}

fn list(addresses: &[ListenerAddress]) -> String {
    if addresses.is_empty() {
        return "off".to_owned();
    }
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is printed when the server listens.
struct Banner<'a> {
    public: Vec<ListenerAddress>,
    admin: Vec<ListenerAddress>,
    has_page: bool,
    is_secure: bool,
    hint: &'a str,
}

impl<'a> Banner<'a> {
    fn of(server: &Server, config: &Config, has_page: bool, hint: &'a str) -> Self {
        Self {
            public: server.addresses(Role::Client),
            admin: server.addresses(Role::Operator),
            has_page,
            is_secure: config.tls.is_on(),
            hint,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("Vestibule {} is listening.\n", env!("CARGO_PKG_VERSION"));
        let s = if self.is_secure { "s" } else { "" };
        let hosts = |addresses: &[ListenerAddress]| -> Vec<SocketAddr> {
            let tcp = |address: &ListenerAddress| match address {
                ListenerAddress::Tcp(address) => Some(reachable(*address)),
                _ => None,
            };
            addresses.iter().filter_map(tcp).collect()
        };
        for address in hosts(&self.public).iter().filter(|_| self.has_page) {
            text.push_str(&format!("  Open:   http{s}://{address}\n"));
        }
        for address in hosts(&self.public) {
            text.push_str(&format!("  Chat:   ws{s}://{address}/v1/chat/{{recipe_id}}\n"));
        }
        for address in hosts(&self.admin) {
            text.push_str(&format!("  Admin:  http://{address}/v1/stats\n"));
        }
        for (what, addresses) in [("Chat: ", &self.public), ("Admin:", &self.admin)] {
            for address in addresses.iter().filter(|it| !matches!(it, ListenerAddress::Tcp(_))) {
                text.push_str(&format!("  {what}  {address}\n"));
            }
        }
        text.push_str(&format!("  Token:  {}\n  Stop:   Ctrl-C\n", self.hint));
        text
    }
}

/// Replaces an unspecified address, which a browser cannot open, by loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The command that mints a token for this server, with the flags it was started with.
fn token_hint(config: Option<&Path>, data: Option<&str>) -> String {
    let mut hint = "vestibule token --sub alice".to_owned();
    let flags = [
        ("--config", config.map(|path| path.display().to_string())),
        ("--data", data.map(str::to_owned)),
    ];
    for (flag, value) in flags {
        if let Some(value) = value {
            hint.push_str(&format!(" {flag} {}", shell_word(&value)));
        }
    }
    hint
}

/// `text` as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&b);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banner_lists_reachable_addresses() {
        let tcp = |text: &str| ListenerAddress::Tcp(text.parse().unwrap());
        let banner = |has_page, is_secure| {
            let unix = ListenerAddress::Unix("/run/http.sock".into());
            let public = vec![tcp("0.0.0.0:80"), tcp("[::1]:81"), unix];
            let admin = vec![tcp("127.0.0.1:82")];
            Banner { public, admin, has_page, is_secure, hint: "vestibule token" }.text()
        };
        assert!(!banner(false, false).contains("Open:"));
        let secure = banner(true, true);
        assert!(secure.contains("  Open:   https://127.0.0.1:80\n"));
        assert!(secure.contains("  Chat:   wss://[::1]:81/v1/chat/{recipe_id}\n"));
        let text = banner(true, false);
        assert!(text.contains("  Open:   http://127.0.0.1:80\n  Open:   http://[::1]:81\n"));
        assert!(text.contains("  Admin:  http://127.0.0.1:82/v1/stats\n"));
        assert!(text.contains("  Chat:   ws://127.0.0.1:80/v1/chat/{recipe_id}\n"));
        assert!(text.contains("  Chat:   ws://[::1]:81/v1/chat/{recipe_id}\n"));
        assert!(text.contains("  Chat:   unix:/run/http.sock\n"));
    }

    #[test]
    fn summary_reports_timer_lateness() {
        let mut counted = Metrics::default();
        counted.accepted = 3;
        counted.timer_lateness.record(7);
        counted.turns.record(6);
        assert_eq!(
            summary(&counted),
            "counted: accepted=3 upgraded=0 authenticated=0; closes:; \
             timer lateness in µs: n=1 p99=7 max=7; turns in µs: n=1 p99=6 max=6"
        );
    }

    #[test]
    fn token_hint_repeats_the_flags() {
        assert_eq!(token_hint(None, None), "vestibule token --sub alice");
        assert_eq!(
            token_hint(Some(Path::new("a b.toml")), Some("./d")),
            "vestibule token --sub alice --config 'a b.toml' --data ./d"
        );
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
