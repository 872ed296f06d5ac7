//! A server of your own in a few lines: say what a message is answered with, and run.
//!
//! ```text
//! export VESTIBULE_AUTH__SECRET="$(head -c 32 /dev/urandom | base64)"
//! cargo run --example embed
//! vestibule token --sub alice       # in another terminal, with the same secret: a token to try
//! ```
#![expect(clippy::print_stdout, reason = "the address is what the user waits for")]

use std::error::Error;

use vestibule::config::Auth;
use vestibule::net::Server;
use vestibule::{Answer, App, Config, Incoming, Reply, Update};

/// Lets everybody into every room, and repeats what is said there.
struct Parrot;

impl App for Parrot {
    fn on_message(&mut self, message: &Incoming<'_>) -> Reply<Answer> {
        let text = format!("{} said: {}", message.user, message.content);
        Reply::Now(Ok(Update::text(text)))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let auth = Auth { secret: std::env::var("VESTIBULE_AUTH__SECRET")?, ..Auth::default() };
    let config = Config { auth, ..Config::default() };
    let server = Server::bind(&config, Box::new(Parrot))?;
    println!("listening on {:?}", server.local_addrs());
    server.run()?;
    Ok(())
}
