"""docs/deployment.md: a small machine, its disk, its log, its certificate and its backup."""

import pathlib

from .terminal import CONFIGURATION, answers

MIB = 1024 * 1024
FSTAB = pathlib.Path("/etc/fstab")


def tools(page, terminal):
    """rustup itself is a stand-in: it would fetch a toolchain."""
    home = pathlib.Path("/run/home")
    home.mkdir()
    block = page.take("sh", "sudo apt install build-essential curl git python3")
    terminal.run(block + '[ "$RUSTUP" = installed ]\n', env={"HOME": str(home)})
    assert (home / ".cargo/env").is_file(), "rustup was not run"


def memory(page, terminal):
    terminal.configure(page.take("toml", "# /etc/vestibule/vestibule.toml\n[limits]"))
    terminal.edit("sudo systemctl edit vestibule", page.take("ini", "# sudo systemctl edit vestibule\n"))
    terminal.run("systemctl restart vestibule")
    limits = terminal.show("vestibule", "MemoryMax", "LimitNOFILE", "MainPID")
    process = pathlib.Path("/proc", limits.pop("MainPID"), "limits").read_text()
    assert limits == {"MemoryMax": str(384 * MIB), "LimitNOFILE": "8192"}, limits
    assert "Max open files            8192                 8192" in process, process
    said = terminal.run(page.promises("vestibule check --config /etc/vestibule/vestibule.toml"))
    assert "2000" in said and "128" in said, said


def another_disk(page, terminal):
    token = terminal.run(f"vestibule token --config {CONFIGURATION} --sub alice")
    disk = pathlib.Path("/srv/disk")
    FSTAB.write_text(f"disk {disk} tmpfs mode=755,nofail 0 0\n")
    terminal.run(f"mkdir -p {disk} && systemctl daemon-reload && mount {disk}")
    before = pathlib.Path("/var/lib/vestibule/recipes.db").stat()
    terminal.run(page.take("sh", "sudo systemctl stop vestibule.socket"))
    terminal.look("vestibule health", "ready")
    database = pathlib.Path("/var/lib/vestibule/recipes.db").stat()
    assert database.st_dev == disk.stat().st_dev != before.st_dev, "the data is where it was"
    assert terminal.knows(token), "the data was not moved"
    folder = pathlib.Path("/var/lib/private/vestibule").stat()
    assert (folder.st_mode & 0o777, folder.st_uid) == (0o700, database.st_uid), "others can read the data"
    # As after a start of the machine: without the disk, the service does not write to what is below.
    terminal.run("systemctl stop vestibule.socket vestibule.service && umount /var/lib/private/vestibule")
    there = FSTAB.read_text()
    terminal.run(f"cp -a {disk} /srv/kept && umount {disk}")
    FSTAB.write_text(there.replace("tmpfs", "unknown"))
    terminal.run("systemctl daemon-reload")
    said = terminal.run("systemctl start vestibule.service", fails=True)
    assert "A dependency job for vestibule.service failed" in said, said
    FSTAB.write_text(there)
    terminal.run(f"systemctl daemon-reload && mount {disk} && cp -a /srv/kept/. {disk}")
    terminal.run("systemctl start vestibule.socket vestibule.service && mountpoint /var/lib/private/vestibule")
    assert pathlib.Path("/var/lib/vestibule/recipes.db").stat().st_dev == disk.stat().st_dev


def logs(page, terminal):
    block = page.take("ini", "# /etc/systemd/journald.conf.d/card.conf\n")
    file = pathlib.Path(block.split()[1])
    file.parent.mkdir(exist_ok=True)
    file.write_text(block)
    terminal.keep_logs()
    terminal.run("systemctl restart systemd-journald")
    assert not terminal.run("journalctl -u systemd-journald -p warning --no-pager -q"), "journald complains"
    terminal.run("systemctl restart vestibule && vestibule health && journalctl --sync")
    last = terminal.run("journalctl -D /run/log/journal -u vestibule -n 5 -o cat --no-pager")
    assert last.strip(), "nothing is logged to memory"


def by_caddy(page, terminal):
    terminal.run(page.take("sh", "sudo apt install caddy"))
    terminal.configure("[http]\n" + page.promises('trusted_proxies = ["127.0.0.1", "::1"]'))
    terminal.run("systemctl reload vestibule")
    # A name of this system, for which Caddy is the authority itself.
    terminal.run("sed -i 's/^chat.example.com {/localhost {/' /etc/caddy/Caddyfile && sudo systemctl reload caddy")
    ask = "curl -sk -o /dev/null -w '%{http_code}' https://localhost/healthz || true"
    terminal.wait("Caddy's certificate", lambda: terminal.run(ask, is_shown=False) == "200")
    terminal.run("systemctl stop caddy")


def backup(page, terminal):
    terminal.run(page.promises("sudo mkdir -m 700 /srv/backup"))
    _, line = page.take("sh", "# /etc/cron.d/vestibule").splitlines()
    *when, user, command = line.split(maxsplit=6)
    assert (when, user) == (["17", "3", "*", "*", "*"], "root"), line
    # To cron a percent sign is a line's end, unless it is behind a backslash (crontab(5)).
    as_cron = "env -i PATH=/usr/bin:/bin SHELL=/bin/sh HOME=/root /bin/sh -c"
    old = pathlib.Path("/srv/backup/recipes-2001-01-01.db")
    old.write_text("old")
    terminal.run(f"touch -d '9 days ago' {old}")
    terminal.run(f'{as_cron} "$COMMAND"', env={"COMMAND": command.replace("\\%", "%")})
    left = list(pathlib.Path("/srv/backup").iterdir())
    assert len(left) == 1 and left[0] != old, left
    assert left[0].read_bytes().startswith(b"SQLite format 3"), f"{left[0]} is no database"
    terminal.run("systemctl restart vestibule && vestibule health")
    answers(8080)
