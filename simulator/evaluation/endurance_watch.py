"""What watches a long drive (see `endurance`): the car, the process, what it recorded."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from controller.recording.recorder import list_drives
from controller.system import process
from simulator.world.world import Snapshot, World

SETTLE_S = 60.0
"""Memory counts from here on: until then queues, caches and pools fill up."""


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


class RecordedFiles:
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
