//! The answers to users about their own accounts.

use serde::Serialize;
use serde_json::value::RawValue;

use super::accounts::AccountService;
use super::completions::HttpAnswer;
use super::http::{self, OwnCall, Query};
use super::storage::TaskOrigin;
use super::storage::access::TokenUser;
use super::storage::list::{self, ListOrder, ListQuery, RecipePage};
use super::storage::own_sessions::{self, EndedSessions, SessionView};
use super::storage::users::{self, AccountView};
use super::tasks::TaskSender;
use crate::node::app::Reply;
use crate::node::{AppEvent, Method, Request, Response};

/// Answers requests to `/v1/auth/me`, `/v1/auth/password` and `/v1/auth/sessions`.
pub(super) struct OwnRequests<'a> {
    pub(super) tasks: &'a TaskSender,
    pub(super) accounts: &'a AccountService,
    /// The longest page of a list, in bytes.
    pub(super) page_bytes: usize,
}

impl OwnRequests<'_> {
    /// Answers a request of `user`.
    pub(super) fn answer(
        &self,
        call: OwnCall,
        query: &Query,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let is_delete = request.method == Method::Delete;
        match call {
            OwnCall::Password => {
                self.accounts.change_password(request, TokenUser::new(user, request.claims))
            }
            OwnCall::Me if is_delete => {
                self.accounts.delete(request, TokenUser::new(user, request.claims))
            }
            OwnCall::Me => self.me(request, user),
            OwnCall::Export => self.export(query, request, user),
            OwnCall::Sessions if is_delete => self.end(EndedSessions::All, request, user),
            OwnCall::Sessions => self.sessions(request, user),
        }
    }

    fn me(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        self.tasks.request(request, user, TaskOrigin::reading, users::of_id, |found| {
            let account = found.map(|(account, _)| Response::json(200, &account.view()));
            account.unwrap_or_else(http::no_account)
        })
    }

    /// All that is stored of a user but the recipes themselves, which have an export of their own.
    fn export(&self, query: &Query, request: &Request<'_>, user: &str) -> Reply<Response> {
        #[derive(Serialize)]
        struct Export<'a> {
            user: AccountView<'a>,
            sessions: &'a [SessionView],
            recipes: &'a [Box<RawValue>],
            #[serde(skip_serializing_if = "Option::is_none")]
            next: Option<&'a str>,
        }
        let query = match query.limit().and_then(|limit| Ok((limit, query.before()?))) {
            Ok((limit, before)) => {
                let (order, words) = (ListOrder::NEWEST, Vec::new());
                ListQuery { limit, before, order, words, has_members: true }
            }
            Err(refusal) => return Reply::Now(refusal),
        };
        let (most, now) = (self.page_bytes, request.now);
        let session = TokenUser::new(user, request.claims).session;
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| {
                let sessions = own_sessions::list(database, user, session.as_deref())?;
                let page = list::list(database, user, &query, now, most)?;
                Ok((users::of_id(database, user)?, sessions, page))
            },
            |(found, sessions, page)| {
                let Some((account, _)) = found else { return http::no_account() };
                let Some(RecipePage { recipes, next }) = page else {
                    return http::invalid_page();
                };
                let (user, next) = (account.view(), next.as_deref());
                Response::json(200, &Export { user, sessions: &sessions, recipes: &recipes, next })
            },
        )
    }

    fn sessions(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        #[derive(Serialize)]
        struct Sessions {
            sessions: Vec<SessionView>,
        }
        let session = TokenUser::new(user, request.claims).session;
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| own_sessions::list(database, user, session.as_deref()),
            |sessions| Response::json(200, &Sessions { sessions }),
        )
    }

    /// Ends sessions, and has the user's connections show a token that is still good.
    pub(super) fn end(
        &self,
        which: EndedSessions,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let (is_one, owner) = (matches!(which, EndedSessions::One(_)), user.to_owned());
        // It writes little, and must work on a full disk.
        let kind = |origin| origin;
        self.tasks.request(
            request,
            user,
            kind,
            move |database, user| own_sessions::end(database, user, &which),
            move |ended| {
                if ended == 0 && is_one {
                    return http::no_session().into();
                }
                let event = (ended > 0).then_some(AppEvent::SessionEnded { user: owner });
                HttpAnswer::with(http::done(), event)
            },
        )
    }
}
