//! Messages: from the text of a frame, and to it.
//!
//! One iteration of `parse` reads one message (beside `serde_json::Value` over the same text, the
//! tree that one would judge otherwise); one of `serialise` writes one `recipe_update` with a recipe
//! of about 1 KiB into a buffer that is used again.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use vestibule::Json;
use vestibule::id::{MessageIds, Seed};
use vestibule::protocol::{self, RecipeUpdate, ServerMessage, SessionInfo};
use vestibule::time::UnixTime;

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

fn parse(c: &mut Criterion, name: &str, payload: &Value) {
    let kind = if name == "auth" { "auth" } else { "chat_message" };
    let text = format!(
        r#"{{"type":"{kind}","id":"msg_123","timestamp":"2026-11-22T10:00:00.000Z","payload":{payload}}}"#
    );
    assert!(protocol::parse(&text).is_ok());
    let mut group = c.benchmark_group(format!("message/parse/{name}"));
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("ours", |b| b.iter(|| protocol::parse(black_box(&text)).is_ok()));
    group.bench_function("serde_json_value", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(&text)).unwrap());
    });
}

fn serialise(c: &mut Criterion) {
    let ingredient = json!({ "text": "400 g flour", "quantity": 400, "unit": "g" });
    let recipe = json!({ "id": "soup", "title": "Soup", "ingredients": vec![ingredient; 20] });
    let recipe = Json::new(&recipe).unwrap();
    let raw = serde_json::from_str(recipe.as_str()).unwrap();
    let id = MessageIds::new(Seed::predictable(1)).next(NOW);
    let mut buffer = Vec::new();
    c.bench_function("message/serialise/recipe_update", |b| {
        b.iter(|| {
            buffer.clear();
            let session = SessionInfo {
                user_id: "alice",
                expires_at: NOW.to_rfc3339(),
                reauth_at: NOW.to_rfc3339(),
                ping_interval_ms: 30_000,
                resume: None,
                reconnect: None,
            };
            let update = RecipeUpdate {
                request_id: Some("msg_123"),
                content: "Connected to recipe chat. How can I help you with this recipe?",
                recipe_data: Some(raw),
                session: Some(session),
                history: None,
                position: None,
                resumed: None,
                missed: None,
                source: None,
            };
            let message = ServerMessage::new(&id, NOW.to_rfc3339(), update);
            serde_json::to_writer(&mut buffer, black_box(&message)).unwrap();
            buffer.len()
        });
    });
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    parse(&mut c, "auth", &json!({ "token": "x".repeat(180) }));
    parse(&mut c, "chat", &json!({ "content": "Scale to 8 servings" }));
    parse(&mut c, "chat_16k", &json!({ "content": "Extract recipe from: ".repeat(780) }));
    serialise(&mut c);
    c.final_summary();
}
