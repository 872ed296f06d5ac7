"""The pages for those who begin: README.md, the tutorial, backends and their examples, and the recipe chat."""

import json
import urllib.request

from .document import ROOT
from .terminal import PATIENCE, Console


def quick_starts(readme, terminal):
    server = terminal.start(readme.take("sh"), 8080)
    with urllib.request.urlopen(readme.promises("http://127.0.0.1:8080"), timeout=PATIENCE) as page:
        assert b"<title>Vestibule" in page.read(), "there is no page"
    terminal.stop(server)

    (terminal.folder / "app.py").write_text(readme.take("python"))
    *install, backend = readme.take("sh").strip().splitlines()
    for line in install:
        terminal.run(line)
    terminal.start(backend, 8000)
    terminal.start(readme.take("sh"), 8080)
    token = terminal.run(readme.take("sh"))
    program = readme.take("js")
    console = Console(terminal, program, token)
    for update in ("Welcome to soup.", "Received: Hello"):
        console.shows(readme.promises(f"recipe_update {update}"))
    stranger = Console(terminal, program, terminal.run("vestibule token --sub carol"))
    stranger.shows(readme.promises("1008 Recipe not found or access denied"))
    terminal.run(readme.take("sh"))
    console.shows(readme.promises("recipe_update Dinner is ready"))
    terminal.run(readme.promises("vestibule publish soup 'Dinner is ready'"))
    console.shows("recipe_update Dinner is ready")
    said = terminal.run(readme.take("sh"), input="Is there soup left?\n")
    assert "Received: Is there soup left?" in said, said
    console.shows("chat_message Is there soup left?")


def tutorial(page, terminal):
    terminal.run(page.take("sh"))
    terminal.environment["PATH"] = f"{terminal.folder}/venv/bin:{terminal.environment['PATH']}"
    (terminal.folder / "app.py").write_text(page.take("python"))
    terminal.start(page.take("sh"), 8000)
    server = terminal.start(page.take("sh"), 8080)
    token, program = terminal.run(page.take("sh")), page.take("js")
    console = Console(terminal, program, token)
    for update in ("Welcome to soup.", "Received: Hello"):
        console.shows(page.promises(update))
    stranger = Console(terminal, program, terminal.run("vestibule token --sub carol"))
    stranger.shows(page.promises("closed 1008 Recipe not found or access denied"))
    terminal.run(page.take("sh"))
    console.shows("Dinner is ready")
    terminal.stop(server)
    create, signed = page.take("sh").strip().splitlines()
    terminal.run(create)
    terminal.start(signed, 8080)


def backend(page, terminal):
    """In front of the example in Node.js, which needs no package."""
    terminal.start(f"PORT=8000 node {ROOT}/examples/node-backend/app.mjs", 8000)
    terminal.start(page.take("sh"), 8080)
    said = terminal.run("vestibule connect soup --sub alice", input="Scale to 8 servings\n")
    assert "It serves 8 now" in said, said


def example_in_python(page, terminal):
    terminal.folder = ROOT / "examples/fastapi"
    install, serve = page.take("sh").split("\n", 1)
    terminal.run(install)
    terminal.start(serve, 8000)
    terminal.start(page.take("sh"), 8080)
    alice = terminal.listen(page.take("sh"))
    alice.shows('"title":"Tomato soup"')
    alice.type(page.promises("Scale to 8 servings"))
    alice.shows('"servings":8')
    publish_twice(page.take("sh"), terminal, alice)


def example_in_node(page, terminal):
    terminal.folder = ROOT / "examples/node-backend"
    terminal.start(page.take("sh"), 8000)
    terminal.start(page.take("sh"), 8080)
    publish_twice(page.take("sh"), terminal, terminal.join("alice"))


def publish_twice(block, terminal, alice):
    """The second time, nothing is done but to answer as before."""
    assert terminal.run(block) == terminal.run(block)
    alice.shows("Dinner is ready")
    alice.type("What time is it?")
    assert "Dinner is ready" not in alice.shows("You asked at")


def recipes(page, terminal):
    terminal.start(page.take("sh"), 8080)
    recipe = json.loads(terminal.run(page.take("sh")))
    assert (recipe["title"], len(recipe["ingredients"])) == ("Pancakes", 2), recipe
