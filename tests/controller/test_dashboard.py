from __future__ import annotations

import contextlib
import json
import math
import socket
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from controller.config import DashboardSettings, load_config
from controller.errors import ConfigError, UsageError
from controller.pictures import decode_picture
from controller.service.dashboard import MOST_CLIENTS, REQUEST_TIMEOUT_S, Dashboard
from controller.service.telemetry import MOST_LISTENERS, WAITING, Listeners


@pytest.fixture
def dashboard():
    with Dashboard(0) as page:
        yield page


def _get(dashboard, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{dashboard.port}{path}", timeout=5) as answer:
        return answer.headers.get_content_type(), answer.read()


def test_the_page_shows_what_the_car_sees_and_does(dashboard, bench, shot):
    assert json.loads(_get(dashboard, "/state")[1])["state"] == "starting"
    drive = bench([shot((0.1, 0.8, 0.1)) for _ in range(20)]).run(dashboard)
    kind, content = _get(dashboard, "/state")
    seen = json.loads(content)
    assert kind == "application/json"
    assert (seen["state"], seen["command"], seen["frame"]) == ("driving", "LEFT", 19)
    assert seen["probabilities"]["left"] == pytest.approx(0.8)
    picture = decode_picture(_get(dashboard, "/picture.png?19")[1])
    np.testing.assert_array_equal(picture, drive.cycles[-1].pixels)
    assert dashboard.replaced == len(drive.cycles) - 1
    kind, page = _get(dashboard, "/")
    assert kind == "text/html"
    assert b"picture.png" in page


def test_nothing_else_is_there(dashboard):
    for path in ("/picture.png", "/etc/passwd", "/../state", "/arm"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(dashboard, path)


def test_a_client_that_says_nothing_keeps_nobody_from_driving(dashboard, bench, shot):
    with socket.create_connection(("127.0.0.1", dashboard.port)):
        drive = bench([shot() for _ in range(20)]).run(dashboard)
    assert drive.commands[-1].name == "FORWARD"


def test_so_many_clients_and_not_one_more(dashboard):
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CLIENTS):  # which say nothing
            stack.enter_context(socket.create_connection(("127.0.0.1", dashboard.port)))
        with socket.create_connection(("127.0.0.1", dashboard.port), REQUEST_TIMEOUT_S / 2) as more:
            assert more.recv(1) == b""
    deadline = time.monotonic() + 2 * REQUEST_TIMEOUT_S
    while time.monotonic() < deadline:  # they left: there is room again
        with contextlib.suppress(OSError):
            assert _get(dashboard, "/")[0] == "text/html"
            return
    pytest.fail("nobody was let in again")


def test_clients_that_never_come_to_an_end_make_room_all_the_same(dashboard):
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", dashboard.port)
        clients = [
            stack.enter_context(socket.create_connection(address)) for _ in range(MOST_CLIENTS)
        ]
        for _ in range(50):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(b"a")
            with contextlib.suppress(OSError):
                assert _get(dashboard, "/")[0] == "text/html"
                return
            time.sleep(REQUEST_TIMEOUT_S / 10)
    pytest.fail("nobody was let in again")


def test_a_stream_tells_every_cycle_in_order(dashboard, bench, shot):
    with _listen(dashboard) as stream:
        drive = bench([shot((0.1, 0.8, 0.1)) for _ in range(20)]).run(dashboard)
        told = [_next_event(stream) for _ in drive.cycles]
    assert [event["frame"] for event in told if event["frame"] is not None] == list(range(20))
    assert (told[-1]["state"], told[-1]["command"]) == ("driving", "LEFT")
    assert told[-1]["sent_ns"] == drive.cycles[-1].sent_ns
    assert told[-1]["dropped"] == 0


def test_what_is_no_number_is_null(dashboard, bench, shot):
    bench([shot((math.nan, math.inf, 0.5))]).run(dashboard)
    state = json.loads(_get(dashboard, "/state")[1], parse_constant=pytest.fail)
    assert list(state["probabilities"].values()) == [None, None, 0.5]


def test_a_listener_that_is_too_slow_misses_some_and_is_told_how_many(bench, shot):
    listeners = Listeners()
    with listeners.join() as listener:
        drive = bench([shot() for _ in range(WAITING + 10)]).run(listeners)
        seen = []
        while (cycle := listener.next(0)) is not None:
            seen.append(cycle)
    assert seen == drive.cycles[:WAITING]
    assert listener.dropped == len(drive.cycles) - WAITING
    listeners(drive.cycles[0])  # nobody listens any more
    assert listener.next(0) is None


def test_no_more_than_four_listen_and_one_that_leaves_makes_room(dashboard):
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(_listen(dashboard)) for _ in range(MOST_LISTENERS)]
        with pytest.raises(urllib.error.HTTPError, match="503"):
            _listen(dashboard)
        assert _get(dashboard, "/state")
        streams[0].close()
        for _ in range(50):  # noticed with the next sign of life or the one after it
            with contextlib.suppress(urllib.error.HTTPError), _listen(dashboard):
                return
            time.sleep(0.1)
    pytest.fail("who left still counts")


def test_a_stream_ends_with_the_drive():
    with Dashboard(0) as page:
        stream = _listen(page)
    assert b"data" not in stream.read()
    stream.close()


def _listen(dashboard):
    return urllib.request.urlopen(f"http://127.0.0.1:{dashboard.port}/events", timeout=5)


def _next_event(stream):
    while not (line := stream.readline()).startswith(b"data: "):
        assert line, "the stream has ended"
    return json.loads(line.removeprefix(b"data: "))


def test_a_port_that_is_taken_or_none_is_said(dashboard, tmp_path):
    with pytest.raises(UsageError, match=f"port {dashboard.port}"), Dashboard(dashboard.port):
        pass
    with pytest.raises(UsageError, match="1024 to 65535"):
        DashboardSettings(port=80)
    path = tmp_path / "car.toml"
    path.write_text("[dashboard]\nport = 70000\n")
    with pytest.raises(ConfigError, match=r"\[dashboard\] port is 70000"):
        load_config(path)


@pytest.mark.redteam
def test_nobody_reaches_it_at_another_address(dashboard):
    """It listened on every address without a word; 127.0.0.2 stands for any other of them."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", dashboard.port), timeout=5).close()
