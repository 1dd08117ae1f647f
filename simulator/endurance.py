"""A long drive: the controller as it runs on the car, hour after hour, in a simulated one.

`python -m controller drive` runs in a process of its own, recording, on a car that is simulated in
real time (`simulator.realtime`); its memory is watched from outside.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from controller import process
from controller.recorder import list_drives
from simulator.errors import SimulatorError
from simulator.realtime import RealTimeCar
from simulator.world import Snapshot, World, WorldConfig

SAMPLE_S = 5.0
"""How often memory is looked at."""
SETTLE_S = 60.0
"""Memory counts from here on: until then queues, caches and pools fill up."""
MOST_GROWTH_MIB_PER_H = 1.0
"""What still counts as flat: a thousandth of a small Pi's memory in an hour."""
LONGEST_END_S = 30.0
FILE_MIB, QUOTA_MIB = 16, 128

_CONFIG = """\
[camera]
source = "{camera}"
frame_rate_hz = {rate_hz}
[link]
device = "{device}"
[model]
name = "{model}"
[supervisor]
arm_at_start = true
[arming]
socket = ""
[recording]
folder = "{folder}"
file_mib = {file_mib}
quota_mib = {quota_mib}
"""


class Rounds:
    """Counts laps (`World.watch`), and puts the car back into the lane where it has left it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lap_m = world.track.length_m
        self._before_m = world.config.start_m
        self.distance_m = 0.0
        self.departures = 0

    def __call__(self, seen: Snapshot) -> None:
        """See the car."""
        self.distance_m += math.remainder(seen.along_m - self._before_m, self.lap_m)
        self._before_m = seen.along_m
        if abs(seen.offset_m) > seen.half_width_m:
            self.departures += 1
            self._world.car.put(self._world.track.pose_at(seen.along_m))


@dataclass(slots=True)
class Watch:
    """Looks at the controller from outside.

    Attributes:
        process_id: The controller's.
        samples: Seconds since its start, memory resident in MiB.
        peak_mib: The most memory that it ever had.
        cpu_s: Processor time that it has used.
    """

    process_id: int
    samples: list[tuple[float, float]] = field(default_factory=list)
    peak_mib: float = 0.0
    cpu_s: float = 0.0

    def look(self, now_s: float) -> None:
        """Take a sample."""
        self.samples.append((now_s, process.memory_mib(self.process_id)))
        self.peak_mib = process.memory_mib(self.process_id, peak=True)
        self.cpu_s = process.cpu_s(self.process_id)

    def growth_mib_per_h(self) -> float:
        """Slope of memory over time after the first minute, by least squares; 0 if too short."""
        times, sizes = np.array([s for s in self.samples if s[0] >= SETTLE_S] or [(0, 0)]).T
        if len(times) < 3:
            return 0.0
        return float(np.polyfit(times, sizes, 1)[0] * 3600)


class _Files:
    """Reads each recorded file back, by ``drives info`` in a process of its own, once it is full.

    It must keep up: the recorder deletes the oldest files to keep to its quota.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[Path] = set()
        self._reader: subprocess.Popen[str] | None = None
        self.infos: list[dict[str, Any]] = []

    @property
    def frames(self) -> int:
        """Frames found so far."""
        return sum(info["frames"] for info in self.infos)

    def look(self) -> None:
        """Take what was read; begin to read the next file that is full."""
        if self._reader is not None and self._reader.poll() is not None:
            self._take()
        by_age = sorted(list_drives(self._folder), key=lambda path: path.stat().st_mtime_ns)
        unread = [path for path in by_age[:-1] if path not in self._seen]
        if self._reader is None and unread:
            self._begin(unread[0])

    def finish(self) -> None:
        """Read the rest."""
        for path in [path for path in list_drives(self._folder) if path not in self._seen]:
            self._take()
            self._begin(path)
        self._take()

    def _begin(self, path: Path) -> None:
        self._seen.add(path)
        command = ["nice", "-n", "19", sys.executable, "-m", "controller", "drives", "info"]
        self._reader = subprocess.Popen(
            [*command, str(path), "--json"], stdout=subprocess.PIPE, text=True
        )

    def _take(self) -> None:
        if self._reader is None:
            return
        out, _ = self._reader.communicate()
        self._reader = None
        self.infos.append(json.loads(out))


def endure(
    config: WorldConfig,
    model: str,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Drive for a long time.

    Args:
        config: The world.
        model: A shipped model or a file.
        seconds: How long, in real time.
        say: Told a line about the progress every minute.

    Returns:
        The figures, see `table`; ``held`` says whether nothing stale was driven on, nothing was
        left out of the recording and memory stayed flat.

    Raises:
        SimulatorError: If the controller ended before its time, or not well.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = stack.enter_context(World(config))
        rounds = Rounds(world)
        world.watch(rounds)
        car = stack.enter_context(RealTimeCar(world))
        drives = folder / "drives"
        settings = folder / "paperlane.toml"
        settings.write_text(
            _CONFIG.format(
                camera=car.camera, rate_hz=config.timing.frame_rate_hz, device=car.device,
                model=model, folder=drives, file_mib=FILE_MIB, quota_mib=QUOTA_MIB,
            )
        )  # fmt: skip
        errors = stack.enter_context((folder / "errors").open("w+"))
        controller = subprocess.Popen(
            [sys.executable, "-m", "controller", "drive", "--config", settings, "--json"],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        stack.callback(controller.wait)
        stack.callback(controller.kill)
        files = _Files(drives)
        watch = Watch(controller.pid)
        _run(car, controller, watch, files, seconds, say)
        controller.send_signal(signal.SIGTERM)
        end_s = time.monotonic() + LONGEST_END_S
        car.run(lambda: controller.poll() is not None or time.monotonic() > end_s)
        if controller.poll() != 0:
            errors.seek(0)
            raise SimulatorError(
                f"the controller ended with {controller.poll()}: {errors.read()[-2000:].strip()}"
            )
        driven = json.loads(controller.stdout.read() if controller.stdout else "{}")
        files.finish()
    return _figures(seconds, driven, files, watch, rounds, car)


def _run(
    car: RealTimeCar,
    controller: subprocess.Popen[str],
    watch: Watch,
    files: _Files,
    seconds: float,
    say: Callable[[str], None],
) -> None:
    start_s = time.monotonic()
    due_s, said = SAMPLE_S, 0
    while (now_s := time.monotonic() - start_s) < seconds and controller.poll() is None:
        car.run(_at(start_s + min(due_s, seconds)))
        due_s += SAMPLE_S
        if controller.poll() is None:
            watch.look(time.monotonic() - start_s)
        files.look()
        if now_s >= 60 * (said + 1):
            said += 1
            say(f"{said:4} min  {watch.samples[-1][1]:6.2f} MiB  {files.frames} frames read back")


def _at(time_s: float) -> Callable[[], bool]:
    """Whether it is that time yet."""
    return lambda: time.monotonic() >= time_s


def _figures(
    seconds: float,
    driven: dict[str, Any],
    files: _Files,
    watch: Watch,
    rounds: Rounds,
    car: RealTimeCar,
) -> dict[str, Any]:
    first = next((size for at_s, size in watch.samples if at_s >= SETTLE_S), watch.samples[0][1])
    figures = {
        "seconds": seconds,
        **driven,
        "stale_commands_recorded": sum(info["stale_commands"] for info in files.infos),
        "memory_mib": {
            "after_1_min": first,
            "at_the_end": watch.samples[-1][1],
            "peak": watch.peak_mib,
            "growth_per_h": watch.growth_mib_per_h(),
        },
        "cpu_share": watch.cpu_s / watch.samples[-1][0],
        "recording": {
            "files": len(files.infos),
            "frames": files.frames,
            "mib": sum(info["size_bytes"] for info in files.infos) / (1 << 20),
        },
        "laps": int(rounds.distance_m / rounds.lap_m),
        "distance_m": rounds.distance_m,
        "departures": rounds.departures,
        "simulation_behind_s": car.lost_ns / 1e9,
    }
    figures["held"] = (
        figures["stale_commands"] == figures["stale_commands_recorded"] == 0
        and files.frames == driven["frames"]
        and watch.growth_mib_per_h() <= MOST_GROWTH_MIB_PER_H
    )
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    memory, recording, age = figures["memory_mib"], figures["recording"], figures["frame_age_ms"]
    motions = sum(count for name, count in figures["commands"].items() if name != "STOP")
    commands = ", ".join(f"{name.lower()} {count}" for name, count in figures["commands"].items())
    stops = ", ".join(f"{reason} {count}" for reason, count in figures["stops"].items())
    lines = [
        (
            f"driven            {figures['seconds']:.0f} s, {figures['laps']} laps, "
            f"{figures['distance_m']:.0f} m, left the lane {figures['departures']} times"
        ),
        f"frames            {figures['frames']} ({commands})",
        f"stopped           {stops or 'never'}",
        (
            f"stale commands    {figures['stale_commands']} of {motions} motions "
            f"({figures['stale_commands_recorded']} in the recording), oldest frame driven on "
            f"{figures['oldest_frame_driven_on_ms']:.1f} ms"
        ),
        f"frame age         p50 {age['p50']:.2f}, p99 {age['p99']:.2f} ms",
        f"unsent commands   {figures['unsent']}",
        (
            f"memory            {memory['after_1_min']:.1f} MiB after 1 min, "
            f"{memory['at_the_end']:.1f} at the end, peak {memory['peak']:.1f}, "
            f"growth {memory['growth_per_h']:+.2f} MiB/h"
        ),
        f"processor         {100 * figures['cpu_share']:.1f} % of one core",
        (
            f"recorded          {recording['frames']} frames, {recording['mib']:.0f} MiB in "
            f"{recording['files']} files"
        ),
        f"simulation        {figures['simulation_behind_s']:.2f} s behind real time",
        f"held              {'yes' if figures['held'] else 'NO'}",
    ]
    return "\n".join(lines)
