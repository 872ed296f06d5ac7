"""docs/deployment.md: the image, built and run by Podman on this system, and what Compose and Kubernetes are told.

There is no registry here, so the compiler's image is one of this system's files, whose `cargo` hands over the
release build that is there. Compose, kubectl and helm are stand-ins, which check what they are told.
"""

import pathlib
import re
import subprocess

from . import ROOT
from .terminal import LOGS, answers, known, show

BINARY = ROOT / "target/release/vestibule"
# What the Dockerfile calls and copies in the compiler's image.
PROGRAMS = "bash cat dirname echo grep install ldd mkdir sh".split()
LICENCES = [f"/usr/share/doc/{it}/copyright" for it in ("libc6", "libgcc-s1", "gcc-12-base")]
CARGO = """#!/bin/bash
[ "$*" = "build --release --locked" ] && install -D /built /src/target/release/vestibule
"""
# This system can make neither a bridge nor control groups for containers, nor keyrings.
SETTINGS = {
    "containers.conf": """\
[containers]
netns = "slirp4netns"
cgroups = "disabled"
keyring = false
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
""",
    "storage.conf": """\
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
""",
    "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
    "registries.conf": 'unqualified-search-registries = ["docker.io"]\n',
}


def libraries(program):
    said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return re.findall(r"/[^ ]*(?= \()", said.stdout)


def compiler(terminal):
    """The image that the Dockerfile begins with, under its name."""
    name = re.search(r"^ARG RUST=(\S+)$", (ROOT / "deploy/Dockerfile").read_text(), re.M)[1]
    image = pathlib.Path("/srv/image")
    programs = [f"/bin/{it}" for it in PROGRAMS]
    files = {path: path for path in (*programs, *LICENCES)}
    files |= {path: path for program in (*programs, BINARY) for path in libraries(program)}
    files["/built"] = BINARY
    for path, source in files.items():
        to = image / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(pathlib.Path(source).read_bytes())
        to.chmod(0o755)
    (image / "bin/cargo").write_text(CARGO)
    (image / "bin/cargo").chmod(0o755)
    (image / "tmp").mkdir()
    terminal.run(f"tar -C {image} -c . | podman import -c 'ENV PATH=/bin:/usr/bin' - docker.io/library/{name}")


def image(page, terminal):
    terminal.run("apt install podman")
    for name, text in SETTINGS.items():
        pathlib.Path("/etc/containers", name).write_text(text)
    compiler(terminal)
    build, run = page.take("sh", "docker build -f deploy/Dockerfile").splitlines()
    terminal.run(build)
    terminal.run(page.promises("systemctl stop vestibule.socket vestibule.service"))
    show("$ ", f"{run} &")
    with (LOGS / "container.log").open("w") as log:
        container = subprocess.Popen(["bash", "-ec", f"exec {run}"], cwd=ROOT, env=terminal.environment,
                                     stdout=log, stderr=log)
    terminal.wait("the container", lambda: container.poll() is not None or is_there(8080))
    answers(8080)
    terminal.look("docker exec --latest /usr/bin/vestibule health", "ready")
    terminal.run("docker healthcheck run $(docker ps --quiet)")
    known(terminal.run("docker exec --latest /usr/bin/vestibule token --sub alice"))
    terminal.run("docker stop --latest")
    assert container.wait() == 0, f"it ended with {container.returncode}"
    kept = terminal.run("ls $(docker volume inspect vestibule --format '{{.Mountpoint}}')")
    assert "recipes.db" in kept, f"the volume has only {kept}"
    terminal.run("systemctl start vestibule.socket vestibule.service")


def is_there(port):
    try:
        answers(port)
    except (OSError, AssertionError):
        return False
    return True


def compose(page, terminal):
    terminal.run(page.take("sh", "mkdir -m 700 deploy/secrets"))


def kubernetes(page, terminal):
    said = terminal.run(page.take("sh", "openssl rand -base64 32 > admin.key"))
    assert said.splitlines()[-1].startswith("REGISTRY/vestibule:"), said


def three_nodes(page, terminal):
    """No node runs, so `exec` runs the program here, with the secrets where they are in a container."""
    *before, token, status, kill = page.take("sh", "cd examples/cluster\n").splitlines()
    pathlib.Path("/run/secrets").symlink_to(ROOT / "examples/cluster/secrets")
    known(terminal.run("\n".join([*before, token])).splitlines()[-1])
    assert status == "docker compose exec node1 /usr/bin/vestibule status"
    terminal.run(f"cd examples/cluster && {kill}")
