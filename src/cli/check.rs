//! `vestibule check`: prints the effective configuration and its worst-case memory use.

use std::fmt::Write as _;

use vestibule::capacity::{self, human};
use vestibule::config::{Config, Size};
use vestibule::net;
use vestibule::net::descriptors::{needed, table_bytes};

use super::output::{self, CommandResult};
use super::{application, descriptors, secret, serve};

const MASK: &str = "********";

/// Prints the configuration as TOML, followed by the memory table as TOML comments.
pub(super) fn run(config: &Config) -> CommandResult {
    let mut faults = Vec::new();
    let (place, mut warnings) = keys(config).unwrap_or_else(|fault| {
        faults.push(fault);
        Default::default()
    });
    let key = secret::admin_key(config).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let mut resolved = config.clone();
    let few = descriptors::fill(&mut resolved, descriptors::possible()).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let exposed_tls = secret::tls_exposure(config).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    if faults.is_empty() {
        faults.extend(net::check_tls(&config.tls).err().map(|error| error.to_string()));
    }
    faults.extend(net::check_key_source(&config.auth).err().map(|error| error.to_string()));
    let revocations = net::check_revocations(&serve::revocations(config));
    faults.extend(revocations.err().map(|error| error.to_string()));
    match secret::read_issuers(&mut resolved) {
        Ok(more) => warnings.extend(more),
        Err(fault) => faults.push(fault),
    }
    let exposed = application::inspect(config).unwrap_or_else(|fault| {
        faults.push(fault);
        Vec::new()
    });
    // With `limits.memory`, derived values are shown. Without it, zeros stay zeros.
    let is_derived = config.limits.memory.get() > 0;
    let mut shown = if is_derived { resolved.clone() } else { config.clone() };
    if !shown.auth.secret.is_empty() {
        MASK.clone_into(&mut shown.auth.secret);
    }
    for issuer in shown.auth.issuers.iter_mut().filter(|issuer| !issuer.secret.is_empty()) {
        MASK.clone_into(&mut issuer.secret);
    }
    let toml = toml::to_string(&shown).unwrap_or_else(|error| {
        faults.push(error.to_string());
        String::new()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    warnings.extend(exposed);
    warnings.extend(key.into_iter().flat_map(|key| key.warnings));
    warnings.extend([exposed_tls, few].into_iter().flatten());
    for warning in warnings {
        output::warn(&warning);
    }
    output::print(&format!("{toml}\n# {place}\n#\n{}", table(&resolved)))
}

/// Describes where the keys come from, with warnings about a secret.
fn keys(config: &Config) -> Result<(String, Vec<String>), String> {
    let auth = &config.auth;
    if secret::is_wanted(config) {
        let (place, warnings) = secret::inspect(config)?;
        return Ok((format!("Signing secret: {place}"), warnings));
    }
    if !auth.issuers.is_empty() && !auth.has_keys() {
        return Ok((format!("Keys: of {} issuers", auth.issuers.len()), Vec::new()));
    }
    let places = [&auth.public_key_file, &auth.jwks_file, &auth.jwks_url];
    let place = places.into_iter().find(|place| !place.is_empty());
    Ok((format!("Keys: {}", place.map_or("none", String::as_str)), Vec::new()))
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
    for line in capacity::describe(config).lines() {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# {line}");
    }
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
        assert_eq!((of_backends(&with), of_backends(&Config::program_defaults())), (3, 0));
    }

    #[test]
    fn every_line_is_a_comment() {
        let text = table(&Config::program_defaults());
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.parse::<toml::Table>().unwrap().is_empty());
    }
}
