"""What stands in the files beside the unit, and that it is what code and documentation rely on."""

from __future__ import annotations

import configparser
import re
from fnmatch import fnmatchcase

import pytest

from controller.benchmark.measure import REALTIME_PRIORITY
from tests.systemd.conftest import DEVICE, REPOSITORY, UNIT

SYSTEMD = REPOSITORY / "systemd"
RULES = (SYSTEMD / "99-paperlane.rules").read_text()
UNIT_LINES = UNIT.read_text().splitlines()
KEY = re.compile(r'(\w+(?:\{\w+\})?)(==|!=|\+=|=)"([^"]*)"')
OF_PARENTS = ("ATTRS{", "SUBSYSTEMS")


def test_realtime_is_what_the_runtime_goes_by():
    drop_in = configparser.ConfigParser(interpolation=None)
    drop_in.optionxform = str
    drop_in.read(SYSTEMD / "realtime.conf")
    assert dict(drop_in["Service"]) == {
        "CPUSchedulingPolicy": "fifo",
        "CPUSchedulingPriority": str(REALTIME_PRIORITY),
        "CPUAffinity": "3",  # one core (`process.leave_the_one_core`), not the interrupts' core 0
        "SystemCallFilter": "sched_setaffinity",  # for the threads that leave it
        "LimitMEMLOCK": "infinity",  # what `service.lock_memory` looks for
    }
    assert '[ "$(nproc)" -ge 4 ]' in (SYSTEMD / "install.sh").read_text()


def _matches(key, operator, value, device):
    return fnmatchcase(device.get(key, ""), value) is (operator == "==")


def _line_applies(tests, chain, properties):
    own = [test for test in tests if not test[0].startswith(OF_PARENTS)]
    parents = [test for test in tests if test[0].startswith(OF_PARENTS)]
    # As udev does: it looks for one device, itself included, that all the parents' keys fit.
    return all(_matches(*test, {**chain[0], **properties}) for test in own) and any(
        all(_matches(*test, device) for test in parents) for device in chain
    )


def _udev(chain, **properties):
    """What the shipped rules give a device: key -> values.

    Args:
        chain: The device and its parents, what their keys say.
        properties: What earlier rules gave it.
    """
    known, given, label = dict(properties), {}, None
    for line in RULES.splitlines():
        keys = [] if line.startswith("#") else KEY.findall(line)
        if label is not None:
            label = None if ("LABEL", "=", label) in keys else label
            continue
        if not _line_applies([key for key in keys if key[1] in ("==", "!=")], chain, known):
            continue
        for name, operator, value in keys:
            if name == "GOTO":
                label = value
            elif operator in ("=", "+="):
                known[name] = given[name] = value
    assert label is None
    return given


def _board(vendor, product, *, subsystem="tty", action="add"):
    """A serial line of a USB device behind a hub, as the kernel shows it."""
    hub = {"SUBSYSTEMS": "usb", "ATTRS{idVendor}": "1d6b", "ATTRS{idProduct}": "0002"}
    device = {"SUBSYSTEMS": "usb", "ATTRS{idVendor}": vendor, "ATTRS{idProduct}": product}
    line = {"ACTION": action, "SUBSYSTEM": subsystem, "SUBSYSTEMS": subsystem}
    return [line, {"SUBSYSTEMS": "usb-serial"}, {"SUBSYSTEMS": "usb"}, device, hub, {}]


BOARDS = ["2341:0043", "2a03:0043", "1a86:7523", "1a86:5523", "0403:6001", "10c4:ea60"]


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_gets_the_name_that_everything_else_goes_by(board):
    given = _udev(_board(*board.split(":")))
    assert f"/dev/{given['SYMLINK']}" == DEVICE
    assert DEVICE in (REPOSITORY / "docs/install.md").read_text()
    assert given["TAG"] == "systemd"  # whose device unit starts the service
    assert r"WantedBy=multi-user.target dev-paperlane\x2dmcu.device" in UNIT_LINES
    groups = next(line for line in UNIT_LINES if line.startswith("SupplementaryGroups="))
    assert given["GROUP"] in groups.partition("=")[2].split()
    assert given["MODE"] == "0660"
    assert given["ENV{ID_MM_DEVICE_IGNORE}"] == "1"
    assert "reset-failed paperlane.service" in given["RUN"]


OTHERS = {
    "a GPS receiver": _board("1546", "01a7"),
    "another adapter of WCH": _board("1a86", "55d4"),
    "a board that is pulled out": _board("2341", "0043", action="remove"),
    "a board's other face": _board("2341", "0043", subsystem="usb"),
    "the Pi's own line": [{"ACTION": "add", "SUBSYSTEM": "tty", "SUBSYSTEMS": "tty"}, {}],
}


@pytest.mark.parametrize("other", OTHERS)
def test_nothing_else_is_touched(other):
    assert "SYMLINK" not in _udev(OTHERS[other])


def test_a_local_rule_may_name_another_board():
    assert "SYMLINK" in _udev(OTHERS["a GPS receiver"], **{"ENV{PAPERLANE_MCU}": "1"})
