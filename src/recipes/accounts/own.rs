//! What users do with their accounts that takes the password: change it, and delete the account.

use std::sync::Arc;

use super::handler::{AccountHandler, Judged, failed};
use super::hash_queue::HashOutcome;
use super::password::Password;
use super::{AccountService, Deferred};
use crate::node::app::Reply;
use crate::node::{AppEvent, Completion, Outcome, Payer, Request, Response, StartFlag};
use crate::recipes::completions::HttpAnswer;
use crate::recipes::http::{self, Fields};
use crate::recipes::storage::access::{TokenState, TokenUser};
use crate::recipes::storage::own_sessions::{self, EndedSessions};
use crate::recipes::storage::{TaskClass, TaskOrigin, users};

/// The most recipes that are deleted at once: with 1,000 messages each, that takes some 50 ms.
const ERASED_AT_ONCE: usize = 16;

impl AccountService {
    /// Changes the password, and ends the other sessions.
    pub(in crate::recipes) fn change_password(
        &self,
        request: &Request<'_>,
        user: TokenUser,
    ) -> Reply<Response> {
        let asked = || {
            let mut fields = Fields::parse(request.body)?;
            let password = old_password(&mut fields)?;
            let new = Password::new(fields.text("new_password")?)
                .map_err(|problem| http::bad_field("new_password", problem))?;
            let handler = Arc::clone(&self.handler);
            let attempt = self.attempt("confirm", &user.id, request);
            let start = request.start.clone();
            self.hash(attempt, request, move || {
                handler.change_password(user, &password, &new, &start).unwrap_or_else(refused)
            })
        };
        asked().map_or_else(Reply::Now, |Deferred| Reply::Held)
    }

    /// Deletes the account with all that belongs to it.
    pub(in crate::recipes) fn delete(
        &self,
        request: &Request<'_>,
        user: TokenUser,
    ) -> Reply<Response> {
        let asked = || {
            let mut fields = Fields::parse(request.body)?;
            let password = old_password(&mut fields)?;
            let (handler, completions) = (Arc::clone(&self.handler), self.completions.clone());
            let ticket = request.ticket;
            let tell = move |event| {
                completions.deliver(Completion { ticket, outcome: Outcome::Event(event) })
            };
            let attempt = self.attempt("confirm", &user.id, request);
            let start = request.start.clone();
            self.hash(attempt, request, move || {
                handler.delete(user, &password, &start, tell).unwrap_or_else(refused)
            })
        };
        asked().map_or_else(Reply::Now, |Deferred| Reply::Held)
    }
}

/// The password that confirms a request. No account can have one of another form, so no hash is spent
/// on it.
fn old_password(fields: &mut Fields) -> Result<Password, Response> {
    Password::new(fields.text("password")?).map_err(|_| http::not_confirmed())
}

fn refused((outcome, refusal): Judged) -> (HashOutcome, HttpAnswer) {
    (outcome, refusal.into())
}

impl AccountHandler {
    /// The account of this user, whose password this is.
    fn confirmed(
        &self,
        user: &TokenUser,
        password: &Password,
    ) -> Result<users::UserAccount, Judged> {
        let asker = user.clone();
        let (access, found) = self.ask(move |database| {
            Ok((asker.access(database)?, users::of_id(database, &asker.id)?))
        })?;
        let denied = |refusal| Err((HashOutcome::Failed, refusal));
        match (access, found) {
            (TokenState::Locked, _) => denied(http::account_locked()),
            (TokenState::Ended, _) => denied(http::session_ended()),
            (TokenState::Granted, None) => denied(http::no_account()),
            (TokenState::Granted, Some((account, hash))) if hash.is_of(password) => Ok(account),
            (TokenState::Granted, Some((account, _))) => {
                Err((HashOutcome::Wrong(Some(account.id)), http::not_confirmed()))
            }
        }
    }

    fn change_password(
        &self,
        user: TokenUser,
        password: &Password,
        new: &Password,
        start: &StartFlag,
    ) -> Result<(HashOutcome, HttpAnswer), Judged> {
        let account = self.confirmed(&user, password)?;
        if new.is_easily_guessed(&account.email) {
            let problem = "is easily guessed: use one that nobody else would think of";
            return Err((HashOutcome::Right, http::bad_field("new_password", problem)));
        }
        let hash = self.hasher.hash(new).map_err(failed)?;
        let others = user.session.map_or(EndedSessions::All, EndedSessions::Others);
        let ended = self.ask_until(start, move |database| {
            users::set_password(database, account.key, &hash)?;
            own_sessions::end(database, &account.id, &others)
        })?;
        let event = (ended > 0).then_some(AppEvent::SessionEnded { user: user.id });
        Ok((HashOutcome::Right, HttpAnswer::with(http::done(), event)))
    }

    /// Deletes an account in steps, the account itself in the last one: a failure in between leaves it
    /// there, to be deleted again. Each step is told of when it is on disk. If nobody waits any more when
    /// the database has its turn for the first one, none is done.
    fn delete(
        &self,
        user: TokenUser,
        password: &Password,
        start: &StartFlag,
        tell: impl Fn(AppEvent),
    ) -> Result<(HashOutcome, HttpAnswer), Judged> {
        let id = self.confirmed(&user, password)?.id;
        let mut start = Some(start);
        loop {
            let origin = TaskOrigin::new(TaskClass::Content, Payer::user(&id)).erasing();
            let origin = match start.take() {
                Some(start) => origin.until(start),
                None => origin,
            };
            let owner = id.clone();
            let (rooms, is_gone) = self
                .ask_as(origin, move |database| users::erase(database, &owner, ERASED_AT_ONCE))?;
            rooms.into_iter().for_each(|room| tell(AppEvent::RoomDeleted { room }));
            if is_gone {
                let event = Some(AppEvent::SessionEnded { user: id });
                return Ok((HashOutcome::Right, HttpAnswer::with(http::done(), event)));
            }
        }
    }
}
