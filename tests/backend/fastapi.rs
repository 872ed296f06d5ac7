//! The example in FastAPI, run as its README says, and a whole conversation through the binary.

use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::server::{Server, scratch};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";

/// The folder of the example.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fastapi")
}

/// A Python with what the example requires, made once for these requirements.
fn python() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();
    let requirements = example().join("requirements.txt");
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

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; is python3-venv installed?");
    });
    let said = [&*done.stdout, &*done.stderr].map(String::from_utf8_lossy).concat();
    assert!(done.status.success(), "{command:?}: is python3-venv installed?\n{said}");
}

/// The example on a free port, killed with the test.
struct Example {
    child: Child,
    address: SocketAddr,
    log: BufReader<ChildStderr>,
}

impl Example {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(python());
        command.args(["-m", "uvicorn", "app:app", "--port", "0", "--app-dir"]).arg(example());
        command.env("BACKEND_SECRET_FILE", "secret").env("PYTHONDONTWRITEBYTECODE", "1");
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = line_with(&mut log, "running on http://");
        let (_, address) = line.split_once("http://").unwrap();
        let address = address.split(' ').next().unwrap().parse().unwrap();
        Self { child, address, log }
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

#[test]
fn a_conversation_with_the_example_in_fastapi() {
    let scratch = scratch();
    scratch.write("secret", SECRET);
    let mut example = Example::start(scratch.path());
    let url = format!("http://{}", example.address);
    let server = Server::start_in(scratch, &url, "secret_file = 'secret'\ntimeout = '30s'");

    let (mut alice, admission) = server.join("soup", "alice");
    assert_eq!(admission["content"], "Let's cook Tomato soup.");
    assert_eq!(admission["recipe_data"]["yield"], "4 servings");
    let denied = (1008, "Recipe not found or access denied".to_owned());
    assert_eq!(server.knock("soup", "bob").closed(), denied);
    assert_eq!(server.knock("cake", "alice").closed(), denied);
    let (mut second, _) = server.join("soup", "alice");

    let id = alice.say("Scale to 8 servings");
    let answer = alice.hear()["payload"].clone();
    assert_eq!(answer["request_id"], *id);
    assert_eq!(answer["content"], "It serves 8 now.");
    let tomatoes = json!({ "text": "tomatoes", "quantity": 1600.0, "unit": "g" });
    assert_eq!(answer["recipe_data"]["ingredients"][0], tomatoes);
    assert_eq!(second.hear()["type"], "chat_message");
    let change = second.hear()["payload"].clone();
    assert_eq!(change["recipe_data"], answer["recipe_data"]);
    assert_eq!(change["request_id"], Value::Null);

    alice.say("Rename to Red soup");
    assert_eq!(alice.hear()["payload"]["recipe_data"]["title"], "Red soup");
    alice.say("What is love?");
    let help = alice.hear()["payload"].clone();
    assert!(help["content"].as_str().unwrap().starts_with("I understand:"), "{help}");
    assert_eq!(help["recipe_data"], Value::Null);
    drop(alice);
    let left = line_with(&mut example.log, "has left");
    assert!(left.contains("alice has left soup: None None"), "{left}");
}

#[test]
fn fastapi_example_demands_a_fresh_signature() {
    let scratch = scratch();
    scratch.write("secret", SECRET);
    let example = Example::start(scratch.path());
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
