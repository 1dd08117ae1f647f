"""One contract, every camera that can be had here; and cameras that misbehave on purpose."""

from __future__ import annotations

import http.server
import threading
import time

import cv2
import numpy as np
import pytest

from controller.cameras.base import ThreadedCamera
from controller.cameras.registry import CameraSettings, open_camera
from controller.clock import MonotonicClock, VirtualClock
from controller.errors import CameraError, EndOfFrames, UsageError
from controller.recording.reader import DrivenFrame
from controller.recording.recorder import Recorder
from controller.recording.tools import write_video
from firmware_bridge.wire.commands import Command


@pytest.fixture
def video(tmp_path):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (40, 45, 80, 3), np.uint8)
    frames = [
        DrivenFrame(i * 20_000_000, picture, Command.LEFT, (0, 1, 0), "driving")
        for i, picture in enumerate(pictures)
    ]
    write_video(tmp_path / "video.mp4", frames)
    return f"opencv:{tmp_path / 'video.mp4'}"


@pytest.fixture
def drive(bench, shot, tmp_path):
    path = tmp_path / "drive.mcap"
    with Recorder(path, {}, 0, lossless=True) as recorder:
        bench([shot() for _ in range(40)]).run(recorder)
    return f"replay:{path}"


class _Stream(http.server.BaseHTTPRequestHandler):
    kind = "multipart/x-mixed-replace; boundary=frame"
    length = "Content-Length: {}\r\n"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        rng = np.random.default_rng(2)
        for _ in range(self.server.pictures):
            _, coded = cv2.imencode(".jpg", rng.integers(0, 256, (48, 64, 3), np.uint8))
            length = self.length.format(len(coded))
            head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
            try:
                self.wfile.write(head.encode() + coded.tobytes() + b"\r\n")
            except OSError:
                return
            time.sleep(0.02)
        self.server.stalled.wait(self.server.stall_s)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stream)
    server.pictures, server.stall_s, server.stalled = 100, 0.0, threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.stalled.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mjpeg(server):
    return f"mjpeg:http://127.0.0.1:{server.server_port}/"


@pytest.fixture
def pattern():
    return "pattern"


@pytest.fixture
def simulated():
    return "simulated:oval"


def _open(source, **options):
    return open_camera(CameraSettings(source=source, **options), MonotonicClock())


@pytest.mark.parametrize("kind", ["pattern", "video", "drive", "mjpeg", "simulated"])
def test_every_camera_keeps_the_contract(kind, request):
    with _open(request.getfixturevalue(kind)) as camera:
        clock = MonotonicClock()
        frames = []
        deadline = time.monotonic() + 10
        while len(frames) < 8 and time.monotonic() < deadline:
            before = time.monotonic()
            frame = camera.read(30.0)
            assert time.monotonic() - before < 0.5
            if frame is None:
                continue
            frames.append(frame)
            assert frame.pixels.dtype == np.uint8
            assert frame.pixels.ndim == 3
            assert frame.pixels.shape[2] == 3
            assert frame.pixels.flags.c_contiguous
            assert 0 <= clock.now_ns() - frame.capture_ns < 300_000_000
        assert len(frames) == 8
        sequences = [frame.sequence for frame in frames]
        times = [frame.capture_ns for frame in frames]
        assert sequences == sorted(set(sequences))
        assert times == sorted(set(times))


class FakeDevice:
    """What OpenCV makes of a V4L2 device."""

    told_ms = 0.0
    takes = True
    opened: tuple[object, ...] = ()
    settings: dict[int, float] = {}  # noqa: RUF012

    def __init__(self, *arguments):
        type(self).opened = arguments

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def set(self, key, value):
        self.settings[key] = value
        return self.takes

    def get(self, key):
        assert key == cv2.CAP_PROP_POS_MSEC
        return self.told_ms

    def read(self):
        time.sleep(0.005)
        return True, np.zeros((48, 64, 3), np.uint8)

    def release(self):
        pass


@pytest.mark.parametrize(
    ("offset_ms", "believed"),
    [(-30.0, True), (-5_000.0, False), (3_600_000.0, False), (None, False)],
)
def test_a_usb_cameras_own_time_is_taken_if_it_is_of_this_clock(monkeypatch, offset_ms, believed):
    monkeypatch.setattr(cv2, "VideoCapture", FakeDevice)
    told_ms = 0.0 if offset_ms is None else time.monotonic_ns() / 1e6 + offset_ms
    monkeypatch.setattr(FakeDevice, "told_ms", told_ms)
    with _open("opencv:0") as camera:
        frame = camera.read(500.0)
    assert (abs(frame.capture_ns - told_ms * 1e6) < 1e6) == believed
    # Of whatever clock: that it rises is what counts, and a driver without one tells 0.
    assert frame.stamp == (None if offset_ms is None else int(told_ms * 1e6))
    assert 0 <= time.monotonic_ns() - frame.capture_ns < 1_000_000_000


@pytest.mark.parametrize("source", ["opencv:7", "opencv:/dev/video7", "opencv:{}/front"])
def test_a_usb_camera_is_v4l2s_however_it_is_named(monkeypatch, tmp_path, source):
    (tmp_path / "front").symlink_to("/dev/video7")  # as udev's /dev/v4l/by-id
    monkeypatch.setattr(cv2, "VideoCapture", FakeDevice)
    with _open(source.format(tmp_path)):
        assert FakeDevice.opened == (7, cv2.CAP_V4L2)


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("exposure_us", [0, 5000])
def test_a_usb_cameras_exposure_is_fixed_where_asked_for(monkeypatch, caplog, exposure_us, takes):
    monkeypatch.setattr(cv2, "VideoCapture", FakeDevice)
    monkeypatch.setattr(FakeDevice, "settings", {})
    monkeypatch.setattr(FakeDevice, "takes", takes)
    with _open("opencv:0", exposure_us=exposure_us):
        pass
    size = {cv2.CAP_PROP_FRAME_WIDTH: 160, cv2.CAP_PROP_FRAME_HEIGHT: 90}
    rate = {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_BUFFERSIZE: 1}
    # Of V4L2: manual, and units of 100 µs.
    fixed = {cv2.CAP_PROP_AUTO_EXPOSURE: 1, cv2.CAP_PROP_EXPOSURE: 50} if exposure_us else {}
    assert FakeDevice.settings == {**size, **rate, **fixed}
    assert ("exposure" in caplog.text) == (exposure_us > 0 and not takes)


@pytest.mark.parametrize(("told", "period_ns"), [(True, 20_000_000), (False, 40_000_000)])
def test_a_file_is_played_at_its_own_rate_or_the_one_asked_for(video, monkeypatch, told, period_ns):
    clock = VirtualClock()
    camera = open_camera(CameraSettings(video, frame_rate_hz=25), clock)
    if not told:
        monkeypatch.setattr(cv2, "CAP_PROP_FPS", 9999)  # as of a file that does not say
    camera._open()
    assert [camera._grab()[1] for _ in range(3)] == [0, period_ns, 2 * period_ns]
    camera._close()


@pytest.mark.parametrize("kind", ["video", "drive"])
def test_a_recording_ends(kind, request):
    with _open(request.getfixturevalue(kind)) as camera, pytest.raises(EndOfFrames):
        for _ in range(1000):
            camera.read(100.0)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("teapot", "no such camera"),
        ("opencv", "say which"),
        ("opencv:1000", "device indexes are 0 to 999"),
        ("simulated", "say simulated:TRACK"),
        ("simulated:oval:x", "say simulated:TRACK"),
        ("opencv:/no/such/video.mp4", "cannot be opened"),
        ("mjpeg:ftp://x", "say which"),
        ("mjpeg:http://127.0.0.1:1/", r"cannot be opened: \[Errno"),
        ("mjpeg:http://[", "cannot be opened: Invalid IPv6"),
        ("mjpeg:http://127.0.0.1:x/", "cannot be opened: nonnumeric port"),
        ("replay:/no/such", "no such file"),
        ("picamera2", "is its library installed"),
    ],
)
def test_a_camera_that_is_not_there_is_one_clear_line(source, says):
    with pytest.raises(UsageError, match=says) as error, _open(source):
        pass
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "error", ["ImportError('libcamera')", "ValueError('numpy.dtype size changed')"]
)
def test_a_library_that_does_not_load_is_one_clear_line(tmp_path, monkeypatch, error):
    (tmp_path / "picamera2.py").write_text(f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match=r"is its library installed.*sudo systemd/install\.sh"
    ) as said:
        _open("picamera2")
    assert "\n" not in str(said.value)


def test_a_stream_that_ends_is_an_error(server, mjpeg):
    server.pictures = 3
    with _open(mjpeg) as camera, pytest.raises(CameraError, match="stream ended"):
        for _ in range(100):
            camera.read(100.0)


def test_a_stream_that_stalls_keeps_nobody_waiting_and_then_is_an_error(server, mjpeg):
    server.pictures, server.stall_s = 3, 30.0
    with _open(mjpeg) as camera:
        while camera.read(200.0) is not None:
            pass
        before = time.monotonic()
        assert camera.read(50.0) is None
        assert time.monotonic() - before < 0.3
        with pytest.raises(CameraError, match="stream broke"):
            for _ in range(100):
                camera.read(100.0)


@pytest.mark.parametrize(
    ("length", "says"),
    [
        ("", "pictures without a length"),
        ("Content-Length: many\r\n", "pictures without a length"),
        ("Content-Length: 7\r\n", "broken pictures"),
        (f"Content-Length: {(8 << 20) + 1}\r\n", "a picture of 8388609 bytes is none"),
    ],
)
def test_a_stream_of_something_else_is_an_error_that_says_what(mjpeg, monkeypatch, length, says):
    monkeypatch.setattr(_Stream, "length", length)
    with _open(mjpeg) as camera, pytest.raises(CameraError, match=says):
        for _ in range(100):
            camera.read(100.0)


def test_a_page_is_no_stream(server, mjpeg, monkeypatch):
    monkeypatch.setattr(_Stream, "kind", "text/html")
    with pytest.raises(UsageError, match="sends text/html, not motion JPEG"), _open(mjpeg):
        pass


class Misbehaving(ThreadedCamera):
    """Gives three pictures, then does what it was made for."""

    CLOSE_TIMEOUT_S = 0.2

    def __init__(self, then, on_close=lambda: None):
        super().__init__(MonotonicClock())
        self._then = then
        self._on_close = on_close
        self._count = 0

    def _open(self):
        self.closed = False

    def _grab(self):
        self._count += 1
        if self._count > 3:
            self._then()
        time.sleep(0.01)
        return np.full((45, 80, 3), self._count, np.uint8), self._clock.now_ns()

    def _close(self):
        self._on_close()
        self.closed = True


def test_a_driver_that_never_returns_stalls_nobody_and_closing_says_so():
    hang = threading.Event()
    camera = Misbehaving(hang.wait)
    with pytest.raises(CameraError, match="its driver hangs"), camera:
        while camera.read(100.0) is not None:
            pass
        before = time.monotonic()
        assert camera.read(50.0) is None
        assert 0.04 < time.monotonic() - before < 0.3
    assert not camera.closed  # closing a device under a hanging call is how drivers crash
    hang.set()


def _frontend_timeout():
    raise RuntimeError("Camera frontend has timed out!")


def test_whatever_a_driver_raises_ends_the_camera_with_its_cause():
    camera = Misbehaving(_frontend_timeout)
    with pytest.raises(CameraError, match="RuntimeError: Camera frontend") as error, camera:
        for _ in range(100):
            camera.read(100.0)
    assert isinstance(error.value.__cause__, RuntimeError)
    assert camera.closed


def _stop_failed():
    raise OSError("stop failed")


@pytest.mark.parametrize(
    ("then", "says"),
    [(lambda: None, "OSError: stop failed"), (_frontend_timeout, "RuntimeError: Camera frontend")],
)
def test_a_driver_that_cannot_close_is_an_error_that_hides_no_other(then, says):
    with pytest.raises(CameraError, match=says), Misbehaving(then, _stop_failed) as camera:
        for _ in range(4):
            camera.read(1000.0)


def test_a_driver_that_never_closes_keeps_nobody_waiting():
    hang = threading.Event()
    with pytest.raises(CameraError, match="its driver hangs"), Misbehaving(int, hang.wait):
        pass
    hang.set()


def _no_wait(_timeout_s):
    pytest.fail("it waited")


def test_a_frame_that_is_there_is_not_waited_for(monkeypatch):
    hang = threading.Event()
    with Misbehaving(hang.wait) as camera:
        while camera._count < 4:
            time.sleep(0.01)
        monkeypatch.setattr(camera._ready, "wait", _no_wait)
        frame = camera.read(1000.0)
        hang.set()
    assert frame.sequence == 2


def test_after_a_failure_comes_the_last_frame_and_no_waiting(monkeypatch):
    with pytest.raises(CameraError, match="frontend"), Misbehaving(_frontend_timeout) as camera:
        camera._thread.join(10)
        monkeypatch.setattr(camera._ready, "wait", _no_wait)
        assert camera.read(1000.0).sequence == 2
        camera.read(1000.0)


def test_only_the_newest_frame_is_handed_out():
    camera = Misbehaving(lambda: time.sleep(0.01))
    with camera:
        camera.read(100.0)
        time.sleep(0.2)
        frame = camera.read(0.0)
        assert frame is not None
        assert frame.sequence > 3
        assert MonotonicClock().now_ns() - frame.capture_ns < 100_000_000
