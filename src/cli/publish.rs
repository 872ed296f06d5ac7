//! `vestibule publish`: whom a text is for, and how many got it.

use serde_json::{Value, json};
use vestibule::id::ConnId;

use super::ask::{AdminArgs, connections, encoded};
use super::text;

/// The flags of `vestibule publish`.
#[derive(Debug, clap::Args)]
pub(super) struct PublishArgs {
    /// The room and the text; or the text alone, with --room, --user or --connection
    #[arg(value_name = "ROOM TEXT", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// To everybody in this room. May be repeated
    #[arg(long, value_name = "ROOM")]
    room: Vec<String>,
    /// To all connections of this user: the `sub` of the tokens. May be repeated
    #[arg(long, value_name = "USER")]
    user: Vec<String>,
    /// To this connection. May be repeated
    #[arg(long, value_name = "ID")]
    connection: Vec<ConnId>,
    /// Publish once, however often this is called with the same key and text within 24 hours
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

impl PublishArgs {
    /// The path and body of the call.
    pub(super) fn call(&self) -> Result<(String, String), String> {
        let connections: Vec<_> = self.connection.iter().map(ToString::to_string).collect();
        let has_targets = [&self.room, &self.user, &connections].iter().any(|it| !it.is_empty());
        let (path, mut body) = match (self.words.as_slice(), has_targets) {
            ([room, content], false) => {
                let path = format!("/v1/rooms/{}/publish", encoded(room));
                (path, json!({ "content": content }))
            }
            ([content], true) => {
                let body = json!({
                    "rooms": self.room,
                    "users": self.user,
                    "connections": connections,
                    "content": content,
                });
                ("/v1/publish".to_owned(), body)
            }
            ([_], false) => {
                return Err(
                    "expected a room before the text, or --room, --user or --connection".to_owned()
                );
            }
            _ => return Err(
                "expected one text: with --room, --user or --connection no room stands before it"
                    .to_owned(),
            ),
        };
        if let (Some(key), Some(body)) = (&self.idempotency_key, body.as_object_mut()) {
            body.insert("idempotency_key".to_owned(), key.as_str().into());
        }
        Ok((path, body.to_string()))
    }
}

/// How many a publication was for, and where it failed.
pub(super) fn published(answer: &Value) -> String {
    let queued =
        format!("queued for {}{}\n", connections(answer, "delivered"), confirmed_by(answer));
    let failed = answer.pointer("/failed/rooms").and_then(Value::as_array);
    let failed = failed.into_iter().flatten().filter_map(Value::as_str);
    failed.fold(queued, |said, room| format!("{said}failed in {}\n", text::one_line(room)))
}

/// At how many nodes of a cluster it was done, if not at all: the others do it too, and have not said so in time.
pub(super) fn confirmed_by(answer: &Value) -> String {
    let count = |name: &str| answer.pointer(name).and_then(Value::as_u64);
    let (confirmed, total) = (count("/nodes/confirmed"), count("/nodes/total"));
    let nodes = confirmed.zip(total).filter(|(confirmed, total)| confirmed < total);
    let nodes = nodes.map(|(confirmed, total)| format!(" at {confirmed} of {total} nodes"));
    nodes.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_where_some_have_not_confirmed() {
        let of = |confirmed: u64| {
            confirmed_by(&json!({ "nodes": { "confirmed": confirmed, "total": 3 } }))
        };
        assert_eq!((&*of(2), &*of(3)), (" at 2 of 3 nodes", ""));
        assert_eq!(confirmed_by(&json!({ "delivered": 2 })), "");
    }
}
