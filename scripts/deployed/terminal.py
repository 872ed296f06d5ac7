"""An operator's terminal under systemd: types blocks, edits units and files, and looks at what comes of it."""

import os
import pathlib
import pty
import re
import shutil
import socket
import subprocess
import threading
import time

from . import ROOT

PATIENCE = 60
CONFIGURATION = pathlib.Path("/etc/vestibule/vestibule.toml")
SECRET = pathlib.Path("/etc/vestibule/auth.secret")
# What is in here leaves this system.
LOGS = pathlib.Path("/logs")
# `systemctl edit` asks an editor, and takes what is between its comments.
EDITED = pathlib.Path("/run/edited")
EDITOR = f"""#!/bin/sh
{{ sed -n 1,2p "$1"; echo; cat {EDITED}; echo; sed -n '/^### Lines below/,$p' "$1"; }} > {EDITED}.new
cp {EDITED}.new "$1"
"""


class Terminal:
    def __init__(self):
        editor = pathlib.Path("/run/editor")
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        tools = ROOT / "target/tmp/cargo-deb"
        self.logs = 0
        self.environment = {
            **os.environ,
            "PATH": f"{ROOT}/scripts/deployed/stand-ins:{tools}/bin:{os.environ['PATH']}",
            "CARGO_INSTALL_ROOT": str(tools),
            "CHECKOUT": str(ROOT),
            "EDITOR": str(editor),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SYSTEMD_PAGER": "",
        }

    def run(self, typed, fails=False, is_shown=True, env=()):
        """Until it ends; what it printed."""
        if is_shown:
            show("$ ", typed)
        done = subprocess.run(
            ["bash", "-ec", typed], cwd=ROOT, env={**self.environment, **dict(env)}, text=True, timeout=900,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
        if (done.returncode != 0) != fails:
            print(done.stdout, flush=True)
            subprocess.run(["journalctl", "--no-pager", "-n", "25"], check=False)
            raise AssertionError(f"exit code {done.returncode}")
        return done.stdout

    def look(self, typed, expected):
        """Types it; what it prints has this in it."""
        said = self.run(typed)
        assert expected in said, f"{said!r} has no {expected!r}"

    def edit(self, typed, text):
        """Types a `systemctl edit` and writes this in its editor, which wants a terminal."""
        show("$ ", f"{typed}\n{text}")
        EDITED.write_text(text)
        primary, secondary = pty.openpty()
        done = subprocess.run(["bash", "-ec", typed], env=self.environment, stdin=secondary, stdout=secondary,
                              stderr=secondary, timeout=PATIENCE, check=False)
        os.close(secondary)
        assert done.returncode == 0, f"exit code {done.returncode}: {os.read(primary, 4096).decode()}"
        os.close(primary)

    def configure(self, block):
        """Puts keys into vestibule.toml, which then has no fault."""
        show("# ", f"{CONFIGURATION}\n{block}")
        CONFIGURATION.write_text(merged(CONFIGURATION.read_text(), block))
        self.run(f"vestibule check --config {CONFIGURATION} > /dev/null")

    def as_installed(self):
        """Without the changes that one section of a page asks for."""
        self.run("systemctl revert vestibule.service vestibule.socket 2>&1 && systemctl daemon-reload")
        shutil.copy(ROOT / "deploy/vestibule.toml", CONFIGURATION)
        self.run("systemctl restart vestibule.socket vestibule.service && vestibule health")

    def show(self, unit, *properties):
        """Some of what systemd says of a unit, by name."""
        said = subprocess.run(["systemctl", "show", unit, *(f"--property={it}" for it in properties)],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def wait(self, what, is_so):
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() - began < PATIENCE, f"not within {PATIENCE} s: {what}"
            time.sleep(0.05)

    def knows(self, token):
        """Whether the server accepts it. Alice may enter no recipe, so her room is refused in any case."""
        pathlib.Path("/run/token").write_text(known(token))
        said = self.run("vestibule connect soup --token-file /run/token --url ws://127.0.0.1:8080", fails=True)
        assert "the server closed the connection" in said, said
        return "Invalid token" not in said

    def set_secret(self, text):
        """What tokens are signed with, in a file of the operator's."""
        SECRET.write_text(known(text) + "\n")
        SECRET.chmod(0o600)

    def keep_logs(self):
        """What the servers have logged so far, and the key that one has made."""
        self.logs += 1
        self.run(f"journalctl --sync && journalctl -o cat -u vestibule -u 'vestibule@*' > {LOGS}/{self.logs}.log")
        known(pathlib.Path("/var/lib/vestibule/signing.key").read_text())


def known(secret):
    """From here on no server may log it."""
    with (LOGS / "known.secrets").open("a") as file:
        file.write(secret.strip() + "\n")
    return secret


def show(mark, text):
    print(mark + text.strip().replace("\n", "\n  "), flush=True)


def merged(text, block):
    """The file with the keys of this block, each in its section, which is added if the file has none."""
    sections = re.split(r"^(?=\[)", text, flags=re.M)
    for part in re.split(r"^(?=\[)", block, flags=re.M):
        head = re.match(r"(\[\w+\]\n)?", part)[0]
        at = next((i for i, it in enumerate(sections) if head and it.startswith(head)), None if head else 0)
        if at is None:
            at = len(sections)
            sections.append(head)
        for line in part[len(head) :].splitlines():
            key = line.partition("=")[0].strip()
            if line and not line.startswith("#"):
                others = re.sub(rf"^{re.escape(key)}\s*=.*\n", "", sections[at][len(head) :], flags=re.M)
                sections[at] = f"{head}{line}\n{others}"
    return "".join(f"{it.rstrip()}\n\n" for it in sections)


def connected(port):
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def status_line(connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection.makefile().readline().strip()


def answers(port, connection=None):
    """A server answers there, on this connection if there is one already."""
    with connection or connected(port) as client:
        said = status_line(client)
    assert said == "HTTP/1.1 200 OK", f"port {port} says {said!r}"


class Clients:
    """New clients, one after the other, as long as something goes on: none may be refused."""

    def __init__(self):
        self.came, self.faults, self.ended = 0, [], threading.Event()
        self.thread = threading.Thread(target=self.connect)

    def connect(self):
        while not self.ended.is_set():
            try:
                with connected(8080) as client:
                    # A server that ends may leave it without an answer. It was not refused.
                    status_line(client)
                self.came += 1
            except ConnectionResetError:
                pass
            except OSError as fault:
                self.faults.append(repr(fault))
            self.ended.wait(0.005)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, kind, *_):
        self.ended.set()
        self.thread.join()
        if kind is None:
            assert not self.faults, f"these clients were refused: {self.faults[:5]}"
            assert self.came, "no client came"
            print(f"  {self.came} clients came meanwhile, none was refused", flush=True)
