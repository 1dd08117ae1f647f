"""A simulated car in real time, for a controller in a process of its own: nothing of it knows.

The camera is one on the network (motion JPEG over HTTP), the serial line a pseudo-terminal; behind
them are a world (`simulator.world.world`) and its microcontroller, kept at the machine's own time.
"""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import cv2

from controller.frames import Pixels
from firmware_bridge.emulation.pty_line import PtyLine
from simulator.world.world import World

STEP_S = 0.001
MOST_BEHIND_NS = 20_000_000
"""A machine too busy to keep up stops the world's time for longer than this."""
JPEG_QUALITY = 95


class PictureServer:
    """Motion JPEG for one reader or several; each gets the newest picture. A context manager."""

    def __init__(self) -> None:
        """Take a free port; nobody is served yet."""
        stream = self
        self._fresh = threading.Condition()
        self._coded = b""
        self._number = 0
        self._over = False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                stream._serve(self.wfile.write)

            def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's types
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        """Where the pictures are."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._fresh:
            self._over = True
            self._fresh.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def show(self, pixels: Pixels) -> None:
        """Serve another picture, ``(h, w, 3) uint8`` RGB, from now on."""
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        _, coded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        with self._fresh:
            self._coded = coded.tobytes()
            self._number += 1
            self._fresh.notify_all()

    def _serve(self, write: Callable[[bytes], object]) -> None:
        seen = 0
        while True:
            with self._fresh:
                while not self._over and self._number == seen:
                    self._fresh.wait()
                if self._over:
                    return
                coded, seen = self._coded, self._number
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(coded)}\r\n\r\n"
            try:
                write(head.encode() + coded + b"\r\n")
            except OSError:
                return  # the reader has gone


class RealTimeCar:
    """A world with a camera and a serial line that other processes can open. A context manager."""

    def __init__(self, world: World) -> None:
        """Put the devices there.

        Args:
            world: A fresh one; it stays its owner's.
        """
        self._world = world
        self._line = PtyLine()
        self._pictures = PictureServer()
        self._start_ns = time.monotonic_ns()
        self.lost_ns = 0
        """Time by which the world has fallen behind the machine's."""

    @property
    def camera(self) -> str:
        """What to call the camera (`controller.cameras.registry`)."""
        return f"mjpeg:{self._pictures.url}"

    @property
    def device(self) -> str:
        """The serial device."""
        return self._line.path

    def __enter__(self) -> Self:
        self._pictures.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pictures.__exit__()
        self._line.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Keep the world at the machine's time until told to end."""
        while not until():
            self._step()
            time.sleep(STEP_S)

    def _step(self) -> None:
        world = self._world
        now_ns = time.monotonic_ns() - self._start_ns - self.lost_ns
        behind_ns = now_ns - world.clock.now_ns()
        if behind_ns > MOST_BEHIND_NS:
            self.lost_ns += behind_ns - MOST_BEHIND_NS
            now_ns -= behind_ns - MOST_BEHIND_NS
        world.clock.advance_to(now_ns)
        world.write(self._line.read())
        self._line.write(world.read())
        frame = world.next_frame(0)
        if frame is not None:
            self._pictures.show(frame.pixels)
