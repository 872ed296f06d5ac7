//! Rules for `auth.issuers`: each has a name and keys, and a token selects one of them.

use crate::config::error::FaultKind::{Conflict, Missing};
use crate::config::error::Faults;
use crate::config::{Auth, AuthIssuer};

const KEY: &str = "auth.issuers";

impl Faults {
    /// Each issuer by itself, and beside the others.
    pub(super) fn issuers(&mut self, auth: &Auth) {
        let mut taken: Vec<(&str, &str)> = Vec::new();
        if auth.is_issuer() && !auth.issuer.is_empty() {
            taken.extend(auth.algorithms.iter().map(|it| (auth.issuer.as_str(), plain(it))));
        }
        for (at, issuer) in auth.issuers.iter().enumerate() {
            let place = match issuer.issuer.first() {
                Some(name) => format!("number {} (`{name}`)", at + 1),
                None => format!("number {}", at + 1),
            };
            self.issuer(&place, issuer, auth);
            for name in &issuer.issuer {
                for algorithm in &issuer.algorithms {
                    let pair = (name.as_str(), plain(algorithm));
                    if taken.contains(&pair) {
                        let problem = format!(
                            "{place}: another issuer, or [auth] itself, has this `issuer` and {algorithm} too: a token \
                             must have one place for its key, so write them as one, with both \
                             audiences or both keys"
                        );
                        self.add(KEY, Conflict, problem);
                    }
                    taken.push(pair);
                }
            }
        }
    }

    fn issuer(&mut self, place: &str, issuer: &AuthIssuer, auth: &Auth) {
        if issuer.issuer.is_empty() || issuer.issuer.iter().any(String::is_empty) {
            let problem = format!("{place}: no `issuer`: write the `iss` of its tokens");
            self.add(KEY, Missing, problem);
        }
        if issuer.user_claim.is_empty() {
            let problem = format!("{place}: no `user_claim`: name the claim, such as `sub`");
            self.add(KEY, Missing, problem);
        }
        let own = auth.of_issuer(issuer);
        let mut faults = Self(Vec::new());
        faults.keys(&own);
        if faults.0.is_empty() && !own.has_keys() {
            let problem = "no keys: set secret_file, public_key_file, jwks_file or jwks_url";
            faults.add(KEY, Missing, problem);
        }
        for fault in faults.0 {
            let problem = fault.problem.replace("auth.", "");
            let key = fault.key.strip_prefix("auth.").filter(|_| fault.key != KEY);
            let key = key.map_or_else(String::new, |key| format!("{key}: "));
            self.add(KEY, fault.kind, format!("{place}: {key}{problem}"));
        }
    }
}

/// One name for each algorithm.
fn plain(algorithm: &str) -> &str {
    if algorithm == "Ed25519" { "EdDSA" } else { algorithm }
}

/// Pairs of issuers that can name the same user, each pair as a sentence. Entries of the same `iss` are
/// one issuer, which may well name one user in two ways.
#[must_use]
pub fn shared_users(issuers: &[AuthIssuer]) -> Vec<String> {
    let is_foreign = |one: &AuthIssuer, other: &AuthIssuer| {
        !one.issuer.iter().any(|it| other.issuer.contains(it))
    };
    let may_share = |one: &AuthIssuer, other: &AuthIssuer| {
        let (one, other) = (&one.user_prefix, &other.user_prefix);
        let begins = |one: &str, other: &str| !other.is_empty() && one.starts_with(other);
        one == other || begins(one, other) || begins(other, one)
    };
    let mut pairs = Vec::new();
    for (at, one) in issuers.iter().enumerate() {
        for other in issuers.iter().skip(at + 1).filter(|it| is_foreign(one, it)) {
            if may_share(one, other) {
                pairs.push(format!(
                    "auth.issuers: {} and {} can name the same user: their user_prefix is {:?} and {:?}",
                    one.issuer.join(", "),
                    other.issuer.join(", "),
                    one.user_prefix,
                    other.user_prefix
                ));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn an_issuer_needs_a_name_and_keys_of_its_own() {
        let good = || AuthIssuer {
            issuer: vec!["https://a.example".to_owned()],
            algorithms: vec!["RS256".to_owned()],
            jwks_url: "https://a.example/jwks".to_owned(),
            ..AuthIssuer::default()
        };
        let faults = |issuers: Vec<AuthIssuer>| -> Vec<String> {
            let mut config = Config::default();
            config.auth.issuers = issuers;
            config.faults().iter().map(ToString::to_string).collect()
        };
        assert_eq!(faults(vec![good()]), Vec::<String>::new());
        let other = AuthIssuer { issuer: vec!["https://b.example".to_owned()], ..good() };
        assert_eq!(faults(vec![good(), other]), Vec::<String>::new());
        // One that moves from a secret to keys has both, each in a place of its own.
        let moving = AuthIssuer {
            algorithms: vec!["HS256".to_owned()],
            secret: "0123456789abcdef0123456789abcdef".to_owned(),
            jwks_url: String::new(),
            ..good()
        };
        assert_eq!(faults(vec![good(), moving]), Vec::<String>::new());
        type Change<'a> = &'a dyn Fn(&mut AuthIssuer);
        let cases: [(Change<'_>, &str); 6] = [
            (&|it| it.issuer.clear(), "number 1: no `issuer`"),
            (&|it| it.algorithms.clear(), "algorithms: no algorithm"),
            (&|it| it.jwks_url.clear(), "no keys for them: set public_key_file"),
            (&|it| it.secret = "x".repeat(32), "secret is set too"),
            (&|it| it.user_claim.clear(), "no `user_claim`"),
            (&|it| it.algorithms.push("HS256".to_owned()), "never taken for a secret"),
        ];
        for (change, said) in cases {
            let mut issuer = good();
            change(&mut issuer);
            let found = faults(vec![issuer]);
            assert!(found.iter().any(|fault| fault.contains(said)), "{said}: {found:?}");
        }
        let twice = faults(vec![good(), good()]);
        assert!(twice.len() == 1 && twice[0].contains("number 2"), "{twice:?}");
        let edwards = |name: &str| AuthIssuer { algorithms: vec![name.to_owned()], ..good() };
        assert_eq!(faults(vec![edwards("EdDSA"), edwards("Ed25519")]).len(), 1);
        let mut config = Config::default();
        (config.auth.issuer, config.auth.issuers) = ("https://a.example".to_owned(), vec![good()]);
        (config.auth.algorithms, config.auth.jwks_file) = (good().algorithms, "f".to_owned());
        assert_eq!(config.faults().len(), 1);
    }

    #[test]
    fn issuers_that_can_name_the_same_user_are_found() {
        let entry = |issuer: &str, prefix: &str| AuthIssuer {
            issuer: vec![issuer.to_owned()],
            user_prefix: prefix.to_owned(),
            ..AuthIssuer::default()
        };
        for (first, second, are_found) in [
            (entry("a", ""), entry("b", ""), true),
            (entry("a", "id:"), entry("b", "id:"), true),
            (entry("a", "id"), entry("b", "id:"), true),
            (entry("a", "id:"), entry("b", "login:"), false),
            (entry("a", "id:"), entry("b", ""), false),
            // An issuer that moves from one kind of key to another.
            (entry("a", ""), entry("a", ""), false),
        ] {
            let found = shared_users(&[first, second]);
            assert_eq!(found.len(), usize::from(are_found), "{found:?}");
        }
    }
}
