"""How fast the simulator is, on one core."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from simulator.car import CarConfig
from simulator.practice import Practice, PracticeConfig
from simulator.running import drive_world, make_pilot
from simulator.scene import Scene, SceneConfig
from simulator.teacher import Teacher
from simulator.tracks import make_track
from simulator.world import World, WorldConfig


def _rate(work: Callable[[], int], at_least_s: float) -> float:
    """Pieces of work per second of processor time: what else the machine does does not count."""
    work()
    start, done = time.process_time(), 0
    while time.process_time() - start < at_least_s:
        done += work()
    return done / (time.process_time() - start)


def _pictures() -> int:
    scene = _scene()
    pose = scene.track.pose_at(1.0)
    for _ in range(500):
        scene.picture(pose, 0.5)
    return 500


_scenes: list[Scene] = []


def _scene() -> Scene:
    if not _scenes:
        _scenes.append(Scene(make_track("oval"), SceneConfig(1)))
    return _scenes[0]


def _simulated_s(microcontroller: str, model: Path | None, seconds: float) -> float:
    """Simulated seconds per second of processor time."""
    with World(WorldConfig("oval", 1, microcontroller=microcontroller)) as world:
        pilot = make_pilot(world, model)
        start = time.process_time()
        drive_world(world, pilot, lambda _keeper: world.clock.now_ns() < seconds * 1e9)
        return seconds / (time.process_time() - start)


def benchmark(model: Path | None, *, firmware: bool, seconds: float = 20.0) -> dict[str, float]:
    """Measure.

    Args:
        model: Who drives; None for the teacher.
        firmware: Whether to measure with the emulated firmware too.
        seconds: Virtual time to drive for each figure.

    Returns:
        ``pictures_per_s`` (45x80, everything from the pose to the noise), ``lessons_per_s``
        (training frames), ``simulated_s_per_s`` and, with ``firmware``,
        ``simulated_s_per_s_firmware``; all per second of processor time.
    """
    cv2.setNumThreads(1)
    practice = Practice(_scene(), CarConfig(), Teacher(_scene().track), PracticeConfig(), 0)
    lessons = practice.lessons()

    def learn() -> int:
        return len(list(itertools.islice(lessons, 50)))

    figures = {
        "pictures_per_s": _rate(_pictures, 1.0),
        "lessons_per_s": _rate(learn, 1.0),
        "simulated_s_per_s": _simulated_s("python", model, seconds),
    }
    if firmware:
        figures["simulated_s_per_s_firmware"] = _simulated_s("avr", model, seconds)
    return figures
