"""The Pi camera's file against the real package, parsed; and against a camera that hangs."""

from __future__ import annotations

import ast
import importlib
import sys
import time
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from controller.cameras.registry import CameraSettings
from controller.clock import MonotonicClock
from controller.errors import CameraError, UsageError

REPOSITORY = Path(__file__).parents[2]
OURS = REPOSITORY / "controller" / "cameras" / "picamera2.py"


@pytest.fixture(scope="module")
def signatures():
    """Method -> its argument names, of Picamera2 and CompletedRequest, from the real source."""
    wheels = sorted(Path(sys.prefix).glob("reference/picamera2-*.whl"))
    if not wheels:
        pytest.skip("picamera2's package is not there to compare with (`make test` fetches it)")
    found = {}
    with zipfile.ZipFile(wheels[-1]) as wheel:
        for name, wanted in (("picamera2", "Picamera2"), ("request", "CompletedRequest")):
            tree = ast.parse(wheel.read(f"picamera2/{name}.py"))
            for kind in ast.walk(tree):
                if isinstance(kind, ast.ClassDef) and kind.name == wanted:
                    for method in kind.body:
                        if isinstance(method, ast.FunctionDef):
                            arguments = method.args.args + method.args.kwonlyargs
                            found[method.name] = [a.arg for a in arguments if a.arg != "self"]
    return found


def _calls():
    """Every call that our file makes on a camera or a request: name, positional count, keywords."""
    for node in ast.walk(ast.parse(OURS.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        if owner in ("self._camera", "request"):
            yield function.attr, len(node.args), [k.arg for k in node.keywords]
        elif isinstance(function, ast.Name) and function.id == "Picamera2":
            yield "__init__", len(node.args), [k.arg for k in node.keywords]


def test_every_call_is_one_that_the_real_package_takes(signatures):
    calls = list(_calls())
    assert {name for name, _, _ in calls} >= {"__init__", "configure", "capture_request", "wait"}
    for name, positional, keywords in calls:
        assert name in signatures, f"picamera2 has no {name}"
        assert positional <= len(signatures[name])
        assert set(keywords) <= set(signatures[name]), name


def test_the_properties_that_we_read_are_there_too(signatures):
    assert "sensor_modes" in signatures


class FakePicamera2:
    """Behaves as the real one does when its sensor stops: requests are never completed."""

    hangs = 0  # requests in a row that are never completed
    log: list[str] = []  # noqa: RUF012
    controls: dict[str, object] = {}  # noqa: RUF012 - what it runs with

    def __init__(self, camera_num=0):
        self.log.append(f"open {camera_num}")

    sensor_modes = [  # noqa: RUF012 - of a Camera Module 2, as the package gives them
        {"size": (640, 480), "bit_depth": 10, "fps": 206.65, "crop_limits": (1000, 752, 1280, 960)},
        {"size": (1640, 1232), "bit_depth": 10, "fps": 83.7, "crop_limits": (0, 0, 3280, 2464)},
        {"size": (3280, 2464), "bit_depth": 10, "fps": 21.19, "crop_limits": (0, 0, 3280, 2464)},
        {"format": "MJPEG"},
    ]

    def create_video_configuration(self, main, controls, queue, sensor):
        assert sensor == {"output_size": (1640, 1232), "bit_depth": 10}
        assert main == {"size": (160, 90), "format": "BGR888"}
        assert queue is False
        return {"controls": controls}

    def configure(self, configuration):
        self.log.append("configure")
        self._next_controls = configuration["controls"]

    def start(self):
        self.log.append("start")
        # As the real one: a start takes what was configured before it, once.
        type(self).controls, self._next_controls = self._next_controls, {}

    def stop(self):
        self.log.append("stop")

    def close(self):
        self.log.append("close")

    def cancel_all_and_flush(self):
        self.log.append("flush")

    def capture_request(self, wait):
        assert wait is False
        return "job"

    def wait(self, job, timeout):
        if self.hangs:
            type(self).hangs -= 1
            raise TimeoutError
        time.sleep(0.01)
        self.log.append("request")
        return FakeRequest()


class FakeRequest:
    def make_array(self, name):
        assert name == "main"
        return np.zeros((90, 160, 3), np.uint8)

    def get_metadata(self):
        return {"SensorTimestamp": time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 20_000_000}

    def release(self):
        FakePicamera2.log.append("release")


@pytest.fixture
def camera(monkeypatch):
    module = types.ModuleType("picamera2")
    module.Picamera2 = FakePicamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    monkeypatch.delitem(sys.modules, "controller.cameras.picamera2", raising=False)
    monkeypatch.setattr(FakePicamera2, "hangs", 0)
    monkeypatch.setattr(FakePicamera2, "log", [])
    ours = importlib.import_module("controller.cameras.picamera2")
    yield ours.open_picamera2(CameraSettings(), MonotonicClock())
    sys.modules.pop("controller.cameras.picamera2", None)


def test_a_frame_carries_the_sensors_own_time(camera):
    with camera:
        frame = camera.read(1000.0)
        assert 20_000_000 <= MonotonicClock().now_ns() - frame.capture_ns < 200_000_000
        boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert 20_000_000 <= boot_ns - frame.stamp < 200_000_000
        assert camera.read(1000.0).stamp > frame.stamp


def test_every_request_is_given_back(camera):
    """The real one has six, and stops when it lacks them."""
    with camera:
        for _ in range(3):
            assert camera.read(1000.0) is not None
    assert FakePicamera2.log.count("request") == FakePicamera2.log.count("release") >= 3


@pytest.mark.parametrize("error", [RuntimeError, IndexError, PermissionError])
@pytest.mark.parametrize("failing", ["__init__", "configure", "start"])
def test_a_camera_that_cannot_be_had_is_said_with_the_librarys_own_reason(
    camera, monkeypatch, failing, error
):
    def fail(*_):
        raise error("it did not complete.") from OSError("device is busy")

    monkeypatch.setattr(FakePicamera2, failing, fail)
    says = r"picamera2:0: it did not complete. \(device is busy\); see `rpicam-hello"
    with pytest.raises(CameraError, match=says), camera:
        pass


@pytest.mark.parametrize(
    ("exposure_us", "fixed"), [(0, {}), (5000, {"AeEnable": False, "ExposureTime": 5000})]
)
def test_frame_rate_and_where_asked_for_exposure_are_fixed(camera, exposure_us, fixed):
    settings = CameraSettings(exposure_us=exposure_us)
    with sys.modules["controller.cameras.picamera2"].open_picamera2(settings, MonotonicClock()):
        assert FakePicamera2.controls == {"FrameDurationLimits": (33333, 33333), **fixed}


def test_a_sensor_that_stops_is_restarted_once(camera):
    FakePicamera2.hangs = 1
    with camera:
        assert camera.read(1000.0) is not None
    log = [entry for entry in FakePicamera2.log if entry not in ("request", "release")]
    again = ["flush", "stop", "configure", "start"]
    assert log == ["open 0", "configure", "start", *again, "stop", "close"]
    assert FakePicamera2.controls == {"FrameDurationLimits": (33333, 33333)}


def test_a_sensor_that_stays_away_is_an_error_that_says_what_to_check(camera):
    FakePicamera2.hangs = 2
    with pytest.raises(CameraError, match="check its cable"), camera:
        for _ in range(100):
            camera.read(100.0)


@pytest.mark.parametrize(
    ("rate_hz", "size"), [(20, (3280, 2464)), (21.2, (3280, 2464)), (90, (640, 480)), (300, None)]
)
def test_the_widest_mode_that_is_fast_enough_is_taken(camera, rate_hz, size):
    modes = FakePicamera2.sensor_modes
    ours = sys.modules["controller.cameras.picamera2"]
    wide_and_slow = [mode for mode in modes if mode.get("size") != (1640, 1232)]
    found = ours.widest_mode(wide_and_slow, rate_hz)
    assert found.get("output_size") == size


def test_a_camera_without_modes_is_left_to_itself(camera):
    assert sys.modules["controller.cameras.picamera2"].widest_mode([{"format": "YUYV"}], 30) == {}


@pytest.mark.parametrize("number", ["x", "-1", "9" * 5000])
def test_what_is_no_cameras_number_is_said(camera, number):
    settings = CameraSettings(f"picamera2:{number}")
    ours = sys.modules["controller.cameras.picamera2"].open_picamera2(settings, MonotonicClock())
    with pytest.raises(UsageError, match="the argument is the camera's number"), ours:
        pass
