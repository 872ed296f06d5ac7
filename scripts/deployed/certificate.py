"""docs/deployment.md: a certificate by certbot, from an authority for tests on this system."""

import json
import pathlib

LINEAGE = pathlib.Path("/etc/letsencrypt/live/chat.example.com")
COPY = pathlib.Path("/var/lib/vestibule/tls/current")
# It answers at the port where the authority looks: that of the page.
AUTHORITY = {
    "pebble": {
        "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/run/pebble/acme.pem", "privateKey": "/run/pebble/acme.key", "httpPort": 80, "tlsPort": 443,
        "ocspResponderURL": "", "externalAccountBindingRequired": False,
    }
}
# What certbot asks at a terminal, and where the authority is.
ANSWERS = """\
server = https://127.0.0.1:14000/dir
no-verify-ssl = true
non-interactive = true
agree-tos = true
register-unsafely-without-email = true
"""


def authority(terminal):
    """Pebble, to which every name is one of this system."""
    folder = pathlib.Path("/run/pebble")
    folder.mkdir()
    (folder / "pebble.json").write_text(json.dumps(AUTHORITY))
    terminal.run(
        "apt install pebble && cd /run/pebble &&"
        " openssl req -x509 -newkey rsa:2048 -nodes -keyout acme.key -out acme.pem -days 2 -subj /CN=localhost"
        " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 &&"
        " systemd-run --unit names pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:8053"
        " -management 127.0.0.1:8055 -http01 '' -https01 '' -tlsalpn01 '' &&"
        " systemd-run --unit pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0"
        " pebble -config /run/pebble/pebble.json -dnsserver 127.0.0.1:8053"
    )
    terminal.run("curl -sk --retry 50 --retry-delay 1 --retry-connrefused https://127.0.0.1:14000/dir")


def by_certbot(page, terminal):
    authority(terminal)
    install, hook, certonly = page.take("sh", "sudo apt install certbot").splitlines()
    terminal.run(install)
    pathlib.Path("/etc/letsencrypt/cli.ini").write_text(ANSWERS)
    terminal.run(hook)
    terminal.run(certonly, env={"PYTHONWARNINGS": "ignore"})
    terminal.configure(page.take("toml", "# /etc/vestibule/vestibule.toml\n[tls]"))
    port = page.promises("ListenStream=[::]:443")
    terminal.edit(page.promises("sudo systemctl edit vestibule.socket"), f"[Socket]\nListenStream=\n{port}\n")
    terminal.run("systemctl restart vestibule.socket vestibule.service")
    asked = "openssl s_client -connect 127.0.0.1:443 -servername chat.example.com </dev/null 2>/dev/null"
    terminal.look(f"{asked} | openssl x509 -noout -ext subjectAltName", "DNS:chat.example.com")
    terminal.run("curl -sSkf https://127.0.0.1:443/healthz")
    before = COPY.resolve()
    terminal.run(page.promises(f"sudo RENEWED_LINEAGE={LINEAGE} /etc/letsencrypt/renewal-hooks/deploy/vestibule"))
    assert COPY.resolve() != before, "the hook copies nothing"
    # As certbot's timer does, with a certificate that is not due.
    terminal.run("certbot renew --force-renewal --no-random-sleep-on-renew", env={"PYTHONWARNINGS": "ignore"})
    renewed = (LINEAGE / "fullchain.pem").read_bytes()
    assert (COPY / "fullchain.pem").read_bytes() == renewed, "a renewal is not copied"
    terminal.run("systemctl stop pebble names")
    terminal.as_installed()
