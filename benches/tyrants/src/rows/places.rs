//! Places that clients hold before they are known: of HTTP requests, and of connections.

use std::error::Error;

use serde_json::json;

use super::accounts::sign_up;
use super::{attacker_at, victim_at};
use crate::Bench;
use crate::client::{Chat, Outcome};
use crate::contest::{Attacker, Victim, contest};
use crate::hold::Holder;
use crate::report::Report;
use crate::server::{Server, VICTIMS, token};

/// `limits.pending_per_ip` and `limits.pending` of the row, in the relation of the defaults with
/// 20,000 descriptors, and a tenth of them.
const PENDING_PER_ADDRESS: usize = 25;
const PENDING: &str = "1000";
const ADDRESSES: u8 = 42;

/// All of `http.requests`, from two addresses: page loads and refreshes of others.
pub(super) fn http(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let servers = bench.start_two(&["--app", "recipes"], &[])?;
    let server = &servers.own;
    let mut victims = Vec::new();
    for index in 1..=8 {
        let origin = server.origin(VICTIMS);
        victims.push(Victim::new("page load", bench.messages(), move || {
            origin.expect("GET /", None, None).map(drop)
        }));
        victims.push(refresher(bench, server, index)?);
    }
    let body = "POST /v1/auth/refresh HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
    let attacks = servers.attacks(|server, stop| {
        let origins = [1, 2].map(|index| server.origin_until(attacker_at(index), stop));
        let mut holder = Holder::new(&origins, 256, body, b" ");
        Ok(vec![Attacker::new(move || holder.sweep())])
    })?;
    Ok(Report::of(contest(bench.phase, victims, attacks)))
}

/// A client that renews its refresh token again and again.
fn refresher<'a>(bench: &Bench, server: &Server, index: u8) -> Outcome<Victim<'a>> {
    let account = sign_up(&server.origin(victim_at(index)), &format!("victim-{index}"))?;
    let (origin, mut refresh_token) = (server.origin(VICTIMS), account.refresh_token);
    Ok(Victim::new("refresh", bench.messages(), move || {
        let body = json!({ "refresh_token": refresh_token });
        let answer = origin.expect("POST /v1/auth/refresh", None, Some(&body))?;
        refresh_token = answer.field("refresh_token").unwrap_or_default().to_owned();
        Ok(())
    }))
}

/// More silent connections than there are places: whether newcomers get in.
pub(super) fn pending(bench: &Bench) -> Result<Report, Box<dyn Error>> {
    let keys =
        [("limits.pending", PENDING), ("limits.pending_per_ip", &PENDING_PER_ADDRESS.to_string())];
    let servers = bench.start_two(&["--app", "memory"], &keys)?;
    let newcomers = (1..=10).map(|index| {
        let origin = servers.own.origin(VICTIMS);
        let user = format!("victim-{index}");
        Victim::new("new connection", 10, move || {
            let chat = Chat::join(&origin, &user, &token(&user))?;
            chat.leave();
            Ok(())
        })
    });
    let silence = vestibule::testing::upgrade("silence");
    let attacks = servers.attacks(|server, stop| {
        let at = |index| server.origin_until(attacker_at(index), stop);
        let origins: Vec<_> = (1..=ADDRESSES).map(at).collect();
        let mut holder = Holder::new(&origins, PENDING_PER_ADDRESS, &*silence, b"");
        Ok(vec![Attacker::new(move || holder.sweep())])
    })?;
    Ok(Report::of(contest(bench.phase, newcomers.collect(), attacks)))
}
