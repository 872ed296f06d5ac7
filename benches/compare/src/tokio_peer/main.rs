//! The same conversation on tokio and tokio-tungstenite, written as one writes such a server: a
//! task for each connection, a bounded channel into it, rooms behind a mutex.
//!
//! It keeps the parts of the protocol that cost something on the measured ways: both deadlines of
//! a session, the token check, rooms, answers in order. It has no rate limits, no ping, no replay
//! set and no drain, which is in its favour.

mod connection;
mod messages;
mod rooms;
mod tokens;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::messages::Stamp;
use crate::rooms::Rooms;
use crate::tokens::Tokens;

/// A chat server on tokio and tokio-tungstenite, as the idiomatic peer of a comparison.
#[derive(Debug, Parser)]
#[command(name = "tokio-peer")]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The HS256 secret of the tokens.
    #[arg(long, env = "VESTIBULE_AUTH__SECRET", hide_env_values = true)]
    secret: String,
    /// Threads of the runtime; 1 is the current-thread runtime.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The read and write buffers of each connection.
    #[arg(long, value_enum, default_value_t = Buffers::Small)]
    buffers: Buffers,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Buffers {
    /// 4 KiB each.
    Small,
    /// tungstenite's own.
    Default,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    config: WebSocketConfig,
    tokens: Tokens,
    rooms: Rooms,
    stamp: Stamp,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    compare::raise_descriptor_limit()?;
    let shared = Arc::new(Shared {
        config: buffers(arguments.buffers),
        tokens: Tokens::new(&arguments.secret),
        rooms: Rooms::default(),
        stamp: Stamp::new(),
    });
    runtime(arguments.threads)?.block_on(async {
        let listener = compare::listen(arguments.listen)?;
        compare::announce(&listener)?;
        accept(TcpListener::from_std(listener)?, shared).await;
        Ok(())
    })
}

fn buffers(size: Buffers) -> WebSocketConfig {
    let config = WebSocketConfig::default()
        .max_message_size(Some(64 * 1_024))
        .max_frame_size(Some(64 * 1_024));
    match size {
        Buffers::Small => config.read_buffer_size(4_096).write_buffer_size(4_096),
        Buffers::Default => config,
    }
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    if threads > 1 {
        Builder::new_multi_thread().worker_threads(threads).enable_all().build()
    } else {
        Builder::new_current_thread().enable_all().build()
    }
}

/// Accepts for ever. Out of descriptors it waits a moment: what is open goes on.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(stream, Arc::clone(&shared)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
