//! Rules for the admin listener.

use crate::config::error::FaultKind::{Conflict, Malformed, Missing};
use crate::config::error::Faults;
use crate::config::{Config, ListenAddress};

/// A key that is shorter could be guessed.
const MIN_KEY_BYTES: usize = 32;

impl Faults {
    /// Off loopback, whoever reaches the address must show a key.
    pub(super) fn admin(&mut self, config: &Config) {
        let admin = &config.admin;
        if !admin.key.is_empty()
            && let Some(problem) = admin_key_problem(&admin.key)
        {
            self.add("admin.key_file", Malformed, problem);
        }
        if !admin.publish_key.is_empty()
            && let Some(problem) = admin_key_problem(&admin.publish_key)
        {
            self.add("admin.publish_key_file", Malformed, problem);
        }
        if admin.publish_key.lines().any(|key| admin.key.lines().any(|other| other == key)) {
            let problem = "a key in it is in admin.key_file, too, and could do everything: \
                           make another one";
            self.add("admin.publish_key_file", Conflict, problem);
        }
        self.mode("admin.listen_mode", &admin.listen_mode);
        self.own_address("admin.metrics_listen", &admin.metrics_listen, &config.listen);
        if admin.listen.is_empty() {
            return;
        }
        let has_key = !admin.key_file.is_empty() || !admin.key.is_empty();
        let publishes = !admin.publish_key_file.is_empty() || !admin.publish_key.is_empty();
        if publishes && !has_key {
            let problem = "of no use without admin.key_file, as every call from this host may then \
                           do everything: set admin.key_file, too";
            self.add("admin.publish_key_file", Conflict, problem);
        }
        let others =
            [config.listen.as_slice(), std::slice::from_ref(&admin.metrics_listen)].concat();
        let Some(address) = self.own_address("admin.listen", &admin.listen, &others) else {
            return;
        };
        if !address.is_local() && !has_key {
            let problem = format!(
                "needed, as others can reach {address}: name a file that holds a key of at least \
                 {MIN_KEY_BYTES} characters, or set admin.listen to a loopback address"
            );
            self.add("admin.key_file", Missing, problem);
        }
    }

    /// The address in `text`, which none of the `others` may have.
    pub(super) fn own_address(
        &mut self,
        key: &'static str,
        text: &str,
        others: &[String],
    ) -> Option<ListenAddress> {
        if text.is_empty() {
            return None;
        }
        let address = match text.parse::<ListenAddress>() {
            Ok(address) => address,
            Err(fault) => {
                self.add(key, Malformed, format!("{fault}; or leave it empty to turn it off"));
                return None;
            }
        };
        let collides = |other: &String| other.parse().is_ok_and(|other| address.collides(&other));
        if others.iter().any(collides) {
            let what = if matches!(address, ListenAddress::Unix(_)) { "path" } else { "port" };
            let problem = format!("{address} is another listener's, too: take another {what}");
            self.add(key, Conflict, problem);
        }
        Some(address)
    }
}

/// Why `text` cannot be the admin listener's key, or two of them, each on a line of its own, without
/// showing it; `None` when it can.
#[must_use]
pub fn admin_key_problem(text: &str) -> Option<String> {
    let keys: Vec<&str> = text.lines().collect();
    match keys.as_slice() {
        [_, _, _, ..] => Some("it has more than two lines: one key, or two in a rotation".into()),
        [] => key_problem(text),
        keys => keys.iter().find_map(|key| key_problem(key)),
    }
}

fn key_problem(key: &str) -> Option<String> {
    if key.len() < MIN_KEY_BYTES {
        let length = key.len();
        return Some(format!("the key has {length} bytes, at least {MIN_KEY_BYTES} are needed"));
    }
    // It is sent in a header (RFC 6750, section 2.1).
    (!key.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| "the key must be one line of ASCII without blanks, such as base64 or hex".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Admin;

    fn faults(admin: Admin) -> Vec<(&'static str, String)> {
        let faults = Config { admin, ..Config::default() }.faults();
        faults.into_iter().map(|fault| (fault.key, fault.problem)).collect()
    }

    #[test]
    fn off_loopback_a_key_is_needed() {
        for (listen, is_open) in [
            ("", false),
            ("127.0.0.2:9090", false),
            ("[::1]:0", false),
            ("0.0.0.0:9090", true),
            ("[::]:9090", true),
            ("192.0.2.1:9090", true),
        ] {
            let admin = Admin { listen: listen.to_owned(), ..Admin::default() };
            let told = faults(admin.clone());
            assert_eq!(told.len(), usize::from(is_open), "{listen}");
            assert!(told.iter().all(|(key, _)| *key == "admin.key_file"), "{told:?}");
            assert_eq!(faults(Admin { key_file: "there".to_owned(), ..admin.clone() }), []);
            assert_eq!(faults(Admin { key: "k".repeat(32), ..admin }), []);
        }
    }

    #[test]
    fn the_admin_listener_has_an_address_of_its_own() {
        let of = |listen: &str| faults(Admin { listen: listen.to_owned(), ..Admin::default() });
        assert!(of("here")[0].1.contains("is not a valid address"));
        assert!(of("127.0.0.1:8080")[0].1.contains("take another port"));
        assert_eq!(of("unix:a"), []);
        let metrics = |metrics_listen: &str| {
            let (listen, metrics_listen) = ("unix:a".to_owned(), metrics_listen.to_owned());
            faults(Admin { listen, metrics_listen, ..Admin::default() })
        };
        assert_eq!(metrics("0.0.0.0:9100"), [], "numbers need no key");
        assert!(metrics("unix:a")[0].1.contains("take another path"));
        assert!(metrics("127.0.0.1:8080")[0].1.contains("take another port"));
        assert!(metrics("here")[0].1.contains("is not a valid address"));
    }

    #[test]
    fn publishing_key_needs_an_operators_key_of_its_own() {
        let file = || "there".to_owned();
        let alone =
            Admin { publish_key_file: file(), listen: "[::1]:0".into(), ..Admin::default() };
        assert!(faults(alone.clone())[0].1.contains("set admin.key_file, too"));
        let both = Admin { key_file: file(), ..alone };
        assert_eq!(faults(both.clone()), []);
        let (one, other) = ("k".repeat(32), "p".repeat(32));
        let with = |publish_key: &str| {
            faults(Admin { key: one.clone(), publish_key: publish_key.to_owned(), ..both.clone() })
        };
        assert_eq!(with(&other), []);
        assert!(with(&format!("{other}\n{one}"))[0].1.contains("make another one"));
        assert!(with("short")[0].1.contains("at least 32"));
    }

    #[test]
    fn bad_admin_key_is_refused_without_being_quoted() {
        assert_eq!(admin_key_problem(&"k".repeat(32)), None);
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        assert_eq!(admin_key_problem(&format!("{new}\n{old}")), None, "a rotation");
        for bad in [format!("{new}\n{old}\n{old}"), format!("{new}\n\n"), format!("{new}\nshort")] {
            assert!(admin_key_problem(&bad).is_some());
        }
        for bad in ["hush-hush", &"hush ".repeat(9), &"hüsh".repeat(9)] {
            let problem = admin_key_problem(bad).unwrap();
            assert!(!problem.contains('h') || !problem.contains("hush"), "{problem}");
        }
    }
}
