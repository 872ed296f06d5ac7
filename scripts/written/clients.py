"""The pages for who writes a client, in the checkout: docs/client.md, client/README.md, and the example of a cluster."""

import os
import re
import signal

from .document import ROOT

SAID = "Is there soup left?\n"


def by_hand(page, terminal):
    terminal.folder = ROOT
    terminal.start(page.take("sh"), 8080)
    token = terminal.run(page.take("sh") + "echo $TOKEN").strip()
    # The block says which flag an older Node.js needs.
    flag = page.promises("--experimental-websocket")
    own = {"TOKEN": token, "NODE_OPTIONS": flag, "NODE_NO_WARNINGS": "1"}
    said = terminal.run(page.take("sh"), input=SAID, env=own)
    assert "Noted" in said, said
    said = terminal.run(page.take("sh"), input=SAID)
    assert "Noted" in said, said
    tools = f"{ROOT}/client/node_modules/.bin:{terminal.environment['PATH']}"
    terminal.listen(page.take("sh"), env={"TOKEN": token, "PATH": tools}).shows("Noted")


def package(page, terminal):
    terminal.folder = ROOT
    project = ROOT / "my-app"
    project.mkdir()
    (project / "package.json").write_text('{ "private": true, "type": "module" }')
    terminal.run(page.take("sh"))
    program = "import('@vestibule/client').then((it) => console.log(Object.keys(it)))"
    said = terminal.run(f'node -e "{program}"', cwd=project)
    assert "ChatConnection" in said, said


def cluster(page, terminal):
    terminal.folder = ROOT
    build, run = page.take("sh").splitlines()
    terminal.run(build)
    nodes = terminal.listen(f"exec {run}")
    token = nodes.shows("Token:").split()[-1]
    (terminal.folder / "token").write_text(token)
    first = int(nodes.shows("Nodes:").replace(";", "").split()[2])
    connect = "vestibule connect soup --token-file token --url ws://127.0.0.1:8080"
    assert "Noted" in terminal.run(connect, input=SAID)
    os.kill(first, signal.SIGKILL)
    assert "Noted" in terminal.run(connect, input=SAID)
    terminal.stop(nodes.program)
    said = terminal.run(page.take("sh"))
    assert re.search(r"missed, twice +0, 0\n", said), said
