"""What a study's folder says of its finished runs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.errors import DataError
from training.study.plan import BLOCKS_OF_TIME, CONDITIONS, SEED_SHUFFLED

INT8_FILE = "int8.json"
"""Written by ``python -m export study``: size, speed and answers of runs as the car runs them."""

TRACKS_FOLDER = "tracks"
"""What ``python -m simulator evaluate --json`` printed of runs' int8 files: ``RUN.json`` each."""

STARTS = {"random": "random", "imagenet": "ImageNet", "baseB": "baseB"}
"""Where copied blocks come from, for people."""


@dataclass(frozen=True, slots=True)
class Int8:
    """A run's network as 8-bit file, on the machine named in `Study.machine`.

    Attributes:
        size_bytes: Size of the file.
        p50_ms: Median time of one ``invoke()``, ms.
        p99_ms: 99th percentile of it, ms.
        accuracy: On the held-out frames, 0 to 1.
        balanced: Balanced accuracy on the held-out frames, 0 to 1.
        agreement: Share of held-out frames with the same answer as the float network.
    """

    size_bytes: int
    p50_ms: float
    p99_ms: float
    accuracy: float
    balanced: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Kept:
    """How a run's 8-bit file drove simulated tracks.

    Attributes:
        kept: Tracks on which the car never left its lane.
        tracks: Tracks driven, at least 1.
    """

    kept: int
    tracks: int

    @property
    def share(self) -> float:
        """Of the tracks, 0 to 1."""
        return self.kept / self.tracks


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished run, as its folder says.

    Attributes:
        folder: Its name.
        network: Name of the network.
        start: Where copied blocks came from: ``random``, ``imagenet`` or ``baseB``.
        alpha: Width multiplier.
        shape: Height and width of the frames, in pixels.
        seed: Of the run.
        split: ``blocks`` or ``seed-shuffled``.
        parameters: Of the network.
        macs: Multiply-accumulates for one frame.
        accuracy: On the held-out drive, 0 to 1.
        balanced: Balanced accuracy on the held-out drive, 0 to 1.
        validation: Accuracy on the validation frames, 0 to 1.
        validation_balanced: Balanced accuracy on the validation frames, 0 to 1.
        drives: The held-out drives.
        int8: As 8-bit file, where it was exported.
        kept: That file on simulated tracks, where it drove any.
    """

    folder: str
    network: str
    start: str
    alpha: float
    shape: tuple[int, int]
    seed: int
    split: str
    parameters: int
    macs: int
    accuracy: float
    balanced: float
    validation: float
    validation_balanced: float
    drives: tuple[str, ...]
    int8: Int8 | None = None
    kept: Kept | None = None

    @property
    def size(self) -> str:
        """Height and width, for people."""
        return f"{self.shape[0]}x{self.shape[1]}"

    @property
    def number(self) -> int | None:
        """The n of its name; None for baseB and baseB+."""
        match = re.search(r"\d+", self.network)
        return int(match[0]) if match else None

    @property
    def family(self) -> str:
        """Its name without the number: ``sliced n``, ``BnB+``, ``baseB``."""
        return re.sub(r"\d+", "n", self.network).replace("slicedn", "sliced n")


@dataclass(frozen=True, slots=True)
class Study:
    """A study's finished runs.

    Attributes:
        runs: Ordered by kind of network, alpha, n and size.
        machine: What int8 files were timed on, in words; empty where none were.
    """

    runs: tuple[Finished, ...]
    machine: str = ""

    @property
    def where(self) -> str:
        """The held-out drives, for people."""
        drives = self.runs[0].drives
        return ", ".join(drives) if len(drives) <= 3 else f"{len(drives)} drives"


def read_study(*folders: Path) -> Study:
    """The finished runs of a study, or of several as one.

    Args:
        folders: Of the studies; a run that two of them hold is taken from the first.

    Raises:
        DataError: If one has none, a run is broken, or files were timed on different machines.
    """
    found: dict[str, Finished] = {}
    machines = set()
    for folder in folders:
        int8, machine = _read_int8(folder / INT8_FILE)
        machines |= {machine} - {""}
        paths = sorted(folder.glob("runs/*/result.json"))
        if not paths:
            raise DataError(f"{folder}: no finished run of a study here (runs/*/result.json)")
        for path in paths:
            name = path.parent.name
            kept = _read_kept(folder / TRACKS_FOLDER / f"{name}.json")
            found.setdefault(name, _read_run(path.parent, int8.get(name), kept))
    if len(machines) > 1:
        raise DataError(
            f"{', '.join(map(str, folders))}: timed on different machines "
            f"({'; '.join(sorted(machines))}); time them in one run of python -m export study"
        )
    return Study(tuple(sorted(found.values(), key=_order)), next(iter(machines), ""))


def _read_run(folder: Path, int8: Int8 | None, kept: Kept | None) -> Finished:
    try:
        result = json.loads((folder / "result.json").read_text())
        run = json.loads((folder / "run.json").read_text())["configuration"]
        return replace(_finished(folder.name, run, result), int8=int8, kept=kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: broken run: {error}") from error


def _read_int8(path: Path) -> tuple[dict[str, Int8], str]:
    if not path.exists():
        return {}, ""
    try:
        facts = json.loads(path.read_text())
        runs = {name: Int8(**values) for name, values in facts["runs"].items()}
        return runs, str(facts["machine"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: broken; python -m export study writes it: {error}") from error


def _read_kept(path: Path) -> Kept | None:
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_text())
        return Kept(int(facts["kept"]), int(facts["tracks"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: broken; python -m simulator evaluate --json prints it: {error}"
        ) from error


def _finished(name: str, run: dict[str, Any], result: dict[str, Any]) -> Finished:
    network, start = run["network"], re.match(r".+?-(random|imagenet|baseB)-a", name)
    return Finished(
        name,
        network["name"],
        start[1],
        float(network["alpha"]),
        (int(network["height"]), int(network["width"])),
        int(run["seed"]),
        SEED_SHUFFLED if SEED_SHUFFLED in run["split"] else BLOCKS_OF_TIME,
        int(result["parameters"]),
        int(result["macs"]),
        float(result["held_out"]["accuracy"]),
        float(result["held_out"]["balanced_accuracy"]),
        float(result["validation"]["accuracy"]),
        float(result["validation"]["balanced_accuracy"]),
        tuple(result["held_out_drives"]),
    )


def _order(run: Finished) -> tuple[Any, ...]:
    families = ("baseB", "baseB+", "sliced n", *CONDITIONS)
    family = families.index(run.family) if run.family in families else len(families)
    return family, -run.alpha, run.shape, run.number or 0, run.start, run.split, run.seed
