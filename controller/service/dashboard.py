"""A page on this computer that shows what the car sees and does; nothing on it can be pressed.

The loop leaves its newest cycle in a slot of one and goes on; threads serve it when somebody asks.
What is replaced before anybody saw it is counted. ``/events`` streams every cycle to programs, as
server-sent events (html.spec.whatwg.org) with one JSON object each. Off unless its owner gives it a
port.
"""

from __future__ import annotations

import http.server
import io
import json
import logging
import socket
import threading
import time
from typing import Any, Self

from controller.cycle import Cycle
from controller.errors import UsageError
from controller.pictures import encode_png
from controller.service.telemetry import MOST_LISTENERS, Listeners
from controller.system.process import leave_the_one_core

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
"""The only address that is listened on: whoever looks from elsewhere comes by SSH."""
REQUEST_TIMEOUT_S = 2.0
"""How long a client may take to say what it wants, or to take what it is sent."""
MOST_CLIENTS = 8
"""Connections at once, streams among them; one more is closed at once."""
SIGN_OF_LIFE_S = 0.5
"""How often a stream without news says something all the same: so a client that left is noticed."""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>PaperLane</title>
<meta name="viewport" content="width=device-width">
<style>
body {font: 1.2em sans-serif; margin: 1em; background: #181818; color: #e8e8e8}
img {width: 100%; max-width: 40em; image-rendering: pixelated}
meter {width: 12em; height: 1em} td {padding-right: 1em}
</style>
<h1 id="state">...</h1><p id="reason"></p><img id="picture" alt="what the model sees">
<table id="table"></table><p id="facts"></p>
<script>
const at = id => document.getElementById(id);
async function show() {
  try {
    const seen = await (await fetch("state")).json();
    at("state").textContent = seen.command + " (" + seen.state + ")";
    at("reason").textContent = seen.reason;
    at("table").innerHTML = Object.entries(seen.probabilities || {}).map(([name, share]) =>
      `<tr><td>${name}<td><meter value="${share || 0}"></meter><td>` +
      (share === null ? "no number" : share.toFixed(2))).join("");
    at("facts").textContent = "frame " + seen.frame + ", " + seen.age_ms + " ms old when its " +
      "command left; line " + (seen.link_connected ? "up" : "down");
    if (seen.frame !== null) at("picture").src = "picture.png?" + seen.frame;
  } catch (error) { at("state").textContent = "no answer"; }
  setTimeout(show, 200);
}
show();
</script></html>
"""


class Dashboard:
    """A sink of the loop with a page; a context manager."""

    def __init__(self, port: int) -> None:
        """Nothing is served yet.

        Args:
            port: Where; 0 takes a free one.
        """
        self._port = port
        self._newest: Cycle | None = None
        self._seen = True
        self.replaced = 0
        """Cycles that nobody looked at before the next one came."""
        self.listeners = Listeners()
        self.over = threading.Event()
        """Streams end with this."""

    def __enter__(self) -> Self:
        """Begin to serve.

        Raises:
            UsageError: If the port is taken.
        """
        try:
            self._server = _Server((LOOPBACK, self._port))
        except OSError as error:
            raise UsageError(f"dashboard: port {self._port}: {error.strerror}") from error
        self._server.dashboard = self
        self.port = self._server.server_port
        _log.info("dashboard: http://%s:%d/, for this computer only", LOOPBACK, self.port)
        self._thread = threading.Thread(target=self._serve, name="dashboard", daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        leave_the_one_core()  # and so do the threads of its clients
        self._server.serve_forever(0.2)

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join(REQUEST_TIMEOUT_S)
        self._server.server_close()

    def __call__(self, cycle: Cycle) -> None:
        """Leave a cycle to be looked at."""
        self.replaced += not self._seen
        self._newest, self._seen = cycle, False
        self.listeners(cycle)

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """What is at a path, with its kind; None for nothing."""
        cycle = self._newest
        self._seen = True
        if path == "/":
            return "text/html; charset=utf-8", PAGE.encode()
        if path == "/state":
            return "application/json", json.dumps(_facts(cycle)).encode()
        if path == "/picture.png" and cycle is not None and cycle.pixels is not None:
            return "image/png", encode_png(cycle.pixels)
        return None


def _facts(cycle: Cycle | None) -> dict[str, Any]:
    if cycle is None:
        return {"state": "starting", "reason": "", "command": "STOP", "frame": None}
    decision = cycle.decision
    names = ("forward", "left", "right")
    return {
        "state": decision.state.value,
        "reason": decision.reason.value,
        "command": decision.command.name,
        "frame": None if cycle.frame is None else cycle.frame.sequence,
        "sent_ns": cycle.sent_ns,
        "age_ms": round(cycle.age_ns / 1e6, 2),
        "probabilities": dict(zip(names, cycle.shown_probabilities, strict=False)),
        "link_connected": cycle.health.connected,
    }


class _Server(http.server.ThreadingHTTPServer):
    dashboard: Dashboard

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self._free = threading.Semaphore(MOST_CLIENTS)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: Any) -> None:  # noqa: ANN401 - the base class's types
        """A client that went away is no news."""


class _Request(io.RawIOBase):
    """What a client says until its time is over, however little of it at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until_s = time.monotonic() + REQUEST_TIMEOUT_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - the base class's type
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        return self._connection.recv_into(buffer)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Request(self.connection))

    def do_GET(self) -> None:
        self.connection.settimeout(REQUEST_TIMEOUT_S)
        path = self.path.partition("?")[0]
        if path == "/events":
            self._stream(self.server.dashboard)
            return
        found = self.server.dashboard.answer(path)
        if found is None:
            self.send_error(404)
            return
        kind, content = found
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, dashboard: Dashboard) -> None:
        with dashboard.listeners.join() as listener:
            if listener is None:
                self.send_error(503, f"{MOST_LISTENERS} listen already")
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            while not dashboard.over.is_set():
                cycle = listener.next(SIGN_OF_LIFE_S)
                if cycle is None:
                    self.wfile.write(b":\n\n")
                    continue
                facts = json.dumps({**_facts(cycle), "dropped": listener.dropped})
                self.wfile.write(f"data: {facts}\n\n".encode())

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's types
        """Say nothing: a page that asks five times a second would fill the journal."""
