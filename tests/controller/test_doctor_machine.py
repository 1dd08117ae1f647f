"""What `check` says of the computer."""

from __future__ import annotations

import os
import tempfile
import types
from pathlib import Path

import pytest

from controller.doctor import machine as machine_probes
from controller.doctor.machine import Machine
from controller.doctor.page import Verdict
from controller.errors import UsageError
from controller.recording.writer import create_drive

PI = "Raspberry Pi 4 Model B Rev 1.4\0"
MODEL = "sys/firmware/devicetree/base/model"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
ZONE = "sys/class/thermal/thermal_zone{}/temp"


@pytest.fixture
def machine(tmp_path):
    """A computer made of files and of what its commands print."""

    def make(files=(), commands=()):
        for name, text in dict(files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        answers = dict(commands)
        return Machine(tmp_path, lambda arguments: answers.get(arguments[0]))

    return make


def _only(lines):
    (line,) = lines
    return line


# The page


@pytest.mark.parametrize(
    ("command", "prints"),
    [
        (["sh", "-c", "echo two words"], "two words"),
        (["sh", "-c", "echo no; exit 1"], None),
        (["/no/such/command"], None),
        (["sleep", "20"], None),
    ],
)
def test_a_command_that_fails_is_missing_or_hangs_prints_nothing(monkeypatch, command, prints):
    monkeypatch.setattr(machine_probes, "COMMAND_TIMEOUT_S", 0.1 if "sleep" in command else 20)
    assert machine_probes.run_command(command) == prints


@pytest.mark.parametrize(
    ("name", "governor", "verdict", "says"),
    [
        (PI, "ondemand\n", Verdict.OK, "Raspberry Pi 4 Model B Rev 1.4, "),
        (PI, "ondemand\n", Verdict.OK, "governor ondemand"),
        (PI, "", Verdict.OK, "governor unknown"),
        ("Banana Pi M2\0", "ondemand\n", Verdict.WARN, "not a Raspberry Pi"),
    ],
)
def test_board(machine, name, governor, verdict, says):
    scaling = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    line = _only(machine({MODEL: name, scaling: governor}).look_at_board())
    assert (line.verdict, says in line.found) == (verdict, True)


def test_what_is_no_pi_is_a_warning_and_no_crash(machine):
    computer = machine()
    for look in (
        computer.look_at_board,
        computer.look_at_power,
        computer.look_at_temperature,
        computer.look_at_clock,
        computer.look_at_service,
    ):
        assert _only(look()).verdict is Verdict.WARN
    assert "not a Raspberry Pi" in _only(computer.look_at_board()).found
    assert "not a Raspberry Pi" in _only(computer.look_at_power()).found


@pytest.mark.parametrize(
    ("flags", "verdict", "says"),
    [
        ("0", Verdict.OK, "never short"),
        ("50000", Verdict.WARN, "since boot (0x50000)"),
        ("50005", Verdict.FAIL, "under-voltage now"),
        ("4", Verdict.FAIL, "throttled now"),
        ("80000", Verdict.OK, "never short"),  # it was warm once, not short of power
        ("what?", Verdict.WARN, "does not say"),
    ],
)
def test_power_by_the_firmwares_flags(machine, flags, verdict, says):
    line = _only(machine({MODEL: PI, THROTTLED: f"{flags}\n"}).look_at_power())
    assert (line.verdict, says in line.found) == (verdict, True)


def test_power_by_the_command_where_there_is_no_file(machine):
    line = _only(machine({MODEL: PI}, {"vcgencmd": "throttled=0x10000"}).look_at_power())
    assert line.verdict is Verdict.WARN
    assert "0x10000" in line.found


@pytest.mark.parametrize(
    ("alarm", "verdict"),
    [("1", Verdict.FAIL), ("0", Verdict.OK), ("what?", Verdict.WARN)],
)
def test_power_by_the_voltage_monitor_where_there_is_neither(machine, alarm, verdict):
    monitor = "sys/class/hwmon/hwmon0"
    files = {MODEL: PI, f"{monitor}/name": "rpi_volt\n", f"{monitor}/in0_lcrit_alarm": alarm}
    assert _only(machine(files).look_at_power()).verdict is verdict


@pytest.mark.parametrize(
    ("degrees", "verdict"),
    [(["45000"], Verdict.OK), (["45000", "70500"], Verdict.WARN), (["80100"], Verdict.FAIL)],
)
def test_temperature_is_the_hottest_zones(machine, degrees, verdict):
    zones = {ZONE.format(n): text for n, text in enumerate(degrees)}
    assert _only(machine(zones).look_at_temperature()).verdict is verdict


def test_disk_is_the_one_that_drives_go_to(machine, tmp_path):
    line = _only(machine().look_at_disk("/var/lib/paperlane/drives"))
    assert line.name == "disk"
    assert "free for /var/lib/paperlane/drives" in line.found
    assert "nothing is recorded" in _only(machine().look_at_disk("")).found


@pytest.mark.parametrize(
    ("free_bytes", "verdict"), [(1 << 29, Verdict.WARN), (1 << 31, Verdict.OK)]
)
def test_little_space_is_said(machine, monkeypatch, free_bytes, verdict):
    space = types.SimpleNamespace(f_bavail=free_bytes >> 12, f_frsize=1 << 12)
    monkeypatch.setattr(machine_probes.os, "statvfs", lambda _place: space)
    for folder in ("/var/lib/paperlane/drives", "drives"):
        line = _only(machine().look_at_disk(folder))
        assert (line.verdict, line.found) == (
            verdict,
            f"{free_bytes / 2**30} GiB free for {folder}",
        )


def test_a_folder_that_drives_cannot_go_to_fails_as_the_drive_would(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError):
            create_drive(folder / "one.mcap")
        line = _only(Machine().look_at_disk(str(folder)))
        assert (line.verdict, "cannot be written" in line.found) == (Verdict.FAIL, True)


@pytest.fixture
def visitor():
    """Somebody else than root, who may do everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_for_the_service_alone_is_no_fault_of_the_car(visitor, there):
    """Its user is another than who asks; systemd makes it when the service first starts."""
    with tempfile.TemporaryDirectory() as folder:
        below = Path(folder) / ("var/lib/paperlane" if there else "var/lib")
        (Path(folder) / "etc").mkdir(mode=0)
        below.mkdir(parents=True)
        below.chmod(0)
        line = _only(Machine(Path(folder)).look_at_disk("/var/lib/paperlane/drives"))
        other = _only(Machine(Path(folder)).look_at_disk("/etc/drives"))
        below.chmod(0o700)
    assert (line.verdict, "sudo paperlane check" in line.advice) == (Verdict.WARN, True)
    assert (other.verdict, other.found) == (Verdict.FAIL, "/etc/drives cannot be written")


def test_clock(machine):
    assert _only(machine((), {"timedatectl": "yes"}).look_at_clock()).verdict is Verdict.OK
    assert _only(machine((), {"timedatectl": "no"}).look_at_clock()).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("changes", "verdict", "says"),
    [
        ({}, Verdict.OK, "active, enabled"),
        ({"LoadState": "not-found"}, Verdict.WARN, "not installed"),
        ({"ActiveState": "failed", "Result": "start-limit-hit"}, Verdict.FAIL, "start-limit-hit"),
        ({"UnitFileState": "disabled"}, Verdict.WARN, "disabled"),
        ({"NRestarts": "3"}, Verdict.WARN, "restarted 3 times"),
    ],
)
def test_service(machine, changes, verdict, says):
    facts = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "NRestarts": "0",
        "Result": "success",
    } | changes
    text = "\n".join(f"{key}={value}" for key, value in facts.items())
    line = _only(machine((), {"systemctl": text}).look_at_service())
    assert (line.verdict, says in line.found) == (verdict, True)
