//! A backend of the test's own: HTTP by hand, so that it can do what no library would.

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use serde_json::{Value, json};
use socket2::SockRef;
use vestibule::testing::read_call;

use crate::PATIENCE;

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `join`, `message` or `leave`.
    pub(crate) kind: String,
    pub(crate) body: Value,
    head: String,
}

impl Call {
    /// How many secrets it is signed with.
    pub(crate) fn signatures(&self) -> usize {
        let line = self.head.lines().find_map(|line| line.strip_prefix("webhook-signature: "));
        line.map_or(0, |list| list.split(' ').filter(|entry| entry.starts_with("v1,")).count())
    }

    /// What is said in a message, and where a join or leave is about.
    pub(crate) fn subject(&self) -> &str {
        let content = self.body.pointer("/message/content").unwrap_or(&self.body["room"]);
        content.as_str().unwrap()
    }
}

/// What to do with a call.
pub(crate) enum Act {
    /// These bytes, and the connection goes on.
    Send(Vec<u8>),
    /// These bytes, and the connection ends.
    End(Vec<u8>),
    /// A reset, as a process that dies gives it.
    Reset,
    /// Nothing, until this channel is dropped.
    Hang(Arc<Mutex<Receiver<()>>>),
}

type Script = Arc<dyn Fn(&Call) -> Act + Send + Sync>;

/// A backend that listens until it is dropped.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    calls: Receiver<Call>,
    /// What is connected, so that it can be cut off.
    streams: Arc<Mutex<Vec<Weak<TcpStream>>>>,
    /// Dropped: the listener is, too.
    stop: Option<TcpListener>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Stub {
    pub(crate) fn start(script: impl Fn(&Call) -> Act + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
    }

    pub(crate) fn start_at(
        address: SocketAddr,
        script: impl Fn(&Call) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, calls) = mpsc::channel();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let stop = Some(listener.try_clone().unwrap());
        let (script, kept): (Script, _) = (Arc::new(script), Arc::clone(&streams));
        let accept = move || {
            while let Ok((stream, _)) = listener.accept() {
                let stream = Arc::new(stream);
                kept.lock().unwrap().push(Arc::downgrade(&stream));
                let (script, tell) = (Arc::clone(&script), tell.clone());
                thread::spawn(move || serve(&stream, &script, &tell));
            }
        };
        Self { address, calls, streams, stop, thread: Some(thread::spawn(accept)) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next call that comes.
    #[track_caller]
    pub(crate) fn next(&self) -> Call {
        self.calls.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // It wakes the thread that accepts, and nobody is connected any more.
        if let Some(listener) = self.stop.take() {
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for stream in self.streams.lock().unwrap().iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn serve(mut stream: &TcpStream, script: &Script, tell: &Sender<Call>) {
    while let Some(call) = hear(stream) {
        let act = script(&call);
        let _ = tell.send(call);
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Act::End(bytes) => {
                let _ = stream.write_all(&bytes);
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Act::Reset => {
                let _ = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
                return;
            }
            Act::Hang(until) => {
                let _ = until.lock().unwrap().recv();
                let _ = stream.write_all(&ok("late", None));
            }
        }
    }
}

fn hear(stream: &TcpStream) -> Option<Call> {
    let (kind, body, head) = read_call(&mut BufReader::with_capacity(1, stream))?;
    Some(Call { kind, body, head })
}

/// An answer with this status and body.
pub(crate) fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A good one.
pub(crate) fn ok(content: &str, recipe: Option<Value>) -> Vec<u8> {
    answer("200 OK", &json!({ "content": content, "recipe_data": recipe }).to_string())
}
