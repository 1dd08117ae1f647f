import contextlib
import socket
import termios
import threading
import time

import pytest

from firmware_bridge.clock import MonotonicClock
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.emulation.registry import open_microcontroller
from firmware_bridge.errors import LinkError, VersionError
from firmware_bridge.links.serial import SerialLink, find_device
from firmware_bridge.wire.commands import Command, McuState
from firmware_bridge.wire.protocol import Decoder, decode_command, encode_frame, encode_status
from tests.firmware_bridge.conftest import STATUS, wait_for


class Car:
    """A Python microcontroller in real time on a pty, whose plug can be pulled."""

    def __init__(self, link):
        self.link = link
        self.line = PtyLine(link)
        self.mcu = open_microcontroller("python")
        self.muted = False
        self.frozen = False
        self.heard = bytearray()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            with self._lock:
                if self.line is not None and not self.frozen:
                    data = self.line.read()
                    self.heard += data
                    self.mcu.receive(data)
                self.mcu.run_until(int((time.monotonic() - self._start) * 1e6))
                sent = self.mcu.transmit()
                if self.line is not None and not self.muted:
                    self.line.write(sent)
            time.sleep(0.001)

    def unplug(self):
        with self._lock:
            self.line.close()
            self.line = None

    def plug(self):
        with self._lock:
            self.line = PtyLine(self.link)

    def close(self):
        self._stop.set()
        self._thread.join(5)
        if self.line is not None:
            self.line.close()


@pytest.fixture
def car(tmp_path):
    made = Car(tmp_path / "car")
    yield made
    made.close()


def drive(link, command, until, seconds=5.0):
    """Ask for a command until something has come of it, arming as often as it takes.

    On a busy machine everything here stands still now and then, and the MCU disarms.
    """
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not happen"
        status = link.health().status
        armed = status is not None and status.state is not McuState.DISARMED
        link.send(command if armed else Command.STOP, 150)
        time.sleep(0.02)


def shows(link, command):
    return lambda: link.health().status is not None and link.health().status.applied is command


def test_drives(car):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        drive(link, Command.LEFT, shows(link, Command.LEFT))
        assert not car.mcu.motors.off
        assert link.health().dropped == 0
    wait_for(lambda: car.mcu.motors.off, 2.0)
    wait_for(lambda: decode_command(Decoder().feed(bytes(car.heard))[-1]).command is Command.STOP)


def test_warming_up_says_nothing_and_counts_nothing(car):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        wait_for(lambda: link.health().connected)
        link.send(Command.STOP, 150)
        wait_for(lambda: link.health().status.sequence == 1)
        heard, counters = bytes(car.heard), link.health().status.counters
        for _ in range(50):
            link.warm_up(Command.LEFT, 150)
        time.sleep(0.1)
        said = bytes(car.heard).removeprefix(heard)
        assert set(said) == {0}  # spaces between frames, of which the protocol makes one
        assert link.health().status.counters == counters
        assert (link.health().sent, link.health().dropped) == (1, 0)
        assert link.send(Command.STOP, 150) == 2
        car.unplug()
        wait_for(lambda: not link.health().connected)
        link.warm_up(Command.LEFT, 150)


def test_no_device_is_one_clear_error(tmp_path):
    link = SerialLink(str(tmp_path / "none"), MonotonicClock())
    with pytest.raises(LinkError, match=r"cannot open the serial device .*none"), link:
        pass


def test_no_serial_device_is_one_clear_error(tmp_path):
    plain = tmp_path / "file"
    plain.write_text("no tty")
    with pytest.raises(LinkError, match="cannot open"), SerialLink(str(plain), MonotonicClock()):
        pass


def test_patterns_must_match_one_device(tmp_path):
    (tmp_path / "usb-one").touch()
    assert find_device(f"{tmp_path}/usb-*") == f"{tmp_path}/usb-one"
    with pytest.raises(LinkError, match="no serial device matches"):
        find_device(f"{tmp_path}/tty*")
    (tmp_path / "usb-two").touch()
    with pytest.raises(LinkError, match="2 serial devices match"):
        find_device(f"{tmp_path}/usb-*")
    assert find_device("socket://host:1?x=*") == "socket://host:1?x=*"


@contextlib.contextmanager
def chatter(path, frame):
    """A device that says the same again and again."""
    stop = threading.Event()
    with PtyLine(path) as line:

        def say():
            while not stop.wait(0.02):
                line.write(frame)

        thread = threading.Thread(target=say)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def test_another_version_is_refused_at_each_opening(tmp_path):
    device = tmp_path / "car"
    link = SerialLink(str(device), MonotonicClock())
    with chatter(device, encode_status(STATUS)), link:
        wait_for(lambda: link.health().connected)
        assert link.send(Command.STOP, 150) == 1
    with chatter(device, encode_frame(b"\x53\x00 from an old firmware")):
        for _ in range(2):  # the refused one has let go of the device
            with pytest.raises(VersionError, match="update the firmware"), link:
                pass
    with chatter(device, encode_status(STATUS)), link:
        wait_for(lambda: link.health().connected)
        assert link.health().sent == 0
        assert link.send(Command.STOP, 150) == 3  # 2 was the STOP on leaving
        with pytest.raises(LinkError, match="exclusively"), SerialLink(str(device), link._clock):
            pass


def test_a_silent_device_opens_but_is_not_connected(tmp_path):
    with PtyLine(tmp_path / "silent") as line:
        started = time.monotonic()
        with SerialLink(line.path, MonotonicClock(), handshake_s=0.1) as link:
            assert time.monotonic() - started < 1.0
            assert not link.health().connected
            assert link.send(Command.STOP, 50) == 0
            assert link.health().dropped == 1


def test_unplugged_and_plugged_in_again_while_driving(car):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        drive(link, Command.FORWARD, lambda: not car.mcu.motors.off)
        session = link.health().status.session
        car.unplug()
        wait_for(lambda: not link.health().connected)
        assert link.send(Command.FORWARD, 100) == 0
        wait_for(lambda: car.mcu.motors.off)
        car.plug()
        plugged = time.monotonic()
        wait_for(lambda: link.health().connected, 1.0)
        assert time.monotonic() - plugged < 1.0
        assert link.health().status.session != session
        for _ in range(10):  # no motion before arming
            link.send(Command.FORWARD, 100)
            time.sleep(0.02)
            assert car.mcu.motors.off
        drive(link, Command.FORWARD, lambda: not car.mcu.motors.off)


def test_a_line_that_takes_nothing_never_blocks_the_sender(car):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        wait_for(lambda: link.health().connected)
        car.frozen = True
        slowest = 0.0
        for _ in range(5_000):
            started = time.monotonic()
            link.send(Command.STOP, 100)
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 0.5  # 20 ms on a quiet machine
        # The line holds some; all older ones were dropped, and counted.
        waiting = len(car.line.read()) // 19
        assert waiting < 1000
        assert 4_000 < link.health().dropped <= 5_000


def gone(*_):
    raise termios.error(5, "Input/output error")  # which is no OSError


@pytest.mark.parametrize("call", ["tcgetattr", "tcsetattr", "tcflush"])
def test_a_device_that_vanishes_while_it_is_opened_is_one_clear_error(car, monkeypatch, call):
    monkeypatch.setattr(termios, call, gone)
    link = SerialLink(str(car.link), MonotonicClock())
    with pytest.raises(LinkError, match="cannot open"), link:
        pass


def test_a_line_that_vanishes_while_it_is_full_is_no_exception(car, monkeypatch):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        wait_for(lambda: link.health().connected)
        car.frozen = True
        monkeypatch.setattr(termios, "tcflush", gone)
        assert 0 in [link.send(Command.STOP, 100) for _ in range(5_000)]


def test_a_muted_device_is_not_connected(car):
    with SerialLink(str(car.link), MonotonicClock()) as link:
        wait_for(lambda: link.health().connected)
        car.muted = True
        wait_for(lambda: not link.health().connected)
        car.muted = False
        wait_for(lambda: link.health().connected)


def test_a_line_over_tcp():
    mcu = open_microcontroller("python")
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        connection, _ = server.accept()
        connection.settimeout(0.001)
        started = time.monotonic()
        with connection:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    mcu.receive(connection.recv(4096))
                mcu.run_until(int((time.monotonic() - started) * 1e6))
                connection.sendall(mcu.transmit())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with SerialLink(url, MonotonicClock()) as link:
            drive(link, Command.FORWARD, lambda: not mcu.motors.off)
            ended.set()
            thread.join()
            wait_for(lambda: not link.health().connected)
    finally:
        ended.set()
        thread.join()
        server.close()
