from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import stat
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.__main__ import main
from controller.cycle import Reason, State
from controller.drive.supervisor import Supervisor
from controller.errors import UsageError
from controller.service.control import (
    LONGEST_REQUEST_BYTES,
    MOST_ANSWERS,
    ArmingSettings,
    ControlSocket,
    toggle,
)
from controller.service.control_client import ControlError, ask
from firmware_bridge.wire.commands import Command

ORDERS = {b"arm": "armed", b"disarm": "disarmed", b"status": None}


class Client:
    """Somebody at the other end of the socket who does not wait for answers."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")
        self._socket.connect(str(path))
        self._socket.setblocking(False)

    def send(self, request):
        self._socket.send(request)

    def answers(self):
        found = []
        while True:
            try:
                found.append(json.loads(self._socket.recv(65536)))
            except BlockingIOError:
                return found

    def close(self):
        self._socket.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def client(path):
    made = []

    def make():
        made.append(Client(path))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _drive_with(drive, path, *sinks):
    """Drive a bench with a control socket; gives its socket's sink for the time of the drive."""
    with ControlSocket(str(path), drive.supervisor) as control:
        drive.run(*(lambda cycle, sink=sink: sink(cycle) for sink in sinks), control)
    return drive


def test_the_car_boots_disarmed_and_drives_from_the_next_frame_after_arm(bench, shot, path, client):
    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 10:
            client().send(b"arm")
        if cycle.frame is not None and cycle.frame.sequence == 20:
            client().send(b"disarm\n")

    drive = bench([shot() for _ in range(30)], armed=False)
    _drive_with(drive, path, owner)
    driven = [
        cycle.frame.sequence
        for cycle in drive.cycles
        if cycle.frame is not None and cycle.decision.command is not Command.STOP
    ]
    assert driven == list(range(11, 21))
    assert drive.cycles[-1].decision.reason is Reason.NOT_ARMED


def test_the_answer_says_how_the_car_stands_after_the_order(bench, shot, path, client):
    asked = []

    def owner(cycle):
        if not asked:
            asked.append(client())
            for word in (b"status", b"arm"):
                asked[0].send(word)
        else:
            asked[0].send(b"disarm")

    _drive_with(bench([shot() for _ in range(2)], armed=False), path, owner)
    status, arm, disarm = asked[0].answers()
    assert status["state"] == "disarmed"
    assert status["command"] == "STOP"
    assert status["frames"] == 1
    assert status["link_connected"] is True
    assert status["frame_age_ms"] == 5.0
    assert status["mcu_state"] in ("DISARMED", "ARMED")
    assert arm["state"] == "armed"
    assert disarm["state"] == "disarmed"


def test_before_the_first_word_of_camera_and_microcontroller_it_answers_too(
    bench, shot, path, client
):
    cycle = bench([shot()]).run().cycles[-1]
    health = dataclasses.replace(cycle.health, status=None)
    with ControlSocket(str(path), Supervisor()) as control:
        asker = client()
        asker.send(b"status")
        control(dataclasses.replace(cycle, frame=None, health=health))
    (answer,) = asker.answers()
    unknown = {name for name, value in answer.items() if value is None}
    assert unknown == {"frame_age_ms", "mcu_state", "mcu_trip", "battery_mv"}
    assert answer["frames"] == 0


@pytest.mark.parametrize("sequence", [21, 50])
def test_the_frame_rate_is_the_last_seconds(bench, shot, path, client, sequence):
    asked = []

    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == sequence:
            asked.append(client())
            asked[0].send(b"status")

    drive = bench([shot() for _ in range(52)], armed=False)
    _drive_with(drive, path, owner)
    assert asked[0].answers()[0]["frame_rate_hz"] == pytest.approx(20, rel=0.01)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    requests=st.lists(
        st.binary(max_size=2000) | st.sampled_from([*ORDERS, b"arm\0", b"arm" + b" " * 70]),
        max_size=8,
    )
)
def test_only_the_three_words_do_anything_and_they_are_answered(bench, shot, path, requests):
    sent = []

    def hostile(_cycle):
        if not sent:
            client = Client(path)
            sent.append(client)
            for request in requests:
                client.send(request)

    drive = bench([shot() for _ in range(2)], armed=False)
    _drive_with(drive, path, hostile)
    answers = sent[0].answers()
    sent[0].close()
    words = [request.strip() for request in requests if len(request) <= LONGEST_REQUEST_BYTES]
    known = [word for word in words if word in ORDERS]
    assert len(answers) == len(known)
    disarmed = b"disarm" in known
    state = "disarmed"
    # Whoever said disarm is answered first, then the others in their order.
    for word, answer in zip(
        sorted(known, key=lambda word: word != b"disarm"), answers, strict=True
    ):
        state = "armed" if word == b"arm" and not disarmed else state
        assert ("error" in answer) == (word == b"arm" and disarmed)
        assert answer["state"] == state
    assert drive.supervisor.may_drive == (state == "armed")


def test_a_word_within_more_words_is_no_order(bench, shot, path, client):
    def hostile(cycle):
        if cycle.frame.sequence == 0:
            hostile.client = client()
            for request in (b"arm" + b" " * LONGEST_REQUEST_BYTES + b"x", b"arm arm", b"ARM", b""):
                hostile.client.send(request)

    drive = _drive_with(bench([shot() for _ in range(5)], armed=False), path, hostile)
    assert drive.supervisor.state is State.DISARMED
    assert hostile.client.answers() == []


def test_a_flood_is_taken_in_small_portions(bench, shot, path, client):
    flooding = []

    def flood(_cycle):
        if not flooding:
            flooding.append(client())
            flooding[0]._socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    flooding[0].send(b"status")
        counts.append(len(flooding[0].answers()))

    counts: list[int] = []
    drive = bench([shot() for _ in range(6)], armed=False)
    _drive_with(drive, path, flood)
    assert max(counts) <= MOST_ANSWERS
    assert drive.cycles[-1].frame.sequence == 5  # no frame was lost to it


def test_who_does_not_read_the_answers_holds_up_nobody(bench, shot, path, client):
    rude = []

    def ask_and_look_away(_cycle):
        if not rude:
            rude.append(client())
        for _ in range(4):
            rude[0].send(b"status")

    drive = bench([shot() for _ in range(150)], armed=False)
    _drive_with(drive, path, ask_and_look_away)
    assert drive.cycles[-1].frame.sequence == 149


def test_disarm_is_obeyed_from_one_without_a_name_too(bench, shot, path):
    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 3:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
                nameless.sendto(b"disarm", str(path))

    drive = _drive_with(bench([shot() for _ in range(10)]), path, owner)
    assert drive.supervisor.state is State.DISARMED


@pytest.mark.parametrize(
    ("word", "armed"), [(b"arm", False), (b"disarm", True)], ids=["arm", "disarm"]
)
def test_who_has_given_up_waiting_still_disarms_but_arms_no_more(
    bench, shot, path, client, word, armed
):
    def owner(cycle):
        if cycle.frame is not None and cycle.frame.sequence == 3:
            impatient = client()
            impatient.send(word)
            impatient.close()

    drive = _drive_with(bench([shot() for _ in range(10)], armed=armed), path, owner)
    assert drive.supervisor.state is State.DISARMED


def test_only_owner_and_group_may_write(path):
    with ControlSocket(str(path), Supervisor()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_the_socket_of_a_killed_drive_is_replaced_and_a_living_ones_is_not(path):
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(path))
    dead.close()
    with ControlSocket(str(path), Supervisor()):
        with (
            pytest.raises(UsageError, match="another drive is running"),
            ControlSocket(str(path), Supervisor()),
        ):
            pass
        assert path.is_socket()


def test_a_socket_that_is_gone_or_another_drives_by_now_is_left_alone(path):
    with ControlSocket(str(path), Supervisor()):
        path.unlink()
    with ControlSocket(str(path), Supervisor()):
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as another:
            another.bind(str(path))
    assert path.is_socket()


def test_another_programs_socket_is_kept_and_named(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as another:
        another.bind(str(path))
        another.listen()
        with pytest.raises(UsageError, match="set another"), ControlSocket(str(path), Supervisor()):
            pass
    assert path.is_socket()


def test_a_file_in_the_way_is_kept_and_named(path):
    path.write_text("mine")
    with pytest.raises(UsageError, match=str(path)), ControlSocket(str(path), Supervisor()):
        pass
    assert path.read_text() == "mine"


def test_without_its_folder_there_is_no_socket_and_no_error(tmp_path, bench, shot, caplog):
    caplog.set_level("INFO")
    drive = bench([shot() for _ in range(3)])
    _drive_with(drive, tmp_path / "no" / "control")
    _drive_with(bench([shot() for _ in range(3)]), "")
    assert len([text for text in caplog.messages if "no arming from outside" in text]) == 1


@pytest.mark.parametrize(
    ("armed", "rearm", "last", "state", "after"),
    [
        (False, False, {}, State.DISARMED, State.ARMED),
        (True, False, {}, State.DRIVING, State.DISARMED),
        (True, False, {"age_ns": 150_000_000}, State.STOPPED, State.DISARMED),
        (True, False, {"probabilities": (9, 9, 9)}, State.STOPPED, State.ARMED),
        (True, True, {"probabilities": (9, 9, 9)}, State.STOPPED, State.DISARMED),
    ],
    ids=["stands", "drives", "drives on by itself", "waits for its owner", "arms by itself"],
)
def test_a_press_has_a_car_stand_that_would_drive(bench, shot, armed, rearm, last, state, after):
    shots = [shot() for _ in range(10)] + [shot(**last)]
    supervisor = bench(shots, armed=armed, rearm=rearm).run().supervisor
    assert supervisor.state is state
    toggle(supervisor)
    assert supervisor.state is after


@pytest.mark.parametrize("rearm", [False, True])
def test_after_an_emergency_stop_a_press_arms_and_the_next_one_disarms(bench, shot, rearm):
    drive = bench([shot() for _ in range(20)], rearm=rearm)
    drive.run(lambda cycle: drive.mcu.set_estop(pressed=cycle.frame.sequence in range(10, 12)))
    assert drive.supervisor.reason is Reason.MCU_LOCKED
    toggle(drive.supervisor)
    assert drive.supervisor.state is State.ARMED
    toggle(drive.supervisor)
    assert drive.supervisor.state is State.DISARMED


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"socket": "/" + "x" * 107}, "longer than 107"),
        ({"gpio_pin": 1}, "must be 2 to 27"),
        ({"gpio_pin": 28}, "must be 2 to 27"),
    ],
)
def test_wrong_settings(wrong, says):
    with pytest.raises(UsageError, match=says):
        ArmingSettings(**wrong)


@pytest.fixture
def running(bench, shot, path):
    """A drive in a thread of its own, on real time, for the client's side."""
    drive = bench([shot()], armed=False)
    drive.run()
    cycle = drive.cycles[-1]
    stop, ready = threading.Event(), threading.Event()

    def turn():
        with ControlSocket(str(path), drive.supervisor) as control:
            while not stop.wait(0.005):
                control(cycle)
                ready.set()

    thread = threading.Thread(target=turn)
    thread.start()
    assert ready.wait(5)
    yield drive.supervisor
    stop.set()
    thread.join(5)


def test_the_commands_reach_a_running_drive(running, path, capsys):
    assert main(["arm", "--socket", str(path)]) == 0
    assert running.state is State.ARMED
    assert capsys.readouterr().out.startswith("armed: ")
    assert main(["status", "--socket", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "armed"
    assert main(["disarm", "--socket", str(path)]) == 0
    assert running.state is State.DISARMED


def test_arm_that_does_not_arm_falls_short(running, path, capsys):
    running.shut_down()
    assert main(["arm", "--socket", str(path)]) == 1
    assert "shutting down" in capsys.readouterr().out


def test_the_commands_find_the_socket_in_the_configuration(running, path, tmp_path, capsys):
    config = tmp_path / "car.toml"
    config.write_text(f'[arming]\nsocket = "{path}"\n')
    assert main(["arm", "--config", str(config)]) == 0
    assert running.state is State.ARMED


def test_no_drive_is_one_line_and_exit_code_1(path, capsys):
    assert main(["arm", "--socket", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "no drive is running" in err
    assert err.count("\n") == 1


def test_a_drive_that_hangs_is_said_so(path):
    with (
        ControlSocket(str(path), Supervisor()),
        pytest.raises(ControlError, match=r"does not answer within 0\.05 s"),
    ):
        ask(str(path), "status", timeout_s=0.05)


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"[]", b"{}", b'{"state": "armed"}', b"[" * 30_000, b"\xff\xfe"]
)
def test_an_answer_that_is_none_is_an_error(path, answer):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.bind(str(path))

        def reply():
            _, sender = stranger.recvfrom(100)
            stranger.sendto(answer, sender)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(ControlError, match="no drive of ours"):
            ask(str(path), "status")
        thread.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_who_may_not_write_is_told_which_group_to_join(path, tmp_path):
    with ControlSocket(str(path), Supervisor()):
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o001)
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                ask(str(path), "arm")
            except ControlError as error:
                os._exit(0 if "join its group" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
