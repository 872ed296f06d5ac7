"""Namespaces in which what is typed can change nothing of the machine, and leaves nothing."""

import os
import signal
import subprocess
import sys

from .document import ROOT

# The documents name files there, or write to them.
CHANGED = ["/etc", "/run", "/var", str(ROOT)]
LOGS = os.environ.get("LOGS_OF_TESTS")


def run(command):
    """Runs this with mounts and processes of its own. Who is not root is root there."""
    options = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    if os.geteuid() != 0:
        options.append("--map-root-user")
    # Then what runs there is killed, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return subprocess.run(["unshare", *options, "--", *command], check=False).returncode


def close_off(work):
    """From here on, what is written to `CHANGED` is in `work` instead."""
    if LOGS:
        mount("--bind", LOGS, make(work / "logs"))
    for number, path in enumerate(CHANGED):
        upper, workdir = make(work / f"upper{number}"), make(work / f"work{number}")
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={path},upperdir={upper},workdir={workdir}", path)
    if LOGS:
        mount("--bind", work / "logs", LOGS)
    os.chdir(ROOT)


def make(path):
    path.mkdir()
    return path


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
