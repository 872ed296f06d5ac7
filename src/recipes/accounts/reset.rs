//! Passwords that an operator gives to users who have forgotten theirs.

use std::sync::Arc;

use super::AccountService;
use super::email::Email;
use super::handler::{AccountHandler, Judged, failed};
use super::hash_queue::{Attempt, HashOutcome};
use super::password::Password;
use super::random::random_id;
use crate::auth::Address;
use crate::node::app::{PasswordReset, Reply};
use crate::node::{AppEvent, Response, StartFlag};
use crate::recipes::completions::HttpAnswer;
use crate::recipes::http;
use crate::recipes::storage::own_sessions::{self, EndedSessions};
use crate::recipes::storage::users;

impl AccountService {
    /// Gives an account a random password, and ends its sessions.
    pub(in crate::recipes) fn reset_password(&self, reset: &PasswordReset<'_>) -> Reply<Response> {
        if !self.handler.tokens.keys.are_there() {
            let message = "There are no accounts here: see auth.secret";
            return Reply::Now(Response::error(409, "not_supported", message));
        }
        let email = match Email::new(reset.email) {
            Ok(email) => email,
            Err(problem) => return Reply::Now(http::bad_field("email", problem)),
        };
        let Ok(password) = random_id() else { return Reply::Now(http::internal_error()) };
        // The operator's own allowance: it takes nothing of its user's, nor of an address's.
        let attempt = Attempt {
            address: Address::from(reset.client),
            account: self.hashing.hash_texts(&["reset", email.as_str()]),
            pair: self.hashing.hash_texts(&["reset", email.as_str(), "operator"]),
        };
        let handler = Arc::clone(&self.handler);
        let start = reset.start.clone();
        let work =
            move || handler.reset_password(&email, &password, &start).unwrap_or_else(refused);
        let asked =
            self.pool.submit_for(attempt, (reset.ticket, reset.at, reset.start), Box::new(work));
        asked.map_or_else(
            |why| Reply::Now(http::refused_hash(why.retry_seconds())),
            |()| Reply::Held,
        )
    }
}

fn refused((outcome, refusal): Judged) -> (HashOutcome, HttpAnswer) {
    (outcome, refusal.into())
}

impl AccountHandler {
    fn reset_password(
        &self,
        email: &Email,
        password: &str,
        start: &StartFlag,
    ) -> Result<(HashOutcome, HttpAnswer), Judged> {
        let address = email.clone();
        let found = self.ask(move |database| users::find(database, address.as_str()))?;
        let Some((account, _)) = found else {
            let message = "There is no account with this email";
            return Err((HashOutcome::Failed, Response::error(404, "no_such_user", message)));
        };
        let new = Password::new(password.to_owned()).map_err(failed)?;
        let hash = self.hasher.hash(&new).map_err(failed)?;
        let (key, id) = (account.key, account.id.clone());
        let ended = self.ask_until(start, move |database| {
            users::set_password(database, key, &hash)?;
            own_sessions::end(database, &id, &EndedSessions::All)
        })?;
        log::info!("an operator has reset the password of user {}", account.id);
        let response = http::reset(&account, password);
        let event = (ended > 0).then_some(AppEvent::SessionEnded { user: account.id });
        Ok((HashOutcome::Failed, HttpAnswer::with(response, event)))
    }
}
