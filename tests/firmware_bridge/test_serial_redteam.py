"""Ways in which the serial link's reader once ended, and nobody noticed."""

from __future__ import annotations

import contextlib
import os
import resource

import pytest

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.links import serial as serial_link
from firmware_bridge.links.serial import SerialLink
from firmware_bridge.wire.commands import Command
from tests.firmware_bridge.conftest import wait_for
from tests.firmware_bridge.test_serial_link import Car, drive, shows

pytestmark = pytest.mark.redteam
MANY = 1100
"""More descriptors than `select` knows (FD_SETSIZE, 1024)."""


@pytest.fixture
def car(tmp_path):
    made = Car(tmp_path / "car")
    yield made
    made.close()


@pytest.fixture
def many_files():
    """So many open files that the next descriptor is above what `select` takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MANY
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_descriptor_beyond_what_select_knows(car, many_files):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        assert link._port.fileno() > 1024
        drive(link, Command.FORWARD, shows(link, Command.FORWARD))


@pytest.mark.parametrize("error", [ValueError("filedescriptor out of range"), KeyError("what?")])
def test_an_error_that_nobody_thought_of_closes_the_link_and_opens_it_anew(
    car, monkeypatch, caplog, error
):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        drive(link, Command.FORWARD, shows(link, Command.FORWARD))
        raised = _raise_once(monkeypatch, error)
        wait_for(lambda: raised)
        wait_for(lambda: not link.health().connected)
        assert link.send(Command.FORWARD, 150) == 0
        assert "is opened anew" in caplog.text
        wait_for(lambda: link.health().connected)
        drive(link, Command.FORWARD, shows(link, Command.FORWARD))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_is_gone_for_good_is_a_link_that_is_down(car, monkeypatch, caplog):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        drive(link, Command.FORWARD, shows(link, Command.FORWARD))
        raised = _raise_once(monkeypatch, SystemExit())
        wait_for(lambda: raised and not link._thread.is_alive())
        # At once, not when its last status has become too old.
        assert not link.health().connected
        assert link.send(Command.FORWARD, 150) == 0
        assert "has ended" in caplog.text


def _raise_once(monkeypatch, error):
    raised = []
    real = serial_link.read_some

    def read_some(port, timeout_s):
        if not raised:
            raised.append(error)
            raise error
        return real(port, timeout_s)

    monkeypatch.setattr(serial_link, "read_some", read_some)
    return raised


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_leaving_does_not_wait_for_a_reader_that_is_gone(car, monkeypatch):
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(SerialLink(str(car.link), MonotonicClock()))
        raised = _raise_once(monkeypatch, SystemExit())
        wait_for(lambda: raised and not link._thread.is_alive())
        sent = link.health().sent
    assert link.health().sent == sent
