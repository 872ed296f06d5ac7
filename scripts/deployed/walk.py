"""The pages from top to bottom."""

import pathlib

from written.document import Document

from . import certificate, containers, package, raspberry_pi, several, sockets
from .terminal import Terminal

DEPLOYMENT = (
    package.install,
    package.static,
    package.under_systemd,
    package.credential,
    sockets.for_a_proxy,
    sockets.for_the_operator,
    containers.image,
    containers.compose,
    containers.kubernetes,
    certificate.by_certbot,
    raspberry_pi.tools,
    raspberry_pi.memory,
    raspberry_pi.another_disk,
    raspberry_pi.logs,
    raspberry_pi.by_caddy,
    raspberry_pi.backup,
)
# A page, or a section of it, and who types its blocks.
PAGES = (
    (("docs/deployment.md",), DEPLOYMENT),
    (("docs/troubleshooting.md", "VestibuleStorageLost"), (several.deleted,)),
    (("docs/cluster.md", "Several processes on one host"), (several.processes,)),
    (("examples/cluster/README.md", "With containers"), (containers.three_nodes,)),
)


def all_pages():
    # nspawn makes this file. Anywhere else the pages would be typed for good.
    assert pathlib.Path("/run/host/container-manager").read_text().strip() == "systemd-nspawn"
    terminal = Terminal()
    for place, steps in PAGES:
        print("--", *place, flush=True)
        page = Document(*place, owed=("sh", "ini", "toml"))
        for step in steps:
            step(page, terminal)
        assert not page.left(), f"{place}: nobody types {page.left()}"
        terminal.as_installed()
    terminal.keep_logs()
    pattern = "vestibule.*(Unknown|Failed to parse|Invalid)"
    complaints = terminal.run(f"journalctl -q --no-pager -t systemd -g '{pattern}' || true")
    assert not complaints, f"systemd does not understand a unit: {complaints}"
