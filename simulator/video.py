"""A film of a drive: what the camera sees, what the model thinks of it, where the car is."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2
import numpy as np

from controller.frames import Pixels
from controller.loop import Cycle
from firmware_bridge.commands import Command
from simulator.errors import SimulatorError, SimulatorUsageError
from simulator.picture import COLOURS, draw_car, map_of, write_text
from simulator.world import World

HEIGHT, WIDTH = 360, 640
_PANEL = 320
_NAMES = ("forward", "left", "right")


class Film:
    """A sink of the loop that writes a video, a picture for every frame. A context manager."""

    def __init__(self, world: World, path: Path) -> None:
        """Prepare it.

        Args:
            world: Whose drive it is.
            path: The file to write, ``.mp4`` or ``.avi``.
        """
        self._world = world
        self._path = path
        self._view = world.scene.camera((HEIGHT // 2, WIDTH // 2), oversampling=1)
        chart, self._place = map_of(world.scene.ground, world.track, _PANEL)
        room = HEIGHT - 130
        if chart.shape[0] > room:
            chart, self._place = map_of(
                world.scene.ground, world.track, int(_PANEL * room / chart.shape[0])
            )
        self._chart = chart
        self._trail: list[tuple[int, int, Command]] = []

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
            (WIDTH + _PANEL, HEIGHT),
        )
        if not self._writer.isOpened():
            raise SimulatorError(f"{self._path}: this OpenCV cannot write such a video")
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.release()

    def __call__(self, cycle: Cycle) -> None:
        """Write the picture of one cycle."""
        if cycle.frame is None:
            return
        shown = self._world.shown
        view = self._view(shown.pose, shown.turn_rate_radps)
        left = cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        if cycle.pixels is not None:
            height, width = 2 * cycle.pixels.shape[0], 2 * cycle.pixels.shape[1]
            small = cv2.resize(cycle.pixels, (width, height), interpolation=cv2.INTER_NEAREST)
            left[12 : 12 + height, 12 : 12 + width] = small
            cv2.rectangle(left, (11, 11), (12 + width, 12 + height), (255, 255, 255), 1)
        picture = np.hstack([left, self._panel(cycle)])
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def _panel(self, cycle: Cycle) -> Pixels:
        panel = np.full((HEIGHT, _PANEL, 3), (250, 250, 248), np.uint8)
        probabilities = cycle.probabilities or (0.0, 0.0, 0.0)
        for row, (name, probability) in enumerate(zip(_NAMES, probabilities, strict=True)):
            top = 14 + 24 * row
            colour = COLOURS[Command(row)]
            write_text(panel, name, 12, top + 12, 0.45)
            cv2.rectangle(panel, (80, top), (80 + 160, top + 14), (225, 225, 222), -1)
            cv2.rectangle(panel, (80, top), (80 + round(160 * probability), top + 14), colour, -1)
            write_text(panel, f"{probability:.2f}", 250, top + 12, 0.45)
        decision = cycle.decision
        write_text(panel, "sent", 12, 104, 0.45)
        write_text(panel, decision.command.name, 80, 105, 0.55, COLOURS[decision.command])
        seconds = cycle.sent_ns / 1e9
        write_text(panel, f"{seconds:6.1f} s", 240, 104, 0.45)
        self._paste_chart(panel, decision.command)
        return panel

    def _paste_chart(self, panel: Pixels, command: Command) -> None:
        pose = self._world.shown.pose
        x, y = self._place.to_pixels(np.array([[pose.x_m, pose.y_m]]))[0].tolist()
        self._trail.append((round(x), round(y), command))
        if len(self._trail) > 1:
            before = self._trail[-2]
            cv2.line(
                self._chart, before[:2], (round(x), round(y)), COLOURS[command], 2, cv2.LINE_AA
            )
        chart = self._chart.copy()
        draw_car(chart, x, y, pose.heading_rad, 20)
        height, width = chart.shape[:2]
        left = (_PANEL - width) // 2
        panel[122 : 122 + height, left : left + width] = chart[: HEIGHT - 122]
