//! Recipes that come from elsewhere and go elsewhere: import and export over HTTP.

use super::export::{self, ExportFormat};
use super::http::{self, Fields, Query};
use super::read::{ReadError, ReadRecipe, read};
use super::recipe::{Draft, Recipe};
use super::requests::RecipeRequests;
use super::storage::TaskOrigin;
use super::storage::{list, members};
use crate::node::app::Reply;
use crate::node::{Request, Response};

/// The longest text that is imported, in bytes. `IMPORT_BODY_BYTES` bounds it as JSON.
const MAX_IMPORT_BYTES: usize = 256 << 10;

impl RecipeRequests<'_> {
    /// Creates a recipe from a text: pasted, or JSON.
    pub(super) fn import(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        self.create_from(request, user, |body| {
            let mut fields = Fields::parse(body)?;
            let (text, title) = (fields.text("text")?, fields.optional_text("title")?);
            if text.len() > MAX_IMPORT_BYTES {
                return Err(http::bad_field("text", "must be at most 256 KiB"));
            }
            let ReadRecipe { draft, unread } = imported(&text)?;
            let title = title.unwrap_or(draft.title).trim().to_owned();
            if title.is_empty() {
                let problem = "must be there, as the text has none";
                return Err(http::bad_field("title", problem));
            }
            Ok(ReadRecipe { draft: Draft { title, ..draft }, unread })
        })
    }

    pub(super) fn export(
        &self,
        id: &str,
        query: &Query,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let format = match query.format() {
            Ok(format) => format,
            Err(refusal) => return Reply::Now(refusal),
        };
        let (id, now) = (id.to_owned(), request.now);
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| members::find(database, &id, user, now),
            move |found| {
                let recipe = found.map(|found| export::one(&found.stored.recipe, format));
                recipe.unwrap_or_else(http::recipe_not_found)
            },
        )
    }

    pub(super) fn export_all(
        &self,
        query: &Query,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let page = query.format().and_then(|it| Ok((it, query.limit()?, query.before()?)));
        let (format, limit, before) = match page {
            Ok(page) => page,
            Err(refusal) => return Reply::Now(refusal),
        };
        let most = self.bounds.list();
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| list::export(database, user, (limit, before.as_deref()), most),
            move |page| {
                let Some((bodies, next)) = page else { return http::invalid_page() };
                let recipes: Result<Vec<Recipe>, _> =
                    bodies.iter().map(|body| serde_json::from_str(body)).collect();
                let Ok(recipes) = recipes else { return http::internal_error() };
                let response = export::all(&recipes, next.as_deref(), format);
                match next {
                    Some(next) => response.with("Link", next_page(format, limit, &next)),
                    None => response,
                }
            },
        )
    }
}

/// The `Link` to the next page (RFC 8288).
fn next_page(format: ExportFormat, limit: usize, before: &str) -> String {
    let format = format.name();
    format!("</v1/recipes/export?format={format}&limit={limit}&before={before}>; rel=\"next\"")
}

/// What a text is read as.
fn imported(text: &str) -> Result<ReadRecipe, Response> {
    read(text).map_err(|fault| match fault {
        ReadError::Invalid(fault) => http::bad_recipe(&fault),
        fault => http::bad_field("text", &format!("must be a recipe: {fault}")),
    })
}
