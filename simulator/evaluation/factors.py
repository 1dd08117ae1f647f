"""What can be changed about a world, one thing at a time, to see where driving breaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from simulator.errors import SimulatorUsageError
from simulator.track.tracks import surface_of
from simulator.world.scene import SceneConfig, look_of, rig_of
from simulator.world.world import WorldConfig


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that can be changed.

    Attributes:
        unit: What its values mean, for people.
        usual: Its value in every other evaluation.
        values: What to try unless told otherwise.
        apply: Gives a world with one of the values.
    """

    unit: str
    usual: float
    values: tuple[float, ...]
    apply: Callable[[WorldConfig, float], WorldConfig]


def _latency(world: WorldConfig, value: float) -> WorldConfig:
    return replace(world, timing=replace(world.timing, latency_ms=value))


def _frame_rate(world: WorldConfig, value: float) -> WorldConfig:
    return replace(world, timing=replace(world.timing, frame_rate_hz=value))


def _pitch(world: WorldConfig, value: float) -> WorldConfig:
    rig = rig_of(surface_of(world.track), world.seed)
    rig = replace(rig, pitch_rad=rig.pitch_rad + math.radians(value))
    return replace(world, scene=SceneConfig(world.seed, rig=rig))


def _light(world: WorldConfig, value: float) -> WorldConfig:
    look = look_of(surface_of(world.track), world.seed)
    sensor = replace(look.sensor, exposure=value, auto_level=0.0)
    return replace(world, scene=SceneConfig(world.seed, look=replace(look, sensor=sensor)))


def _speed(world: WorldConfig, value: float) -> WorldConfig:
    car = world.sampled_car
    return replace(world, car=replace(car, top_speed_mps=car.top_speed_mps * value))


def _loss(world: WorldConfig, value: float) -> WorldConfig:
    return replace(world, line_loss=value)


def _delay(world: WorldConfig, value: float) -> WorldConfig:
    return replace(world, line_delay_ms=value)


FACTORS = {
    "latency": Factor(
        "camera latency, ms", 20.0, (0, 20, 50, 80, 110, 140, 170, 200, 250, 300), _latency
    ),
    "frame-rate": Factor("frames per second", 30.0, (5, 7, 10, 15, 20, 30, 45, 60), _frame_rate),
    "pitch": Factor(
        "camera tilted further down, degrees", 0.0, (-12, -9, -6, -3, 0, 3, 6, 9, 12), _pitch
    ),
    "light": Factor(
        "exposure, no automatic", 1.0, (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0), _light
    ),
    "speed": Factor("times the car's speed", 1.0, (0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4), _speed),
    "delay": Factor(
        "delay of commands on the line, ms", 0.0, (0, 20, 40, 60, 80, 100, 120, 150), _delay
    ),
    "loss": Factor("share of commands lost", 0.0, (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8), _loss),
}


def find_factor(name: str) -> Factor:
    """A factor by name.

    Raises:
        SimulatorUsageError: If there is none of that name.
    """
    if name not in FACTORS:
        raise SimulatorUsageError(f"no factor {name!r}; there are {', '.join(FACTORS)}")
    return FACTORS[name]
