//! The embedded application: recipes in SQLite, with accounts for users without an external issuer.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::accounts::{AccountService, SigningKeys};
use super::completions::CompletionSink;
use super::deadlines::Deadlines;
use super::http::{self, AccountCall, Query, RecipeRoute};
use super::message_tasks::{MessageDone, StorageQuestion};
use super::model::{AskModel, Model};
use super::openapi;
use super::own_requests::OwnRequests;
use super::page;
use super::recipe::{Draft, MAX_RECIPE_BYTES};
use super::requests::RecipeRequests;
use super::room_calls::{RoomCalls, SharedBounds, SharedRecipes};
use super::session_ends::SessionEnds;
use super::storage::announcements;
use super::storage::bounds::Bounds;
use super::storage::history::MAX_TURN_CHARS;
use super::storage::own_sessions::EndedSessions;
use super::storage::publications;
use super::storage::{
    self, Busy, Commit, JoinGuard, OpenStorage, QueueLimits, Reader, Storage, StorageError,
    StorageHealth, TaskError, TaskOrigin, own_sessions, users,
};
use super::tasks::TaskSender;
use crate::config::{Assistant, Config, IMPORT_BODY_BYTES};
use crate::node::app::{
    Admission, Answer, App, Incoming, Invite, Join, OrderFault, OrderKind, OrderResult,
    PasswordReset, Publish, Reply, Update, UserOrder,
};
use crate::node::{Dependency, Outcome, Probe, Request, RequestPlace, Response};
use crate::protocol::MAX_CONTENT_CHARS;
use crate::time::UnixTime;

/// Recipe chat on SQLite, in `recipes.db` in the data directory.
///
/// The reactor's thread only validates a request's form. The storage thread, the reader of long texts
/// and the password-hashing threads do the rest. Nothing is acknowledged before it is on disk. Accounts
/// exist only while the server has a signing secret: with public keys, the external issuer has the
/// accounts.
///
/// ```no_run
/// # fn start(config: vestibule::Config) -> Result<(), Box<dyn std::error::Error>> {
/// use vestibule::recipes::RecipesApp;
///
/// let (app, answers) = RecipesApp::open(&config)?;
/// let server = vestibule::net::Server::bind(&config, Box::new(app))?;
/// let handle = server.handle();
/// answers.connect(move |done| {
///     handle.complete(done.ticket, done.outcome);
/// });
/// server.run()?;
/// # Ok(())
/// # }
/// ```
pub struct RecipesApp {
    pub(super) accounts: AccountService,
    keys: SigningKeys,
    tasks: TaskSender,
    bounds: Bounds,
    /// The same, of what answers other nodes.
    shared_bounds: Option<SharedBounds>,
    per_user: usize,
    max_members: usize,
    pub(super) deadlines: Deadlines,
    session_ends: SessionEnds,
    health: Arc<StorageHealth>,
    // Last: fields are dropped in this order, and the guard waits for the storage thread, which
    // ends when the last `Storage` is dropped.
    _join_guard: JoinGuard,
}

impl fmt::Debug for RecipesApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipesApp")
            .field("bounds", &self.bounds)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

impl RecipesApp {
    /// A place in the queue to the database: a task, and its user's places in four trees.
    pub const PLACE_BYTES: usize = 256;
    /// What the database's statements take, and a commit beside its pages.
    pub const DATABASE_BYTES: usize = 1 << 20;
    /// A sign-up or sign-in that waits: an address, a password, and what waits for their answer.
    pub const SIGN_UP_BYTES: usize = 2 << 10;
    /// What is remembered of the attempts of an account or an address.
    pub const ATTEMPT_BYTES: usize = AccountService::ATTEMPT_BYTES;

    /// What a question to the assistant's model takes: the recipe, and its JSON in a JSON text; the
    /// last messages and their answers, and the message, each twice.
    #[must_use]
    pub const fn model_question_bytes(assistant: &Assistant) -> usize {
        const TURN_BYTES: usize = 2 * 2 * 4 * MAX_TURN_CHARS;
        let message = 2 * 4 * MAX_CONTENT_CHARS;
        4 * MAX_RECIPE_BYTES + message + assistant.turns.saturating_mul(TURN_BYTES)
    }

    /// Opens the database in `config.data`, and starts the threads. Accounts are available while
    /// `config.auth.secret` is set.
    ///
    /// # Errors
    /// [`StorageError`] names the file or key at fault and says what to do.
    pub fn open(config: &Config) -> Result<(Self, CompletionSink), StorageError> {
        Self::open_with(config, storage::by_statement(), storage::BATCH_TIME)
    }

    /// [`open`](Self::open) with another commit function, and another time for the tasks of a
    /// transaction, for tests.
    pub(super) fn open_with(
        config: &Config,
        commit: Commit,
        batch_time: Duration,
    ) -> Result<(Self, CompletionSink), StorageError> {
        let opened = OpenStorage::open(Path::new(&config.data), config.recipes.disk.get())?;
        Self::open_on(config, opened, commit, batch_time)
    }

    /// The same on a database that is open.
    pub(super) fn open_on(
        config: &Config,
        opened: OpenStorage,
        commit: Commit,
        batch_time: Duration,
    ) -> Result<(Self, CompletionSink), StorageError> {
        storage::keep_pages(&opened.database, config.recipes.cache.get())
            .map_err(|error| StorageError::Cache(error.into()))?;
        let (health, bounds) = (opened.health(), Bounds::new(config));
        if !bounds.publishes {
            publications::begin_all_anew(&opened.database).map_err(|error| {
                let path = Path::new(&config.data).join("recipes.db");
                StorageError::Open { path, error: error.into() }
            })?;
        } else if !bounds.keeps_publications
            && let Err(error) = publications::forget_all(&opened.database)
        {
            log::warn!("messages that were kept for clients that resume stay for now: {error}");
        }
        let limits = &config.limits;
        let queue_limits = QueueLimits {
            items: limits.storage_queue,
            bytes: limits.work_total.get(),
            // What a batch has to say is delivered together, into the workers' queue: of each message two
            // publications and its answer.
            batch: limits.worker_queue / 3,
            batch_time,
        };
        let (storage, join_guard) =
            Storage::start(opened, queue_limits, commit).map_err(StorageError::Thread)?;
        let (completions, keys) = (CompletionSink::default(), SigningKeys::new(config));
        let shared = (completions.clone(), keys.clone(), Arc::clone(&health));
        let accounts =
            AccountService::new(config, storage.clone(), shared).map_err(StorageError::Thread)?;
        let reader = Reader::start(queue_limits).map_err(StorageError::Thread)?;
        let tasks = TaskSender { storage, reader, completions: completions.clone(), model: None };
        let app = Self {
            accounts,
            keys,
            tasks,
            bounds,
            shared_bounds: None,
            per_user: config.recipes.per_user,
            max_members: config.recipes.members,
            deadlines: Deadlines::default(),
            session_ends: SessionEnds::new(config.limits.revocations),
            health,
            _join_guard: join_guard,
        };
        Ok((app, completions))
    }

    /// Has `ask` asked about messages that the assistant's rules do not understand. Call it before the
    /// server runs.
    pub fn set_model(&mut self, config: &Config, ask: AskModel) {
        self.bounds.turns = Some(config.assistant.turns);
        self.tasks.model = Some(Arc::new(Model::new(config, ask)));
    }

    /// What answers joins and messages that come to other nodes of a cluster, with the same database, and
    /// where its answers come out. Its events come out where those of this application do. Call it behind
    /// [`set_model`](Self::set_model), and drop it before this.
    pub fn for_other_nodes(&mut self) -> (SharedRecipes, CompletionSink) {
        let bounds = self.shared_bounds.insert(Arc::new(Mutex::new(self.bounds)));
        SharedRecipes::new(&self.tasks, Arc::clone(bounds))
    }

    /// Another node has ended the sessions of this user.
    fn end_sessions_later(&self, now: UnixTime, user: &str, at: UnixTime) -> Reply<OrderResult> {
        if !self.session_ends.add(now, user, at) {
            return Reply::Now(Err(OrderFault::Unavailable));
        }
        self.session_ends.run(now, &self.tasks.storage, &self.tasks.completions);
        Reply::Held
    }

    #[cfg(test)]
    pub(super) fn storage(&self) -> &Storage {
        &self.tasks.storage
    }

    fn room_calls(&self) -> RoomCalls<'_> {
        RoomCalls { tasks: &self.tasks, bounds: self.bounds }
    }

    fn own_requests(&self) -> OwnRequests<'_> {
        let page_bytes = self.bounds.list();
        OwnRequests { tasks: &self.tasks, accounts: &self.accounts, page_bytes }
    }

    fn requests(&self) -> RecipeRequests<'_> {
        let (max, max_members) = (self.per_user, self.max_members);
        let (tasks, bounds, health) = (&self.tasks, self.bounds, &self.health);
        RecipeRequests { tasks, bounds, max, max_members, next_end: &self.deadlines.ends, health }
    }
}

impl App for RecipesApp {
    /// What rooms are told is stored with what it tells of, and then delivered; in a cluster by the engine.
    fn stores_publications(&self) -> bool {
        self.bounds.publishes
    }

    fn is_owner(&self) -> bool {
        !self.bounds.publishes
    }

    fn on_join(&mut self, join: &Join<'_>) -> Reply<Admission> {
        self.room_calls().join(join)
    }

    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        self.room_calls().message(message)
    }

    /// Stores what is said, and a recipe as a change that `Undo` reverts. A text alone is also said on a
    /// full disk.
    fn on_publish(&mut self, publish: &Publish<'_>) -> Reply<Answer> {
        let (room, now, bounds) = (publish.room.to_owned(), publish.now, self.bounds);
        let health = Arc::clone(&self.health);
        let said = Update { recipe_data: None, ..(**publish.update).clone() };
        let recipe = publish.update.recipe_data.clone();
        let bytes = publish.update.weight();
        let origin = TaskOrigin::server().with_text(bytes).until(publish.start);
        let origin = if recipe.is_some() { origin.growing() } else { origin };
        let question = StorageQuestion { ticket: publish.ticket, origin };
        let read = move || {
            let recipe = recipe.map(|recipe| Draft::parse(recipe.as_str().as_bytes()));
            Ok((said, recipe.transpose()))
        };
        self.tasks.answer(question, read, move |database, said| {
            // What is only said is not kept then: the room that is left is for what must work.
            let mut bounds = bounds;
            bounds.keeps_publications &= !health.is_full();
            announcements::publish(database, &room, said, now, &bounds).map(MessageDone::Done)
        })
    }

    /// Ends the user's sessions, so that no refresh token is valid any more. A locked account also
    /// refuses the password.
    fn on_order(&mut self, order: &UserOrder<'_>) -> Reply<OrderResult> {
        let (kind, user, now) = (order.kind, order.user.to_owned(), order.now);
        if kind != OrderKind::Disconnect && !self.keys.are_there() {
            return Reply::Now(Err(OrderFault::NotSupported));
        }
        if let Some(at) = order.up_to {
            return self.end_sessions_later(now, order.user, at);
        }
        let work = move |database: &rusqlite::Connection| match kind {
            OrderKind::Disconnect => {
                own_sessions::end(database, &user, &EndedSessions::All).map(|_| true)
            }
            OrderKind::Lock => users::lock(database, &user, Some(now)),
            OrderKind::Unlock => users::lock(database, &user, None),
        };
        let question = StorageQuestion { ticket: order.ticket, origin: TaskOrigin::server() };
        let asked = self.tasks.store(question, work, |done| {
            Outcome::Order(match done {
                Ok(true) => Ok(()),
                Ok(false) => Err(OrderFault::NoSuchUser),
                Err(TaskError::Busy | TaskError::Unavailable) => Err(OrderFault::Unavailable),
                Err(_) => Err(OrderFault::Failed),
            })
        });
        match asked {
            Ok(()) => Reply::Held,
            Err(Busy) => Reply::Now(Err(OrderFault::Unavailable)),
        }
    }

    fn on_invite(&mut self, invite: &Invite<'_>) -> Reply<Response> {
        self.accounts.invite(invite)
    }

    fn on_password_reset(&mut self, reset: &PasswordReset<'_>) -> Reply<Response> {
        self.accounts.reset_password(reset)
    }

    /// Applies the signing secret and the size of the outbox. The sections `recipes` and `accounts`
    /// take effect at the next start.
    fn on_reload(&mut self, config: &Config) {
        self.keys.replace(config);
        self.bounds.reload(config);
        self.accounts.reload(&config.limits);
        self.session_ends.set_max_users(config.limits.revocations);
        if let Some(shared) = &self.shared_bounds {
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = self.bounds;
        }
    }

    fn next_deadline(&self) -> Option<UnixTime> {
        [self.deadlines.next(), self.session_ends.next()].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: UnixTime) {
        self.deadlines.run(now, &self.tasks.storage, &self.tasks.completions);
        self.session_ends.run(now, &self.tasks.storage, &self.tasks.completions);
    }

    fn dependencies(&self) -> Vec<Dependency> {
        vec![self.health.dependency()]
    }

    fn probe(&self) -> Option<Probe> {
        let (health, waiting) = (Arc::clone(&self.health), self.tasks.storage.waiting());
        let ends = self.session_ends.clone();
        Some(Arc::new(move || {
            let mut readings = health.readings(waiting());
            readings.extend(ends.readings());
            readings
        }))
    }

    fn serves(&self, path: &str) -> bool {
        match RecipeRoute::of(path) {
            Some(RecipeRoute::Account(_) | RecipeRoute::Own(_) | RecipeRoute::Session(_)) => {
                self.keys.are_there()
            }
            Some(_) => true,
            // The page begins with a sign-in, so it needs accounts.
            None => page::serves(path) && self.keys.are_there(),
        }
    }

    /// An imported text may be longer than other bodies.
    fn body_bytes(&self, path: &str) -> Option<usize> {
        (RecipeRoute::of(path) == Some(RecipeRoute::Import)).then_some(IMPORT_BODY_BYTES)
    }

    fn request_place(&self, path: &str) -> RequestPlace {
        match RecipeRoute::of(path) {
            Some(RecipeRoute::Description) => RequestPlace::Nowhere,
            Some(RecipeRoute::Account(AccountCall::Refresh)) => RequestPlace::Refresh,
            Some(_) => RequestPlace::Ordinary,
            None if page::serves(path) => RequestPlace::Nowhere,
            None => RequestPlace::Ordinary,
        }
    }

    fn requires_bearer_check(&self, path: &str) -> bool {
        let route = RecipeRoute::of(path);
        !matches!(route, Some(RecipeRoute::Account(_) | RecipeRoute::Description))
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        let Some(route) = RecipeRoute::of(request.path) else {
            return Reply::Now(page::request(request));
        };
        let checked = route.check(request.method).and_then(|parameters| {
            http::check_media_type(request)?;
            Query::parse(request.query, parameters)
        });
        let query = match checked {
            Ok(query) => query,
            Err(refusal) => return Reply::Now(refusal),
        };
        match (route, request.user) {
            (RecipeRoute::Description, _) => Reply::Now(openapi::response()),
            (RecipeRoute::Account(call), _) => self.accounts.call(call, request),
            (RecipeRoute::Own(call), Some(user)) => {
                self.own_requests().answer(call, &query, request, user)
            }
            (RecipeRoute::Session(id), Some(user)) => {
                self.own_requests().end(EndedSessions::One(id.to_owned()), request, user)
            }
            (route, Some(user)) => self.requests().answer(route, &query, request, user),
            (_, None) => Reply::Now(http::unauthorized()),
        }
    }
}
