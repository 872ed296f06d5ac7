"""The pages for who runs a server: docs/migration.md, docs/operations.md, docs/sizing.md, and what others show."""

import http.client
import pathlib
import re
import shutil

from .admin import CONFIGURATION, SIGN_UP
from .document import ROOT
from .terminal import wait_until

BACKUPS = pathlib.Path("/var/backups")


def migration(page, terminal):
    """From tokens in the request to both ways, by a reload."""
    secret = pathlib.Path("/run/secrets/vestibule")
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("a secret that the old clients' tokens are signed with")
    secret.chmod(0o600)
    file = terminal.folder / "vestibule.toml"
    file.write_text(page.take("toml"))
    terminal.start("vestibule --config vestibule.toml --app memory-open", 8080)
    token = terminal.run("vestibule token --config vestibule.toml --sub alice").strip()
    head = upgrade(token)
    file.write_text(page.take("toml"))
    terminal.run(page.take("sh"))
    # The reload, which the block asks for, is what adds these.
    announced = page.take("http").strip().splitlines()
    assert not any(line in head for line in announced), head
    wait_until(lambda: all(line in upgrade(token) for line in announced), f"{announced} in the 101")
    wait_until_logged(page.take("console"), terminal.log)


def upgrade(token):
    """The head of the answer to an old client."""
    connection = http.client.HTTPConnection("127.0.0.1:8080")
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    connection.request("GET", f"/v1/chat/soup?token={token}", headers=headers)
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 101, answer.status
    return "\n".join(f"{name}: {value}" for name, value in answer.getheaders())


def wait_until_logged(line, log):
    """Until the log has a line that differs from this in nothing but numbers."""
    pattern = re.sub(r"\d+", r"\\d+", re.escape(line.strip()))
    wait_until(lambda: re.search(f"^{pattern}$", log.read_text(), re.M), line)


def operations(page, terminal):
    """As the package is installed, by its configuration."""
    CONFIGURATION.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "deploy/vestibule.toml", CONFIGURATION)
    for folder in (pathlib.Path("/var/lib/vestibule"), BACKUPS):
        folder.mkdir(exist_ok=True)
    terminal.start(f"vestibule --config {CONFIGURATION}", 8080)
    wait_until_logged(page.take("console"), terminal.log)
    terminal.run(SIGN_UP)
    terminal.run(page.take("sh"))
    wait_until(lambda: "reloaded" in terminal.log.read_text(), "a line about the reload")
    terminal.run(page.take("sh"))
    terminal.run(f"sqlite3 {BACKUPS}/recipes-2026-11-29.db 'SELECT email FROM users' | grep alice@example.com")
    standby = terminal.folder / "standby"
    standby.mkdir()
    terminal.run(page.take("sh"), env={"STANDBY": str(standby)})
    [copy] = standby.iterdir()
    assert copy.read_bytes() == (BACKUPS / copy.name).read_bytes()


def sizing(page, terminal):
    """Ends after the load test, whose server stays."""
    # With a line in the log for each of 9,000 connections it would measure the log.
    load = terminal.listen(page.take("sh"), env={"VESTIBULE_LOG__LEVEL": "info"})
    assert load.shows("failed ").split()[-1] == "0"


def configuration(page, terminal):
    """What the table of the memory shows, on the machine that the page describes."""
    shown = page.take("text").splitlines()
    page.promises("on two cores with 20,000 descriptors, `check --memory` prints")
    check = "ulimit -n 20000 && VESTIBULE_LIMITS__MEMORY=64MiB taskset -c 0,1 vestibule check --memory"
    said = terminal.run(check).splitlines()
    missing = [line for line in shown if line not in said]
    assert not missing, f"{missing} in {said}"


def cluster(page, terminal):
    """HAProxy accepts what the page has in place of the last lines of the example."""
    text = page.take("text")
    while "frontend chat" not in text:
        text = page.take("text")
    first, _ = (ROOT / "examples/cluster/haproxy.cfg").read_text().split("    default_backend nodes\n")
    _, last = text.split("    ...\n")
    (terminal.folder / "haproxy.cfg").write_text(first + last)
    terminal.run("haproxy -c -f haproxy.cfg", env={"BIND": "127.0.0.1:8080"})
