"""`python -m controller` with a camera and a pilot that fail when told to.

Run as ``python faulty_drive.py MODE_FILE drive ...``. What stands in MODE_FILE is looked up at
every frame; an empty file means that all is well.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import controller.cameras.registry
import firmware_bridge.links.serial
from controller.__main__ import main
from controller.cameras.base import ThreadedCamera
from controller.cameras.pattern import made_up_picture
from controller.model.pilot import TflitePilot

MODE = Path(sys.argv[1])
SHAPE = (90, 160)


def mode():
    return MODE.read_text()


class FaultyCamera(ThreadedCamera):
    CLOSE_TIMEOUT_S = 0.5

    def _open(self):
        self._random = np.random.default_rng(0)
        pictures = [made_up_picture(number, *SHAPE) for number in range(8)]
        self._pictures = [np.concatenate((picture, picture)) for picture in pictures]
        self._count = 0
        self._due_s = time.monotonic()
        self._last = None
        self._ring = []

    def _grab(self):
        now = mode()
        # As a sensor does: at the same distance, however long a picture takes to make.
        self._due_s = max(self._due_s + 1 / (8 if now == "8 Hz" else 30), time.monotonic() - 0.03)
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        now = mode()
        while now == "blocked" and mode() == now:
            time.sleep(0.01)
        if now == "repeats":
            return self._last
        self._count += 1
        top = self._count // len(self._pictures) % SHAPE[0]  # so that none comes again soon
        pixels = self._pictures[self._count % len(self._pictures)][top : top + SHAPE[0]]
        if now == "frozen" and self._last is not None:
            pixels = self._last[0]
        elif now == "noise":
            pixels = self._random.integers(0, 256, (*SHAPE, 3), np.uint8)
        elif now in ("black", "white", "grey"):
            level = {"black": 0, "white": 255, "grey": 128}[now]
            pixels = np.full((*SHAPE, 3), level, np.uint8)
        elif now.startswith("ring "):
            pixels = self._ring[-1 - self._count % int(now.removeprefix("ring "))]
        else:
            self._ring = [*self._ring[-7:], pixels]
        self._last = pixels, self._clock.now_ns()
        return self._last

    def _close(self):
        pass


controller.cameras.registry.CAMERAS["faulty"] = f"{__name__}:open_faulty"


def open_faulty(settings, clock):
    return FaultyCamera(clock)


_infer = TflitePilot.infer


def faulty_infer(pilot):
    now = mode()
    if now == "500 ms":
        time.sleep(0.5)
    if now == "raises":
        raise RuntimeError("the model broke")
    probabilities = _infer(pilot)
    if now == "NaN":
        probabilities[1] = np.nan
    elif now == "out of range":
        probabilities[:] = (2.0, -1.0, 0.0)
    return probabilities


TflitePilot.infer = faulty_infer

_read_some = firmware_bridge.links.serial.read_some


def faulty_read_some(port, timeout_s):
    if mode() == "reader killed":
        raise SystemExit
    return _read_some(port, timeout_s)


firmware_bridge.links.serial.read_some = faulty_read_some

sys.exit(main(sys.argv[2:]))
