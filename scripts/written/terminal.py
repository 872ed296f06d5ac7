"""Terminals, and the programs that run in them."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

# What is logged in a whole run of the tests is searched for secrets (src/testing/logs.rs).
LOGS = os.environ.get("LOGS_OF_TESTS")
PATIENCE = 60
KEPT = ("HOME", "CARGO_HOME", "RUSTUP_HOME", "LOGS_OF_TESTS")
# A browser asks for the token. Node.js has nobody to ask.
PROMPT = "globalThis.prompt = () => process.env.TOKEN;\n"


class Terminal:
    """Runs what is typed, in one folder."""

    def __init__(self, folder, path):
        self.folder, self.started = folder, []
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        stand_ins = pathlib.Path(__file__).parent / "stand-ins"
        path_of_all = f"{path}:{stand_ins}:{os.environ['PATH']}:/usr/sbin"
        self.environment = {**kept, "PATH": path_of_all, "CARGO_INSTALL_ROOT": str(path.parent)}
        # A server that is stopped waits for nobody.
        self.environment["VESTIBULE_DRAIN"] = "0s"
        self.log = pathlib.Path(LOGS or folder) / f"as-written-{folder.name}.log"
        self.environment["VESTIBULE_LOG__FILE"] = str(self.log)
        if LOGS:
            self.environment["VESTIBULE_LOG__LEVEL"] = "trace"

    def command(self, typed, **more):
        environment = {**self.environment, **more.pop("env", {})}
        return {"args": ["bash", "-ec", typed], "cwd": self.folder, "env": environment, "text": True, **more}

    def run(self, typed, **more):
        """Until it ends; what it printed."""
        print(f"$ {typed.rstrip()}", flush=True)
        began = time.monotonic()
        done = subprocess.run(**self.command(typed, stdout=subprocess.PIPE, timeout=900, **more), check=False)
        print(f"({time.monotonic() - began:.1f} s)", flush=True)
        assert done.returncode == 0, f"exit code {done.returncode}, and {done.stdout}"
        if LOGS and "vestibule token" in typed and "--check" not in typed:
            self.log.with_suffix(".secrets").open("a").write(done.stdout)
        return done.stdout

    def start(self, typed, port, **more):
        """In the background, once the command of its last line listens at this port."""
        print(f"$ {typed.rstrip()} &", flush=True)
        assert not is_open(port), f"port {port} is in use: nothing can be tried as it is written"
        *before, last = typed.rstrip().split("\n")
        program = subprocess.Popen(**self.command("\n".join([*before, f"exec env {last}"]), start_new_session=True, **more))
        self.started.append(program)
        wait_until(lambda: is_open(port) or program.poll() is not None, f"somebody who listens at port {port}")
        assert program.poll() is None, f"it ended with {program.returncode}"
        return program

    def stop(self, program, how=signal.SIGINT):
        """By Ctrl-C, if nothing else is said."""
        program.send_signal(how)
        program.wait(PATIENCE)
        self.started.remove(program)

    def listen(self, typed, **more):
        """In the background; what it prints can be looked at."""
        print(f"$ {typed.rstrip()} &", flush=True)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        program = subprocess.Popen(**self.command(typed, **pipes, start_new_session=True, **more))
        self.started.append(program)
        return Shown(program)

    def serve(self, typed):
        """A server, whose first connection is then not the one that looks whether it is there."""
        server = self.listen(f"exec env {typed}")
        server.shows("Stop:")
        return server.program

    def join(self, user, room="soup", **more):
        """A client that is in this room."""
        client = self.listen(f"exec vestibule connect {room} --sub {user}", **more)
        client.shows(f"authenticated as {user}")
        return client

    def close(self):
        for program in self.started:
            # With what it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        for data in (self.folder / "vestibule-data", pathlib.Path("/var/lib/vestibule")):
            if LOGS and (data / "signing.key").exists():
                self.log.with_suffix(".secrets").open("a").write((data / "signing.key").read_text() + "\n")


class Shown:
    """What a program shows, line by line."""

    def __init__(self, program):
        self.program = program

    def shows(self, text):
        """The next line with this in it."""
        for line in self.program.stdout:
            print(f"> {line.rstrip()}", flush=True)
            if text in line:
                return line
        raise AssertionError(f"it ended, and did not show {text}")

    def type(self, line):
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()

    def leave(self):
        self.program.stdin.close()
        self.program.wait(PATIENCE)


class Console:
    """A browser's console, whose part Node.js plays."""

    def __init__(self, terminal, program, token):
        # Node.js 20 has its WebSocket behind this flag; later ones accept the flag.
        args = ["node", "--experimental-websocket", "--no-warnings", "-e", PROMPT + program]
        environment = {**terminal.environment, "TOKEN": token.strip()}
        pipes = {"stdout": subprocess.PIPE, "text": True}
        self.node = subprocess.Popen(args, env=environment, start_new_session=True, **pipes)
        terminal.started.append(self.node)

    def shows(self, text):
        line = self.node.stdout.readline().strip()
        print(f"> {line}", flush=True)
        assert line.endswith(text), f"not: {text}"


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so, what):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE, f"this did not come: {what}"
        time.sleep(0.05)
