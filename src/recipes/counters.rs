//! The application's own counters.

use super::accounts::HashCounts;
use super::app::RecipesApp;
use crate::node::Reading;

/// The counters of the accounts, for the server's `add_probe`.
#[derive(Clone, Debug)]
pub struct AccountCounters(HashCounts);

impl RecipesApp {
    /// The counters of the accounts.
    #[must_use]
    pub fn account_counters(&self) -> AccountCounters {
        AccountCounters(self.accounts.counts())
    }
}

impl AccountCounters {
    /// The counts of this moment; none once the application is gone.
    #[must_use]
    pub fn read(&self) -> Vec<Reading> {
        let Some(counts) = self.0.read() else { return Vec::new() };
        let reading = |name, help, value: u64| Reading::new(name, help, value as f64);
        vec![
            reading(
                "vestibule_accounts_hashes_total",
                "Passwords that were hashed.",
                counts.hashes,
            ),
            reading(
                "vestibule_accounts_wrong_passwords_total",
                "Guesses: wrong passwords, unknown emails, and sign-ups with a taken email.",
                counts.wrong_passwords,
            ),
            reading(
                "vestibule_accounts_queue_refused_total",
                "Requests that were refused or dropped as accounts.queue was full.",
                counts.queue,
            ),
            reading(
                "vestibule_accounts_queue_per_account_refused_total",
                "Requests beyond accounts.queue_per_account.",
                counts.queue_per_account,
            ),
            reading(
                "vestibule_accounts_queue_per_ip_refused_total",
                "Requests beyond accounts.queue_per_ip.",
                counts.queue_per_ip,
            ),
            reading(
                "vestibule_accounts_hashes_per_account_refused_total",
                "Requests beyond accounts.hashes_per_minute_per_account.",
                counts.hashes_per_account,
            ),
            reading(
                "vestibule_accounts_hashes_per_ip_refused_total",
                "Requests beyond accounts.hashes_per_minute_per_ip.",
                counts.hashes_per_ip,
            ),
            reading(
                "vestibule_accounts_guesses_per_account_refused_total",
                "Requests beyond accounts.guesses_per_minute_per_account.",
                counts.guesses_per_account,
            ),
            reading(
                "vestibule_accounts_guesses_per_ip_refused_total",
                "Requests beyond accounts.guesses_per_minute_per_ip.",
                counts.guesses_per_ip,
            ),
            reading(
                "vestibule_accounts_forgotten_total",
                "Accounts and addresses forgotten early, as accounts.remembered was reached.",
                counts.evictions,
            ),
        ]
    }
}
