"""How fast the simulator is, on one core."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from simulator.car.car import CarConfig
from simulator.evaluation.closed_loop import drive_world, make_pilot
from simulator.teacher.rollouts import Rollout, RolloutConfig
from simulator.teacher.teacher import Teacher
from simulator.track.tracks import MAT, RANDOM, make_track
from simulator.world.reference import sample_reference_look, sample_reference_rig
from simulator.world.scene import Scene, SceneConfig
from simulator.world.world import World, WorldConfig

SCENES = 10
"""So many rooms are drawn: some have more in them than others."""


def _rate(work: Callable[[], int], at_least_s: float) -> float:
    """Pieces of work per second of processor time: what else the machine does does not count."""
    work()
    start, done = time.process_time(), 0
    while time.process_time() - start < at_least_s:
        done += work()
    return done / (time.process_time() - start)


@functools.cache
def _scene(number: int) -> Scene:
    """A room: six of any kind, two of the reference's, two with a mat."""
    if number >= SCENES - 2:
        return Scene(make_track(MAT, number), SceneConfig(number))
    config = SceneConfig(number)
    if number >= SCENES - 4:
        config = SceneConfig(number, sample_reference_look(number), sample_reference_rig(number))
    return Scene(make_track(RANDOM, number), config)


def _pictures(seed: int) -> int:
    scene, count = _scene(seed), 100
    for number in range(count):
        scene.picture(scene.track.pose_at(0.01 * number), 0.5)
    return count


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
        ``pictures_per_s`` (45x80, everything from the pose to the noise, over `SCENES` rooms and
        cameras) and that of the slowest of them, ``lessons_per_s`` (training frames),
        ``simulated_s_per_s`` (camera, model, loop, protocol, car) and, with ``firmware``,
        ``simulated_s_per_s_firmware``; all per second of one core's time.
    """
    cv2.setNumThreads(1)
    rates = [_rate(functools.partial(_pictures, seed), 0.4) for seed in range(SCENES)]
    scene = _scene(0)
    practice = Rollout(scene, CarConfig(), Teacher(scene.track), RolloutConfig(), 0)
    lessons = practice.lessons()

    def learn() -> int:
        return len(list(itertools.islice(lessons, 50)))

    figures = {
        "pictures_per_s": statistics.harmonic_mean(rates),
        "pictures_per_s_slowest": min(rates),
        "lessons_per_s": _rate(learn, 1.0),
        "simulated_s_per_s": _simulated_s("python", model, seconds),
    }
    if firmware:
        figures["simulated_s_per_s_firmware"] = _simulated_s("avr", model, seconds)
    return figures
