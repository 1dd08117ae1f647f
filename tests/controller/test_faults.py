"""Real faults on a real driving process, motors as the pins of the emulated firmware say.

The firmware runs in simavr in this process, in real time, on a pty; times are MCU time. Every row
of the suite is a test; what was seen is printed as a table at the end (see `tests/conftest.py`).
`make faults` repeats each row 20 times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from controller.model.cards import card_path, write_card
from controller.model.pilot import find_model
from controller.recording.reader import read_messages
from firmware_bridge.emulation.emulator import Emulator
from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.wire.commands import McuState
from firmware_bridge.wire.protocol import Decoder, encode_frame

FAULTY_DRIVE = Path(__file__).with_name("faulty_drive.py")
DEADMAN_MS = 150.0
LINE_MS = 12.0
"""What may be added to the deadman: a command on its way over the line (2 ms), and the steps in
which this process runs the emulation and looks at it."""
ATTEMPTS, STOOD_STILL_US = 3, 50_000
"""Where the car shall drive on, a repeat in which the machine held up the emulation for longer than
this is made again, so often at most."""
CYCLE_MS = 1000 / 30 + 20
"""One frame at 30 Hz and its way to the pins, on a busy machine."""


class DrivenCar:
    """The emulated microcontroller, stepped by a thread, and a controller process driving it."""

    def __init__(self, folder):
        self.link = folder / "tty"
        self.mode = folder / "mode"
        self.mode.write_text("")
        self.changes = []
        self.emulator = Emulator(self.link, self.changes.append)
        self.environment = dict(os.environ)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.emulator.run, args=(self._over.is_set,))
        self.process = None

    def __enter__(self):
        self.emulator.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=10)
        self._over.set()
        self._thread.join(10)
        self.emulator.__exit__(None, None, None)

    def drive(self, *options):
        # Whoever runs the tests may ignore SIGHUP (nohup does), and a child would inherit that.
        command = ["env", "--default-signal=HUP", sys.executable]
        command += [str(FAULTY_DRIVE), str(self.mode), "drive"]
        self.process = subprocess.Popen(
            [*command, "--camera", "faulty", "--link", str(self.link), "--arm", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        self.wait_for(lambda: not self.motors.off, "the car to drive")
        time.sleep(0.2 + (time.monotonic_ns() % 50) / 1000)  # any phase of the camera

    def break_down(self, how):
        """Make the process misbehave; gives the MCU time of it."""
        self.mode.write_text(how)
        return self.time_us

    @property
    def motors(self):
        return self.emulator.mcu.motors

    @property
    def time_us(self):
        return self.emulator.mcu.time_us

    def wait_for(self, condition, what, timeout_s=30.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                self.process.terminate()
                said = self.process.communicate(timeout=10)
                pytest.fail(f"waited {timeout_s} s for {what}; the controller said {said}")
            time.sleep(0.001)

    def off_after_ms(self, since_us):
        """MCU time from `since_us` until the motors were off and stayed so, in ms.

        Where one motion turns into another the pins pass through off for a moment: that is none.
        """
        self.wait_for(lambda: self._off_since_us() < self.time_us - 100_000, "a standstill")
        return max(0.0, (self._off_since_us() - since_us) / 1000)

    def _off_since_us(self):
        """Since when the motors have been off without a break; the end of time while they run."""
        off_us = float("inf")
        for change in list(self.changes):
            if not change.motors.off:
                off_us = float("inf")
            elif off_us == float("inf"):
                off_us = change.time_us
        return off_us

    def stays_off(self, for_s=0.5):
        seen = len(self.changes)
        time.sleep(for_s)
        return all(change.motors.off for change in self.changes[seen:]) and self.motors.off

    def is_refused(self, *options):
        """Drive with these options: one line, exit code 2. Gives how long the motors ran, in ms."""
        command = [sys.executable, "-m", "controller", "drive", "--camera", "pattern", "--arm"]
        done = subprocess.run(
            [*command, "--link", str(self.link), *options],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1, done.stderr
        self.stays_off(0.2)
        on_us, ran_us = None, 0
        for change in list(self.changes):
            if not change.motors.off:
                on_us = change.time_us if on_us is None else on_us
            elif on_us is not None:
                on_us, ran_us = None, ran_us + change.time_us - on_us
        return done.stderr, ran_us / 1000 + (on_us is not None) * DEADMAN_MS

    def drives_again(self, since_s=None):
        """Host time until the motors ran again, from now or another moment, in ms.

        It is the host that waits before it arms; MCU time stands still on a machine that is busy.
        """
        since_s = time.monotonic() if since_s is None else since_s
        self.wait_for(lambda: not self.motors.off, "the car to drive again")
        return (time.monotonic() - since_s) * 1000


@pytest.fixture
def repeats(request):
    return request.config.getoption("--repeats")


@pytest.fixture
def new_car(tmp_path_factory):
    """Makes a car for each repeat."""

    @contextlib.contextmanager
    def make():
        with DrivenCar(tmp_path_factory.mktemp("car")) as car:
            yield car

    return make


@pytest.fixture
def row(request):
    """Puts a row into the table: fault, required, bound and worst seen, in ms."""

    def add(fault, required, bound_ms, seen_ms):
        request.config.stash[request.config.fault_rows].append(
            (fault, required, bound_ms, max(seen_ms), len(seen_ms))
        )
        assert max(seen_ms) <= bound_ms

    return add


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_freezes(new_car, repeats, row, number):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            car.process.send_signal(number)
            seen.append(car.off_after_ms(car.time_us))
            assert car.stays_off()
            assert car.emulator.mcu.state is McuState.DISARMED
    row(f"{number.name}", "deadman stops the motors", DEADMAN_MS + LINE_MS, seen)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_asked_to_end(new_car, repeats, row, number):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            car.process.send_signal(number)
            seen.append(car.off_after_ms(car.time_us))
            out, _ = car.process.communicate(timeout=10)
            assert car.process.returncode == 0
            assert "frames" in out
            assert car.stays_off()
    row(number.name, "STOP sent, exit code 0", DEADMAN_MS, seen)


@pytest.mark.parametrize(
    ("how", "bound_ms", "says"),
    [
        ("blocked", DEADMAN_MS + LINE_MS, "STOP: no picture"),
        ("repeats", DEADMAN_MS + CYCLE_MS, "STOP: picture too old"),
        ("frozen", DEADMAN_MS + CYCLE_MS, "STOP: camera repeats"),
        ("black", CYCLE_MS * 2, "STOP: blind"),
        ("noise", CYCLE_MS * 2, "STOP: blind"),
        ("white", CYCLE_MS * 2, "STOP: blind"),
        ("grey", CYCLE_MS * 2, "STOP: blind"),
        ("8 Hz", 2000.0, "STOP: camera too slow"),
    ],
)
def test_a_camera_that_fails_stops_the_car_until_it_sees_again(
    new_car, repeats, row, how, bound_ms, says
):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            if how == "8 Hz":
                time.sleep(2.0)  # the rate is counted over two seconds
            since_us = car.break_down(how)
            seen.append(car.off_after_ms(since_us))
            assert car.stays_off()
            assert car.emulator.mcu.state is McuState.ARMED  # STOP did it, not the deadman
            car.break_down("")
            car.drives_again()
    row(f"camera: {how}", f"{says}; drives on after", bound_ms, seen)


@pytest.mark.parametrize("how", ["NaN", "out of range"])
def test_a_model_that_answers_nonsense(new_car, repeats, row, how):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            seen.append(car.off_after_ms(car.break_down(how)))
            assert car.stays_off(1.2)
            # Its owner let it arm by itself: after a second without fault, not before.
            car.break_down("")
            assert car.drives_again() >= 900
    row(f"model: {how}", "STOP until armed again", CYCLE_MS * 2, seen)


def test_a_model_that_takes_half_a_second(new_car, repeats, row):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            seen.append(car.off_after_ms(car.break_down("500 ms")))
            assert car.stays_off(1.0)
    row("model: 500 ms", "deadman stops the motors", DEADMAN_MS + CYCLE_MS, seen)


def test_a_model_that_raises(new_car, repeats, row):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            seen.append(car.off_after_ms(car.break_down("raises")))
            _, err = car.process.communicate(timeout=10)
            assert car.process.returncode not in (0, 2)
            assert "the model broke" in err
            assert car.stays_off()
    row("model: raises", "STOP, exit code not 0", CYCLE_MS * 2, seen)


def test_a_frozen_process_that_wakes_up_waits_to_be_armed(new_car, repeats, row):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            car.process.send_signal(signal.SIGSTOP)
            seen.append(car.off_after_ms(car.time_us))
            time.sleep(0.3)
            car.process.send_signal(signal.SIGCONT)
            assert car.drives_again() >= 1000
    row("SIGSTOP, SIGCONT", "no motion before arming", DEADMAN_MS + LINE_MS, seen)


def test_starved_of_processor_time(new_car, repeats, row):
    """Six processes on the one core that the controller may use: late, but never blind."""
    seen = []
    for _ in range(repeats):
        with new_car() as car, contextlib.ExitStack() as stack:
            car.drive()
            core = max(os.sched_getaffinity(0))
            os.sched_setaffinity(car.process.pid, {core})
            since_us = car.time_us
            for _ in range(6):
                busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                stack.callback(busy.wait)
                stack.callback(busy.kill)
                os.sched_setaffinity(busy.pid, {core})
            time.sleep(2.0)
            seen.append(_longest_without_command_ms(car, since_us))
    row("starved", "never driven without a command", DEADMAN_MS + LINE_MS, seen)


def _longest_without_command_ms(car, since_us):
    """Longest time that the motors ran after the newest command that the firmware accepted."""
    longest, accepted, accepted_us = 0.0, None, since_us
    for change in list(car.changes):
        if change.time_us >= since_us and not change.motors.off:
            longest = max(longest, change.time_us - accepted_us)
        if change.accepted != accepted:
            accepted, accepted_us = change.accepted, change.time_us
    return longest / 1000


@pytest.fixture(scope="module")
def stepped_clock(tmp_path_factory):
    """A library that, preloaded, steps a process's wall clock when told to."""
    library = tmp_path_factory.mktemp("clock") / "stepped_clock.so"
    source = Path(__file__).with_name("stepped_clock.c")
    command = ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source, "-ldl"]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("no gcc to build the library that steps the clock")
    return library


def test_a_wall_clock_that_steps_an_hour(new_car, repeats, row, stepped_clock, tmp_path):
    seen = []
    for number in range(ATTEMPTS * repeats):
        if len(seen) == repeats:
            break
        with new_car() as car:
            car.environment |= {"LD_PRELOAD": str(stepped_clock), "STEPPED": str(car.mode)}
            folder = tmp_path / str(number)
            car.drive("--record", str(folder))
            since_us = car.break_down("stepped")
            time.sleep(1.0)
            seen += _pause_if_the_machine_did_not_stand_still(car, since_us)
            car.process.terminate()
            car.process.communicate(timeout=10)
            times_s = _recorded_s(folder)
            # Messages keep to the clock that the drive began with: none is an hour off.
            assert max(times_s) - min(times_s) < 60
    row("wall clock + 1 h", "drives on, recording too", DEADMAN_MS, seen)


def _recorded_s(folder):
    (drive,) = folder.iterdir()
    return [time_ns / 1e9 for _, time_ns, _ in read_messages(drive)]


def _pause_if_the_machine_did_not_stand_still(car, since_us):
    """The longest pause, or nothing: while the emulation stands still no car can drive on."""
    return [] if car.emulator.lost_us > STOOD_STILL_US else [_longest_pause_ms(car, since_us)]


def _longest_pause_ms(car, since_us):
    longest, off_us = 0.0, None
    for change in list(car.changes):
        if change.time_us < since_us:
            continue
        if change.motors.off:
            off_us = change.time_us if off_us is None else off_us
        elif off_us is not None:
            longest, off_us = max(longest, change.time_us - off_us), None
    if off_us is not None:
        longest = max(longest, car.time_us - off_us)
    return longest / 1000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, if one may be mounted here."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_disk_that_is_full(new_car, repeats, row, small_disk):
    seen = []
    for number in range(ATTEMPTS * repeats):
        if len(seen) == repeats:
            break
        with new_car() as car:
            car.drive("--record", str(small_disk / str(number)))
            since_us = car.time_us
            free = os.statvfs(small_disk)
            (small_disk / "fill").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 40_000))
            time.sleep(4.0)
            seen += _pause_if_the_machine_did_not_stand_still(car, since_us)
            car.process.terminate()
            _, err = car.process.communicate(timeout=10)
            assert "recording ended: [Errno 28]" in err
            assert car.process.returncode == 0
        for file in [small_disk / "fill", *(small_disk / str(number)).iterdir()]:
            file.unlink()
    row("disk full", "drives on, recording ends", DEADMAN_MS, seen)


def test_a_read_only_disk_is_refused_before_anything_moves(new_car, repeats, row, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            said, ran_ms = car.is_refused("--record", str(small_disk / "drives"))
            seen.append(ran_ms)
            assert "cannot be written: Read-only file system" in said
    row("read-only disk", "refused, nothing moves", 0.0, seen)


def _truncated(content):
    return content[: len(content) * 2 // 3], (45, 80)


def _random(content):
    return random.Random(1).randbytes(len(content)), (45, 80)


def _mis_shaped(content):
    return content, (90, 160)


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (_truncated, "not a model that"),
        (_random, "not a model that"),
        (_mis_shaped, "its card says one (1, 90, 160, 3)"),
    ],
)
def test_a_broken_model_is_refused_before_anything_moves(
    new_car, repeats, row, tmp_path, corrupt, says
):
    """Its card is right about the file's hash: what is wrong shows only in the model."""
    content, shape = corrupt(find_model("default").read_bytes())
    model = tmp_path / "broken.tflite"
    model.write_bytes(content)
    write_card(model, "broken", shape, {})
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            said, ran_ms = car.is_refused("--model", str(model))
            seen.append(ran_ms)
            assert says in said
    row(f"model: {corrupt.__name__[1:].replace('_', '-')}", "refused, nothing moves", 0.0, seen)


def test_a_model_that_is_not_its_cards(new_car, repeats, row, tmp_path):
    model = tmp_path / "cut.tflite"
    whole = find_model("default")
    model.write_bytes(whole.read_bytes()[:-1])
    card_path(model).write_text(card_path(whole).read_text())
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            said, ran_ms = car.is_refused("--model", str(model))
            seen.append(ran_ms)
            assert "not the file that its card describes" in said
    row("model: one byte short", "refused, nothing moves", 0.0, seen)


def test_a_line_that_goes_away_and_comes_back(new_car, repeats, row):
    """STOP while away, connected again within 1 s of its return, no motion before arming."""
    seen, back = [], []
    for _ in range(repeats):
        with new_car() as car:
            car.drive()
            unplugged, car.emulator.line = car.emulator.line, None
            unplugged.close()
            seen.append(car.off_after_ms(car.time_us))
            assert car.stays_off()
            car.emulator.line = PtyLine(car.link)
            back_us, back_s = car.time_us, time.monotonic()
            car.wait_for(lambda car=car: car.emulator.mcu.state is McuState.ARMED, "the link")
            back.append((car.time_us - back_us) / 1000)
            assert car.motors.off
            assert car.drives_again(back_s) >= 1000
    row("line away", "deadman stops the motors", DEADMAN_MS + LINE_MS, seen)
    row("line back", "armed again by STOPs, standing", 1000.0, back)


def _run_against(line, answer, seconds=1.5):
    """Drive on a line that something else than our firmware serves."""
    command = [sys.executable, "-m", "controller", "drive", "--camera", "pattern", "--arm"]
    process = subprocess.Popen(
        [*command, "--link", line.path, "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    heard = []
    while process.poll() is None:
        heard.append(line.read())
        line.write(answer())
        time.sleep(0.002)
    out, err = process.communicate(timeout=5)
    return process.returncode, b"".join(heard), out, err


def test_a_device_that_is_no_microcontroller_never_gets_a_motion():
    with PtyLine() as line:
        code, heard, out, err = _run_against(line, lambda: os.urandom(32))
    assert code == 0, err
    assert heard == b""  # without a status it knows no session: nothing valid could be sent
    assert b"link down" in out


class ForeignLine(PtyLine):
    """A line on which the firmware's statuses are of another protocol version."""

    decoder = Decoder()

    def write(self, data):
        payloads = self.decoder.feed(data)
        # The payload without its CRC, with another version in its second byte.
        super().write(b"".join(encode_frame(p[:1] + bytes([99]) + p[2:]) for p in payloads))
        return len(data)


def test_firmware_of_another_version_is_refused(new_car, repeats, row):
    seen = []
    for _ in range(repeats):
        with new_car() as car:
            ours, car.emulator.line = car.emulator.line, None
            ours.close()
            car.emulator.line = ForeignLine(car.link)
            said, ran_ms = car.is_refused()
            seen.append(ran_ms)
            assert "version 99" in said
            assert "update" in said
            assert all(change.accepted == 0 for change in car.changes)
    row("firmware: other version", "refused, nothing moves", 0.0, seen)
