"""docs/deployment.md: sockets that systemd holds."""

import pathlib

from .terminal import CONFIGURATION

ADMIN = pathlib.Path("/etc/systemd/system/vestibule-admin.socket")


def for_a_proxy(page, terminal):
    terminal.edit(page.promises("systemctl edit vestibule.socket"), page.take("ini", "[Socket]\nListenStream=\n"))
    terminal.configure("[http]\n" + page.promises('trusted_proxies = ["unix"]'))
    terminal.run(page.promises("systemctl daemon-reload && systemctl restart vestibule.socket vestibule.service"))
    terminal.look("stat -c '%a %G' /run/vestibule-http.sock", "660 www-data\n")
    ask = "curl -sS --unix-socket /run/vestibule-http.sock http://localhost/healthz"
    terminal.run(f"setpriv --reuid=www-data --regid=www-data --clear-groups {ask}")
    refused = terminal.run(f"setpriv --reuid=nobody --regid=nogroup --clear-groups {ask} 2>&1", fails=True)
    assert "connect" in refused, refused
    terminal.run("systemctl restart vestibule.service")
    terminal.run(ask)


def for_the_operator(page, terminal):
    ADMIN.write_text(page.take("ini", "[Socket]\nListenStream=/run/vestibule-admin.sock"))
    sockets = page.promises("Sockets=vestibule.socket vestibule-admin.socket")
    terminal.edit("systemctl edit vestibule.service", f"[Service]\n{sockets}\n")
    listen = page.promises('admin.listen = "unix:/run/vestibule-admin.sock"')
    terminal.configure("[admin]\n" + listen.removeprefix("admin."))
    for command in (
        "systemctl daemon-reload", "systemctl stop vestibule.service",
        "systemctl enable --now vestibule-admin.socket", "systemctl start vestibule.service",
    ):
        terminal.run(page.promises(command))
    terminal.look("stat -c '%a %U' /run/vestibule-admin.sock", "600 root\n")
    terminal.run(f"vestibule status --config {CONFIGURATION}")
    terminal.run("systemctl restart vestibule.service")
    terminal.look(f"vestibule health --config {CONFIGURATION}", "ready")
    terminal.run(page.promises("curl --unix-socket /run/vestibule/admin.sock http://localhost/v1/stats").replace(
        "/run/vestibule/admin.sock", "/run/vestibule-admin.sock"))

    terminal.run(page.promises("systemctl stop vestibule.socket vestibule.service"))
    for unit in ("vestibule.service", "vestibule.socket"):
        assert terminal.show(unit, "ActiveState") == {"ActiveState": "inactive"}, f"{unit} goes on"
    terminal.run("systemctl disable --now vestibule-admin.socket && rm " + str(ADMIN))
    terminal.as_installed()
