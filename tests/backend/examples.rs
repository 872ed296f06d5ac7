//! The examples, run as their READMEs say, and a whole conversation with each through the binary.

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::server::{Server, scratch};
use crate::support::client::Client;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";

/// The folder of an example.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// A Python with what the example requires, made once for these requirements.
fn python() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let requirements = folder("fastapi").join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fastapi-venv");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    run(Command::new(&python).args(install).arg(&requirements));
    fs::write(stamp, wanted).unwrap();
    python
}

/// The server of an example in Python, on a free port.
fn uvicorn(name: &str) -> Command {
    let mut command = Command::new(python());
    command.args(["-m", "uvicorn", "app:app", "--port", "0", "--app-dir"]).arg(folder(name));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; is python3-venv installed?");
    });
    let said = [&*done.stdout, &*done.stderr].map(String::from_utf8_lossy).concat();
    assert!(done.status.success(), "{command:?}: is python3-venv installed?\n{said}");
}

/// An example on a free port, killed with the test.
struct Example {
    child: Child,
    address: SocketAddr,
    log: BufReader<ChildStderr>,
    /// What publishes, before its arguments.
    publish: Vec<PathBuf>,
}

impl Example {
    fn in_python(scratch: &Path) -> Self {
        let publish = vec![python(), folder("fastapi").join("publish.py")];
        Self::start(uvicorn("fastapi"), scratch, publish)
    }

    fn in_node(scratch: &Path) -> Self {
        let mut command = Command::new("node");
        let example = folder("node-backend");
        command.arg(example.join("app.mjs")).env("PORT", "0");
        Self::start(command, scratch, vec!["node".into(), example.join("publish.mjs")])
    }

    fn start(mut command: Command, scratch: &Path, publish: Vec<PathBuf>) -> Self {
        command.env("BACKEND_SECRET_FILE", "secret").current_dir(scratch);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = line_with(&mut log, "running on http://");
        let (_, address) = line.split_once("http://").unwrap();
        let address = address.split_whitespace().next().unwrap().parse().unwrap();
        Self { child, address, log, publish }
    }

    /// What its script for that says about a publication.
    fn publish(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.publish[0]);
        let done = command.args(&self.publish[1..]).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line with `text` in it.
#[track_caller]
fn line_with(log: &mut impl std::io::BufRead, text: &str) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no `{text}` in\n{said}");
        if line.contains(text) {
            return line;
        }
        said.push_str(&line);
    }
}

/// A request by hand; the status of its answer.
fn post(address: SocketAddr, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "POST /leave HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

/// A message that another member of the room gets.
#[track_caller]
fn heard(client: &mut Client, kind: &str) -> Value {
    let message = client.hear();
    assert_eq!(message["type"], kind, "{message}");
    message["payload"].clone()
}

fn converse(start: fn(&Path) -> Example) {
    let scratch = scratch();
    scratch.write("secret", SECRET);
    let mut example = start(scratch.path());
    let url = format!("http://{}", example.address);
    let backend = "secret_file = 'secret'\ntimeout = '30s'\nmoderate = true\nclaims = ['role']";
    let server = Server::start_with(scratch, &url, backend, "127.0.0.1:0");

    let (mut alice, admission) = server.join("soup?lang=fr&secret=hush", "alice");
    assert_eq!(admission["content"], "Let's cook Tomato soup.");
    assert_eq!(admission["recipe_data"]["yield"], "4 servings");
    let joined = line_with(&mut example.log, " joins ");
    assert!(joined.contains("alice joins soup from 127.0.0.1 with lang=fr"), "{joined}");
    assert!(!joined.contains("hush"), "{joined}");
    let denied = (1008, "Recipe not found or access denied".to_owned());
    assert_eq!(server.knock("soup", "bob").closed(), denied);
    assert_eq!(server.knock("cake", "alice").closed(), denied);
    let mut guest = server.join_as("soup", "guest-of-alice", "role=\"guest\"");

    // The guest sees what the backend has approved, and not before.
    let id = alice.say("Scale to 8 servings");
    let answer = heard(&mut alice, "recipe_update");
    assert_eq!(answer["request_id"], *id);
    assert_eq!(answer["content"], "It serves 8 now.");
    assert_eq!(answer["recipe_data"]["ingredients"][0]["quantity"].as_f64(), Some(1_600.0));
    assert_eq!(heard(&mut guest, "chat_message")["content"], "Scale to 8 servings");
    let change = heard(&mut guest, "recipe_update");
    assert_eq!(change["recipe_data"], answer["recipe_data"]);
    assert_eq!(change["request_id"], Value::Null);
    alice.say("See http://spam.example");
    let refused = heard(&mut alice, "error");
    assert_eq!(refused["error"], "not_delivered");
    assert_eq!(refused["message"], "No links, please.");
    alice.say("darn salt");
    assert_eq!(heard(&mut alice, "recipe_update")["content"], "Mind your words.");
    assert_eq!(heard(&mut guest, "chat_message")["content"], "d*** salt");

    guest.say("Rename to Mine");
    assert_eq!(heard(&mut guest, "recipe_update")["content"], "Guests can only look.");
    assert_eq!(heard(&mut alice, "chat_message")["content"], "Rename to Mine");
    alice.say("Rename to Red soup");
    assert_eq!(heard(&mut alice, "recipe_update")["recipe_data"]["title"], "Red soup");
    alice.say("What time is it?");
    let time = heard(&mut alice, "recipe_update");
    assert!(time["content"].as_str().unwrap().starts_with("You asked at 20"), "{time}");
    alice.say("What is love?");
    let help = heard(&mut alice, "recipe_update");
    assert!(help["content"].as_str().unwrap().starts_with("I understand:"), "{help}");
    assert_eq!(help["recipe_data"], Value::Null);

    // Published twice with one key, and heard once.
    for _ in 0..2 {
        let told = example.publish(&[&server.admin(), "alice", "Dinner is ready", "dinner-7"]);
        assert_eq!(told, json!({ "delivered": 1 }));
    }
    alice.say("What is love?");
    assert_eq!(heard(&mut alice, "recipe_update")["content"], "Dinner is ready");
    assert_eq!(heard(&mut alice, "recipe_update")["content"], help["content"]);
    drop(alice);
    let left = line_with(&mut example.log, "alice has left");
    assert!(left.contains("alice has left soup: "), "{left}");
}

#[test]
fn a_conversation_with_the_example_in_fastapi() {
    converse(Example::in_python);
}

#[test]
fn a_conversation_with_the_example_in_node() {
    converse(Example::in_node);
}

fn demand_a_signature(start: fn(&Path) -> Example) {
    let scratch = scratch();
    scratch.write("secret", SECRET);
    let example = start(scratch.path());
    let body = json!({
        "room": "soup", "user": { "id": "alice" }, "connection_id": "1", "code": 1008, "reason": "",
    })
    .to_string();
    let headers = |timestamp: u64, signature: &str| {
        format!(
            "webhook-id: msg_1\r\nwebhook-timestamp: {timestamp}\r\n\
             webhook-signature: {signature}\r\n"
        )
    };
    assert_eq!(post(example.address, "", &body), "401");
    // A signature that was right in 2021.
    let vector = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(post(example.address, &headers(1_614_265_330, vector), &body), "401");
    let now = Command::new("date").arg("+%s").output().unwrap();
    let now: u64 = String::from_utf8(now.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(post(example.address, &headers(now, vector), &body), "401");
    assert_eq!(post(example.address, &headers(now, "v1,é v2,x"), &body), "401");
}

#[test]
fn fastapi_example_demands_a_fresh_signature() {
    demand_a_signature(Example::in_python);
}

#[test]
fn node_example_demands_a_fresh_signature() {
    demand_a_signature(Example::in_node);
}

/// A program for a browser's console, run in Node with this answer to its `prompt`.
fn in_console(file: &Path, address: SocketAddr, token: &str, scratch: &Path) -> Child {
    let text = fs::read_to_string(file).unwrap().replace("127.0.0.1:8080", &address.to_string());
    let program = scratch.join("console.mjs");
    fs::write(&program, format!("globalThis.prompt = () => process.argv[2];\n{text}")).unwrap();
    let mut node = Command::new("node");
    // Node 20 has its WebSocket behind this flag; later ones accept the flag.
    node.arg("--experimental-websocket").arg(program).arg(token);
    node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The line of the README that begins like this, as a shell's command.
fn readme_command(start: &str) -> String {
    let readme = include_str!("../../README.md");
    readme.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
}

#[test]
fn quick_start_with_a_backend_works_as_written() {
    let scratch = scratch();
    let example = Example::start(uvicorn("quickstart"), scratch.path(), Vec::new());
    let url = format!("http://{}", example.address);
    let server = Server::start_with(scratch, &url, "", "127.0.0.1:0");
    let denied = (1008, "Recipe not found or access denied".to_owned());
    assert_eq!(server.knock("soup", "carol").closed(), denied);

    let (program, token) = (folder("quickstart").join("chat.js"), server.token("alice"));
    let mut console = in_console(&program, server.address(), &token, server.folder());
    let mut shown = BufReader::new(console.stdout.take().unwrap());
    line_with(&mut shown, "recipe_update Welcome to soup.");
    line_with(&mut shown, "recipe_update Received: Hello");
    let publish = readme_command("curl 127.0.0.1:9090/v1/rooms/soup/publish");
    assert!(include_str!("../../docs/tutorial-fastapi.md").contains(&publish), "{publish}");
    let admin = server.admin().replace("http://", "");
    let done = Command::new("sh").args(["-c", &publish.replace("127.0.0.1:9090", &admin)]).output();
    assert_eq!(String::from_utf8(done.unwrap().stdout).unwrap().trim(), r#"{"delivered":1}"#);
    line_with(&mut shown, "recipe_update Dinner is ready");
    console.kill().unwrap();
    console.wait().unwrap();
}
