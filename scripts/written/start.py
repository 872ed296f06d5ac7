"""The pages for those who begin: README.md, the tutorial, backends and their examples, and the recipe chat."""

import contextlib
import http.server
import json
import threading
import urllib.request

from .admin import is_like
from .document import ROOT
from .terminal import PATIENCE, Console, wait_until


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


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers as its page does, and keeps what it is asked."""

    asked, answers = {}, {}

    def do_POST(self):
        self.asked[self.path] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(self.answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Backend) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def backend(page, terminal):
    """With a backend that gives the answers of the page, and is asked what the page says."""
    command = page.take("sh")
    join, welcome, message, answer, refused, changed, leave = (json.loads(page.take("json")) for _ in range(7))
    Backend.answers = {"/join": welcome, "/message": answer, "/leave": {}}
    own = {"VESTIBULE_BACKEND__MODERATE": "true", "VESTIBULE_BACKEND__CLAIMS": "role"}
    own["VESTIBULE_RESUME__LINGER"] = "0s"
    with serving():
        terminal.start(command, 8080, env=own)
        terminal.run("vestibule token --sub alice --claim role=cook > token.txt")
        alice = terminal.listen("exec vestibule connect soup --token-file token.txt")
        for update in (answer, refused, changed):
            Backend.answers["/message"] = update
            alice.type(page.promises("Scale to 8 servings"))
            alice.shows(update.get("content") or update["reason"])
        alice.leave()
        wait_until(lambda: "/leave" in Backend.asked, "/leave")
    # A terminal says less of itself than a browser.
    del join["client"]
    for path, shown in (("/join", join), ("/message", message), ("/leave", leave)):
        assert is_like(shown, Backend.asked[path], is_whole=False), f"{path}: {Backend.asked[path]}"


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
