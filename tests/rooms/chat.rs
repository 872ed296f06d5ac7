//! Two clients and a room.

use crate::support::client::Client;
use crate::support::server::{Server, Witness};

#[test]
fn two_users_chat_in_an_open_room() {
    let server = Server::open("");
    let mut witness = Witness::new(&server);
    for _ in 0..5 {
        witness.notices_nothing();
    }
}

#[test]
fn a_room_is_its_first_users_alone() {
    let server = Server::start("memory", "");
    let mut alice = server.join("stew", "alice");
    let mut bob = Client::upgrade(server.connect(), "stew");
    bob.offer(&server.token("bob"));
    assert_eq!(bob.closed(), (1008, "Recipe not found or access denied".to_owned()));
    let mut second = server.join("stew", "alice");
    let id = alice.say("salt?");
    assert_eq!(alice.hear()["payload"]["request_id"], *id);
    let heard = second.hear();
    assert_eq!((&heard["payload"]["user_id"], &heard["id"]), (&"alice".into(), &id.into()));
}
