"""Installer and uninstaller on a made-up system: which commands they call, which files they leave.

`make arm` runs them on a real one, where no systemd and no udev runs.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.systemd.conftest import REPOSITORY

STUB = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> "$CALLS"
case "$name $*" in
    "id -u") echo 0 ;;
    "nproc ") echo 4 ;;
    "getconf LONG_BIT") echo 64 ;;
    *" -c import sys;"*) echo 3.13 ;;
    *"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
esac
"""
NAMES = "apt-cache apt-get getent groupadd groupdel id nproc getconf python3 systemctl udevadm"
REAL = "basename cat chmod cmp cp dirname grep install mkdir mktemp rm rmdir sh tr"
PLACES = ("/opt/paperlane", "/etc/", "/usr/local/bin", "/var/lib", "/run/")
UNITS = "etc/systemd/system"


@dataclass
class System:
    """A root file system without a computer."""

    root: Path

    def run(self, script: str, *arguments: str, umask: int = 0o022) -> list[str]:
        """Run one of the two; gives what it called, in order."""
        calls = self.root / "calls"
        calls.write_text("")
        done = subprocess.run(
            ["sh", str(self.root / "checkout/systemd" / script), *arguments],
            env={"PATH": str(self.root / "bin"), "CALLS": str(calls), "SUDO_USER": "root"},
            capture_output=True,
            text=True,
            umask=umask,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return calls.read_text().splitlines()


@pytest.fixture
def system(tmp_path):
    for folder in ("bin", "run/systemd/system", UNITS, "etc/udev/rules.d", "usr/local/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name in REAL.split():
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    for name in [*NAMES.split(), "useradd", "userdel", "usermod"]:
        stub = tmp_path / "bin" / name
        stub.write_text(STUB)
        stub.chmod(0o755)
    shutil.copytree(REPOSITORY / "systemd", tmp_path / "checkout/systemd")
    (tmp_path / "checkout/pyproject.toml").touch()
    for script in ("install.sh", "uninstall.sh"):
        path = tmp_path / "checkout/systemd" / script
        text = path.read_text()
        for place in PLACES:
            text = text.replace(place, f"{tmp_path}{place}")
        path.write_text(text)
    return System(tmp_path)


def _managed(calls):
    return [call for call in calls if call.startswith(("systemctl", "udevadm"))]


def test_a_board_that_is_plugged_in_gets_its_name_and_a_service_that_had_given_up_starts(system):
    assert _managed(system.run("install.sh")) == [
        "systemctl daemon-reload",
        "udevadm control --reload",
        "udevadm trigger --subsystem-match=tty",
        "systemctl enable --quiet paperlane.service",
        "systemctl reset-failed paperlane.service",
        "systemctl restart --no-block paperlane.service",
    ]
    assert not any(
        "paperlane.service" in c for c in _managed(system.run("install.sh", "--no-start"))
    )


def test_what_is_installed_is_for_the_service_to_read_whatever_roots_umask(system):
    system.run("install.sh", umask=0o077)
    for path in (
        "opt/paperlane/venv/bin",
        "etc/paperlane/paperlane.toml",
        "usr/local/bin/paperlane",
    ):
        for part in [system.root / path, *(system.root / path).parents]:
            if part == system.root:
                break
            assert part.stat().st_mode & 0o004, part


def test_an_update_takes_the_realtime_drop_in_along(system):
    drop_in = system.root / UNITS / "paperlane.service.d/realtime.conf"
    system.run("install.sh")
    assert not drop_in.exists()
    system.run("install.sh", "--realtime")
    drop_in.write_text("[Service]\n# of the version before\n")
    system.run("install.sh")
    assert drop_in.read_text() == (REPOSITORY / "systemd/realtime.conf").read_text()


@pytest.mark.parametrize("purge", [False, True])
def test_after_a_purge_nothing_is_left(system, purge):
    system.run("install.sh", "--realtime")
    override = system.root / UNITS / "paperlane.service.d/override.conf"  # `systemctl edit`
    override.write_text("[Service]\n")
    calls = system.run("uninstall.sh", *["--purge"] * purge)
    assert _managed(calls)[0] == "systemctl disable --now --quiet paperlane.service"
    assert ("userdel paperlane" in calls) == purge
    kept = {path for path in system.root.rglob("*paperlane*") if "checkout" not in path.parts}
    known = {f"{UNITS}/paperlane.service.d", "etc/paperlane", "etc/paperlane/paperlane.toml"}
    assert kept == set() if purge else {system.root / path for path in known}
    assert override.exists() is not purge
