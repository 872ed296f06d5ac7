//! `vestibule check`: does what `vestibule serve` does up to opening its addresses, then prints the
//! effective configuration, its worst-case memory use, and what was found.

mod files;

use std::fmt::{Display, Write as _};
use std::path::Path;

use vestibule::capacity::{self, human};
use vestibule::config::{Config, Size};
use vestibule::net::descriptors::{needed, table_bytes};
use vestibule::net::{self, TlsError};

use super::output::{self, CommandResult};
use super::serve_args::ServeArgs;
use super::settings::located;
use super::{app_choice, application, descriptors, secret, serve};

const MASK: &str = "********";

/// The flags of `vestibule check`: its own, and those of `vestibule serve`, which it judges.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) flags: CheckFlags,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckFlags {
    /// Do not fetch the keys of auth.jwks_url, and do not connect to the engine of cluster.url
    #[arg(long)]
    offline: bool,
    /// Print the whole table of the memory that the configuration allows, and not its largest parts
    #[arg(long)]
    memory: bool,
}

/// What is wrong, each in one line, and what is there.
#[derive(Debug, Default)]
struct Findings {
    faults: Vec<String>,
    warnings: Vec<String>,
    /// Lines of the summary.
    notes: Vec<String>,
}

impl Findings {
    /// The value of `result`, or its error is a fault.
    fn take<T>(&mut self, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.faults.push(error.to_string())).ok()
    }
}

/// Prints the configuration as TOML, followed by the memory table and the summary as TOML comments.
pub(super) fn run(args: &CheckFlags, config: &Config) -> CommandResult {
    let mut found = Findings::default();
    let mut resolved = config.clone();
    let secrets = found.take(secret::read_issuers(&mut resolved));
    found.warnings.extend(secrets.unwrap_or_default());
    keys(&resolved, args.offline, &mut found);
    let exposed = found.take(secret::read_admin_keys(&mut resolved));
    found.warnings.extend(exposed.unwrap_or_default());
    let exposed = found.take(secret::read_cluster_password(&mut resolved));
    found.warnings.extend(exposed.unwrap_or_default());
    cluster(&resolved, args.offline, &mut found);
    // The one of the backend is read with the application.
    if !resolved.resume.secret_file.is_empty() {
        let exposed = found.take(secret::read_memo_secret(&mut resolved)).flatten();
        found.warnings.extend(exposed);
    }
    addresses(&resolved, &mut found);
    tls(config, &mut found);
    let few = found.take(descriptors::fill(&mut resolved, descriptors::possible())).flatten();
    found.warnings.extend(few);
    found.faults.extend(app_choice::refusal(config).map(ToOwned::to_owned));
    match application::inspect(config) {
        Ok(warnings) => found.warnings.extend(warnings),
        Err(faults) => found.faults.extend(faults),
    }
    written_files(config, &mut found);
    // With `limits.memory`, derived values are shown. Without it, zeros stay zeros.
    let is_derived = config.limits.memory.get() > 0;
    let mut shown = if is_derived { resolved.clone() } else { config.clone() };
    if !shown.auth.secret.is_empty() {
        MASK.clone_into(&mut shown.auth.secret);
    }
    for issuer in shown.auth.issuers.iter_mut().filter(|issuer| !issuer.secret.is_empty()) {
        MASK.clone_into(&mut issuer.secret);
    }
    let toml = found.take(toml::to_string(&shown)).unwrap_or_default();
    if !found.faults.is_empty() {
        let faults = found.faults.into_iter().map(|fault| located(&config.given, fault));
        return Err(faults.collect::<Vec<_>>().into());
    }
    for warning in found.warnings {
        output::warn(&warning);
    }
    let notes: String = found.notes.iter().map(|note| format!("# {note}\n")).collect();
    let (first, last) =
        (summary(&resolved), if args.memory { table(&resolved) } else { suffices(&resolved) });
    output::print(&format!("{first}\n{toml}\n{last}#\n# No fault was found.\n{notes}"))
}

/// The total and the largest parts of the worst-case memory, as TOML comments.
fn summary(config: &Config) -> String {
    const LARGEST: usize = 3;
    let mut rows = capacity::rows(config);
    let total = capacity::total(&rows).map_or_else(|| "no bound".to_owned(), human);
    let limits = &config.limits;
    let mut text = format!(
        "# Memory: {total} if every client filled every limit at once ({} connections).\n",
        limits.connections
    );
    // What has no bound first.
    rows.sort_by_key(|row| std::cmp::Reverse(row.sum().unwrap_or(u128::MAX)));
    for row in rows.iter().take(LARGEST) {
        let sum = row.sum().map_or_else(|| "no bound".to_owned(), human);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "#   {sum:>10}  {}", row.what);
    }
    text.push_str(match limits.memory.get() {
        0 => "# Set limits.memory to bound it. All parts: `vestibule check --memory`.\n",
        _ => "# limits.memory bounds it. All parts: `vestibule check --memory`.\n",
    });
    text
}

/// Whether the limits that depend on others are as high as these need, as TOML comments.
fn suffices(config: &Config) -> String {
    capacity::describe(config).lines().map(|line| format!("# {line}\n")).collect()
}

/// Reads the keys as the server does, and describes them.
fn keys(config: &Config, is_offline: bool, found: &mut Findings) {
    let mut auth = config.auth.clone();
    if secret::is_wanted(config) {
        let Some((place, secret)) = found.take(secret::inspect(config)) else { return };
        let Some(secret) = secret else {
            found.notes.push(format!("Signing secret: {place}, will be generated"));
            return;
        };
        found.notes.push(format!("Signing secret: {place}"));
        found.warnings.extend(secret.warnings);
        auth.secret = secret.text;
    }
    let Some(inspected) = found.take(net::check_keys(&auth, is_offline)) else { return };
    found.faults.extend(inspected.faults.iter().map(ToString::to_string));
    for (place, keys) in inspected.sound {
        if keys.usable.is_empty() {
            found.notes.push(format!("Keys: {place}, which was not fetched (--offline)"));
            continue;
        }
        found.notes.push(format!("Keys: {place}: {keys}"));
        found.notes.extend(keys.usable.iter().map(|key| format!("  {key}")));
        found.warnings.extend(keys.skipped.iter().map(|skipped| format!("{place}: {skipped}")));
    }
}

/// Asks the cluster's engine what it is.
fn cluster(config: &Config, is_offline: bool, found: &mut Findings) {
    if !config.cluster.is_on() {
        return;
    }
    if is_offline {
        found.notes.push("Cluster: its engine was not asked (--offline)".to_owned());
        return;
    }
    match net::inspect_engine(&config.cluster) {
        Ok(engine) => {
            found.notes.push(format!("Cluster: {}: {}", engine.address, engine.summary));
            found.warnings.extend(engine.warnings);
        }
        Err(faults) => found.faults.extend(faults),
    }
}

fn addresses(config: &Config, found: &mut Findings) {
    let named = |text: &str| if text.is_empty() { "off".to_owned() } else { text.to_owned() };
    let (admin, metrics) = (named(&config.admin.listen), named(&config.admin.metrics_listen));
    let listen = config.listen.join(", ");
    found.notes.push(format!(
        "Addresses, which were not opened: {listen}; admin: {admin}; metrics only: {metrics}"
    ));
    found.faults.extend(net::check_addresses(config).iter().map(ToString::to_string));
}

fn tls(config: &Config, found: &mut Findings) {
    let loaded = net::check_tls(&config.tls);
    let is_about_key = matches!(loaded, Err(TlsError::File { setting: "tls.key_file", .. }));
    let warning = found.take(loaded).flatten();
    found.warnings.extend(warning);
    // One fault is enough for a key file that is missing.
    if !is_about_key {
        let exposed = found.take(secret::tls_exposure(config)).flatten();
        found.warnings.extend(exposed);
    }
}

/// Checks the data directory, the files in it, and the log file.
fn written_files(config: &Config, found: &mut Findings) {
    let data = Path::new(&config.data);
    match files::inspect_directory(data) {
        Ok(true) => found.notes.push(format!("Data directory: {}", config.data)),
        Ok(false) => found.notes.push(format!("Data directory: {}, will be created", config.data)),
        Err(error) => {
            let fault = format!("data {}: cannot write there: {error}", config.data);
            if secret::is_generated(config) || app_choice::has_storage(config) {
                found.faults.push(format!("{fault}; set `data` to a writable directory"));
            } else {
                found.warnings.push(format!("{fault}; the server starts, but forgets revocations"));
            }
        }
    }
    // What is in a directory that cannot be entered is not a fault of its own.
    if data.join(".").is_dir() {
        let path = serve::revocations(config);
        if found.take(net::check_revocations(&path)).is_some() && path.exists() {
            let appended = files::inspect_appended(&path);
            found.take(appended.map_err(|error| format!("{}: {error}", path.display())));
        }
        let storage = found.take(application::inspect_storage(config)).flatten();
        found.notes.extend(storage);
    }
    let log = &config.log.file;
    if !log.is_empty() {
        let appended = files::inspect_appended(Path::new(log));
        found.take(appended.map_err(|error| format!("log.file {log}: {error}")));
    }
}

/// The worst-case memory as TOML comments. In `config`, zeros that stand for derived numbers have
/// been replaced.
fn table(config: &Config) -> String {
    let rows = capacity::rows(config);
    let mut text = format!(
        "# Worst-case memory, if every client filled every limit at once\n\
         # ({} connections, {} of them pending):\n#\n",
        config.limits.connections, config.limits.pending
    );
    let total = capacity::total(&rows);
    for row in rows {
        let arithmetic =
            row.each.map_or_else(String::new, |each| format!("{} x {}", row.count, human(each)));
        let sum = row.sum().map_or_else(|| "no bound".to_owned(), human);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# {:<48}{arithmetic:>22}{sum:>12}", row.what);
    }
    let total = total.map_or_else(|| "no bound".to_owned(), human);
    let _ = writeln!(text, "# {:<48}{:>22}{total:>12}", "total", "");
    let memory = config.limits.memory;
    if memory.get() > 0 {
        let _ = writeln!(text, "# {:<48}{:>22}{:>12}", "limits.memory", "", human_size(memory));
    }
    text.push_str("#\n");
    text.push_str(&suffices(config));
    let descriptors = needed(config).min(descriptors::possible());
    let _ = writeln!(
        text,
        "#\n# The kernel also needs {} for the descriptor table, and the socket buffers, limited by\n\
         # net.ipv4.tcp_rmem and tcp_wmem.",
        human(table_bytes(descriptors).into())
    );
    text
}

fn human_size(size: Size) -> String {
    human(size.get() as u128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::config::{Backend, Limits};

    fn total(limits: Limits) -> String {
        let text = table(&Config { limits, ..Config::program_defaults() });
        let line = text.lines().find(|line| line.starts_with("# total")).unwrap();
        line.trim_start_matches("# total").trim().to_owned()
    }

    #[test]
    fn total_is_the_sum_of_its_rows() {
        let config = Config {
            limits: Limits { connections: 1_000, pending: 500, ..Limits::default() },
            ..Config::program_defaults()
        };
        let rows = capacity::rows(&config);
        let sum: u128 = rows.iter().map(|row| row.count * row.each.unwrap()).sum();
        assert_eq!(total(config.limits), human(sum));
    }

    #[test]
    fn a_backend_adds_its_rows_to_the_sum() {
        let url = "http://127.0.0.1:8000".to_owned();
        let backend = Backend { url, ..Backend::default() };
        let of_backends = |config: &Config| {
            capacity::rows(config).iter().filter(|row| row.what.contains("backend")).count()
        };
        let with = Config { backend, ..Config::program_defaults() };
        assert_eq!((of_backends(&with), of_backends(&Config::program_defaults())), (4, 0));
    }

    #[test]
    fn every_line_is_a_comment() {
        let text = table(&Config::program_defaults());
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.parse::<toml::Table>().unwrap().is_empty());
    }
}
