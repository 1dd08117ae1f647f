"""A booted systemd to run the unit under, and a microcontroller for it to drive.

The container is this machine's own root file system under an overlay in memory: what the unit needs
is put on top, what it does is thrown away.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.model.cards import card_path
from controller.model.pilot import find_model

REPOSITORY = Path(__file__).parents[2]
UNIT = REPOSITORY / "systemd" / "paperlane.service"
PYTHON = "/opt/paperlane/venv/bin/python"
DEVICE = "/dev/paperlane-mcu"
CONFIG = f"""
[camera]
source = "pattern"
[link]
device = "{DEVICE}"
[model]
name = "/etc/paperlane/model.tflite"
[recording]
folder = "/var/lib/paperlane/drives"
"""
TARGET = """
[Unit]
Description=What the tests boot: systemd itself and nothing of the machine's own services
Requires=sysinit.target
After=sysinit.target
AllowIsolate=yes
"""
SYSUSERS = """
g gpio -
g dialout -
g video -
u paperlane - "PaperLane" /var/lib/paperlane
"""


def wait_for(condition, timeout_s, what):
    """What `condition` says as soon as it says something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout_s} s for {what}")


@dataclass
class Pins:
    """What the emulated microcontroller did, as it wrote it down."""

    path: Path

    def lines(self):
        text = self.path.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    @property
    def driving(self):
        last = self.lines()[-1]
        return bool(last["motors"]["left"] or last["motors"]["right"])


class Container:
    """A booted systemd; `run` runs a command within."""

    def __init__(self, root, leader):
        self.root = root
        self._leader = leader

    def run(self, *command, check=True, timeout_s=60):
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", *command],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def systemctl(self, *arguments, check=True):
        return self.run("systemctl", *arguments, check=check).stdout.strip()

    def show(self, name):
        return self.systemctl("show", "--value", "--property", name, "paperlane.service")

    def journal(self):
        return self.run("journalctl", "--unit=paperlane.service", "--output=cat").stdout

    def paperlane(self, *arguments, user="paperlane", check=True):
        command = ("runuser", "-u", user, "--", PYTHON, "-P", "-m", "controller", *arguments)
        return self.run("env", "PYTHONPATH=/opt/paperlane/code", *command, check=check)

    def process_id(self):
        """The drive's process as this side of the container sees it."""
        inside = self.show("MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                for line in status.read_text().splitlines():
                    if line.startswith("NSpid:") and line.split()[2:] == [inside]:
                        return int(status.parent.name)
        raise AssertionError(f"no process {inside} in the container")


@pytest.fixture(scope="session")
def mcu(tmp_path_factory):
    """The firmware in its emulator, its serial line on a pty of this machine."""
    folder = tmp_path_factory.mktemp("mcu")
    pins, line = folder / "pins.jsonl", folder / "line"
    command = [sys.executable, str(Path(__file__).with_name("mcu.py")), str(line), str(pins)]
    with subprocess.Popen(command, cwd=REPOSITORY) as emulator:
        try:
            wait_for(line.exists, 60, "the emulated microcontroller")
            device = line.resolve()
            shutil.chown(device, group="dialout")
            device.chmod(0o660)
            yield device, Pins(pins)
        finally:
            emulator.terminate()


def _put(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _furnish(root, unit=UNIT):
    """Put the car's software where the installer puts it. Gives what else to bind."""
    units = root / "etc/systemd/system"
    shutil.copy(unit, units / "paperlane.service")
    # The checkout may lie where the unit sees nothing (under /home): its packages are copied.
    _put(
        root,
        "etc/systemd/system/paperlane.service.d/test.conf",
        "[Service]\nEnvironment=PYTHONPATH=/opt/paperlane/code\n",
    )
    _put(root, "etc/systemd/system/paperlane-test.target", TARGET)
    _put(root, "etc/sysusers.d/paperlane.conf", SYSUSERS)
    _put(root, "etc/paperlane/paperlane.toml", CONFIG)
    model = find_model("default")
    for file in (model, card_path(model)):
        shutil.copy(file, root / f"etc/paperlane/model{file.suffix}")
    for package in ("controller", "firmware_bridge"):
        shutil.copytree(
            REPOSITORY / package,
            root / "opt/paperlane/code" / package,
            ignore=shutil.ignore_patterns("build", "__pycache__", "models"),
        )
    # As pip does on installing; the service may not write there.
    compileall.compile_dir(root / "opt/paperlane/code", quiet=1)
    return _make_environment(root)


def _make_environment(root):
    """A virtual environment of this Python's packages at the installed place."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = f"opt/paperlane/venv/lib/{version}/site-packages"
    (root / packages).mkdir(parents=True)
    binds = [f"{sysconfig.get_path('purelib')}:/{packages}"]
    home = Path(sys.base_prefix)
    if home != Path("/usr"):
        (root / "opt/python").mkdir(parents=True)
        binds.append(f"{home}:/opt/python")
        home = Path("/opt/python")
    _put(root, "opt/paperlane/venv/pyvenv.cfg", f"home = {home}/bin\n")
    (root / PYTHON[1:]).parent.mkdir()
    (root / PYTHON[1:]).symlink_to(home / "bin" / version)
    return binds


@contextlib.contextmanager
def _overlay(folder):
    """This machine's root file system with a layer in memory over it."""
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        upper, work, root = (folder / name for name in ("upper", "work", "root"))
        for part in (upper, work, root):
            part.mkdir()
        options = f"lowerdir=/,upperdir={upper},workdir={work}"
        done = subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, str(root)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no overlay over the root file system here: {done.stderr.strip()}")
        try:
            yield root
        finally:
            subprocess.run(["umount", "--recursive", "--lazy", str(root)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _leader(nspawn):
    """The container's own process 1, once its systemd takes orders; None before."""
    if nspawn.poll() is not None:
        return None
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
    for child in children:
        ready = subprocess.run(
            [
                "nsenter",
                "--target",
                child,
                "--all",
                "systemctl",
                "is-active",
                "paperlane-test.target",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if ready.stdout.strip() == "active":
            return child
    return None


@contextlib.contextmanager
def _booted(root, binds, log):
    command = [
        "systemd-nspawn", f"--directory={root}", "--register=no", "--keep-unit", "--boot",
        "--private-network", "--console=pipe", "--machine=paperlane-test",
        "--link-journal=no", *binds, "systemd.unit=paperlane-test.target",
    ]  # fmt: skip
    with log.open("w") as output:
        nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        try:
            leader = wait_for(lambda: _leader(nspawn), 30, "the container's systemd")
        except AssertionError:
            pytest.skip(f"systemd does not boot in a container here: {log.read_text()[-500:]}")
        yield leader
    finally:
        for _ in range(2):  # the second one does not wait for its services
            nspawn.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        try:
            nspawn.wait(10)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


@pytest.fixture(scope="session")
def container(tmp_path_factory, mcu):
    """A booted systemd with the unit installed, not started, and the microcontroller's line."""
    folder = tmp_path_factory.mktemp("container")
    device, _ = mcu
    with _overlay(folder) as root:
        binds = [f"--bind-ro={bind}" for bind in _furnish(root)]
        binds.append(f"--bind={device}:{DEVICE}")
        log = tmp_path_factory.mktemp("log") / "boot"
        with _booted(root, binds, log) as leader:
            yield Container(root, leader)
