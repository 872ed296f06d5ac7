//! `vestibule token --check`: judges a token as the server with this configuration would.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use vestibule::auth::{Verifier, token_summary};
use vestibule::config::{Auth, Config};
use vestibule::net;
use vestibule::time::UnixTime;

use super::output::{self, CommandResult};
use super::secret;
use super::settings::located;

/// The value of `--check` that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";
/// The longest token that is read, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1_024;

/// Prints the claims of the token, and whether it is accepted at `now`. A refused token is an error.
pub(super) fn run(token: &str, config: &Config, now: UnixTime) -> CommandResult {
    let verifier = verifier(config).map_err(|fault| vec![located(&config.given, fault)])?;
    let token = if token == STANDARD_INPUT { read()? } else { token.to_owned() };
    let (claims, verdict) = judge(&verifier, token.trim(), now);
    output::print(&claims)?;
    match verdict {
        Ok(text) => output::print(&text),
        Err(fault) => Err(fault.into()),
    }
}

/// The claims as lines, and the verdict.
fn judge(verifier: &Verifier, token: &str, now: UnixTime) -> (String, Result<String, String>) {
    let lines = token_summary(token).into_iter().map(|(name, value)| format!("{name}: {value}\n"));
    let verdict = match verifier.verify(token, now) {
        Ok(principal) => Ok(format!(
            "accepted until {} and auth.leeway after that. Only the running server knows whether \
             it was revoked, or used before.\n",
            principal.expires_at.to_rfc3339()
        )),
        Err(error) => {
            let cause = verifier.explain(token, error, now);
            Err(format!("the token is refused ({}): {cause}", error.label()))
        }
    };
    (lines.collect(), verdict)
}

/// A verifier with the server's keys. Generates no secret: no token is signed with it yet.
fn verifier(config: &Config) -> Result<Verifier, String> {
    let mut config = config.clone();
    secret::read_issuers(&mut config)?.iter().for_each(|warning| output::warn(warning));
    let config = &config;
    let mut auth = config.auth.clone();
    if secret::is_wanted(config) {
        if secret::is_missing(config) {
            return Err(
                "there is no signing secret yet: start the server once, or set auth.secret \
                        or auth.secret_file"
                    .to_owned(),
            );
        }
        let secret = secret::obtain(config)?;
        for warning in &secret.warnings {
            output::warn(warning);
        }
        auth = Auth { secret: secret.text, ..auth };
    }
    let mut verifier = Verifier::new(&auth).map_err(|error| error.to_string())?;
    let keys = net::read_keys(&auth).map_err(|error| error.to_string())?;
    for (issuer, keys) in keys {
        verifier.replace_keys_of(issuer, keys);
    }
    Ok(verifier)
}

/// One line of standard input.
fn read() -> Result<String, Vec<String>> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output::note("paste the token and press Enter");
    }
    let mut line = String::new();
    let read = stdin.lock().take(MAX_TOKEN_BYTES).read_line(&mut line);
    read.map_err(|error| vec![format!("cannot read the token: {error}")])?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use vestibule::auth::TokenSigner;

    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    fn config() -> Config {
        let auth = Auth {
            secret: "0123456789abcdef0123456789abcdef".to_owned(),
            audience: "chat".to_owned(),
            ..Auth::default()
        };
        Config { auth, ..Config::default() }
    }

    #[test]
    fn a_token_is_judged_as_by_the_server() {
        let config = config();
        let verifier = verifier(&config).unwrap();
        let signer = TokenSigner::new(&config.auth).unwrap();
        let token = signer.sign("alice", NOW, Duration::from_secs(900), []).unwrap();
        let (claims, verdict) = judge(&verifier, &token, NOW);
        assert!(claims.contains("alg: \"HS256\"\nsub: \"alice\"\naud: \"chat\"\n"), "{claims}");
        assert!(verdict.unwrap().starts_with("accepted until 2027-01-15T08:15:00"));
        let (_, late) = judge(&verifier, &token, NOW + Duration::from_secs(935));
        let expected = "the token is refused (expired): its `exp`, 2027-01-15T08:15:00.000Z, is \
                        35 s past; auth.leeway is 30 s";
        assert_eq!(late.unwrap_err(), expected);
        let (claims, forged) = judge(&verifier, "no token", NOW);
        assert_eq!(claims, "");
        let expected = "the token is refused (malformed): it has 1 part instead of 3";
        assert_eq!(forged.unwrap_err(), expected);
    }
}
