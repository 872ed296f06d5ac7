//! The answers to `/v1/recipes/{id}/members` and `/v1/recipes/join`: sharing a recipe.

use std::sync::Arc;

use serde::Serialize;

use super::accounts::invitations::{self, NewInvitation};
use super::accounts::random_id;
use super::completions::HttpAnswer;
use super::http::{self, Fields};
use super::requests::RecipeRequests;
use super::storage::TaskOrigin;
use super::storage::member_changes::{self, InviteOutcome, Invited, NewMember, Removed};
use super::storage::members::{self, MemberView, RecipeRole};
use crate::node::app::Reply;
use crate::node::{Request, Response};
use crate::time::Rfc3339;

/// The name by which members remove themselves. No id is that short.
const ME: &str = "me";

/// An invitation as its owner is told of it.
#[derive(Serialize)]
struct InvitationView<'a> {
    id: &'a str,
    role: &'static str,
    email: Option<&'a str>,
    /// Shown here only.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    expires_at: Option<Rfc3339>,
}

impl RecipeRequests<'_> {
    /// Invites an address, or whoever has the code that is returned.
    pub(super) fn invite(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        let now = request.now;
        let read = move |body: &[u8]| {
            let mut fields = Fields::parse(body)?;
            let role = role_of(&mut fields)?;
            let invitation = NewInvitation::new(fields.optional_text("email")?.as_deref())?;
            let expires_at = fields.optional_seconds("valid_seconds")?.map(|valid| now + valid);
            Ok((role, invitation, expires_at))
        };
        let (recipe, most) = (id.to_owned(), self.max_members);
        let (health, next_end) = (Arc::clone(self.health), Arc::clone(self.next_end));
        self.tasks.read_request(request, user, read, move |database, user, read| {
            let (role, invitation, expires_at) = read;
            let NewInvitation { code, hash, email } = invitation;
            let Ok(id) = random_id() else { return Ok(http::internal_error().into()) };
            let invited = email.clone().map_or(Invited::Code(hash), Invited::Email);
            let code = email.is_none().then_some(&*code);
            let new = NewMember { id, role, invited, now, expires_at };
            let mut events = member_changes::forget_ended(database, &recipe, now)?;
            let done = member_changes::invite(database, (&recipe, user), new, most)?;
            let response = match done {
                InviteOutcome::Done(id, event) => {
                    events.extend(event);
                    expires_at.inspect(|end| next_end.add(*end));
                    let (email, expires_at) =
                        (email.as_deref(), expires_at.map(|it| it.to_rfc3339()));
                    let role = role.name();
                    Response::json(201, &InvitationView { id: &id, role, email, code, expires_at })
                }
                InviteOutcome::Missing => http::recipe_not_found(),
                InviteOutcome::Own => http::bad_field("email", "is your own"),
                InviteOutcome::TooMany => {
                    health.count_refused_member();
                    http::too_many_members()
                }
            };
            Ok(HttpAnswer { response, events })
        })
    }

    pub(super) fn members(&self, id: &str, request: &Request<'_>, user: &str) -> Reply<Response> {
        #[derive(Serialize)]
        struct Members {
            members: Vec<MemberView>,
        }
        let (id, now) = (id.to_owned(), request.now);
        self.tasks.request(
            request,
            user,
            TaskOrigin::reading,
            move |database, user| members::list(database, (&id, user), now),
            |members| {
                let members = members.map(|members| Response::json(200, &Members { members }));
                members.unwrap_or_else(http::recipe_not_found)
            },
        )
    }

    /// Changes what a member may do, or whoever uses an invitation.
    pub(super) fn set_role(
        &self,
        id: &str,
        member: &str,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let role = match Fields::parse(request.body).and_then(|mut fields| role_of(&mut fields)) {
            Ok(role) => role,
            Err(refusal) => return Reply::Now(refusal),
        };
        let (id, member, now) = (id.to_owned(), member.to_owned(), request.now);
        self.tasks.request(
            request,
            user,
            |origin| origin,
            move |database, user| {
                member_changes::set_role(database, (&id, user), &member, role, now)
            },
            |changed| {
                let Some((member, event)) = changed else { return http::no_member().into() };
                HttpAnswer::with(Response::json(200, &member), event)
            },
        )
    }

    /// Removes a member or an invitation, and closes the member's connections to the room.
    pub(super) fn remove(
        &self,
        id: &str,
        member: &str,
        request: &Request<'_>,
        user: &str,
    ) -> Reply<Response> {
        let (id, now) = (id.to_owned(), request.now);
        let removed = if member == ME { Removed::Own } else { Removed::One(member.to_owned()) };
        self.tasks.request(
            request,
            user,
            TaskOrigin::erasing,
            move |database, user| member_changes::remove(database, (&id, user), &removed, now),
            move |removed| {
                let Some(event) = removed else { return http::no_member().into() };
                HttpAnswer::with(http::done(), event)
            },
        )
    }

    /// Uses the code of an invitation.
    pub(super) fn join(&self, request: &Request<'_>, user: &str) -> Reply<Response> {
        #[derive(Serialize)]
        struct Joined<'a> {
            recipe_id: &'a str,
            role: &'static str,
        }
        let code = Fields::parse(request.body).and_then(|mut fields| fields.text("code"));
        let (code, now) = match code {
            Ok(code) => (invitations::hash(&code), request.now),
            Err(refusal) => return Reply::Now(refusal),
        };
        self.tasks.request(
            request,
            user,
            TaskOrigin::growing,
            move |database, user| members::redeem(database, &code, user, now),
            |joined| {
                let Some((recipe_id, role)) = joined else { return invitations::invalid() };
                let joined = Joined { recipe_id: &recipe_id, role: role.name() };
                Response::json(200, &joined)
            },
        )
    }
}

/// The role in a body, which is not the owner's.
fn role_of(fields: &mut Fields) -> Result<RecipeRole, Response> {
    match fields.text("role")?.as_str() {
        "reader" => Ok(RecipeRole::Reader),
        "editor" => Ok(RecipeRole::Editor),
        _ => Err(http::bad_field("role", "must be reader or editor")),
    }
}
