"""The serial link on a port that does as the test tells it."""

import dataclasses
import queue
import threading

import pytest
import serial

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.errors import VersionError
from firmware_bridge.links import serial as serial_link
from firmware_bridge.links.serial import STALLED_BYTES, UNANSWERED, SerialLink
from firmware_bridge.wire.commands import Command
from firmware_bridge.wire.protocol import encode_frame, encode_status
from tests.firmware_bridge.conftest import STATUS, wait_for

FOREIGN = encode_frame(b"\x53\x02 from a newer firmware")
GONE = serial.SerialException("socket disconnected")


class Port:
    """What pyserial opens by a URL."""

    in_waiting = 0

    def __init__(self):
        self.out_waiting = 0
        self.room = self.room_after_reset = 1000
        self.writes_raise = None
        self.written = b""
        self.resets = 0
        self.closed = False
        self._inbox = queue.Queue()
        self._taking = False

    def say(self, *heard):
        """What the link reads next; comes back when it has seen to it."""
        for data in heard:
            self._inbox.put(data)
        with self._inbox.all_tasks_done:
            assert self._inbox.all_tasks_done.wait_for(lambda: not self._inbox.unfinished_tasks, 5)

    def read(self, size):
        if size == 0:
            return b""
        if self._taking:
            self._taking = False
            self._inbox.task_done()
        try:
            data = self._inbox.get(timeout=0.01)
        except queue.Empty:
            return b""
        if isinstance(data, Exception):
            self._inbox.task_done()
            raise data
        self._taking = True
        return data

    def write(self, data):
        if self.writes_raise is not None:
            raise self.writes_raise
        taken = data[: self.room]
        self.room -= len(taken)
        self.written += taken
        return len(taken)

    def reset_output_buffer(self):
        self.resets += 1
        self.room = self.room_after_reset

    def close(self):
        self.closed = True


@pytest.fixture
def ports(monkeypatch):
    """Those that were opened, in their order."""
    made = []

    def open_device(_name):
        made.append(Port())
        return made[-1]

    monkeypatch.setattr(serial_link, "open_device", open_device)
    return made


@pytest.fixture
def link(ports):
    with SerialLink("told://", MonotonicClock(), handshake_s=0.0) as made:
        ports[0].say(encode_status(STATUS))
        yield made


def send(link, times):
    return [link.send(Command.STOP, 150) for _ in range(times)]


@pytest.mark.parametrize(
    ("unanswered", "waiting", "resets"),
    [
        (UNANSWERED, STALLED_BYTES + 1, 0),
        (UNANSWERED + 1, STALLED_BYTES, 0),
        (UNANSWERED + 1, STALLED_BYTES + 1, 1),
    ],
)
def test_a_queue_is_dropped_when_it_is_long_and_nothing_is_answered(
    ports, link, unanswered, waiting, resets
):
    send(link, unanswered - 1)
    ports[0].out_waiting = waiting
    assert send(link, 1) == [unanswered]
    assert ports[0].resets == resets


def test_what_a_stalled_line_lost_is_counted_once(ports, link):
    lost = []
    for session in (STATUS.session, STATUS.session, STATUS.session + 1):
        ports[0].say(encode_status(dataclasses.replace(STATUS, session=session)))
        send(link, 9)
        ports[0].out_waiting = STALLED_BYTES + 1
        send(link, 1)
        ports[0].out_waiting = 0
        lost.append(link.health().dropped)
    assert lost == [9, 9 + 10, 9 + 10 + 9]
    assert link.health().sent == 30


def test_a_line_that_is_full_makes_room_for_the_newest_or_drops_it(ports, link):
    ports[0].room = 5
    assert send(link, 1) == [1]
    ports[0].room, ports[0].room_after_reset = 0, 5
    assert send(link, 1) == [0]
    assert (ports[0].resets, link.health().sent) == (2, 1)


@pytest.mark.parametrize(
    "error", [GONE, serial.SerialTimeoutException("Write timeout"), TypeError(), AttributeError()]
)
def test_a_line_that_takes_nothing_is_no_exception(ports, link, error):
    ports[0].writes_raise = error
    assert send(link, 2) == [0, 0]
    link.warm_up(Command.LEFT, 150)
    ports[0].writes_raise = None
    assert send(link, 1) == [3]


def test_a_device_that_comes_back_must_say_first_which_session_it_is_in(ports, link):
    assert send(link, 2) == [1, 2]
    ports[0].say(GONE)
    wait_for(lambda: len(ports) == 2)
    wait_for(lambda: link._port is ports[1])
    assert ports[0].closed
    assert link.health().status is None
    assert send(link, 1) == [0]
    ports[1].say(encode_status(STATUS))
    assert send(link, 1) == [3]


def test_another_version_is_said_once_each_time(ports, link, caplog):
    for number in (1, 2):
        ports[0].say(FOREIGN, FOREIGN)
        assert [text[:40] for text in caplog.messages] == number * [
            "the firmware speaks protocol version 2, "
        ]
        ports[0].say(encode_status(STATUS))


def test_another_version_is_raised_and_not_said_while_opening(ports, caplog):
    with SerialLink("told://", MonotonicClock(), handshake_s=0.0) as link:
        ports[0].say(FOREIGN)
        with pytest.raises(VersionError):
            link.greet(0.0)
    assert not caplog.messages


def test_a_device_that_opens_and_breaks_is_opened_again_after_a_pause_only(monkeypatch):
    happened = []

    class Broken(Port):
        def read(self, _size):
            raise GONE

    class Stop(threading.Event):
        def wait(self, _timeout=None):
            happened.append("pause")
            if happened.count("pause") == 3:
                self.set()
            return self.is_set()

    def open_device(_name):
        happened.append("open")
        if happened.count("open") == 10:
            raise SystemExit  # ends the thread
        return Broken()

    monkeypatch.setattr(serial_link, "open_device", open_device)
    link = SerialLink("told://", MonotonicClock())
    link._stop = Stop()
    with link:
        wait_for(lambda: happened.count("pause") == 3)
    assert happened == ["open", "pause", "open", "pause", "open", "pause"]
