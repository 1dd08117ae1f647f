"""A long drive: the controller as it runs on the car, hour after hour, in a simulated one.

`python -m controller drive` runs in a process of its own, recording, on a car that is simulated in
real time (`simulator.devices.realtime`); its memory is watched from outside.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from simulator.devices.realtime import RealTimeCar
from simulator.errors import SimulatorError
from simulator.evaluation.endurance_watch import SETTLE_S, RecordedFiles, Rounds, Watch
from simulator.world.world import World, WorldConfig

SAMPLE_S = 5.0
"""How often memory is looked at."""
MOST_GROWTH_MIB_PER_H = 1.0
"""What still counts as flat: a thousandth of a small Pi's memory in an hour."""
LONGEST_END_S = 30.0
DRIVES = "drives"
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
        controller = stack.enter_context(_Controller(folder, car, config, model))
        files = RecordedFiles(folder / DRIVES)
        watch = Watch(controller.process.pid)
        _run(car, controller.process, watch, files, seconds, say)
        driven = controller.end(car)
        files.finish()
    return _figures(seconds, driven, files, watch, rounds, car)


class _Controller:
    """`python -m controller drive` on a simulated car; a context manager."""

    def __init__(self, folder: Path, car: RealTimeCar, config: WorldConfig, model: str) -> None:
        settings = folder / "paperlane.toml"
        settings.write_text(
            _CONFIG.format(
                camera=car.camera, rate_hz=config.timing.frame_rate_hz, device=car.device,
                model=model, folder=folder / DRIVES, file_mib=FILE_MIB, quota_mib=QUOTA_MIB,
            )
        )  # fmt: skip
        self._figures = (folder / "figures").open("w+")
        self._errors = (folder / "errors").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "controller", "drive", "--config", settings, "--json"],
            stdout=self._figures, stderr=self._errors, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._figures.close()
        self._errors.close()

    def end(self, car: RealTimeCar) -> dict[str, Any]:
        """End it as the service manager does; gives what it says of its drive."""
        self.process.send_signal(signal.SIGTERM)
        end_s = time.monotonic() + LONGEST_END_S
        car.run(lambda: self.process.poll() is not None or time.monotonic() > end_s)
        if self.process.poll() != 0:
            self._errors.seek(0)
            said = self._errors.read()[-2000:].strip()
            raise SimulatorError(f"the controller ended with {self.process.poll()}: {said}")
        self._figures.seek(0)
        driven: dict[str, Any] = json.load(self._figures)
        return driven


def _run(
    car: RealTimeCar,
    controller: subprocess.Popen[str],
    watch: Watch,
    files: RecordedFiles,
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
    files: RecordedFiles,
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
