"""Closed-loop evaluation: how many unseen tracks a model keeps to, and how well."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from controller.frames import Pixels
from controller.model.cards import read_card
from simulator.errors import SimulatorUsageError
from simulator.evaluation.closed_loop import drive_world, make_pilot
from simulator.evaluation.factors import find_factor
from simulator.evaluation.lane_keeping import Keeping
from simulator.jobs import map_in_order
from simulator.pictures.picture import draw_drive
from simulator.teacher.dataset import EVALUATION_SEED
from simulator.track.tracks import RANDOM
from simulator.world.world import CameraTiming, World, WorldConfig

_AFTERMATH_S = 0.5
"""How long a car that has left its lane is watched on, for the picture."""


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """What to drive.

    Attributes:
        tracks: How many tracks, 1 to 1000.
        seconds: Virtual time on each, in s.
        seed: 0 or more: with another one every track, room, camera and car is another.
        names: Names of the tracks, in turn.
        microcontroller: Who switches the motors.
        car_kind: One of `simulator.car.car.CAR_KINDS`; "" for the one that suits each track.
        timing: The camera's.
        inference_ms: Virtual time that the model takes.
        factor: One of `simulator.evaluation.factors.FACTORS` that is changed; none if empty.
        value: What to.
    """

    tracks: int = 50
    seconds: float = 60.0
    seed: int = 0
    names: tuple[str, ...] = (RANDOM,)
    microcontroller: str = "python"
    car_kind: str = ""
    timing: CameraTiming = field(default_factory=CameraTiming)
    inference_ms: float = 5.0
    factor: str = ""
    value: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.tracks <= 1000:
            raise SimulatorUsageError(f"{self.tracks} tracks: must be 1 to 1000")
        if not 1 <= self.seconds <= 3600:
            raise SimulatorUsageError(f"{self.seconds} s on a track: must be 1 to 3600")
        if self.seed < 0:
            raise SimulatorUsageError(f"a seed is 0 or more, not {self.seed}")

    def world(self, index: int) -> WorldConfig:
        """The world of one of the tracks."""
        world = WorldConfig(
            self.names[index % len(self.names)],
            EVALUATION_SEED + 1000 * self.seed + index,
            timing=self.timing,
            inference_ms=self.inference_ms,
            microcontroller=self.microcontroller,
            car_kind=self.car_kind,
        )
        return find_factor(self.factor).apply(world, self.value) if self.factor else world


@dataclass(frozen=True, slots=True)
class TrackResult:
    """How a model did on one track.

    Attributes:
        name: The track's.
        seed: The world's.
        keeping: How well it kept to its lane.
        offsets_m: Distance from the middle of the lane, every 20 ms.
        worst_frame_age_ms: Age of the oldest frame that a command was sent for.
        stops: Commands that were STOP, by reason.
        picture: The driven line over the track; None unless asked for.
    """

    name: str
    seed: int
    keeping: Keeping
    offsets_m: np.ndarray[tuple[int], np.dtype[np.float64]]
    worst_frame_age_ms: float
    stops: dict[str, int]
    picture: Pixels | None

    @property
    def facts(self) -> dict[str, Any]:
        """For machines."""
        keeping = asdict(self.keeping)
        keeping["lap_times_s"] = list(keeping["lap_times_s"])
        return {
            "name": self.name,
            "seed": self.seed,
            "kept": self.keeping.kept,
            **keeping,
            "worst_frame_age_ms": self.worst_frame_age_ms,
            "stops": self.stops,
        }


def evaluate_track(
    config: EvaluationConfig, index: int, model: Path | None, *, with_picture: bool = False
) -> TrackResult:
    """Drive one of the tracks until its time is over or the car has left the lane.

    Args:
        config: What to drive.
        index: Which track, 0 to ``config.tracks - 1``.
        model: The ``.tflite`` file; None for the teacher.
        with_picture: Draw the driven line.
    """
    world_config = config.world(index)
    with World(world_config) as world:
        end_ns = round(config.seconds * 1e9)
        left_ns: list[int] = []

        def keep_going(keeper: Any) -> bool:  # noqa: ANN401
            now_ns = world.clock.now_ns()
            if keeper.departed and not left_ns:
                left_ns.append(now_ns)
            return now_ns < end_ns and not (
                left_ns and now_ns > left_ns[0] + round(_AFTERMATH_S * 1e9)
            )

        run = drive_world(world, make_pilot(world, model), keep_going)
        keeping = run.keeper.summary()
        picture = None
        if with_picture:
            caption = f"{world_config.track} {world_config.seed}: " + (
                f"kept, {keeping.distance_m / world.track.length_m:.1f} laps"
                if keeping.kept
                else "lost"
            )
            picture = draw_drive(world.scene.ground, world.track, run.keeper.trace, caption)
        return TrackResult(
            world_config.track,
            world_config.seed,
            keeping,
            np.abs([seen.offset_m for seen in run.keeper.trace]),
            run.statistics.age_ms(100),
            dict(run.statistics.stops),
            picture,
        )


def _work(
    config: EvaluationConfig, model: Path | None, with_picture: bool, index: int
) -> TrackResult:
    return evaluate_track(config, index, model, with_picture=with_picture)


def _describe(model: Path | None) -> dict[str, Any]:
    if model is None:
        return {"name": "teacher"}
    card = read_card(model)
    return {"name": card.name, "sha256": card.sha256, "forward_weight": card.forward_weight}


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of those that are there; None if none is."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def evaluate(
    config: EvaluationConfig,
    model: Path | None,
    results: Callable[[int, TrackResult], None] | None = None,
    *,
    with_pictures: bool = False,
    jobs: int = 1,
) -> dict[str, Any]:
    """Drive all the tracks.

    Args:
        config: What to drive; the same configuration and model give the same figures.
        model: The ``.tflite`` file; None for the teacher.
        results: Told each track's result as it comes.
        with_pictures: Draw the driven lines.
        jobs: How many processes; the figures do not depend on it.

    Returns:
        Figures for machines: ``model`` (name, hash, weight of forward), ``tracks, kept,
        kept_share, lateral_offset_p95_m, worst_frame_age_ms`` and more, and ``per_track`` with each
        track's own.
    """
    done = []
    work = functools.partial(_work, config, model, with_pictures)
    for index, result in enumerate(map_in_order(work, config.tracks, jobs)):
        if results is not None:
            results(index, result)
        done.append(result)
    keepings = [result.keeping for result in done]
    offsets_m = np.concatenate([result.offsets_m for result in done])
    lap_times_s = [time for keeping in keepings for time in keeping.lap_times_s]
    kept = sum(keeping.kept for keeping in keepings)
    seconds = sum(keeping.seconds for keeping in keepings)
    return {
        "model": _describe(model),
        "tracks": config.tracks,
        "kept": kept,
        "kept_share": kept / config.tracks,
        "lateral_offset_mean_m": float(offsets_m.mean()),
        "lateral_offset_p95_m": float(np.percentile(offsets_m, 95)),
        "worst_frame_age_ms": max(result.worst_frame_age_ms for result in done),
        "seconds": seconds,
        "distance_m": sum(keeping.distance_m for keeping in keepings),
        "laps": sum(keeping.laps for keeping in keepings),
        "first_departure_mean_s": _mean([k.departed_s for k in keepings]),
        "first_departure_mean_m": _mean([k.departed_m for k in keepings]),
        "lap_time_mean_s": _mean(lap_times_s),
        "command_changes_per_s": sum(k.changes_per_s * k.seconds for k in keepings)
        / max(1e-9, seconds),
        "per_track": [result.facts for result in done],
    }
