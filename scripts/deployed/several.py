"""docs/cluster.md: several processes on one host; and docs/troubleshooting.md: a database that was deleted."""

import pathlib
import re

from .terminal import CONFIGURATION, SECRET, Clients

REDIS = pathlib.Path("/etc/redis/redis.conf")


def processes(page, terminal):
    keys = page.take("toml", "reuse_port = true\n")
    lines = [page.promises(line) for line in ("unixsocket /run/redis/redis-server.sock", "unixsocketperm 770")]
    with REDIS.open("a") as file:
        file.write("\n".join(["", *lines, ""]))
    terminal.run("systemctl restart redis-server")
    # The application that the page names.
    terminal.run("systemd-run --unit backend python3 -m http.server --directory /run 8000")
    terminal.configure(keys)
    disable, edit, enable, status = page.take("sh", "sudo systemctl disable --now vestibule.socket").splitlines()
    terminal.run(disable)
    drop_in = page.take("ini", "# sudo systemctl edit vestibule@.service")
    terminal.set_secret("the secret of both processes, for this run alone")
    terminal.edit(edit, drop_in)
    terminal.run(enable)
    terminal.run(status)
    for line in (r"^cluster: working$", r"^node \S+-1 \(this one\)", r"^node \S+-2:"):
        terminal.wait(line, lambda line=line: re.search(line, terminal.run(status, is_shown=False), re.M))
    terminal.look("vestibule health --admin unix:/run/vestibule-2/admin.sock", "ready")
    terminal.run("curl -sSf http://127.0.0.1:9101/metrics http://127.0.0.1:9102/metrics")
    for process in ("1", "2"):
        assert pathlib.Path(f"/var/lib/vestibule-{process}").is_dir(), f"process {process} has no directory"
    token = terminal.run(f"vestibule token --config {CONFIGURATION} --sub alice",
                         env={"VESTIBULE_AUTH__SECRET_FILE": str(SECRET)})
    assert terminal.knows(token), "the secret is not used"
    with Clients():
        terminal.run("systemctl restart vestibule@1")
    terminal.run("systemctl disable --now vestibule@1 vestibule@2 && systemctl stop redis-server backend")
    terminal.run("systemctl enable --now vestibule.socket vestibule.service")


def deleted(page, terminal):
    token = terminal.run(f"vestibule token --config {CONFIGURATION} --sub alice")
    terminal.run("rm /var/lib/vestibule/recipes.db")
    ready = "curl -sS http://127.0.0.1:9090/readyz"
    terminal.wait("the loss is seen", lambda: "storage_lost" in terminal.run(ready, is_shown=False))
    terminal.run(page.take("sh", "cd /var/lib/vestibule && pid="))
    terminal.look("vestibule health", "ready")
    terminal.run(f"vestibule backup --config {CONFIGURATION} /srv/backup/rescued.db")
    assert terminal.knows(token), "the directory has another key"

