"""A film of a drive: what the camera sees, what the model thinks of it, where the car is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2
import numpy as np

from controller.cycle import Cycle
from controller.drive.supervisor import weigh
from controller.frames import Pixels
from firmware_bridge.wire.commands import Command
from simulator.errors import SimulatorError, SimulatorUsageError
from simulator.pictures.picture import COLOURS, PAPER, draw_car, map_of, write_text
from simulator.world.world import World

HEIGHT, WIDTH = 540, 960
_VIEW = (360, 640)
_SIDE = WIDTH - _VIEW[1]
_CHART = 350
"""Highest that the map may be."""
_BAR = 190
_GREY, _LIGHT = (110, 112, 116), (226, 226, 222)
_ANSWERS = (Command.FORWARD, Command.LEFT, Command.RIGHT)


class Film:
    """A sink of the loop that writes a video, a picture for every frame. A context manager."""

    def __init__(self, world: World, path: Path, forward_weight: float = 1.0) -> None:
        """Prepare it.

        Args:
            world: Whose drive it is.
            path: The file to write, ``.mp4`` or ``.avi``.
            forward_weight: The model's own (`controller.model.cards.Card.forward_weight`); its
                answers are shown as they are weighed.
        """
        self._world = world
        self._forward_weight = forward_weight
        self._path = path
        self.scene = world.scene.finer()
        """The world's scene as people see it."""
        self._view = self.scene.camera((_VIEW[0] // 2, _VIEW[1] // 2), oversampling=1)
        width = _SIDE - 24
        chart, self._place = map_of(self.scene.ground, world.track, width)
        if chart.shape[0] > _CHART:
            width = int(width * _CHART / chart.shape[0])
            chart, self._place = map_of(self.scene.ground, world.track, width)
        self._chart = chart
        self._last: tuple[int, int] | None = None
        self._driven_m, self._along_m = 0.0, world.shown.along_m

    def __enter__(self) -> Self:
        code = "mp4v" if self._path.suffix == ".mp4" else "MJPG"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulatorUsageError(
                f"{self._path}: cannot be written: {error.strerror}"
            ) from error
        if self._path.is_dir():
            raise SimulatorUsageError(f"{self._path}: is a folder, name a file for the video")
        self._writer = cv2.VideoWriter(
            str(self._path),
            cv2.VideoWriter.fourcc(*code),
            self._world.config.timing.frame_rate_hz,
            (WIDTH, HEIGHT),
        )
        if not self._writer.isOpened():
            raise SimulatorError(f"{self._path}: this OpenCV cannot write such a video")
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()

    def __call__(self, cycle: Cycle) -> None:
        """Write the picture of one cycle."""
        if cycle.frame is not None:
            self._writer.write(cv2.cvtColor(self.draw(cycle), cv2.COLOR_RGB2BGR))

    def draw(self, cycle: Cycle) -> Pixels:
        """The film's picture of a cycle that had a frame: ``(HEIGHT, WIDTH, 3) uint8`` RGB."""
        picture = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
        shown = self._world.shown
        view = self._view(shown.pose, shown.turn_rate_radps)
        cv2.resize(
            view, _VIEW[::-1], dst=picture[: _VIEW[0], : _VIEW[1]], interpolation=cv2.INTER_CUBIC
        )
        self._draw_thoughts(picture[_VIEW[0] :, : _VIEW[1]], cycle)
        self._draw_side(picture[:, _VIEW[1] :], cycle)
        return picture

    def _draw_thoughts(self, strip: Pixels, cycle: Cycle) -> None:
        """The model's own picture and its probabilities."""
        if cycle.pixels is not None:
            height, width = cycle.pixels.shape[:2]
            zoom = min(140 / height, 240 / width)
            zoom = int(zoom) if zoom >= 1 else zoom
            size = (round(zoom * width), round(zoom * height))
            write_text(strip, f"what the model sees, {width}x{height}", 16, 24, 0.42, _GREY)
            way = cv2.INTER_NEAREST if zoom >= 1 else cv2.INTER_AREA
            small = cv2.resize(cycle.pixels, size, interpolation=way)
            strip[34 : 34 + size[1], 16 : 16 + size[0]] = small
        weight = self._forward_weight
        said = "what it would do" + (f", forward counted {weight:g} times" if weight != 1 else "")
        write_text(strip, said, 290, 24, 0.42, _GREY)
        shares = np.array(cycle.probabilities or (0, 0, 0), np.float32)
        if shares.any():
            shares = weigh(shares, weight)
        for row, (answer, share) in enumerate(zip(_ANSWERS, shares.tolist(), strict=True)):
            top = 42 + 42 * row
            write_text(strip, answer.name.lower(), 290, top + 20, 0.55)
            cv2.rectangle(strip, (370, top), (370 + _BAR, top + 26), _LIGHT, -1)
            end = 370 + round(_BAR * share)
            cv2.rectangle(strip, (370, top), (end, top + 26), COLOURS[answer], -1)
            write_text(strip, f"{round(100 * share)} %", 370 + _BAR + 12, top + 20, 0.55)

    def _draw_side(self, side: Pixels, cycle: Cycle) -> None:
        """The command that was sent, the map, and where the car is."""
        command = cycle.decision.command
        cv2.rectangle(side, (12, 14), (_SIDE - 13, 64), COLOURS[command], -1)
        write_text(side, command.name, 28, 48, 0.85, (255, 255, 255))
        write_text(side, f"{cycle.sent_ns / 1e9:.1f} s", _SIDE - 86, 46, 0.6, (255, 255, 255))
        self._draw_chart(side, command)
        shown, track = self._world.shown, self._world.track
        apart_m = (shown.along_m - self._along_m + track.length_m / 2) % track.length_m
        self._driven_m += apart_m - track.length_m / 2
        self._along_m = shown.along_m
        done = f"{100 * self._driven_m / track.length_m:.0f} %"
        which = "left" if shown.offset_m > 0 else "right"
        middle = f"{100 * abs(shown.offset_m):.1f} cm {which} of the middle"
        write_text(side, f"track {track.name}, {done} of a lap", 14, HEIGHT - 76, 0.48)
        write_text(side, middle, 14, HEIGHT - 50, 0.48)
        column = 14
        for answer in _ANSWERS:
            cv2.line(side, (column, HEIGHT - 25), (column + 18, HEIGHT - 25), COLOURS[answer], 5)
            column = write_text(side, answer.name.lower(), column + 25, HEIGHT - 20, 0.45) + 16

    def _draw_chart(self, side: Pixels, command: Command) -> None:
        pose = self._world.shown.pose
        x, y = self._place.to_pixels(np.array([[pose.x_m, pose.y_m]]))[0].tolist()
        here = (round(x), round(y))
        cv2.line(self._chart, self._last or here, here, COLOURS[command], 3, cv2.LINE_AA)
        if command in (Command.LEFT, Command.RIGHT):
            cv2.circle(self._chart, here, 3, COLOURS[command], -1, cv2.LINE_AA)
        self._last = here
        height, width = self._chart.shape[:2]
        left, top = (_SIDE - width) // 2, 84 + (_CHART - height) // 2
        chart = self._chart.copy()
        draw_car(chart, x, y, pose.heading_rad, max(16.0, 0.2 * self._place.pixels_per_m))
        side[top : top + height, left : left + width] = chart
