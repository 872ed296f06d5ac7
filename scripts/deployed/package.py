"""docs/deployment.md: the installation, and the service under systemd."""

import pathlib
import shutil

from . import ROOT
from .terminal import CONFIGURATION, SECRET, Clients, answers, connected


def install(page, terminal):
    said = terminal.run(page.take("sh", "sudo apt install build-essential python3"))
    assert said.endswith("\nready\n"), f"not ready: {said[-300:]}"
    for unit in ("vestibule.service", "vestibule.socket"):
        terminal.run(f"systemctl is-active {unit} && systemctl is-enabled {unit}")
    answers(8080)
    answers(9090)
    for path in ("docs/deployment.md", "examples/Caddyfile", "examples/certbot-hook", "vestibule.cdx.json"):
        assert pathlib.Path("/usr/share/doc/vestibule", path).is_file(), f"no {path}"
    terminal.run(page.promises("apt purge") + " vestibule")
    assert pathlib.Path("/var/lib/vestibule/recipes.db").is_file(), "a purge takes the database"
    assert not CONFIGURATION.exists(), "a purge leaves the configuration"

    terminal.run(page.take("sh", "cargo build --release"))
    terminal.look("vestibule health", "ready")
    # The rest of the page is about the package.
    terminal.run("systemctl disable --now vestibule.socket vestibule.service")
    terminal.run("rm /etc/systemd/system/vestibule.s* /usr/bin/vestibule && systemctl daemon-reload")
    shutil.rmtree(CONFIGURATION.parent)
    terminal.run("sudo apt install ./target/debian/vestibule_*.deb")
    terminal.look("vestibule health", "ready")


def static(page, terminal):
    """The build takes as long as the other one. `./test --all` makes it, by scripts/static, which tries the binary."""
    target, tools, build = page.take("sh", "rustup target add").splitlines()
    terminal.run(tools)
    assert target in (ROOT / "scripts/static").read_text(), "scripts/static has another target"
    assert f"\n  {target}\n" in (ROOT / "test").read_text(), f"./test --all does not run {target}"
    assert build == "cargo build --release --locked --target x86_64-unknown-linux-musl"


def under_systemd(page, terminal):
    reload, restart, edit, token = page.take("sh", "sudo systemctl reload").splitlines()
    before = process(terminal)
    # The first request of a connection is the last one, too.
    with connected(8080) as stays, Clients():
        terminal.run(reload)
        answers(8080, stays)
    assert process(terminal) == before, "a reload starts another process"
    with Clients():
        terminal.run(restart)
    assert process(terminal) != before, "a restart starts no other process"
    with Clients():
        killed = process(terminal)
        terminal.run("systemctl kill --signal=KILL vestibule")
        terminal.wait("another process", lambda: process(terminal) not in (killed, "0"))
    terminal.edit(edit, "[Socket]\nListenStream=\nListenStream=0.0.0.0:8080\n")
    terminal.run(f"sudo {page.promises('systemctl restart vestibule.socket vestibule.service')}")
    # Another address of this system.
    terminal.run("curl -sSf http://127.0.0.2:8080/healthz")
    assert terminal.knows(terminal.run(token)), "the token is refused"
    confined(page, terminal)


def process(terminal):
    return terminal.show("vestibule", "MainPID")["MainPID"]


def confined(page, terminal):
    """The service has no rights of root, and a filter of system calls."""
    status = pathlib.Path("/proc", process(terminal), "status").read_text()
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status, f"{line} is not in\n{status}"
    assert "\nUid:\t0" not in status, "the service is root"
    if " 252 " in terminal.run("systemctl --version"):
        page.promises("`systemd-analyze security` of systemd 252 rates it 1.2 of 10")
        terminal.look("systemd-analyze security --no-pager vestibule.service | tail -n 1", ": 1.2 ")


def credential(page, terminal):
    terminal.set_secret("a secret of the operator, for this run alone")
    terminal.edit(page.promises("systemctl edit vestibule"), page.take("ini", "[Service]\nLoadCredential="))
    with Clients():
        terminal.run("systemctl restart vestibule")
    token = f"vestibule token --config {CONFIGURATION} --sub alice"
    own = terminal.run(token, env={"VESTIBULE_AUTH__SECRET_FILE": str(SECRET)})
    assert terminal.knows(own), "the credential is not used"
    assert not terminal.knows(terminal.run(token)), "the generated key is still used"
    terminal.as_installed()
