from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest

from controller.config import DashboardSettings, load_config
from controller.dashboard import Dashboard
from controller.errors import ConfigError, UsageError
from controller.pictures import decode_picture


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


def test_a_port_that_is_taken_or_none_is_said(dashboard, tmp_path):
    with pytest.raises(UsageError, match=f"port {dashboard.port}"), Dashboard(dashboard.port):
        pass
    with pytest.raises(UsageError, match="1024 to 65535"):
        DashboardSettings(port=80)
    path = tmp_path / "car.toml"
    path.write_text("[dashboard]\nport = 70000\n")
    with pytest.raises(ConfigError, match=r"\[dashboard\] port is 70000"):
        load_config(path)
