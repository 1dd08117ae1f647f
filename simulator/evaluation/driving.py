"""The main job: one drive on one track, with everything that it leaves behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

from controller.car import drive_metadata
from controller.cycle import STAGES, Cycle, Sink
from controller.model.pilot import Pilot, TflitePilot, forward_weight_of
from controller.recording.recorder import Recorder
from simulator.errors import SimulatorError, SimulatorUsageError
from simulator.evaluation.closed_loop import Run, drive_world, make_pilot
from simulator.evaluation.lane_keeping import Keeping, LaneKeeper
from simulator.pictures.picture import draw_drive
from simulator.pictures.video import Film
from simulator.world.world import World, WorldConfig

_SLOWEST_MPS = 0.08
"""A car that is slower than this over all its laps is given up."""

RECORDING, PICTURE, VIDEO = "drive.mcap", "drive.png", "drive.mp4"


@dataclass(frozen=True, slots=True)
class DriveResult:
    """What a drive came to.

    Attributes:
        completed: All laps were driven, in the lane.
        keeping: How well it kept to the lane.
        figures: For machines.
        files: What was written.
    """

    completed: bool
    keeping: Keeping
    figures: dict[str, Any]
    files: tuple[Path, ...]


class _Progress:
    """A sink that tells how far the car is, once every virtual second."""

    def __init__(self, world: World, keeper: Callable[[], LaneKeeper], laps: int) -> None:
        self._world, self._keeper, self._laps = world, keeper, laps
        self._due_ns = 0
        self.say: Callable[[str], None] = print

    def __call__(self, cycle: Cycle) -> None:
        if cycle.sent_ns < self._due_ns:
            return
        self._due_ns = cycle.sent_ns + 1_000_000_000
        shown = self._world.shown
        done = min(1.0, max(0.0, self._keeper().laps / self._laps))
        bar = "#" * round(24 * done)
        self.say(
            f"{cycle.sent_ns / 1e9:6.1f} s  [{bar:<24}] {100 * done:3.0f} %  "
            f"{cycle.decision.command.name:8} {100 * shown.offset_m:+5.1f} cm from the middle"
        )


def _metadata(pilot: Pilot, config: WorldConfig) -> dict[str, str]:
    facts = {"camera": f"simulated:{config.track}:{config.seed}", "link": config.microcontroller}
    if isinstance(pilot, TflitePilot):
        return drive_metadata(pilot, **facts)
    return {"model": "teacher", "paperlane": metadata.version("paperlane"), **facts}


def _figures(run: Run, keeping: Keeping, laps: int, completed: bool) -> dict[str, Any]:
    statistics = run.statistics
    return {
        "completed": completed,
        "laps_wanted": laps,
        "laps": keeping.laps,
        "lap_times_s": list(keeping.lap_times_s),
        "departures": keeping.departures,
        "lateral_offset_mean_m": keeping.offset_mean_m,
        "lateral_offset_p95_m": keeping.offset_p95_m,
        "lateral_offset_max_m": keeping.offset_max_m,
        "command_changes_per_s": keeping.changes_per_s,
        "distance_m": keeping.distance_m,
        "seconds": keeping.seconds,
        "frames": statistics.frames,
        "commands": dict(statistics.commands),
        "stops": dict(statistics.stops),
        "worst_frame_age_ms": statistics.age_ms(100),
        "frame_age_ms": {"p50": statistics.age_ms(50), "p99": statistics.age_ms(99)},
        "stages_ms": {
            stage: {"p50": statistics.stage_ms(stage, 50), "p99": statistics.stage_ms(stage, 99)}
            for stage in STAGES[1:]
        },
    }


def _make_folder(out: Path) -> None:
    """Before anything is driven: the folder is there, and its files' names are free for files."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SimulatorUsageError(f"{out}: no folder can be made: {error.strerror}") from error
    for name in (RECORDING, PICTURE, VIDEO):
        if (out / name).is_dir():
            raise SimulatorUsageError(f"{out / name}: is a folder, name another --out")


def drive_laps(
    config: WorldConfig,
    model: Path | None,
    laps: int,
    out: Path | None,
    say: Callable[[str], None] | None = None,
) -> DriveResult:
    """Drive some laps.

    Args:
        config: The world.
        model: The ``.tflite`` file; None for the teacher.
        laps: How many, 1 or more.
        out: Folder for the recording, the picture and the video, which replace those of an
            earlier simulated drive; None for no files.
        say: Told a line about the progress every virtual second.

    Raises:
        SimulatorUsageError: If there is no lap to drive, or the folder cannot be written.
        ModelError: If the model is missing or broken.
    """
    if laps < 1:
        raise SimulatorUsageError(f"--laps is {laps}, must be 1 or more")
    if out is not None:
        _make_folder(out)
    keepers: list[LaneKeeper] = []
    with World(config) as world, contextlib.ExitStack() as stack:
        pilot = make_pilot(world, model)
        sinks: list[Sink] = []
        if out is not None:
            (out / RECORDING).unlink(missing_ok=True)
            sinks.append(
                stack.enter_context(
                    Recorder(out / RECORDING, _metadata(pilot, config), 0, lossless=True)
                )
            )
            film = stack.enter_context(Film(world, out / VIDEO, forward_weight_of(pilot)))
            sinks.append(film)
        if say is not None:
            progress = _Progress(world, lambda: keepers[0], laps)
            progress.say = say
            sinks.append(progress)
        wanted_m = laps * world.track.length_m
        end_ns = round((5.0 + wanted_m / _SLOWEST_MPS) * 1e9)

        def keep_going(keeper: LaneKeeper) -> bool:
            if not keepers:
                keepers.append(keeper)
            # A little beyond the line: the lap counts from the first motion, not from the start.
            return (
                keeper.distance_m < wanted_m + 0.02
                and not keeper.departed
                and world.clock.now_ns() < end_ns
            )

        run = drive_world(world, pilot, keep_going, sinks)
        keeping = run.keeper.summary()
        completed = keeping.laps >= laps and keeping.departures == 0
        files: tuple[Path, ...] = ()
        if out is not None:
            caption = f"track {config.track}, " + (
                f"lap in {keeping.lap_times_s[0]:.1f} s, "
                f"{100 * keeping.offset_mean_m:.1f} cm from the middle"
                if completed
                else "not completed"
            )
            image = draw_drive(film.scene.ground, world.track, run.keeper.trace, caption)
            if not cv2.imwrite(str(out / PICTURE), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
                raise SimulatorError(f"{out / PICTURE}: cannot be written")
            files = (out / RECORDING, out / PICTURE, out / VIDEO)
    return DriveResult(completed, keeping, _figures(run, keeping, laps, completed), files)


def table(figures: dict[str, Any]) -> str:
    """A drive's figures for people."""
    times = ", ".join(f"{time:.1f}" for time in figures["lap_times_s"]) or "-"
    centimetres = [100 * figures[f"lateral_offset_{which}_m"] for which in ("mean", "p95", "max")]
    done = "yes" if figures["completed"] else "NO"
    lines = [
        f"lap completed     {done} ({figures['laps']} of {figures['laps_wanted']})",
        f"lap time          {times} s",
        f"distance          {figures['distance_m']:.2f} m in {figures['seconds']:.1f} s",
        "from the middle   "
        + ", ".join(
            f"{name} {value:.1f} cm"
            for name, value in zip(("mean", "p95", "max"), centimetres, strict=True)
        ),
        f"departures        {figures['departures']}",
        f"command changes   {figures['command_changes_per_s']:.2f} per s",
        f"frames            {figures['frames']} ("
        + ", ".join(f"{name.lower()} {count}" for name, count in figures["commands"].items())
        + ")",
        "latency           p50 ms    p99 ms",
    ]
    for stage, times_ms in figures["stages_ms"].items():
        lines.append(f"  {stage:12}{times_ms['p50']:10.3f}{times_ms['p99']:10.3f}")
    age = figures["frame_age_ms"]
    lines.append(
        f"  frame age   {age['p50']:10.1f}{age['p99']:10.1f}   worst "
        f"{figures['worst_frame_age_ms']:.1f} (virtual time)"
    )
    return "\n".join(lines)
