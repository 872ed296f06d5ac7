"""A second system of this machine's files, which systemd boots, and which is forgotten at its end.

Its root is an overlay: below are this machine's files, above is memory. Whatever is written, is written there. It
has a network of its own, with loopback only, and its own processes, so its ports and units are free.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from . import ROOT

# What a machine does of its own: not needed, and some would take apt's lock.
MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer avahi-daemon.socket certbot.timer e2scrub_all.timer fstrim.timer "
    "man-db.timer systemd-logind.service systemd-networkd.service systemd-networkd.socket "
    "systemd-resolved.service systemd-timesyncd.service"
).split()
REMOVED = (
    # Images for containers have these: no service is started, fetched packages and documents are deleted.
    "/usr/sbin/policy-rc.d",
    "/etc/apt/apt.conf.d/docker-clean",
    "/etc/dpkg/dpkg.cfg.d/docker",
    # With this file, each package with a manual has the index of all manuals written anew.
    "/var/lib/man-db/auto-update",
)
# No other unit is started than these, what they need, and what the pages start.
UNIT = """\
[Unit]
Description=Types what the documents say
SuccessAction=exit
FailureAction=exit

[Service]
Type=oneshot
WorkingDirectory={root}
Environment={environment}
ExecStart={python} {root}/scripts/deployment --inside
StandardOutput=file:/said
StandardError=inherit
TimeoutStartSec=900
"""
# With a whole run of the tests, the servers log everything. Not below /etc, where `systemctl revert` deletes.
FINEST = "[Service]\nEnvironment=VESTIBULE_LOG__LEVEL=trace\n"
DROP_INS = "/usr/local/lib/systemd/system"
# With other variables, cargo would build everything anew.
KEPT = ("PATH", "HOME", "CARGO", "RUST")
# On this machine, nothing may come to be here, or change.
UNTOUCHED = (
    "/etc/vestibule", "/etc/systemd/system", "/etc/apt/apt.conf.d", "/etc/fstab", "/etc/letsencrypt",
    "/usr/bin/vestibule", "/var/lib/vestibule", "/var/lib/private", "/srv", ROOT / "deploy",
    ROOT / "examples/cluster", ROOT / "target/debian", ROOT / "target/release/vestibule",
)


def with_mounts_of_its_own():
    """Runs this program where nobody else sees its mounts, which are gone with it."""
    if os.environ.get("MOUNTS_OF_ITS_OWN") != "yes":
        os.environ["MOUNTS_OF_ITS_OWN"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *sys.orig_argv])


class Machine:
    def __init__(self):
        with_mounts_of_its_own()
        self.before = untouched()
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="vestibule-deployment-"))
        run("mount", "-t", "tmpfs", "-o", "size=4g,mode=755", "tmpfs", self.memory)
        self.logs = self.memory / "logs"
        self.logs.mkdir()
        self.root = self.memory / "root"
        self.overlay("/")
        for path in (ROOT, *(os.environ.get(name) for name in ("HOME", "CARGO_HOME", "RUSTUP_HOME"))):
            # The overlay of / shows the files of one file system alone.
            if path and os.stat(path).st_dev != os.stat("/").st_dev:
                self.overlay(path)
        # nspawn notes there which machines there are.
        pathlib.Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn")
        self.prepare()

    def at(self, path):
        return self.root / str(path).lstrip("/")

    def overlay(self, path):
        above, work = (pathlib.Path(tempfile.mkdtemp(dir=self.memory)) for _ in range(2))
        above.chmod(0o755)
        self.at(path).mkdir(exist_ok=True, parents=True)
        directories = f"lowerdir={path},upperdir={above},workdir={work}"
        run("mount", "-t", "overlay", "-o", directories, "overlay", self.at(path))

    def prepare(self):
        for path in REMOVED:
            self.at(path).unlink(missing_ok=True)
        self.at("/etc/machine-id").write_text(os.urandom(16).hex() + "\n")
        self.at("/etc/fstab").write_text("")
        self.at("/etc/apt/apt.conf.d/99-yes").write_text('APT::Get::Assume-Yes "true";\n')
        for unit in MASKED:
            self.at(f"/etc/systemd/system/{unit}").unlink(missing_ok=True)
            self.at(f"/etc/systemd/system/{unit}").symlink_to("/dev/null")
        kept = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(KEPT)]
        given = " ".join('"' + it.replace("%", "%%") + '"' for it in kept)
        unit = UNIT.format(root=ROOT, environment=given, python=sys.executable)
        self.at("/etc/systemd/system/deployment.service").write_text(unit)
        if "LOGS_OF_TESTS" in os.environ:
            for unit in ("vestibule.service", "vestibule@.service"):
                self.at(f"{DROP_INS}/{unit}.d").mkdir(parents=True)
                self.at(f"{DROP_INS}/{unit}.d/finest.conf").write_text(FINEST)

    def fetch(self, *packages):
        """Puts Debian's packages where apt finds them later, when there is no network."""
        def chroot(*args):
            run("chroot", self.root, *args, stdout=subprocess.DEVNULL)
        run("mount", "-t", "proc", "proc", self.at("/proc"))
        run("mount", "--bind", "/dev", self.at("/dev"))
        chroot("apt-get", "update", "-qq")
        chroot("apt-get", "install", "-qq", "--download-only", *packages)
        run("umount", self.at("/proc"), self.at("/dev"))

    def boot(self):
        """Until the pages are typed; whether all was well."""
        args = ["--register=no", "--keep-unit", "--private-network", "--console=pipe", "--quiet", "--boot"]
        args += [f"--directory={self.root}", f"--bind={self.logs}:/logs"]
        args += ["systemd.unit=deployment.service", "systemd.show_status=no"]
        os.mkfifo(self.at("/said"))
        with subprocess.Popen(["cat", self.at("/said")]) as shown:
            done = subprocess.run(["systemd-nspawn", *args], stdin=subprocess.DEVNULL, check=False)
            shown.terminate()
        self.remove_groups()
        assert untouched() == self.before, f"this machine was touched: {self.before}, now {untouched()}"
        return done.returncode == 0

    def remove_groups(self):
        """The control groups of the processes that have ended."""
        for name in ("payload", "supervisor"):
            for top in pathlib.Path("/sys/fs/cgroup").glob(f"*/{name}"):
                for group, _, _ in os.walk(top, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(group)

    def keep_logs(self):
        """For the search for secrets, where ./test gathers them."""
        gathered = os.environ.get("LOGS_OF_TESTS")
        if gathered:
            for file in self.logs.iterdir():
                shutil.copy(file, pathlib.Path(gathered) / f"deployment-{os.getpid()}-{file.name}")

    def close(self):
        run("umount", "--recursive", "--lazy", self.memory)
        self.memory.rmdir()


def untouched():
    """When these places have changed."""
    return {str(it): pathlib.Path(it).stat().st_mtime for it in UNTOUCHED if pathlib.Path(it).exists()}


def run(*args, **more):
    return subprocess.run([str(it) for it in args], check=True, **more)
