//! The floor: what the same conversation costs when a server does nothing but move bytes.
//!
//! One thread, one edge-triggered epoll set, canned answers. No JSON, no tokens, no limits, no
//! masks undone: only what no server can leave out. It is a yardstick and no server.

mod frame;
mod link;
mod server;

use std::error::Error;
use std::net::SocketAddr;

use clap::Parser;

/// A bare epoll loop with canned answers, as the lower bound of a comparison.
#[derive(Debug, Parser)]
#[command(name = "floor")]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Grow the descriptor table to its limit at the start, as Vestibule does.
    #[arg(long)]
    grow: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    compare::raise_descriptor_limit()?;
    if arguments.grow {
        compare::grow_descriptor_table()?;
    }
    let listener = compare::listen(arguments.listen)?;
    compare::announce(&listener)?;
    server::Server::new(listener)?.run()?;
    Ok(())
}
