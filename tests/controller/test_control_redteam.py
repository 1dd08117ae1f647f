"""Attacks on the control socket that once kept a car driving, or made it drive."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from pathlib import Path

import pytest

from controller.cycle import State
from controller.drive.supervisor import Supervisor
from controller.service.control import ControlSocket

pytestmark = pytest.mark.redteam


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The socket of a service that, as the unit has it, stands in its socket's folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    return home / "control"


@pytest.fixture
def car(bench, shot):
    """A car that drives, and the cycle that its sinks see again and again."""
    drive = bench([shot() for _ in range(10)]).run()
    assert drive.supervisor.state is State.DRIVING
    return drive


def _socket(name=None, *, within=None):
    """A datagram socket, bound to a name as it looks from a folder."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.setblocking(False)
    if name is not None:
        here = Path.cwd()
        os.chdir(within or here)
        try:
            line.bind(name)
        finally:
            os.chdir(here)
    return line


def _flood(line, path, words, count):
    """Send as many as the queue takes."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(count):
            line.sendto(words, str(path))


def _disarm(path):
    """What `paperlane disarm` sends; whether the queue took it."""
    with _socket("") as owner:
        try:
            owner.sendto(b"disarm", str(path))
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("word", [b"junk", b"status"])
def test_twelve_datagrams_from_the_sockets_own_relative_name(car, path, tmp_path, word):
    """The drive answered itself for ever; its queue stayed full, and disarm was never heard."""
    with ControlSocket(str(path), car.supervisor) as control:
        with _socket("control", within=tmp_path) as attacker:
            _flood(attacker, path, word, 12)
        for _ in range(3):
            control(car.cycles[-1])
        assert _disarm(path)
        control(car.cycles[-1])
        assert car.supervisor.state is State.DISARMED
        with pytest.raises(BlockingIOError):
            control._socket.recv(100)  # nothing of its own is in its queue


def test_an_absolute_name_that_leads_back_to_the_socket(car, path, tmp_path):
    """Bound elsewhere, and then made a link to the drive's own socket."""
    with ControlSocket(str(path), car.supervisor) as control:
        name = tmp_path / "elsewhere"
        with _socket(str(name)) as attacker:
            _flood(attacker, path, b"status", 5)
        name.unlink()
        name.symlink_to(path)
        control(car.cycles[-1])
        with pytest.raises(BlockingIOError):
            control._socket.recv(100)


@pytest.mark.parametrize("word", [b"status", b"arm", b"junk"])
def test_disarm_goes_first_whatever_stands_before_it(car, path, word):
    with ControlSocket(str(path), car.supervisor) as control:
        line = control._socket
        queue = [(word, None)] * 500 + [(b"disarm", None)]
        control._socket = _Queue(queue)
        control(car.cycles[-1])
        control._socket = line
        assert car.supervisor.state is State.DISARMED
        for _ in range(40):  # nor does what waited come to anything afterwards
            control(car.cycles[-1])
        assert car.supervisor.state is State.DISARMED


class _Queue:
    """A socket with more in its queue than this machine's kernel may allow."""

    def __init__(self, queue):
        self._queue = list(queue)

    def recvfrom(self, _size):
        if not self._queue:
            raise BlockingIOError
        return self._queue.pop(0)

    def sendto(self, *_):
        raise BlockingIOError


def test_a_full_queue_is_seen_and_said(car, path, caplog):
    caplog.set_level(logging.INFO)
    with ControlSocket(str(path), car.supervisor) as control:
        with _socket() as attacker:
            for _ in range(3):
                _flood(attacker, path, b"junk", 10_000)
                control(car.cycles[-1])
        with _socket("") as owner:
            owner.sendto(b"status", str(path))
            control(car.cycles[-1])
            answer = owner.recv(65536)
    assert b'"control_queue_full": 3' in answer
    assert len([text for text in caplog.messages if "queue was full" in text]) == 1


def test_what_is_no_request_is_not_answered(car, path):
    """Two programs that answer each other's answers never stop."""
    with ControlSocket(str(path), car.supervisor) as control, _socket("") as attacker:
        attacker.sendto(b"junk", str(path))
        control(car.cycles[-1])
        with pytest.raises(BlockingIOError):
            attacker.recv(100)


@pytest.mark.parametrize("name", [None, "control"], ids=["no name", "a relative name"])
def test_arm_from_one_who_cannot_hear_the_answer(car, path, tmp_path, name):
    """It was obeyed after its sender had gone, when nobody expected the car to move."""
    supervisor = Supervisor()
    with ControlSocket(str(path), supervisor) as control:
        with _socket(name, within=tmp_path) as sender:
            sender.sendto(b"arm", str(path))
        control(car.cycles[-1])
        assert supervisor.state is State.DISARMED


def test_a_relative_path_of_the_socket_is_one_of_a_folder(car, path):
    """A drive that changes its folder must not leave its socket behind, or remove another's."""
    with ControlSocket("control", car.supervisor):
        os.chdir("/")
        assert path.is_socket()
    assert not path.exists()


def test_a_flood_as_fast_as_it_is_emptied_ends_in_disarm_too(car, path):
    class Endless(_Queue):
        def recvfrom(self, _size):
            if self._queue:
                return self._queue.pop(0)
            return b"status", None

    with ControlSocket(str(path), car.supervisor) as control:
        line = control._socket
        control._socket = Endless([(b"junk", None)] * 300 + [(b"disarm", None)])
        control(car.cycles[-1])
        control._socket = line
        assert car.supervisor.state is State.DISARMED
        assert len(control._waiting) <= 64
