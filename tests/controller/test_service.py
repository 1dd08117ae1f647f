from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.benchmark.measure import benchmark_peer
from controller.cycle import Cycle
from controller.service.control_client import ask
from controller.service.systemd import Notifier, ServiceReport, StateLog, watchdog_ns

SECOND_NS = 1_000_000_000


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self):
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self):
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = str(tmp_path / "notify")
    manager = Manager(f"@{name}" if request.param == "abstract" else name)
    yield manager
    manager.close()


@pytest.fixture
def report(manager):
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    return ServiceReport.from_environment(environment)


def test_ready_is_the_first_frame_that_became_a_command(manager, report, bench, shot):
    with report:
        assert manager.heard() == []
        heard = []
        bench([shot() for _ in range(3)]).run(report, lambda _cycle: heard.append(manager.heard()))
    assert heard == [["READY=1\nWATCHDOG=1"], [], []]
    assert manager.heard() == ["STOPPING=1\nSTATUS=stopped"]


def test_a_camera_without_frames_is_neither_ready_nor_alive(manager, report, bench, shot):
    """First no frame for 3 s, then one, then none again for 3 s: only the one is a sign of life."""
    cycles: list[Cycle] = []
    with report:
        bench([shot(), shot(gap_ns=3 * SECOND_NS)]).run(cycles.append)
        silent = [cycle for cycle in cycles if cycle.frame is None]
        assert len(silent) > 20
        for cycle in silent:
            report(cycle)
        assert manager.heard() == []
        report(next(cycle for cycle in cycles if cycle.frame is not None))
        assert manager.heard() == ["READY=1\nWATCHDOG=1"]
        for cycle in silent:
            report(cycle)
        assert manager.heard() == []


def test_pings_come_four_times_in_a_deadline_however_fast_the_camera(manager, report, bench, shot):
    heard, times_ns = [], []

    def listen(cycle):
        heard.extend(manager.heard())
        times_ns.append(cycle.sent_ns)

    with report:
        bench([shot(gap_ns=SECOND_NS // 100) for _ in range(400)]).run(report, listen)
    drive_s = (times_ns[-1] - times_ns[0]) / SECOND_NS
    assert drive_s > 3
    assert drive_s * 3.5 <= heard.count("WATCHDOG=1") <= drive_s * 4


def test_no_deadline_no_pings(manager, bench, shot):
    with ServiceReport.from_environment({"NOTIFY_SOCKET": manager.address}) as report:
        bench([shot() for _ in range(50)]).run(report)
    assert manager.heard() == ["READY=1\nWATCHDOG=1", "STOPPING=1\nSTATUS=stopped"]


def test_a_failure_is_told_in_one_line(manager, report):
    with pytest.raises(RuntimeError), report:
        raise RuntimeError("the camera\nREADY=1 is gone")
    assert manager.heard() == [
        "STOPPING=1\nSTATUS=stopped by RuntimeError: the camera READY=1 is gone"
    ]


def test_a_failure_over_a_name_of_any_bytes_is_told_too(manager, report):
    with pytest.raises(RuntimeError), report:
        raise RuntimeError("no \udcff")
    assert manager.heard() == ["STOPPING=1\nSTATUS=stopped by RuntimeError: no \\udcff"]


def test_status_goes_to_the_service_instead_of_the_journal(manager, report):
    lines = []
    report.line_to(lines.append)("driving\nwell")
    assert manager.heard() == ["STATUS=driving well"]
    ServiceReport(Notifier(""), None).line_to(lines.append)("by hand")
    assert lines == ["by hand"]


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_without_a_service_manager_nothing_happens(address, bench, shot, caplog):
    notifier = Notifier(address)
    assert not notifier.listening
    assert not notifier.notify("READY=1")
    with ServiceReport(notifier, SECOND_NS) as report:
        bench([shot() for _ in range(3)]).run(report)
    assert len(caplog.messages) == (address != "")


def test_a_service_manager_that_does_not_read_holds_up_nobody(manager):
    notifier = Notifier(manager.address)
    sent = 0
    while notifier.notify("WATCHDOG=1"):
        sent += 1
        assert sent < 100_000
    assert notifier.lost == 1
    manager.heard()
    assert notifier.notify("WATCHDOG=1")


def test_a_service_manager_that_is_gone_is_lost_messages(manager, caplog):
    notifier = Notifier(manager.address)
    manager.close()
    for _ in range(100):
        assert not notifier.notify("WATCHDOG=1")
    assert notifier.lost == 100
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("environment", "deadline_ns"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3 * SECOND_NS),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3 * SECOND_NS),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_deadline_is_the_service_managers(environment, deadline_ns):
    assert watchdog_ns(environment, os.getpid()) == deadline_ns


@given(st.text(), st.text())
def test_a_broken_environment_is_no_deadline_or_a_positive_one(usec, process_id):
    deadline_ns = watchdog_ns({"WATCHDOG_USEC": usec, "WATCHDOG_PID": process_id}, os.getpid())
    assert deadline_ns is None or deadline_ns > 0


def test_changes_of_state_are_said_once_and_flicker_is_counted(bench, shot):
    said = []
    late = shot(age_ns=200_000_000)
    steady = [shot() for _ in range(40)]
    flicker = [late, *[shot() for _ in range(6)]] * 4
    bench([*steady, *flicker, *steady]).run(StateLog(said.append))
    assert said[0].startswith("armed: ")
    assert said[1].startswith("driving: driving")
    assert len(said) <= 6
    assert any("more changes before" in line for line in said)
    assert said[-1].startswith("driving: driving")


def test_memory_is_locked_only_where_the_unit_lifts_the_limit():
    """In a process of its own: locked memory stays locked."""
    code = (
        "import pathlib, resource, sys\n"
        "from controller.service.systemd import lock_memory\n"
        "limit = int(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))\n"
        "done = lock_memory()\n"
        "rows = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "locked = next(int(row.split()[1]) for row in rows if row.startswith('VmLck'))\n"
        "print(done, locked > 0)\n"
    )
    limits = {64 * 1024: "False False"}
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY:
        limits[resource.RLIM_INFINITY] = "True True"
    for limit, says in limits.items():
        command = [sys.executable, "-c", code, str(limit)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        assert shown.stdout.strip() == says


@pytest.fixture
def start_drive(manager, tmp_path):
    """Starts `drive` as a service manager does, on a made-up camera and microcontroller."""
    with contextlib.ExitStack() as stack:

        def start():
            device = stack.enter_context(benchmark_peer())
            config = tmp_path / "car.toml"
            config.write_text(
                f'[camera]\nsource = "pattern"\n[link]\ndevice = "{device}"\n'
                f'[arming]\nsocket = "{tmp_path}/control"\n'
            )
            drive = subprocess.Popen(
                [sys.executable, "-m", "controller", "drive", "--config", str(config)],
                env=os.environ | {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(drive)
            stack.callback(drive.kill)
            return drive

        yield start


def test_a_whole_drive_is_ready_alive_armed_and_stopped_by_its_service_manager(
    manager, start_drive, tmp_path
):
    drive = start_drive()
    heard = []

    def hears(text, timeout_s=20):
        end = time.monotonic() + timeout_s
        while text not in heard and time.monotonic() < end:
            heard.extend(word for message in manager.heard() for word in message.split())
            time.sleep(0.02)
        return text in heard

    assert hears("READY=1")
    assert heard[0] == "READY=1"
    assert hears("STATUS=disarmed")
    for _ in range(15):  # a busy machine may stop it for its frame rate; then the owner arms again
        assert ask(f"{tmp_path}/control", "arm", 10)["state"] in ("armed", "driving")
        if hears("STATUS=driving", 1.5):
            break
    assert "STATUS=driving" in heard
    drive.terminate()
    assert hears("STOPPING=1")
    journal = drive.communicate(timeout=20)[1]
    assert drive.returncode == 0
    assert heard.count("WATCHDOG=1") > 5
    assert "armed by the control socket" in journal
    assert "driving: driving" in journal
