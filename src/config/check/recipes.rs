//! Which values the embedded recipe chat's sections may hold.

use super::MAX_REFRESHES;
use crate::config::error::FaultKind::Missing;
use crate::config::error::Faults;
use crate::config::{Config, Length};

impl Faults {
    pub(super) fn recipes(&mut self, config: &Config) {
        let recipes = &config.recipes;
        let admin = &config.admin;
        let others =
            [config.listen.as_slice(), &[admin.listen.clone(), admin.metrics_listen.clone()]];
        self.own_address("recipes.listen", &recipes.listen, &others.concat());
        if !recipes.listen.is_empty() && config.backend.secret_file.is_empty() {
            let problem = "is required, as recipes.listen takes only calls that are signed. Make one, \
                           the same for all nodes: `echo \"whsec_$(openssl rand -base64 32)\" > FILE`";
            self.add("backend.secret_file", Missing, problem);
        }
        let (history, messages) = (recipes.history, recipes.messages);
        if messages != 0 && history > messages {
            let problem = format!("{history} is more than recipes.messages, which is {messages}");
            self.conflict("recipes.history", &["recipes.messages"], problem);
        }
    }

    pub(super) fn accounts(&mut self, config: &Config) {
        let accounts = &config.accounts;
        let refreshes =
            accounts.refresh_ttl.get().as_secs() / accounts.access_ttl.get().as_secs().max(1);
        if refreshes > MAX_REFRESHES {
            let problem = format!(
                "{} is {refreshes} times accounts.access_ttl, and a session is refreshed at most \
                 {MAX_REFRESHES} times in it",
                accounts.refresh_ttl
            );
            self.conflict("accounts.refresh_ttl", &["accounts.access_ttl"], problem);
        }
        self.access_tokens(config);
    }

    /// An access token that lives longer than any token may would be refused right after it was
    /// given out. Without a secret, or behind a backend, the server gives none out.
    fn access_tokens(&mut self, config: &Config) {
        let (auth, ttl) = (&config.auth, config.accounts.access_ttl);
        let signs = config.backend.url.is_empty()
            && auth.jwks_file.is_empty()
            && auth.algorithms.iter().all(|name| name.starts_with("HS"));
        if signs && auth.max_token_life > Length::default() && ttl > auth.max_token_life {
            let problem =
                format!("{ttl} is longer than auth.max_token_life, {}", auth.max_token_life);
            self.conflict("accounts.access_ttl", &["auth.max_token_life"], problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Accounts, Auth, Backend, Config, Length, Recipes, Size};

    fn keys(config: &Config) -> Vec<&'static str> {
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn stored_messages_must_cover_history_and_repeats() {
        let with = |history, messages| {
            let recipes = Recipes { history, messages, ..Recipes::default() };
            keys(&Config { recipes, ..Config::default() })
        };
        assert!(with(50, 0).is_empty() && with(0, 32).is_empty());
        assert_eq!(with(0, 31), ["recipes.messages"]);
        assert_eq!(with(50, 49), ["recipes.history"]);
    }

    #[test]
    fn calls_have_an_address_and_a_secret() {
        let with = |listen: &str, secret_file: &str| {
            let recipes = Recipes { listen: listen.to_owned(), ..Recipes::default() };
            let backend = Backend { secret_file: secret_file.to_owned(), ..Backend::default() };
            keys(&Config { recipes, backend, ..Config::default() })
        };
        assert!(with("10.0.0.1:9000", "secret").is_empty() && with("", "").is_empty());
        assert_eq!(with("10.0.0.1:9000", ""), ["backend.secret_file"]);
        assert_eq!(with("here", "secret"), ["recipes.listen"]);
        assert_eq!(with("127.0.0.1:8080", "secret"), ["recipes.listen"], "the public one");
    }

    #[test]
    fn an_access_token_lives_no_longer_than_a_token_may() {
        let with = |seconds, url: &str| {
            let auth = Auth { max_token_life: Length::from_secs(seconds), ..Auth::default() };
            let backend = Backend { url: url.to_owned(), ..Backend::default() };
            keys(&Config { auth, backend, ..Config::default() })
        };
        assert_eq!(with(899, ""), ["accounts.access_ttl"]);
        assert!(with(900, "").is_empty() && with(0, "").is_empty());
        assert!(with(899, "http://127.0.0.1:8000").is_empty());
    }

    #[test]
    fn a_password_hash_has_a_least_cost() {
        let accounts =
            Accounts { argon2_memory: Size::kib(1), argon2_iterations: 0, ..Accounts::default() };
        let expected = ["accounts.argon2_memory", "accounts.argon2_iterations"];
        assert_eq!(keys(&Config { accounts, ..Config::default() }), expected);
    }
}
