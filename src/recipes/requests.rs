//! The answers to `/v1/recipes`.
//!
//! The reactor's thread only validates a request's form. Long bodies are read by the reader's thread,
//! and the storage thread does the rest, in the order in which it answers messages.

use super::accounts::random_id;
use super::http::{self, PageQuery, RecipeRoute};
use super::recipe::{Draft, Recipe};
use super::storage::TaskOrigin;
use super::storage::chat::Bounds;
use super::storage::recipes::{self, CreateFault};
use super::tasks::{HttpAnswer, TaskSender};
use crate::node::app::{Json, Reply};
use crate::node::{Method, Request, Response, RoomEvent};

/// Answers requests to `/v1/recipes`.
pub(super) struct RecipeRequests<'a> {
    pub(super) tasks: &'a TaskSender,
    pub(super) bounds: Bounds,
    /// The most recipes of a user.
    pub(super) max: usize,
}

impl RecipeRequests<'_> {
    /// Answers a request of `user`.
    pub(super) fn answer(
        &self,
        route: RecipeRoute<'_>,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        match (route, request.method) {
            (RecipeRoute::Recipe(id), Method::Delete) => self.delete(id, request, user),
            (RecipeRoute::Recipe(id), _) => self.read(id, request, user),
            (_, Method::Post) => self.create(request, user),
            _ => self.list(request, user),
        }
    }

    fn read(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let id = id.to_owned();
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| recipes::find(database, &id, user),
            |found| {
                let recipe = found.map(|stored| Response::json(200, &stored.recipe));
                recipe.unwrap_or_else(http::recipe_not_found)
            },
        )
    }

    fn list(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        let PageQuery { limit, before } = match PageQuery::parse(request.query) {
            Ok(query) => query,
            Err(refusal) => return Reply::Now(refusal),
        };
        let most = self.bounds.list();
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| recipes::list(database, user, limit, before.as_deref(), most),
            |page| page.map_or_else(http::invalid_page, |page| Response::json(200, &page)),
        )
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
                let event = Some(RoomEvent::Deleted { room });
                HttpAnswer { response: http::done(), event }
            },
        )
    }

    fn create(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        let Ok(id) = random_id() else { return Reply::Now(http::internal_error()) };
        let (now, bounds, max) = (request.now, self.bounds, self.max);
        let read = move |body: &[u8]| {
            let draft = Draft::parse(body).map_err(|fault| http::bad_recipe(&fault))?;
            fitting(Recipe::new(id, draft, now), &bounds)
        };
        self.tasks.read_request(request, user, read, move |database, user, recipe| {
            let created = recipes::create(database, &recipe, user, max, bounds.user_bytes)?;
            Ok(match created {
                Ok(()) => http::created(&recipe),
                Err(CreateFault::TooMany) => http::too_many_recipes(max),
                Err(CreateFault::TooMuch) => http::stores_too_much(bounds.user_bytes),
            }
            .into())
        })
    }
}

/// The recipe, if it keeps to its limits and is small enough to be sent.
fn fitting(
    recipe: Result<Recipe, super::recipe::DraftError>,
    bounds: &Bounds,
) -> Result<Recipe, Response> {
    let recipe = recipe.map_err(|fault| http::bad_recipe(&fault))?;
    let fits = Json::new(&recipe).is_ok_and(|recipe| bounds.fit(&recipe));
    if fits { Ok(recipe) } else { Err(http::bad_field("body", "must be a smaller recipe")) }
}
