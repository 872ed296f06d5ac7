//! The HTTP API: its routes, and the responses that its handlers share.

mod body;
mod query;
mod responses;
mod routes;
mod tags;

pub(super) use self::body::{Fields, check_media_type};
pub(super) use self::query::Query;
pub(super) use self::responses::*;
pub(super) use self::routes::{AccountCall, OwnCall, RecipeRoute};
pub(super) use self::tags::{names, names_revision, tag_of};
