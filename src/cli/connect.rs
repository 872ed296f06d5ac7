//! `vestibule connect`: a small client for trying a server out. Lines of standard input are chat
//! messages; what the server says is printed.

mod conversation;
mod stream;

use std::io::{self, BufRead as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use clap::ArgGroup;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, HandshakeError, Message, WebSocket};
use vestibule::auth::TokenSigner;
use vestibule::config::{Auth, Config};

use self::conversation::{Conversation, Reaction};
use self::stream::ClientStream;
use super::ask::encoded;
use super::output::{self, CommandError, CommandResult};
use super::server_address::ServerAddress;
use super::token;

/// How long the server may take for the upgrade, and for the last answers after the end of the input.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a read waits before standard input is looked at.
const TICK: Duration = Duration::from_millis(50);
/// A recipe of the longest kind, and more.
const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// The flags of `vestibule connect`.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("identity").required(true).args(["sub", "token_file"]))]
pub(super) struct ConnectArgs {
    /// Room to join
    #[arg(value_name = "ROOM")]
    room: String,
    /// User to connect as: a token is signed for it with the configured secret
    #[arg(long, value_name = "USER", value_parser = token::subject)]
    sub: Option<String>,
    /// File with the token to send instead; it is read again when the server asks for a fresh one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Server to connect to: ws://HOST:PORT, or wss://HOST:PORT with --ca-file [default: `listen`]
    #[arg(long, value_name = "URL", value_parser = ServerAddress::parse_any)]
    url: Option<ServerAddress>,
    /// PEM file with the authorities that the certificate of a wss:// server may be from
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// Accept any certificate of a wss:// server at a loopback address
    #[arg(long, conflicts_with = "ca_file")]
    insecure: bool,
    /// Print each message of the server as it came, in one line of JSON
    #[arg(long)]
    json: bool,
}

impl ConnectArgs {
    /// Whether the configured secret signs the tokens.
    pub(super) const fn signs(&self) -> bool {
        self.token_file.is_none()
    }

    /// The server at `--url`, or else the one that listens as configured.
    fn server(&self, config: &Config) -> Result<ServerAddress, String> {
        self.url.clone().map_or_else(|| ServerAddress::of_listener(config), Ok)
    }

    /// An option that says whom to trust, for a server that is not asked who it is.
    fn unused_option(&self, server: &ServerAddress) -> Option<&'static str> {
        let given = [("--ca-file", self.ca_file.is_some()), ("--insecure", self.insecure)];
        let first = given.into_iter().find(|(_, is_given)| *is_given && !server.is_secure);
        first.map(|(option, _)| option)
    }

    fn token(&self, config: &Config, secret: &str) -> Result<String, String> {
        if let Some(path) = &self.token_file {
            let read = std::fs::read_to_string(path);
            let token =
                read.map_err(|error| format!("--token-file {}: {error}", path.display()))?;
            return Ok(token.trim().to_owned());
        }
        let auth = Auth { secret: secret.to_owned(), ..config.auth.clone() };
        let signer =
            TokenSigner::new(&auth).ok_or("cannot sign with auth.algorithms: add HS256")?;
        let sub = self.sub.as_deref().unwrap_or_default();
        signer
            .sign(sub, token::now(), token::lifetime(&config.auth), [])
            .map_err(|error| format!("cannot sign the token: {error}"))
    }
}

/// Connects, and talks until the input ends and everything is answered, or the server closes.
pub(super) fn run(args: &ConnectArgs, config: &Config, secret: &str) -> CommandResult {
    let server = args.server(config)?;
    if let Some(option) = args.unused_option(&server) {
        let fault = format!("{option} is for wss://, and ws://{} has no certificate", server.host);
        return Err(CommandError { faults: vec![fault], is_usage: true });
    }
    let mut socket = open(args, &server)?;
    let mut talk = Conversation::new(args.json, &random()?);
    let first = args.token(config, secret)?;
    send(&mut socket, talk.auth(&first, token::now()))?;
    let lines = lines();
    // Since when nothing but answers is waited for.
    let (mut is_over, mut idle) = (false, Duration::ZERO);
    loop {
        let heard = match socket.read() {
            Ok(Message::Text(text)) => talk.hear(&text),
            Ok(Message::Close(frame)) => return closed(frame.as_ref()),
            Ok(_) => Reaction::default(),
            Err(Error::Io(error)) if is_quiet(&error) => {
                idle += TICK;
                Reaction::default()
            }
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return closed(None),
            Err(error) => return Err(format!("the connection broke: {error}").into()),
        };
        if let Some(line) = heard.line {
            output::print(&format!("{line}\n"))?;
            idle = Duration::ZERO;
        }
        if heard.wants_token {
            let fresh = args.token(config, secret)?;
            send(&mut socket, talk.auth(&fresh, token::now()))?;
        }
        while talk.is_connected() && !is_over {
            match lines.try_recv() {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => send(&mut socket, talk.say(&line, token::now()))?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => (is_over, idle) = (true, Duration::ZERO),
            }
        }
        if is_over && talk.is_answered() {
            let _ = socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }));
            let _ = socket.flush();
            return Ok(());
        }
        if is_over && idle >= PATIENCE {
            return Err("the server did not answer everything within 10 s".to_owned().into());
        }
    }
}

fn open(args: &ConnectArgs, server: &ServerAddress) -> Result<WebSocket<ClientStream>, String> {
    let broken = |error: &dyn std::fmt::Display| format!("{}: {error}", server.host);
    let stream = TcpStream::connect_timeout(&server.address, PATIENCE)
        .map_err(|error| format!("cannot connect to {}: {error}", server.host))?;
    let wait = |time| stream.set_read_timeout(Some(time)).map_err(|error| broken(&error));
    wait(PATIENCE)?;
    stream.set_nodelay(true).map_err(|error| broken(&error))?;
    let shared = stream.try_clone().map_err(|error| broken(&error))?;
    let shared = ClientStream::open(shared, server, (args.ca_file.as_deref(), args.insecure))?;
    let path = format!("ws://{}/v1/chat/{}", server.host, encoded(&args.room));
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let upgraded = tungstenite::client::client_with_config(path, shared, Some(config));
    let (socket, _) = upgraded.map_err(|error| match error {
        HandshakeError::Failure(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body = String::from_utf8_lossy(body);
            format!(
                "{}: the server refused with {}: {}",
                server.host,
                response.status(),
                body.trim()
            )
        }
        HandshakeError::Failure(Error::Io(error)) => broken(&error),
        HandshakeError::Failure(error) => broken(&error),
        HandshakeError::Interrupted(_) => broken(&"no answer within 10 s"),
    })?;
    wait(TICK)?;
    Ok(socket)
}

fn send(socket: &mut WebSocket<ClientStream>, text: String) -> Result<(), String> {
    match socket.send(Message::text(text)) {
        // What the server said last is still to be read.
        Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
        Err(Error::Io(error)) if is_quiet(&error) => Ok(()),
        Err(error) => Err(format!("the connection broke: {error}")),
    }
}

fn is_quiet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The lines of standard input. Reading it blocks, so a thread does.
fn lines() -> Receiver<String> {
    let (sender, lines) = mpsc::sync_channel(64);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn closed(frame: Option<&CloseFrame>) -> CommandResult {
    let told = frame.map(|it| (u16::from(it.code), it.reason.as_str()));
    let (code, reason) = told.unwrap_or((1_006, ""));
    let said = format!("the server closed the connection: {code} {reason}");
    Err(said.trim_end().to_owned().into())
}

/// Makes the ids of this process differ from those of others, which the server may remember.
fn random() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| format!("the operating system returned no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
