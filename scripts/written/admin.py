"""The pages whose commands ask a running server: docs/push.md, docs/admin.md and docs/troubleshooting.md."""

import json
import pathlib
import shutil
import signal

from .document import ROOT

CHAT = "vestibule --app memory-open"
SIGN_UP = (
    "curl -sf -H 'Content-Type: application/json' localhost:8080/v1/auth/signup"
    """ -d '{"email":"alice@example.com","password":"correct horse"}'"""
)
# The page says that it shows a part of these answers.
SHORTENED = ("/v1/status", "/v1/stats")
CONFIGURATION = pathlib.Path("/etc/vestibule/vestibule.toml")


def push(page, terminal):
    terminal.serve(CHAT)
    alice = terminal.join("alice")
    assert json.loads(terminal.run(page.take("sh"))) == {"delivered": 1}
    alice.shows("Dinner is ready")


def calls(page, terminal):
    """Each at a server of its own, where alice and bob have just joined: the calls end what others need."""
    keep_out(page.take("sh"), terminal)
    while page.left():
        block = page.take("sh")
        if "/lock" in block:
            lock(block, terminal)
            continue
        server = terminal.serve(CHAT)
        for user in ("alice", "bob"):
            terminal.join(user)
        said = terminal.run(block)
        if page.follows("json"):
            is_whole = not any(path in block for path in SHORTENED)
            assert is_like(json.loads(page.take("json")), json.loads(said), is_whole), said
        else:
            shown = page.take("text").split("from")[0]
            assert said.startswith(shown), f"{said} does not begin with {shown}"
        clear(server, terminal)


def keep_out(key, terminal):
    """With the key, who does not have it is refused."""
    terminal.run(key)
    assert (terminal.folder / "admin.key").stat().st_mode & 0o777 == 0o600
    server = terminal.serve("VESTIBULE_ADMIN__KEY_FILE=admin.key vestibule")
    said = terminal.run("curl -s -X POST localhost:9090/v1/users/alice/require-auth")
    assert json.loads(said)["error"] == "unauthorized", said
    terminal.run("VESTIBULE_ADMIN__KEY_FILE=admin.key vestibule require-auth alice")
    clear(server, terminal)


def lock(block, terminal):
    server = terminal.serve("vestibule")
    terminal.run(SIGN_UP)
    said = terminal.run(block)
    assert '"locked":true' in said and '"locked":false' in said, said
    clear(server, terminal)


def clear(server, terminal):
    # A server that ends by itself waits until its clients have gone.
    terminal.stop(server, signal.SIGKILL)
    shutil.rmtree(terminal.folder / "vestibule-data")


def is_like(shown, answer, is_whole=True):
    """Does the answer have the names that are shown, and, if it is whole, no others? `null` stands for anything."""
    if isinstance(shown, list) and isinstance(answer, list):
        return all(is_like(one, other, is_whole) for one, other in zip(shown, answer))
    if isinstance(shown, dict) and isinstance(answer, dict):
        is_complete = set(shown) == set(answer) or not is_whole
        return is_complete and all(name in answer and is_like(shown[name], answer[name], is_whole) for name in shown)
    return shown is None or answer is None or type(shown) is type(answer)


def troubleshooting(page, terminal):
    terminal.serve(CHAT)
    terminal.join("alice").leave()
    said = terminal.run(page.take("sh"))
    assert said.count("alice  closed by the client") == 2, said
    assert "Connection 00000001-000000 of alice, room soup" in said, said
    for alive in ("curl -m 2 localhost:9090/healthz", "curl -m 2 localhost:8080/healthz"):
        assert '"ok"' in terminal.run(page.promises(alive))

    CONFIGURATION.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/vestibule.toml", CONFIGURATION)
    # With the directory that it names.
    pathlib.Path("/var/lib/vestibule").mkdir(exist_ok=True)
    terminal.run(f"vestibule token --config {CONFIGURATION} --sub alice > token.txt")
    said = terminal.run(page.take("sh"))
    assert 'sub: "alice"' in said and "accepted until" in said, said
