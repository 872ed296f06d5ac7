//! The answers to `/v1/recipes`.
//!
//! The reactor's thread only validates a request's form. Long bodies are read by the reader's thread,
//! and the storage thread does the rest, in the order in which it answers messages.

use std::sync::Arc;

use super::accounts::random_id;
use super::completions::HttpAnswer;
use super::http::{self, Query, RecipeRoute};
use super::patch::RecipePatch;
use super::read::ReadRecipe;
use super::recipe::{Draft, DraftError, Recipe};
use super::storage::bounds::Bounds;
use super::storage::edits::{self, CopyOutcome, EditOutcome};
use super::storage::member_changes::{self, NextEnd};
use super::storage::members::{self, Accessible, RecipeAccess};
use super::storage::recipes::{self, CreateFault, Stored};
use super::storage::{StorageHealth, TaskOrigin};
use super::storage::{history, list};
use super::tasks::TaskSender;
use crate::node::app::{Json, Reply};
use crate::node::{AppEvent, Method, Request, Response};

/// Answers requests to `/v1/recipes`.
pub(super) struct RecipeRequests<'a> {
    pub(super) tasks: &'a TaskSender,
    pub(super) bounds: Bounds,
    /// The most recipes of a user.
    pub(super) max: usize,
    /// The most members and open invitations of a recipe.
    pub(super) max_members: usize,
    /// When the next membership ends.
    pub(super) next_end: &'a Arc<NextEnd>,
    pub(super) health: &'a Arc<StorageHealth>,
}

impl RecipeRequests<'_> {
    /// Answers a request of `user`.
    pub(super) fn answer(
        &self,
        route: RecipeRoute<'_>,
        query: &Query,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        match (route, request.method) {
            (RecipeRoute::Recipe(id), Method::Delete) => self.delete(id, request, user),
            (RecipeRoute::Recipe(id), Method::Patch) => self.change(id, request, user),
            (RecipeRoute::Recipe(id), _) => self.read(id, request, user),
            (RecipeRoute::Duplicate(id), _) => self.duplicate(id, request, user),
            (RecipeRoute::Import, _) => self.import(request, user),
            (RecipeRoute::Export(id), _) => self.export(id, query, request, user),
            (RecipeRoute::ExportAll, _) => self.export_all(query, request, user),
            (RecipeRoute::Messages(id), _) => self.messages(id, query, request, user),
            (RecipeRoute::Members(id), Method::Post) => self.invite(id, request, user),
            (RecipeRoute::Members(id), _) => self.members(id, request, user),
            (RecipeRoute::Member(id, member), Method::Patch) => {
                self.set_role(id, member, request, user)
            }
            (RecipeRoute::Member(id, member), _) => self.remove(id, member, request, user),
            (RecipeRoute::Join, _) => self.join(request, user),
            (_, Method::Post) => self.create(request, user),
            _ => self.list(query, request, user),
        }
    }

    fn read(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let (id, now) = (id.to_owned(), request.now);
        let known = request.if_none_match.map(str::to_owned);
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| {
                let Some(found) = members::find(database, &id, user, now)? else { return Ok(None) };
                let Accessible { stored, owner, role } = found;
                Ok(Some((stored, RecipeAccess::new(database, role, owner)?)))
            },
            move |found| {
                let Some((Stored { revision, recipe, .. }, access)) = found else {
                    return http::recipe_not_found();
                };
                let tag = http::tag_of(revision, access.role);
                if known.is_some_and(|tags| http::names(&tags, &tag)) {
                    return http::not_modified(tag);
                }
                http::shown(200, &recipe, revision, &access)
            },
        )
    }

    fn list(&self, query: &Query, request: &Request<'_>, user: &str) -> Reply<Response> {
        let query = match query.of_list() {
            Ok(query) => query,
            Err(refusal) => return Reply::Now(refusal),
        };
        let (now, most) = (request.now, self.bounds.list());
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| list::list(database, user, &query, now, most),
            |page| page.map_or_else(http::invalid_page, |page| Response::json(200, &page)),
        )
    }

    /// Changes a recipe that has not changed since the client has read it, and tells its room.
    fn change(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let Some(tags) = request.if_match.map(str::to_owned) else {
            return Reply::Now(http::condition_required());
        };
        let (id, now, bounds) = (id.to_owned(), request.now, self.bounds);
        let read = |body: &[u8]| RecipePatch::parse(body).map_err(|fault| http::bad_recipe(&fault));
        self.tasks.read_request(request, user, read, move |database, user, patch| {
            let is_wanted = |revision| http::names_revision(&tags, revision);
            let mut events = member_changes::forget_ended(database, &id, now)?;
            let done = edits::edit(database, (&id, user), is_wanted, patch, now, &bounds)?;
            let response = match done {
                EditOutcome::Done(changed, event) => {
                    events.extend(event);
                    let Accessible { stored: Stored { revision, recipe, .. }, owner, role } =
                        *changed;
                    let access = RecipeAccess::new(database, role, owner)?;
                    http::shown(200, &recipe, revision, &access)
                }
                EditOutcome::Missing => http::recipe_not_found(),
                EditOutcome::ReadOnly => http::read_only(),
                EditOutcome::OtherRevision => http::other_revision(),
                EditOutcome::TooMuch => http::stores_too_much(bounds.user_bytes),
                EditOutcome::Invalid(fault) => http::bad_recipe(&fault),
                EditOutcome::TooLarge => too_large(),
            };
            Ok(HttpAnswer { response, events })
        })
    }

    fn duplicate(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let Ok(new) = random_id() else { return Reply::Now(http::internal_error()) };
        let (id, now, bounds, max) = (id.to_owned(), request.now, self.bounds, self.max);
        let read = |body: &[u8]| {
            let patch =
                if body.is_empty() { Ok(RecipePatch::default()) } else { RecipePatch::parse(body) };
            patch.map_err(|fault| http::bad_recipe(&fault))
        };
        self.tasks.read_request(request, user, read, move |database, user, patch| {
            let limits = (max, &bounds);
            let done = edits::duplicate(database, (&id, user), new, patch, now, limits)?;
            Ok(match done {
                CopyOutcome::Done(recipe) => http::created(&recipe, &[]),
                CopyOutcome::Missing => http::recipe_not_found(),
                CopyOutcome::Refused(fault) => not_created(fault, max, &bounds),
                CopyOutcome::Invalid(fault) => http::bad_recipe(&fault),
            }
            .into())
        })
    }

    /// Deletes a recipe for good, and closes its room.
    fn delete(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let (id, room) = (id.to_owned(), id.to_owned());
        self.tasks.request(
            request,
            user,
            TaskOrigin::erasing,
            move |database, user| recipes::delete(database, &id, user),
            |is_deleted| {
                if !is_deleted {
                    return http::recipe_not_found().into();
                }
                let event = Some(AppEvent::RoomDeleted { room });
                HttpAnswer::with(http::done(), event)
            },
        )
    }

    fn messages(
        &self,
        id: &str,
        query: &Query,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let (limit, before) = match query.limit().and_then(|it| Ok((it, query.before_message()?))) {
            Ok(page) => page,
            Err(refusal) => return Reply::Now(refusal),
        };
        let (id, now, most) = (id.to_owned(), request.now, self.bounds.list());
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| history::page(database, (&id, user, now), before, limit, most),
            |page| page.map_or_else(http::recipe_not_found, |page| Response::json(200, &page)),
        )
    }

    fn create(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        self.create_from(request, user, |body| {
            let draft = Draft::parse(body).map_err(|fault| http::bad_recipe(&fault))?;
            Ok(ReadRecipe { draft, unread: Vec::new() })
        })
    }

    /// Stores what `read` reads of the body as a new recipe.
    pub(super) fn create_from(
        &self,
        request: &Request<'_>,
        user: &str,
        read: impl FnOnce(&[u8]) -> Result<ReadRecipe, Response> + Send + 'static,
    ) -> Reply<Response> {
        let Ok(id) = random_id() else { return Reply::Now(http::internal_error()) };
        let (now, bounds, max) = (request.now, self.bounds, self.max);
        let read = move |body: &[u8]| {
            let ReadRecipe { draft, unread } = read(body)?;
            Ok((fitting(Recipe::new(id, draft, now), &bounds)?, unread))
        };
        self.tasks.read_request(request, user, read, move |database, user, (recipe, unread)| {
            let created = recipes::create(database, &recipe, user, (max, bounds.user_bytes), now)?;
            let created = created.map(|()| http::created(&recipe, &unread));
            Ok(created.unwrap_or_else(|fault| not_created(fault, max, &bounds)).into())
        })
    }
}

/// The recipe, if it keeps to its limits and is small enough to be sent.
fn fitting(recipe: Result<Recipe, DraftError>, bounds: &Bounds) -> Result<Recipe, Response> {
    let recipe = recipe.map_err(|fault| http::bad_recipe(&fault))?;
    let fits = Json::new(&recipe).is_ok_and(|recipe| bounds.fit(&recipe));
    if fits { Ok(recipe) } else { Err(too_large()) }
}

fn too_large() -> Response {
    http::bad_field("body", "must be a smaller recipe")
}

fn not_created(fault: CreateFault, max: usize, bounds: &Bounds) -> Response {
    match fault {
        CreateFault::TooMany => http::too_many_recipes(max),
        CreateFault::TooMuch => http::stores_too_much(bounds.user_bytes),
    }
}
