//! What the tables hold.

use super::*;

/// A user's sign-in at home, but for the user.
const HOME: Guess = Guess { kind: "sign in", account: 0, host: 0, is_right: true, visit: None };

impl GuessWorld {
    /// All tables are bounded, and nobody's address is forgotten for one that has more entries.
    pub(super) fn check_tables(&self) -> Result<(), String> {
        let (queue, most) = (&self.queue, self.ledger.accounts.remembered);
        let tables = [
            queue.hashes_by_address.len(),
            queue.hashes_by_account.len(),
            queue.guesses_by_address.len(),
            queue.guesses_by_account.len(),
            queue.known.len(),
            queue.tries.len(),
        ];
        let waiting = queue.waiting.len() + queue.dropped.len();
        let open = queue.open.values().sum::<usize>();
        if tables.iter().any(|len| *len > most) || waiting > self.ledger.accounts.queue {
            return Err(format!("tables of {most} have {tables:?}, and {waiting} wait"));
        }
        if open != waiting + self.running.len() {
            return Err(format!("{open} are open, {waiting} wait, {} run", self.running.len()));
        }
        for user in (0..USERS).filter(|&user| self.ledger.has_signed_in(user, user)) {
            let guess = Guess { kind: "sign in", account: user, host: user, ..HOME };
            if !queue.known.has(self.attempt(&guess).pair) {
                return Err(format!("the home of user {user} is forgotten"));
            }
        }
        Ok(())
    }

    /// An hour later nothing is left but who is known.
    pub(super) fn check_quiet(&mut self) -> Result<(), String> {
        let now = self.now + HOUR;
        let tables = &mut self.queue;
        for by_address in [&mut tables.hashes_by_address, &mut tables.guesses_by_address] {
            by_address.used(now, Address::from(IpAddr::from(Ipv4Addr::LOCALHOST)));
        }
        tables.hashes_by_account.used(now, 0);
        tables.guesses_by_account.used(now, 0);
        tables.tries.is_newcomer(now, 0);
        let left = [
            tables.hashes_by_address.len() + tables.guesses_by_address.len(),
            tables.hashes_by_account.len() + tables.guesses_by_account.len(),
            tables.tries.len() + tables.open.len(),
        ];
        if left != [0; 3] { Err(format!("{left:?} are left")) } else { Ok(()) }
    }
}
