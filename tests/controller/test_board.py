from __future__ import annotations

import time

import pytest

from controller.cycle import Reason
from controller.service import board_watch
from controller.service.board_watch import BoardWatch
from controller.system.board import board_fault
from firmware_bridge.wire.commands import Command


@pytest.fixture
def pi(tmp_path):
    """Writes the files of a Pi's kernel."""

    def write(flags="0", millidegrees="55000"):
        firmware = tmp_path / "sys/devices/platform/soc/soc:firmware"
        zone = tmp_path / "sys/class/thermal/thermal_zone0"
        for folder in (firmware, zone):
            folder.mkdir(parents=True, exist_ok=True)
        (firmware / "get_throttled").write_text(f"{flags}\n")
        (zone / "temp").write_text(f"{millidegrees}\n")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("flags", "millidegrees", "says"),
    [
        ("0", "55000", None),
        ("50000", "84900", None),  # it was short once; it is not now
        ("50005", "55000", "under-voltage"),
        ("0", "85000", "85 °C"),
        ("nonsense", "nonsense", None),
    ],
)
def test_what_the_kernel_says(pi, flags, millidegrees, says):
    assert board_fault(pi(flags, millidegrees)) == says


PI_5 = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
MONITOR = "sys/class/hwmon/hwmon2/in0_lcrit_alarm"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({PI_5: "50001"}, "under-voltage"),
        ({PI_5: "50000", MONITOR: "1"}, None),  # the flags say more, where there are any
        ({MONITOR: "1"}, "under-voltage"),  # a kernel without the flags
        ({MONITOR: "0"}, None),
        ({MONITOR: "nonsense"}, None),
        ({"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1"}, None),  # a monitor of something else
    ],
)
def test_a_pi_5_and_a_kernel_without_flags_say_it_too(tmp_path, files, says):
    names = {
        f"sys/class/hwmon/hwmon{n}/name": name for n, name in enumerate(("a", "b", "rpi_volt"))
    }
    for path, text in (names | files).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{text}\n")
    assert board_fault(tmp_path) == says


def test_a_sensor_that_sleeps_hides_no_other(pi):
    root = pi(millidegrees="86000")
    (root / "sys/class/thermal/thermal_zone1/temp").mkdir(parents=True)  # reading it is an OSError
    assert board_fault(root) == "86 °C"


def test_trouble_is_said_when_it_comes_and_when_it_goes(bench, shot, pi, monkeypatch, caplog):
    monkeypatch.setattr(board_watch, "PERIOD_S", 0.01)
    supervisor = bench([shot()]).supervisor

    def wait_for(message):
        end = time.monotonic() + 10
        while caplog.messages[-1:] != [message] and time.monotonic() < end:
            time.sleep(0.01)

    with BoardWatch(supervisor, pi("5")) as watch:
        wait_for("the computer: under-voltage")
        pi("0")
        wait_for("the computer: all is well again")
    assert caplog.messages == ["the computer: under-voltage", "the computer: all is well again"]
    watch._thread.join(10)
    assert not watch._thread.is_alive()


def test_another_computer_has_no_troubles(tmp_path):
    assert board_fault(tmp_path) is None


def test_a_pi_short_of_power_stops(bench, shot, pi):
    drive = bench([shot() for _ in range(20)])
    with BoardWatch(drive.supervisor, pi("5")) as watch:
        time.sleep(0.1)
        drive.run(watch)
    assert drive.cycles[-1].decision.reason is Reason.BOARD
    assert drive.commands[-1] is Command.STOP
