//! `vestibule token`: prints a signed token, for tests, curl and wscat; or checks one.

use std::time::{Duration, SystemTime};

use clap::ArgGroup;
use serde_json::Value;
use vestibule::auth::TokenSigner;
use vestibule::config::{Auth, Config, Length, ParseError};
use vestibule::time::UnixTime;

use super::output::{self, CommandResult};
use super::token_check;

/// The longest lifetime: a hundred years. The server does not accept an `exp` beyond the year 9999.
const MAX_TTL: Length = Length::from_secs(36_500 * 86_400);

/// The flags of `vestibule token`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("task").required(true).args(["sub", "check"]))]
pub(super) struct TokenArgs {
    /// User the token is for, 1 to 256 characters (the `sub` claim)
    #[arg(long, value_name = "USER", value_parser = subject)]
    sub: Option<String>,
    /// Lifetime of the token, in whole seconds, such as `90s`, `15m` or `1h`
    #[arg(long, default_value = "15m", value_name = "DURATION", value_parser = whole_seconds)]
    ttl: u64,
    /// Add or override a claim (repeatable). VALUE is parsed as JSON, otherwise used as a string
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Instead of signing, judge TOKEN as the server would, and print its claims and what is wrong
    /// with it. Without TOKEN it is read from standard input, which keeps it out of the shell's
    /// history. Exit code 1 if it is refused
    #[arg(
        long,
        value_name = "TOKEN",
        num_args = 0..=1,
        default_missing_value = token_check::STANDARD_INPUT,
        conflicts_with_all = ["ttl", "claims"]
    )]
    pub(super) check: Option<String>,
}

/// Prints the token and a line break to standard output.
pub(super) fn run(args: &TokenArgs, config: &Config, secret: &str) -> CommandResult {
    let token = mint(args, config, secret, now()).map_err(|fault| vec![fault])?;
    let longest = config.auth.max_token_life;
    if longest > Length::default() && Duration::from_secs(args.ttl) > longest.get() {
        output::warn(&format!(
            "the server will refuse this token: its --ttl exceeds auth.max_token_life, {longest}"
        ));
    }
    output::print(&format!("{token}\n"))
}

/// Signs the token as of `now`.
fn mint(args: &TokenArgs, config: &Config, secret: &str, now: UnixTime) -> Result<String, String> {
    let auth = Auth { secret: secret.to_owned(), ..config.auth.clone() };
    let signer = TokenSigner::new(&auth).ok_or("cannot sign with auth.algorithms: add HS256")?;
    signer
        .sign(
            args.sub.as_deref().unwrap_or_default(),
            now,
            Duration::from_secs(args.ttl),
            args.claims.iter().cloned(),
        )
        .map_err(|error| format!("cannot sign the token: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a token's times come from the wall clock")]
pub(super) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::default() + since.unwrap_or_default()
}

pub(super) fn subject(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if !(1..=256).contains(&length) || text.chars().any(char::is_control) {
        return Err("expected 1 to 256 characters and no control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// How long a token of a tool lives: 15 minutes, or as long as the server lets it.
pub(super) fn lifetime(auth: &Auth) -> Duration {
    const USUAL: Duration = Duration::from_secs(15 * 60);
    match auth.max_token_life.get() {
        longest if longest.is_zero() => USUAL,
        longest => longest.min(USUAL),
    }
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let wanted = "expected at least a whole second: write `90s`, `15m` or `1h`";
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Err(format!("it has no unit: write `{text}s`, `{text}m` or `{text}h`"));
    }
    let length: Length = text.parse().map_err(|_: ParseError| wanted.to_owned())?;
    if length.get().subsec_nanos() != 0 || length.get().is_zero() {
        return Err(wanted.to_owned());
    }
    if length > MAX_TTL {
        return Err("expected at most 36500d".to_owned());
    }
    Ok(length.get().as_secs())
}

fn claim(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((name.to_owned(), value))
        }
        _ => Err("expected NAME=VALUE, such as `role=cook` or `scopes=[\"a\",\"b\"]`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn claims_of(args: &TokenArgs, config: &Config) -> Value {
        let token = mint(args, config, SECRET, UnixTime::from_millis(1_000_999)).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    fn args(claims: &[&str]) -> TokenArgs {
        let claims = claims.iter().map(|text| claim(text).unwrap()).collect();
        TokenArgs { sub: Some("alice".to_owned()), ttl: 900, claims, check: None }
    }

    #[test]
    fn token_carries_times_issuer_and_audience() {
        let expected = json!({"sub": "alice", "iat": 1_000, "exp": 1_900});
        assert_eq!(claims_of(&args(&[]), &Config::default()), expected);
        let auth = Auth { issuer: "me".to_owned(), audience: "chat".to_owned(), ..Auth::default() };
        let config = Config { auth, ..Config::default() };
        let expected =
            json!({"sub": "alice", "iat": 1_000, "exp": 1_900, "iss": "me", "aud": "chat"});
        assert_eq!(claims_of(&args(&[]), &config), expected);
    }

    #[test]
    fn claim_is_json_or_text_and_overrides() {
        let given = args(&["exp=5", "role=cook", "tags=[\"a\"]", "text=\"7\"", "eq=a=b"]);
        let expected = json!({"sub": "alice", "iat": 1_000, "exp": 5, "role": "cook",
            "tags": ["a"], "text": "7", "eq": "a=b"});
        assert_eq!(claims_of(&given, &Config::default()), expected);
    }

    #[test]
    fn lifetime_is_in_whole_seconds() {
        assert_eq!(whole_seconds("15m"), Ok(900));
        assert!(whole_seconds("36501d").is_err());
        assert!(whole_seconds("1500ms").is_err());
        assert!(whole_seconds("15").is_err());
    }
}
