//! The server's JSON about connections, as text for people.

use std::time::Duration;

use serde_json::Value;
use vestibule::time::{UnixTime, parse_date_time};

/// The close reasons that are caused by invalid messages.
const INVALID_MESSAGE_REASONS: [&str; 3] =
    ["invalid_auth_message_format", "missing_auth_token", "too_many_invalid_messages"];

/// Describes one connection: its user, a timeline, and the meaning of its end or state.
pub(super) fn describe(record: &Value) -> Vec<String> {
    let now = moment(record, "now").unwrap_or_default();
    let mut lines = vec![headline(record), String::new()];
    let mut event = |of: &Value, name: &str, what: &str| {
        if let (Some(at), Some(moment)) = (of.get(name).and_then(Value::as_str), moment(of, name)) {
            lines.push(format!("  {at}  {:>14}  {what}", relative(now, moment)));
        }
    };
    event(record, "accepted_at", "accepted");
    event(record, "upgraded_at", "upgraded to a WebSocket");
    event(record, "authenticated_at", "authenticated and joined the room");
    if let Some(live) = part(record, "live") {
        event(live, "heard_at", "last frame received");
        event(live, "deadline", at_deadline(text(record, "state")));
        event(live, "token_ends_at", "token expires");
    }
    if let Some(end) = part(record, "end") {
        event(end, "at", &ending(end));
    }
    lines.extend([String::new(), activity(record)]);
    if let Some(fault) = record.get("fault").and_then(Value::as_str) {
        lines.push(format!("Last invalid message: {fault}."));
    }
    if let Some(end) = part(record, "end") {
        if let Some(fault) = end.get("token_fault").and_then(Value::as_str) {
            lines.push(format!("The token: {fault}."));
        }
        lines.push(format!("{}.", text(end, "meaning")));
    }
    lines
}

/// Describes closed connections, one line each; or says that there are none, of all or of those asked for.
pub(super) fn list(record: &Value, is_filtered: bool) -> Vec<String> {
    let now = moment(record, "now").unwrap_or_default();
    let ends = record.get("ends").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |record: &Value| {
        let end = part(record, "end")?;
        let ago = relative(now, moment(end, "at")?);
        let (id, address) = (text(record, "id"), text(record, "address"));
        let who = record.get("user_id").and_then(Value::as_str).unwrap_or("-");
        // The last invalid message is shown only where it is the cause.
        let fault = record.get("fault").and_then(Value::as_str);
        let fault = fault.filter(|_| INVALID_MESSAGE_REASONS.contains(&text(end, "reason")));
        let fault = end.get("token_fault").and_then(Value::as_str).or(fault);
        let fault = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
        Some(format!("{id}  {ago:>14}  {address}  {who}  {}{fault}", ending(end)))
    };
    let lines: Vec<String> = ends.iter().filter_map(line).collect();
    match (lines.is_empty(), is_filtered, record.get("remembered").and_then(Value::as_u64)) {
        (false, ..) => lines,
        (true, false, _) => vec!["No connection has closed yet.".to_owned()],
        (true, true, None) => vec!["No matching closed connections.".to_owned()],
        (true, true, Some(kept)) => {
            vec![format!(
                "No matching closed connections. The last {kept} are kept (limits.recent_ends)."
            )]
        }
    }
}

fn headline(record: &Value) -> String {
    let (id, state) = (text(record, "id"), text(record, "state"));
    let of = |name: &str, words: &str| match record.get(name).and_then(Value::as_str) {
        Some(value) => format!("{words}{value}"),
        None => String::new(),
    };
    let (user, room) = (of("user_id", " of "), of("room", ", room "));
    format!("Connection {id}{user}{room}, from {}: {state}", text(record, "address"))
}

/// Counts the connection's messages, and what is queued for it.
fn activity(record: &Value) -> String {
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
    let renewed = match record.get("reauthenticated").and_then(Value::as_bool) {
        Some(true) => "Re-authenticated",
        _ => "Not re-authenticated",
    };
    let mut words = format!("Messages received: {}. {renewed}.", number(record, "messages"));
    if let Some(live) = part(record, "live") {
        let (queued, waiting) = (number(live, "queued_bytes"), number(live, "waiting_messages"));
        words.push_str(&format!(
            " Queued output: {queued} bytes. Messages waiting for an earlier answer: {waiting}."
        ));
    }
    words
}

/// What happens at the deadline of a state.
fn at_deadline(state: &str) -> &'static str {
    match state {
        "handshaking" => "dropped, unless its request completes",
        "authenticating" => "closed, unless the client authenticates",
        "joining" => "closed, unless the application answers",
        "connected" => "re-authentication requested",
        "reauthenticating" => "closed, unless the client sends a new token",
        _ => "dropped",
    }
}

fn ending(end: &Value) -> String {
    let code = end.get("code").and_then(Value::as_u64).map(|code| format!(" {code}"));
    let code = code.unwrap_or_default();
    let (reason, state) = (text(end, "reason"), text(end, "state"));
    let said = end.get("text").and_then(Value::as_str).unwrap_or(reason);
    match text(end, "how") {
        "closed" => format!("closed by the server:{code} {said}, while {state}"),
        "closed_by_client" if code.is_empty() => {
            format!("closed by the client, without a code, while {state}")
        }
        "closed_by_client" => format!("closed by the client:{code}, while {state}"),
        "refused" => format!("refused:{code} {reason} ({said})"),
        "hung_up" => format!("the client disconnected ({reason}), while {state}"),
        "dropped" => format!("dropped without an answer ({reason}), while {state}"),
        other => format!("{other}{code} {reason}"),
    }
}

fn part<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|part| part.is_object())
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or("?")
}

fn moment(of: &Value, name: &str) -> Option<UnixTime> {
    parse_date_time(of.get(name)?.as_str()?)
}

/// Formats a moment relative to `now`: `3 min ago`, `in 20 s`.
fn relative(now: UnixTime, moment: UnixTime) -> String {
    if moment > now {
        format!("in {}", rounded(moment.since(now)))
    } else {
        format!("{} ago", rounded(now.since(moment)))
    }
}

/// Formats a duration in whole numbers of the largest unit that it has at least two of.
fn rounded(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ended() -> Value {
        json!({
            "id": "0000002a-000007", "state": "ended", "address": "192.0.2.7:9",
            "user_id": "alice", "room": "soup",
            "accepted_at": "2026-11-22T10:00:00.000Z", "upgraded_at": "2026-11-22T10:00:01.000Z",
            "authenticated_at": null, "messages": 1, "reauthenticated": false, "live": null,
            "end": {
                "at": "2026-11-22T10:00:06.000Z", "state": "authenticating", "how": "closed",
                "code": 1008, "reason": "token_expired", "text": "Token expired",
                "meaning": "Because",
            },
            "now": "2026-11-22T10:14:06.000Z",
        })
    }

    #[test]
    fn closed_connection_shows_timeline_and_cause() {
        let expected = [
            "Connection 0000002a-000007 of alice, room soup, from 192.0.2.7:9: ended",
            "",
            "  2026-11-22T10:00:00.000Z      14 min ago  accepted",
            "  2026-11-22T10:00:01.000Z      14 min ago  upgraded to a WebSocket",
            "  2026-11-22T10:00:06.000Z      14 min ago  closed by the server: 1008 Token \
             expired, while authenticating",
            "",
            "Messages received: 1. Not re-authenticated.",
            "Because.",
        ];
        assert_eq!(describe(&ended()), expected);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let mut record = ended();
        record["fault"] = "`id` must be a string of 1 to 128 characters".into();
        let lines = describe(&record);
        let expected = "Last invalid message: `id` must be a string of 1 to 128 characters.";
        assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
        // In the list it stands only where it is the cause.
        let list = |record: &Value| {
            list(&json!({ "ends": [record], "now": record["now"] }), false).concat()
        };
        assert!(!list(&record).contains("`id`"), "{}", list(&record));
        record["end"]["reason"] = "invalid_auth_message_format".into();
        assert!(list(&record).ends_with("(`id` must be a string of 1 to 128 characters)"));
    }

    #[test]
    fn the_fault_of_a_refused_token_is_shown() {
        let mut record = ended();
        record["end"]["token_fault"] = "its `exp` is missing".into();
        let lines = describe(&record);
        assert!(lines.contains(&"The token: its `exp` is missing.".to_owned()), "{lines:#?}");
        let list = list(&json!({ "ends": [record], "now": record["now"] }), false).concat();
        assert!(list.ends_with("(its `exp` is missing)"), "{list}");
    }

    #[test]
    fn live_connection_shows_its_next_deadline() {
        let mut record = ended();
        record["state"] = "connected".into();
        record["end"] = Value::Null;
        record["live"] = json!({
            "deadline": "2026-11-22T10:28:06.000Z", "token_ends_at": null,
            "heard_at": "2026-11-22T10:14:05.000Z", "queued_bytes": 7, "waiting_messages": 0,
        });
        let lines = describe(&record);
        assert!(lines[5].ends_with("      in 14 min  re-authentication requested"), "{lines:#?}");
        assert!(lines[7].contains("Queued output: 7 bytes"), "{lines:#?}");
    }

    #[test]
    fn closed_connections_are_one_line_each() {
        let record = json!({ "ends": [ended()], "now": "2026-11-22T13:00:06.000Z" });
        let expected = "0000002a-000007         3 h ago  192.0.2.7:9  alice  closed by the server: \
                        1008 Token expired, while authenticating";
        assert_eq!(list(&record, false), [expected]);
        let none = json!({ "ends": [], "remembered": 1024 });
        assert_eq!(list(&none, false), ["No connection has closed yet."]);
        let kept = "No matching closed connections. The last 1024 are kept (limits.recent_ends).";
        assert_eq!(list(&none, true), [kept]);
    }

    #[test]
    fn durations_are_rounded() {
        let rounded = |seconds| rounded(Duration::from_secs(seconds));
        assert_eq!([rounded(0), rounded(119), rounded(120)], ["0 s", "119 s", "2 min"]);
        assert_eq!(
            [rounded(7_199), rounded(7_200), rounded(200_000)],
            ["119 min", "2 h", "2 days"]
        );
    }
}
